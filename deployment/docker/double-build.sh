#!/usr/bin/env bash
# Makes the six images twice, in two checkouts of HEAD that lie at different paths, and fails unless their digests and their
# bills of materials are the same. What is not committed takes no part. The second checkout is a commit further, one of the
# documentation alone: that changes no image, for the label `revision` is the last commit of what images are made of.
#
#   double-build.sh TARGET
#
# TARGET is Cargo's target folder with the dependencies compiled. They are linked into a target folder for each checkout,
# and all that is ours is compiled in each: what a checkout's path could change.
set -euo pipefail
[[ $# -eq 1 ]] || { echo 'usage: double-build.sh TARGET' >&2; exit 2; }
from=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
host=$(rustc -vV | sed -n 's/^host: //p')
components=(operator data-acquisition feature-engineering model-training trading-strategy monitoring)
revision=$(git rev-parse HEAD)

# Links do not cross file systems.
work=$(mktemp -d "$(dirname "$from")/.double-build.XXXXXX")
trap 'rm -rf "$work"' EXIT

for place in one another/and/longer; do
  mkdir -p "$work/$place"
  echo "==> double build: $place" >&2
  git clone --quiet --no-checkout . "$work/$place/ats"
  git -C "$work/$place/ats" checkout --quiet --detach "$revision"
  if [[ $place != one ]]; then
    echo 'Words.' >>"$work/$place/ats/docs/README.md"
    git -C "$work/$place/ats" -c user.name=double-build -c user.email=double-build@users.noreply.github.com \
      -c commit.gpgsign=false commit --quiet --no-verify --message 'Words' -- docs/README.md
  fi
  target=$work/$place/target
  .ci/link-dependencies "$from" "$target"
  (
    cd "$work/$place/ats"
    CARGO_TARGET_DIR=$target cargo build --quiet --locked --workspace "${components[@]/#/--bin=}"
    deployment/docker/images.sh "$target/$host/debug" "$work/$place/images" >/dev/null
  )
  for component in "${components[@]}"; do
    # The line tables name it and are stripped.
    strip --output-file="$work/stripped" "$target/$host/debug/$component"
    if grep --quiet --text --fixed-strings "$work/$place/ats" "$work/stripped"; then
      echo "double-build.sh: the binary of $component names the path of its checkout" >&2
      failed=true
    fi
  done
  (cd "$work/$place/images" && sha256sum -- *.cdx.json) >"$work/$place/bills"
done

jq --raw-output '.[] | "\(.digest)  \(.component)"' "$work/one/images/images.json"
diff "$work/one/images/images.json" "$work/another/and/longer/images/images.json" >&2 || { echo 'double-build.sh: images differ' >&2; failed=true; }
diff "$work/one/bills" "$work/another/and/longer/bills" >&2 || { echo 'double-build.sh: bills of materials differ' >&2; failed=true; }
[[ -z ${failed:-} ]] || exit 1
echo 'double-build.sh: two checkouts at different paths, one with a commit of words, gave the same six images' >&2
