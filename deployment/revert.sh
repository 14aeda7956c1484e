#!/usr/bin/env bash
# Takes a deployment back: reverts its commit on branch `deployments`, so that Argo CD brings back what ran before.
#
#   revert.sh ENVIRONMENT COMMIT REMOTE
#
# COMMIT is what deploy.sh printed. When something has been deployed to that environment since, nothing is reverted: it
# would take that back, too, and may be the mend. The commit goes to branch TO, `deployments` if that is not set.
set -euo pipefail

die() {
  echo "revert.sh: $*" >&2
  exit 1
}

[[ $# -eq 3 ]] || { echo 'usage: revert.sh ENVIRONMENT COMMIT REMOTE' >&2; exit 2; }
environment=$1 commit=$2 remote=$3 to=${TO:-deployments}
case $environment in
  development | staging | production) ;;
  *) die "there is no environment '$environment': development, staging, production" ;;
esac
[[ $commit =~ ^[0-9a-f]{40}$ ]] || die "'$commit' is no commit: 40 hexadecimal digits, as deploy.sh prints them"
[[ ! -e $remote ]] || remote=$(realpath "$remote")

branch=$(mktemp -d)
trap 'rm -rf "$branch"' EXIT
git=(git -C "$branch" -c user.name=ats-deploy -c user.email=ats-deploy@users.noreply.github.com)
for attempt in 1 2 3; do
  rm -rf "$branch" && mkdir "$branch"
  git clone --quiet --single-branch --branch deployments "$remote" "$branch"
  "${git[@]}" merge-base --is-ancestor "$commit" HEAD 2>/dev/null || die "$commit is not on branch deployments"
  last=$("${git[@]}" rev-list -1 HEAD -- "$environment" "images/$environment.*")
  [[ $last == "$commit" ]] || die "$environment has been deployed again since, by ${last:0:12}: nothing is reverted"
  before=$("${git[@]}" rev-list -1 "$commit^" -- "$environment" 2>/dev/null) || before=
  [[ -n $before ]] || die "$commit is the first deployment of $environment: there is nothing to go back to"
  "${git[@]}" revert --no-edit "$commit" >/dev/null
  # Who has to approve is no part of what was deployed.
  if ! "${git[@]}" diff --quiet HEAD^ HEAD -- CODEOWNERS && "${git[@]}" cat-file -e HEAD^:CODEOWNERS 2>/dev/null; then
    "${git[@]}" checkout --quiet HEAD^ -- CODEOWNERS
    "${git[@]}" commit --quiet --amend --no-edit
  fi
  lease=()
  # A branch that asks for a merge is the pipeline's own; what was there asks for something older.
  [[ $to == deployments ]] || lease=(--force)
  if told=$("${git[@]}" push --quiet "${lease[@]}" origin "HEAD:refs/heads/$to" 2>&1); then
    "${git[@]}" rev-parse HEAD
    exit 0
  fi
  echo "revert.sh: another commit came first, again ($attempt)" >&2
done
echo "$told" >&2
die "$remote did not take the commit"
