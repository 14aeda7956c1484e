#!/usr/bin/env bash
# Publishes the images that `make images` made, and writes what a deployment takes.
#
#   push.sh IMAGES REGISTRY
#
# IMAGES is the folder of the archives and of images.json. Each image becomes REGISTRY/ats/COMPONENT with the tags COMMIT,
# BRANCH (other characters than letters, digits, `.`, `_` and `-` as `-`), BRANCH-latest and, if they are set, ENVIRONMENT
# and VERSION.
# Tags are for people: a deployment names digests, and IMAGES/pushed.json, written last, has those of the registry, which
# are those of the archives. A commit that is there with other images is refused. Credentials are those of `skopeo login`
# or `docker login`.
set -euo pipefail

die() {
  echo "push.sh: $*" >&2
  exit 1
}

[[ $# -eq 2 ]] || { echo 'usage: push.sh IMAGES REGISTRY' >&2; exit 2; }
images=$1 registry=${2%/}
for program in skopeo jq; do
  command -v "$program" >/dev/null || die "$program is missing: apt-get install $program"
done
[[ $registry =~ ^[A-Za-z0-9][A-Za-z0-9.:/_-]*$ ]] || die "'$registry' is no address of a registry"
[[ -f $images/images.json ]] || die "$images/images.json is missing: make images IMAGES=$images"
commit=${COMMIT:-$(git rev-parse HEAD)}
[[ $commit =~ ^[0-9a-f]{40}$ ]] || die "COMMIT: '$commit' is no commit"
branch=${BRANCH:-$(git branch --show-current)}
branch=${branch//[^A-Za-z0-9._-]/-}
# A tag has 128 characters at most, and begins with none of these two.
[[ $branch =~ ^[A-Za-z0-9_] ]] || die "BRANCH: '$branch' cannot be a tag"
tags=("${branch:0:128}" "${branch:0:121}-latest")
[[ -z ${ENVIRONMENT:-} ]] || tags+=("$ENVIRONMENT")
[[ -z ${VERSION:-} ]] || tags+=("${VERSION#v}")

# The digest of a tag; nothing when it is not there. Whether a registry is away or has no such tag is told apart.
digest_of() { # repository:tag
  local told
  if told=$(skopeo inspect --no-tags --format '{{.Digest}}' "docker://$1" 2>&1); then
    echo "$told"
  elif [[ $told != *'manifest unknown'* && $told != *'name unknown'* && $told != *'not found'* ]]; then
    die "$1: ${told##*level=fatal msg=}"
  fi
}

pushed=$(mktemp "$images/.pushed.XXXXXX")
trap 'rm -f "$pushed"' EXIT
while IFS=$'\t' read -r component digest; do
  repository=$registry/ats/$component
  archive=$images/$component.tar
  [[ -f $archive ]] || die "$archive is missing: make images IMAGES=$images"
  there=$(digest_of "$repository:$commit")
  [[ -z $there || $there == "$digest" ]] || die "$repository:$commit is there with $there: two builds of one commit differ"
  for tag in "$commit" "${tags[@]}"; do
    skopeo copy --quiet --preserve-digests "oci-archive:$archive" "docker://$repository:$tag" || die "$repository:$tag was not taken"
  done
  there=$(digest_of "$repository:$commit")
  [[ $there == "$digest" ]] || die "$repository:$commit is $there, not $digest as $images/images.json says"
  echo "$repository@$digest" >&2
  jq --null-input --compact-output --arg component "$component" --arg name "$repository" --arg digest "$digest" \
    '{component: $component, name: $name, digest: $digest}' >>"$pushed"
done < <(jq --raw-output '.[] | [.component, .digest] | @tsv' "$images/images.json")
jq --slurp . "$pushed" >"$pushed.list"
mv "$pushed.list" "$images/pushed.json"
