#!/usr/bin/env bash
# A release: everything that somebody needs who does not build, in one folder.
#
#   release.sh check VERSION            whether Cargo.toml and the chart say the same; VERSION such as v0.1.0
#   release.sh make VERSION FOLDER      adds to FOLDER/images, which `make images` made, the rest: chart, definitions, what
#                                       changed, checksums; with COSIGN_KEY their signature. An image that weighs too
#                                       much is refused
#   release.sh publish VERSION FOLDER   images and chart to REGISTRY, signed, and a release on GitHub with the rest
#
# Everything but the signature depends on the commit and the compiler alone: made twice it is the same, byte by byte. A
# signature with an ECDSA key has a random number in it.
set -euo pipefail

die() {
  echo "release.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '4,8p' "$0" >&2
  exit 2
}

case $#/${1:-} in
  2/check | 3/make | 3/publish) what=$1 version=$2 ;;
  *) usage ;;
esac
[[ $version =~ ^v(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)$ ]] || die "'$version' is no version: v1.2.3"
if [[ $# -eq 3 ]]; then
  [[ -d $3 ]] || die "$3 is no folder: make release VERSION=$version"
  folder=$(realpath "$3")
fi
key=${COSIGN_KEY:-}
[[ ! -f $key ]] || key=$(realpath "$key")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
number=${version#v}
chart=deployment/helm/ats

# The pinned one, whatever the machine has.
tool() { # family, which is also the name of the program
  local folder
  folder=$(tests/cluster/tools/build.sh "$1") || return
  echo "$folder/$1"
}

says() { # file, what it says
  [[ $2 == "$number" ]] || die "$1 says ${2:-nothing}, not $number"
}

check() {
  says Cargo.toml "$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)"
  says "$chart/Chart.yaml" "$(sed -n 's/^version: //p' "$chart/Chart.yaml")"
  says "$chart/Chart.yaml (appVersion)" "$(sed -n 's/^appVersion: //p' "$chart/Chart.yaml")"
}

# The subjects of the commits since the release before.
changes() {
  local before
  before=$(git tag --merged HEAD --list 'v*' --sort=-version:refname | grep --invert-match --line-regexp "$version" | head -1 || true)
  printf '# %s\n\n' "$version"
  [[ -z $before ]] || printf 'Since %s:\n\n' "$before"
  git log --no-merges --reverse --format='- %s' "${before:+$before..}HEAD"
}

# What helm packs has the time of its packing; this has none.
package() {
  local work helm
  work=$(mktemp -d)
  helm=$(tool helm)
  # A chart may link to what lies elsewhere; helm tells each link on standard error.
  "$helm" package "$chart" --destination "$work" >/dev/null 2>"$work/told" || { cat "$work/told" >&2; rm -rf "$work"; die 'the chart cannot be packed'; }
  mkdir "$work/chart"
  tar --extract --gzip --file "$work/ats-$number.tgz" --directory "$work/chart"
  tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=u=rw,go=r,a+X --format=ustar \
    --directory "$work/chart" ats | gzip --no-name --best >"$folder/ats-$number.tgz"
  rm -rf "$work"
}

definitions() {
  local file
  for file in config/crd/bases/*.yaml; do
    echo ---
    sed '/^---$/d' "$file"
  done
}

sign() { # further arguments of cosign
  local cosign
  cosign=${COSIGN:-$(tool cosign)}
  (cd "$folder" && "$cosign" sign-blob --yes "$@" SHA256SUMS >/dev/null) || die 'SHA256SUMS was not signed'
}

# Tells what the archives of the images weigh; fails when one weighs more than a node should have to pull.
weigh() {
  local component bytes most tenths
  while read -r component; do
    [[ -f $folder/images/$component.tar ]] || die "$folder/images/$component.tar is missing: make release VERSION=$version"
    bytes=$(stat -c %s "$folder/images/$component.tar")
    most=40
    [[ $component != operator ]] || most=15
    tenths=$((bytes * 10 >> 20))
    echo "release.sh: $component: $((tenths / 10)).$((tenths % 10)) MiB, $most at most" >&2
    ((bytes <= most << 20)) || die "the image of $component has $bytes bytes: $most MiB at most"
  done < <(jq --raw-output '.[].component' "$folder/images/images.json")
}

make_release() {
  [[ -f $folder/images/images.json ]] || die "$folder/images/images.json is missing: make release VERSION=$version"
  jq --exit-status --slurp --arg number "$number" 'length == 1 and all(.[0][]; .name | endswith(":" + $number))' "$folder/images/images.json" >/dev/null ||
    die "$folder/images/images.json has other images than $number"
  weigh
  rm -f "$folder"/SHA256SUMS*
  package
  definitions >"$folder/crds.yaml"
  changes >"$folder/CHANGELOG.md"
  (cd "$folder" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum) >"$folder.sums"
  mv "$folder.sums" "$folder/SHA256SUMS"
  if [[ -n $key ]]; then
    sign --key "$key" --tlog-upload=false --output-signature SHA256SUMS.sig
  else
    echo 'release.sh: not signed: COSIGN_KEY is not set' >&2
  fi
}

publish() {
  local registry=${REGISTRY:?REGISTRY is not set} notes=$folder/CHANGELOG.md assets=() plain=()
  # On this machine, as skopeo and cosign take it, too.
  [[ ! $registry =~ ^(localhost|127\.0\.0\.1)(:|/|$) ]] || plain=(--plain-http)
  command -v gh >/dev/null || die 'gh is missing: https://cli.github.com'
  [[ -f $folder/SHA256SUMS ]] || die "$folder/SHA256SUMS is missing: make release VERSION=$version"
  # What was left beside the list is no part of it.
  (cd "$folder" && sha256sum --quiet --check SHA256SUMS) || die 'the folder is not what its checksums say'
  if [[ ! -f $folder/SHA256SUMS.sig ]]; then
    [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]] || die 'the checksums are not signed: set COSIGN_KEY for make release'
    sign --bundle SHA256SUMS.sigstore.json
  fi
  VERSION=$version deployment/docker/push.sh "$folder/images" "$registry"
  COSIGN_KEY=$key deployment/docker/sign.sh "$folder/images"
  "$(tool helm)" push "$folder/ats-$number.tgz" "oci://${registry%/}/ats/charts" "${plain[@]}"
  for file in "$folder"/ats-*.tgz "$folder"/crds.yaml "$folder"/SHA256SUMS* "$folder"/images/*.cdx.json; do
    assets+=("$file")
  done
  gh release create "$version" --target "$(git rev-parse HEAD)" --title "$version" --notes-file "$notes" "${assets[@]}"
}

check
case $what in
  make) make_release ;;
  publish) publish ;;
esac
