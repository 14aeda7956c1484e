#!/usr/bin/env bash
# Loads the images that `make images` left in a folder into the container engine of this machine, after it has looked
# whether each is the one that images.json names.
#
#   load.sh IMAGES
#
# By skopeo, because not every `docker load` reads an OCI archive.
set -euo pipefail

die() {
  echo "load.sh: $*" >&2
  exit 1
}

[[ $# -eq 1 ]] || { echo 'usage: load.sh IMAGES' >&2; exit 2; }
images=$1
for program in skopeo jq; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install $program"
done
[[ -f $images/images.json ]] || die "$images/images.json is missing: make images IMAGES=$images"

list=$(jq --raw-output '.[] | [.component, .name, .digest] | @tsv' "$images/images.json")
[[ -n $list ]] || die "$images/images.json names no image"
# All are looked at before the first is loaded.
while IFS=$'\t' read -r component _ digest; do
  archive=$images/$component.tar
  [[ -f $archive ]] || die "$archive is missing: make images IMAGES=$images"
  there=sha256:$(skopeo inspect --raw "oci-archive:$archive" | sha256sum | cut -d' ' -f1)
  [[ $there == "$digest" ]] || die "$archive is $there, not $digest as $images/images.json says"
done <<<"$list"
while IFS=$'\t' read -r component name digest; do
  skopeo copy --quiet "oci-archive:$images/$component.tar" "docker-daemon:$name"
  echo "$name is $digest" >&2
done <<<"$list"
