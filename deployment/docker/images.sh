#!/usr/bin/env bash
# Makes the six images, or those that are named, of binaries that are compiled already, without a container engine's help in compiling.
#
#   images.sh BINARIES OUTPUT [COMPONENT...]
#
# BINARIES is the folder with the static binaries. OUTPUT receives <component>.tar (an OCI archive, which
# `docker load`, `podman load`, `ctr images import` and `skopeo copy oci-archive:` read) and images.json: component,
# name, digest of the manifest, bytes of the archive, bytes of the stripped binary; and <component>.cdx.json, what is in
# the image as a CycloneDX document. The binary in an image carries the list of its dependencies, see audit-data.sh. The
# same binaries at the same commit give the same digests and documents.
#
# Needs buildah, or docker with buildx; ATS_IMAGE_ENGINE names one of them. ATS_IMAGE_PREFIX and ATS_IMAGE_TAG name the
# images, as they do for the operator.
set -euo pipefail

[[ $# -ge 2 ]] || { echo 'usage: images.sh BINARIES OUTPUT [COMPONENT...]' >&2; exit 2; }
binaries=$(realpath "$1")
mkdir -p "$2"
output=$(realpath "$2")
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

components=("$@")
[[ $# -gt 0 ]] || components=(operator data-acquisition feature-engineering model-training trading-strategy monitoring)
prefix=${ATS_IMAGE_PREFIX:-ghcr.io/ats-dev/ats}
version=$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
tag=${ATS_IMAGE_TAG:-$version}
revision=$(deployment/docker/source.sh revision 2>/dev/null || true)
revision=${revision:-unknown}

authorities=/etc/ssl/certs/ca-certificates.crt
[[ -f $authorities ]] || { echo "images.sh: $authorities is missing: apt-get install ca-certificates" >&2; exit 1; }

engine=${ATS_IMAGE_ENGINE:-}
if [[ -z $engine ]]; then
  if command -v buildah >/dev/null; then
    engine=buildah
  elif docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1; then
    engine=docker
  else
    echo 'images.sh: neither buildah nor a docker engine with buildx is here: apt-get install buildah' >&2
    exit 1
  fi
fi

work=$(mktemp -d)
storage=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)
trap '[[ $engine != buildah ]] || buildah "${storage[@]}" rmi --all --force >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
mkdir -p "$work/empty" "$work/build/out"
install -m 644 "$authorities" "$work/build/out/ca-certificates.crt"

build() { # component
  local common=(--build-context "build=$work/build" --file "deployment/docker/$1.Dockerfile"
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
  case $engine in
    buildah)
      buildah "${storage[@]}" build --quiet --isolation chroot --timestamp 0 "${common[@]}" \
        --tag "$prefix/$1:$tag" "$work/empty" >/dev/null
      buildah "${storage[@]}" push --quiet --digestfile "$work/digest" \
        "$prefix/$1:$tag" "oci-archive:$work/$1.tar:$prefix/$1:$tag"
      ;;
    docker)
      SOURCE_DATE_EPOCH=0 docker buildx build --quiet --provenance=false "${common[@]}" --metadata-file "$work/metadata" \
        --output "type=oci,rewrite-timestamp=true,name=$prefix/$1:$tag,dest=$work/$1.tar" "$work/empty" >/dev/null
      sed -n 's/.*"containerimage.digest": *"\([^"]*\)".*/\1/p' "$work/metadata" >"$work/digest"
      ;;
    *)
      echo "images.sh: ATS_IMAGE_ENGINE is buildah or docker, not $engine" >&2
      exit 2
      ;;
  esac
  mv "$work/$1.tar" "$output/$1.tar"
}

separator='['
for component in "${components[@]}"; do
  [[ -x $binaries/$component ]] || { echo "images.sh: $binaries/$component is missing: run make build" >&2; exit 1; }
  rm -f "$work/build/out/$component"
  deployment/docker/audit-data.sh "$component" "$work/audit-data"
  # The linker's identifier is a digest of the line tables, too, which are stripped and name the checkout's path.
  objcopy --strip-all --remove-section=.note.gnu.build-id --add-section ".dep-v0=$work/audit-data" \
    "$binaries/$component" "$work/build/out/$component"
  chmod 755 "$work/build/out/$component"
  build "$component"
  printf '%s\n  {"component": "%s", "name": "%s", "digest": "%s", "archiveBytes": %d, "binaryBytes": %d}' "$separator" \
    "$component" "$prefix/$component:$tag" "$(cat "$work/digest")" \
    "$(stat -c %s "$output/$component.tar")" "$(stat -c %s "$work/build/out/$component")"
  deployment/docker/sbom.sh "$component" "$work/build/out/$component" "$prefix/$component:$tag" "$(cat "$work/digest")" \
    "$work/build/out/ca-certificates.crt" >"$work/sbom"
  mv "$work/sbom" "$output/$component.cdx.json"
  rm "$work/build/out/$component"
  separator=','
done >"$work/images.json"
printf '\n]\n' >>"$work/images.json"
mv "$work/images.json" "$output/images.json"
cat "$output/images.json"
