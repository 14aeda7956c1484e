#!/usr/bin/env bash
# Deploys by git: renders an environment with images by digest and commits the result to branch `deployments`, which
# Argo CD follows. It never talks to a cluster.
#
#   deploy.sh ENVIRONMENT IMAGES.json REMOTE
#
# IMAGES.json is what `make images` or a registry's publication wrote: component, name, digest of each of the six
# images. REMOTE is the repository to push to. On the branch, <environment>/manifests.yaml is what Argo CD
# applies, images/<environment>.json is what it was made of, images/<environment>.source a digest of the images' own source;
# when none would change, nothing is committed. To go back to what was before: revert.sh. To promote: pass
# images/<environment>.json of the environment before, with the other file beside it, so that production runs what staging
# ran. Production is refused what was made of another source than this commit: it would lack what main has.
#
# CODEOWNERS on the branch says who has to approve: see owners.sh. A branch without it gets it; from then on production,
# which comes from main, brings it up to date.
#
# The images have to be signed: see verify-images.sh, which says how to tell who may sign them.
#
# The commit goes to branch TO, `deployments` if that is not set. Another one is for a pull request: it begins where
# `deployments` is, and replaces what was there. The commit's hash is printed, and is `commit` in GITHUB_OUTPUT.
set -euo pipefail

die() {
  echo "deploy.sh: $*" >&2
  exit 1
}

[[ $# -eq 3 ]] || { echo 'usage: deploy.sh ENVIRONMENT IMAGES.json REMOTE' >&2; exit 2; }
environment=$1
images=$(realpath "$2") remote=$3 to=${TO:-deployments}
# A path stays one from here on.
[[ ! -e $remote ]] || remote=$(realpath "$remote")
[[ ! -f ${COSIGN_PUBLIC_KEY:-} ]] || COSIGN_PUBLIC_KEY=$(realpath "$COSIGN_PUBLIC_KEY")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

case $environment in
  development | staging | production) ;;
  *) die "there is no environment '$environment': development, staging, production" ;;
esac
command -v jq >/dev/null || die 'jq is missing: apt-get install jq'
kustomize=${KUSTOMIZE:-$(tests/cluster/tools/build.sh kustomize)/kustomize}

# All six, each with a digest: an image without one could be another tomorrow. An empty file is a list of no documents.
components='["data-acquisition","feature-engineering","model-training","monitoring","operator","trading-strategy"]'
jq --exit-status --slurp --argjson wanted "$components" '
  length == 1 and (.[0] | (map(.component) | sort) == $wanted
  and all(.[]; (.digest | test("^sha256:[0-9a-f]{64}$")) and (.name | test("^[a-z0-9.:/_-]+$"))))
' "$images" >/dev/null || die "$images does not name all six images by digest"

# What the images were made of: what an earlier deployment noted, or else this commit.
here=$(deployment/docker/source.sh digest)
made_of=$here
[[ ! -f ${images%.json}.source ]] || made_of=$(<"${images%.json}.source")
[[ $made_of =~ ^[0-9a-f]{64}$ ]] || die "${images%.json}.source is no digest of a source"
[[ $environment != production || $made_of == "$here" ]] || die "$images is made of another source than this commit: \
what it has to bring to production has not been in staging. Deploy this commit to staging first"

# Before anything is written.
deployment/verify-images.sh "$environment" "$images" || die 'nothing is deployed'

# The image that the manifests name, which kustomize replaces: a fork has another one.
upstream=$(sed -n 's|^ *image: \(.*/operator\):.*$|\1|p' config/operator/deployment.yaml)
[[ $upstream =~ ^[A-Za-z0-9.:/_-]+$ ]] || die 'config/operator/deployment.yaml names no image of the operator'

# REGISTRY/ats/COMPONENT, without a tag: the last colon after the last slash begins one.
repository='(.name | sub(":[^:/]*$"; ""))'

# An overlay of the environment; kustomize takes only paths from where it is.
mkdir -p .ats
overlay=$(mktemp -d .ats/deploy.XXXXXX)
branch=$(mktemp -d)
trap 'rm -rf "$overlay" "$branch"' EXIT
{
  echo 'apiVersion: kustomize.config.k8s.io/v1beta1'
  echo 'kind: Kustomization'
  echo "namespace: ats-$environment"
  echo "resources: [../../deployment/environments/$environment]"
  echo 'images:'
  jq --raw-output ".[] | select(.component == \"operator\")
    | \"  - {name: $upstream, newName: \($repository), digest: \(.digest)}\"" "$images"
  echo 'configMapGenerator:'
  echo '  - name: ats-config'
  echo '    behavior: merge'
  echo '    literals:'
  jq --raw-output ".[] | select(.component != \"operator\")
    | \"      - ATS_IMAGE_\(.component | ascii_upcase | gsub(\"-\"; \"_\"))=\($repository)@\(.digest)\"" "$images"
} >"$overlay/kustomization.yaml"
manifests=$("$kustomize" build "$overlay")

git=(git -C "$branch" -c user.name=ats-deploy -c user.email=ats-deploy@users.noreply.github.com)
source=$(git rev-parse HEAD)
for attempt in 1 2 3; do
  rm -rf "$branch" && mkdir "$branch"
  if git ls-remote --exit-code --heads "$remote" deployments >/dev/null; then
    git clone --quiet --depth 1 --branch deployments "$remote" "$branch"
  else
    git init --quiet --initial-branch deployments "$branch"
    "${git[@]}" remote add origin "$remote"
  fi
  mkdir -p "$branch/$environment" "$branch/images"
  printf '%s\n' "$manifests" >"$branch/$environment/manifests.yaml"
  jq 'sort_by(.component) | map({component, name, digest})' "$images" >"$branch/images/$environment.json"
  echo "$made_of" >"$branch/images/$environment.source"
  added=("$environment" images)
  if [[ ! -f .github/CODEOWNERS ]]; then
    echo 'deploy.sh: there is no .github/CODEOWNERS: whoever may approve anything may approve a deployment' >&2
  elif [[ $environment == production || ! -f $branch/CODEOWNERS ]]; then
    deployment/owners.sh >"$branch/CODEOWNERS"
    added+=(CODEOWNERS)
  fi
  "${git[@]}" add "${added[@]}"
  if "${git[@]}" diff --cached --quiet 2>/dev/null; then
    echo "deploy.sh: $environment is as it was" >&2
    exit 0
  fi
  "${git[@]}" commit --quiet --message "$environment: ${source:0:12}" --message "Source: $source"
  # A branch that asks for a merge is the pipeline's own; what was there asks for something older.
  force=()
  [[ $to == deployments ]] || force=(--force)
  if "${git[@]}" push --quiet "${force[@]}" origin "HEAD:refs/heads/$to" 2>"$overlay/push"; then
    commit=$("${git[@]}" rev-parse HEAD)
    [[ -z ${GITHUB_OUTPUT:-} ]] || echo "commit=$commit" >>"$GITHUB_OUTPUT"
    echo "$commit"
    exit 0
  fi
  echo "deploy.sh: another deployment came first, again ($attempt)" >&2
done
cat "$overlay/push" >&2
die "$remote did not take the commit"
