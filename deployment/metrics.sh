#!/usr/bin/env bash
# The history of the pipeline, on branch `metrics`: runs.jsonl has a line for each run, performance.jsonl one for each
# measurement.
#
#   metrics.sh append NAME FILE REMOTE   adds the line of FILE to NAME.jsonl, once; NAME is runs or performance
#   metrics.sh read FOLDER REMOTE        writes both to FOLDER; empty ones when there is no history yet
set -euo pipefail

die() {
  echo "metrics.sh: $*" >&2
  exit 1
}

usage() {
  sed -n '2,6p' "$0" >&2
  exit 2
}

case $#/${1:-} in
  4/append) what=$1 name=$2 path=$3 remote=$4 ;;
  3/read) what=$1 path=$2 remote=$3 ;;
  *) usage ;;
esac
[[ ! -e $remote ]] || remote=$(realpath "$remote")
branch=$(mktemp -d)
trap 'rm -rf "$branch"' EXIT
git=(git -C "$branch" -c user.name=ats-metrics -c user.email=ats-metrics@users.noreply.github.com)

get() {
  rm -rf "$branch" && mkdir "$branch"
  # Exit status 2: there is no such branch; anything else that is not 0: the remote does not answer.
  local status=0
  git ls-remote --exit-code --heads "$remote" metrics >/dev/null || status=$?
  case $status in
    0) git clone --quiet --depth 1 --branch metrics "$remote" "$branch" ;;
    2)
      git init --quiet --initial-branch metrics "$branch"
      "${git[@]}" remote add origin "$remote"
      ;;
    *) die 'the remote does not answer' ;;
  esac
  touch "$branch/runs.jsonl" "$branch/performance.jsonl"
}

if [[ $what == read ]]; then
  get
  mkdir -p "$path"
  cp "$branch/runs.jsonl" "$branch/performance.jsonl" "$path"
  exit 0
fi

case $name in
  runs) wanted='.version and .run' ;;
  performance) wanted='.commit and .figures' ;;
  *) usage ;;
esac
[[ $(wc -l <"$path") -eq 1 ]] || die "$path is not one line"
jq --exit-status "$wanted" "$path" >/dev/null 2>&1 || die "$path is no line of $name"
for attempt in 1 2 3; do
  get
  if grep --quiet --line-regexp --fixed-strings --file "$path" "$branch/$name.jsonl"; then
    echo 'metrics.sh: the line is there already' >&2
    exit 0
  fi
  cat "$path" >>"$branch/$name.jsonl"
  "${git[@]}" add runs.jsonl performance.jsonl
  "${git[@]}" commit --quiet --message "A line of $name"
  if told=$("${git[@]}" push --quiet origin HEAD:refs/heads/metrics 2>&1); then
    exit 0
  fi
  echo "metrics.sh: another run came first, again ($attempt)" >&2
done
echo "$told" >&2
die 'the remote did not take the commit'
