#!/usr/bin/env bash
# Whether `ats run` of the samples is slower than it was: two builds in turns, on this machine, in one job.
#
#   gate.sh compare BASE   where HEAD left BASE (a commit or a branch) against HEAD
#   gate.sh proof          that one build against itself passes, and a quicker one, and that a planted slowdown does not
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${CARGO_TARGET_DIR:-$PWD/target}
binaries=$target/$(rustc -vV | sed -n 's/^host: //p')/debug
samples=$PWD/config/samples
work=$(mktemp -d)
trap 'rm -rf "$work"; git worktree prune' EXIT

build() { # checkout
  # Both are compiled in one folder, for the dependencies' sake; cargo does not see that another checkout came between.
  find "$1" -name '*.rs' -not -path '*/target/*' -exec touch {} +
  (cd "$1" && CARGO_TARGET_DIR=$target cargo build --quiet --locked --workspace --bin ats --bin ats-delivery)
}
gate() { # base head
  "$binaries/ats-delivery" gate --base "$1" --head "$2" --pairs "${PAIRS:-21}" -- run \
    --file "$samples/universe.yaml" "$samples/models.yaml" "$samples/strategies.yaml" --map "/data=$samples/data" --output json
}

case ${1:-} in
  compare)
    base=${2:?gate.sh compare BASE}
    # A branch that has just been pushed for the first time was at no commit before.
    [[ ! $base =~ ^0+$ ]] || base=HEAD^
    commit=$(git merge-base HEAD "$base") || { echo "gate.sh: $base is no commit with a common past: fetch the whole history" >&2; exit 2; }
    if git diff --quiet "$commit" -- Cargo.toml Cargo.lock rust-toolchain.toml .cargo crds workloads config/samples; then
      echo "gate.sh: nothing that ats is made of has changed since ${commit:0:12}" >&2
      exit 0
    fi
    echo "==> compiling ${commit:0:12} and the checkout" >&2
    git worktree add --quiet --detach "$work/base" "$commit"
    build "$work/base" && cp "$binaries/ats" "$work/ats-base"
    build "$PWD" && cp "$binaries/ats" "$work/ats-head"
    git worktree remove --force "$work/base"
    gate "$work/ats-base" "$work/ats-head"
    ;;
  proof)
    cp "$binaries/ats" "$work/same"
    # Once more with an empty store: twice the work, however quick the machine is.
    printf '#!/bin/sh\n%s "$@" && rm -rf .ats && exec %s "$@"\n' "$binaries/ats" "$binaries/ats" >"$work/slower"
    chmod +x "$work/slower"
    echo '==> a build against itself' >&2
    gate "$binaries/ats" "$work/same"
    echo '==> a quicker build' >&2
    gate "$work/slower" "$work/same"
    echo '==> a planted slowdown' >&2
    if gate "$binaries/ats" "$work/slower" | tee "$work/told"; then
      echo 'gate.sh: the planted slowdown was not seen' >&2
      exit 1
    fi
    # It was seen, and not a run that failed.
    grep --quiet '^slower: ' "$work/told" || { echo 'gate.sh: the planted slowdown has not run' >&2; exit 1; }
    ;;
  *)
    sed -n '2,6p' "$0" >&2
    exit 2
    ;;
esac
