#!/usr/bin/env bash
# Installs the Debian packages that a whole node needs, those that are missing.
#
#   install-node.sh              install
#   install-node.sh --check      say what is missing; exit status 1 if anything is
#
# The harness runs its own containerd and PostgreSQL with their own folders, so
# no service of the machine is needed: services stay as they were found.
set -euo pipefail

packages=(
  containerd                # the container runtime, with ctr
  runc
  containernetworking-plugins
  iproute2                  # ip: bridges and veth pairs
  iptables                  # the portmap plugin's back end
  nftables                  # kube-proxy's back end
  conntrack
  kmod
  util-linux                # unshare, setpriv, mount
  ca-certificates           # copied into images whose binary speaks TLS
  postgresql-15             # the ledger of the system tests
  shellcheck                # `make lint`
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done

if [[ ${#missing[@]} -eq 0 ]]; then
  echo "install-node.sh: everything is installed" >&2
  exit 0
fi

if [[ ${1:-} == --check ]]; then
  echo "install-node.sh: missing: ${missing[*]}" >&2
  exit 1
fi

if [[ $EUID -ne 0 ]]; then
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
