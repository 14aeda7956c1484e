#!/usr/bin/env bash
# Installs the Debian packages that a whole node needs, those that are missing.
#
#   install-node.sh              install
#   install-node.sh jq skopeo    install those of them alone
#   install-node.sh --check      say what is missing; exit status 1 if anything is
#
# The harness runs its own containerd and PostgreSQL with their own folders, so
# no service of the machine is needed: services stay as they were found.
set -euo pipefail

# package=what shows that it, or another vendor's equivalent, is there already:
# a command, or a pattern of paths.
needs=(
  containerd=containerd # the container runtime, with ctr
  runc=runc
  containernetworking-plugins=/usr/lib/cni/bridge
  iproute2=ip # the link between the machine and the node
  iptables=iptables # the portmap plugin's back end
  nftables=nft # kube-proxy's back end
  conntrack=conntrack
  util-linux=unshare
  ca-certificates=/etc/ssl/certs/ca-certificates.crt # for images that speak TLS
  buildah=buildah # the images, from their Dockerfiles
  binutils=strip
  shellcheck=shellcheck # .ci/lint
  jq=jq # deployment/deploy.sh
  skopeo=skopeo # deployment/docker/push.sh
  docker-registry=docker-registry # where it pushes to in tests
  prometheus=prometheus # what dashboards and alerts ask
  postgresql='/usr/lib/postgresql/*/bin/postgres' # the ledger of the system tests
)

check=false
if [[ ${1:-} == --check ]]; then
  check=true
  shift
fi
for name in "$@"; do
  [[ " ${needs[*]%%=*} " == *" $name "* ]] || { echo "install-node.sh: '$name' is not in this script" >&2; exit 2; }
done
wanted=" $* "

missing=()
for need in "${needs[@]}"; do
  package=${need%%=*}
  shown_by=${need#*=}
  [[ $# -eq 0 || $wanted == *" $package "* ]] || continue
  compgen -G "$shown_by" >/dev/null || command -v "$shown_by" >/dev/null || missing+=("$package")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "install-node.sh: everything is installed" >&2
  exit 0
fi

if $check; then
  echo "install-node.sh: missing: ${missing[*]}" >&2
  exit 1
fi

if [[ $EUID -ne 0 ]]; then
  # On a machine of a CI service the user may become root without a password.
  sudo --non-interactive true 2>/dev/null && exec sudo --non-interactive "$0" "$@"
  echo "install-node.sh: root is needed to install: ${missing[*]}" >&2
  exit 1
fi

# Debian's way of not starting services on installation; removed afterwards.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
fi

echo "install-node.sh: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
apt-get install --yes --no-install-recommends -qq "${missing[@]}" >&2
echo "install-node.sh: done" >&2
