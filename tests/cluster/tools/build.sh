#!/usr/bin/env bash
# Builds one family of Go tools into a cache folder and prints that folder.
#
#   build.sh kubernetes     kube-apiserver, kubelet, kubectl, ...
#   build.sh etcd           etcd
#   build.sh jobset         jobset, with its crd.yaml and role.yaml
#   build.sh argocd         argocd and its servers, with its crds.yaml; a redis
#
# A family is a folder beside this script with a go.mod that pins its `tool`
# packages: one module for each family, so that their dependencies never meet.
# What several families use stands at one version in all of them, the highest
# that one asks for, so that Go compiles it once. Argo CD keeps what it was
# released with, actionlint an older YAML.
# The result lies in
#   ${ATS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ats}/tools/<family>-<hash>/
# where the hash covers everything that decides the output. When it is there,
# nothing is built. Progress goes to stderr, the folder to stdout.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

die() {
  echo "build.sh: $*" >&2
  exit 1
}

families() {
  local module
  for module in "$here"/*/go.mod; do
    basename "$(dirname "$module")"
  done
}

[[ $# -eq 1 ]] || die "usage: build.sh FAMILY, one of: $(families | paste -sd' ')"
family=$1
module=$here/$family
[[ -f $module/go.mod ]] || die "no tool family '$family'; there are: $(families | paste -sd' ')"

# The version that go.mod requires of a module.
version_of() {
  awk -v module="$1" '
    $1 == "require" && $2 == module { print $3; exit }
    $1 == module && $2 ~ /^v/ { print $2; exit }
  ' "$module/go.mod"
}

# The packages of the `tool` directives, one a line.
tools() {
  awk '
    $1 == "tool" && $2 != "(" { print $2 }
    $1 == "tool" && $2 == "(" { inside = 1; next }
    inside && $1 == ")" { inside = 0 }
    inside && NF { print $1 }
  ' "$module/go.mod"
}

# Most packages are named after their binary. These are not.
binary_of() {
  case $1 in
    go.etcd.io/etcd/server/v3) echo etcd ;;
    sigs.k8s.io/kustomize/kustomize/v5) echo kustomize ;;
    github.com/argoproj/argo-cd/v3/cmd) echo argocd ;;
    *) basename "$1" ;;
  esac
}

ldflags="-s -w"
if [[ $family == kubernetes ]]; then
  version=$(version_of k8s.io/kubernetes)
  # The API server refuses to start without a version, and reports this one.
  package=k8s.io/component-base/version
  IFS=. read -r major minor _ <<<"${version#v}"
  ldflags+=" -X $package.gitVersion=$version"
  ldflags+=" -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  ldflags+=" -X $package.gitTreeState=clean"
fi

hash=$({
  cat "$module/go.mod" "$module/go.sum"
  find "$module" -name '*.go' -print0 | sort -z | xargs -0 --no-run-if-empty cat
  echo "$ldflags $(uname -sm)"
} | sha256sum | cut -c1-16)
cache=${ATS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ats}/tools
output=$cache/$family-$hash

if [[ -d $output ]]; then
  echo "$output"
  exit 0
fi

command -v go >/dev/null || die "no 'go' on PATH: install Go 1.26 or later to build '$family'"
mkdir -p "$cache"

# One build of a family at a time; who waited finds it done.
exec 9>"$cache/.$family.lock"
flock 9
if [[ -d $output ]]; then
  echo "$output"
  exit 0
fi

temporary=$(mktemp -d "$cache/.$family.XXXXXX")
trap 'rm -rf "$temporary"' EXIT
chmod 755 "$temporary"

started=$SECONDS
mapfile -t packages < <(tools)
echo "build.sh: building $family: ${packages[*]}" >&2
# One build of all packages, so that one is linked while another compiles. `-s` leaves the tables of a debugger out in
# the end; not to make them at all takes a twelfth less time. What the programs do is the same, so the hash leaves it out.
(
  cd "$module"
  CGO_ENABLED=0 GOWORK=off go build -mod=readonly -trimpath -buildvcs=false \
    -gcflags=all=-dwarf=false -ldflags "$ldflags" -o "$temporary/" "${packages[@]}" >&2
)
for package in "${packages[@]}"; do
  # Go calls a program by the last part of its path, or by the one before a version that stands there.
  built=$(basename "$package")
  [[ $built =~ ^v[0-9]+$ ]] && built=$(basename "$(dirname "$package")")
  binary=$(binary_of "$package")
  [[ $built == "$binary" ]] || mv "$temporary/$built" "$temporary/$binary"
done
if [[ $family == jobset ]]; then
  # The program is of no use without its definition and its rights, which its module carries.
  manifests=$(cd "$module" && GOWORK=off go list -m -f '{{.Dir}}' sigs.k8s.io/jobset)/config/components
  install -m 644 "$manifests/crd/bases/jobset.x-k8s.io_jobsets.yaml" "$temporary/crd.yaml"
  install -m 644 "$manifests/rbac/role.yaml" "$temporary/role.yaml"
fi
if [[ $family == argocd ]]; then
  manifests=$(cd "$module" && GOWORK=off go list -m -f '{{.Dir}}' github.com/argoproj/argo-cd/v3)/manifests/crds
  for crd in application appproject applicationset; do
    cat "$manifests/$crd-crd.yaml"
    echo ---
  done >"$temporary/crds.yaml"
fi
mv -T "$temporary" "$output"
echo "build.sh: built $family in $((SECONDS - started)) s" >&2
echo "$output"
