#!/usr/bin/env bash
# Fails unless each image of a list is signed by whom we trust.
#
#   verify-images.sh ENVIRONMENT IMAGES.json
#
# Who is trusted is one of
#   COSIGN_PUBLIC_KEY   the public key, a file or the address of a key in a KMS
#   SIGNER              the workflow that signs, such as https://github.com/ats-dev/ats/.github/workflows/deploy.yml, on a
#                       branch that is protected or asks for approval: develop, main, release/*; GitHub vouches for it
# UNSIGNED=allowed, the way out for trying things, asks nobody. It is not there for production.
set -euo pipefail

die() {
  echo "verify-images.sh: $*" >&2
  exit 1
}

[[ $# -eq 2 ]] || { echo 'usage: verify-images.sh ENVIRONMENT IMAGES.json' >&2; exit 2; }
environment=$1 images=$2
key=${COSIGN_PUBLIC_KEY:-} signer=${SIGNER:-}

case ${UNSIGNED:-} in
  '') ;;
  allowed)
    [[ $environment != production ]] || die 'UNSIGNED=allowed is not for production: sign the images with make sign'
    echo "verify-images.sh: UNSIGNED=allowed: nobody has verified who made the images of $environment" >&2
    exit 0
    ;;
  *) die "UNSIGNED is 'allowed' or not set, not '$UNSIGNED'" ;;
esac
if [[ -n $key && -n $signer ]]; then
  die 'COSIGN_PUBLIC_KEY and SIGNER are both set: one of them says who is trusted'
elif [[ -n $key ]]; then
  [[ $key == *://* || -f $key ]] || die "COSIGN_PUBLIC_KEY: there is no file $key"
  # What is signed with a key of ours is in no public log, and the key is all that is trusted: an empty root keeps cosign
  # from fetching sigstore's.
  root=$(mktemp)
  trap 'rm -f "$root"' EXIT
  echo '{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}' >"$root"
  by=(--key "$key" --insecure-ignore-tlog=true --trusted-root "$root")
elif [[ -n $signer ]]; then
  [[ $signer =~ ^https://[A-Za-z0-9./_-]+\.yml$ ]] || die "SIGNER: '$signer' is no address of a workflow"
  by=(--certificate-identity-regexp "^${signer//./\\.}@refs/heads/(develop|main|release/v[0-9.]+)\$"
    --certificate-oidc-issuer https://token.actions.githubusercontent.com)
else
  die 'it is not said who may have signed the images: set COSIGN_PUBLIC_KEY or SIGNER; UNSIGNED=allowed asks nobody, not for production'
fi
# The pinned one, whatever the machine has.
cosign=${COSIGN:-$("$(dirname "${BASH_SOURCE[0]}")/../tests/cluster/tools/build.sh" cosign)/cosign}

while read -r reference; do
  # The answer is the signatures; what went wrong stands on standard error.
  if ! told=$("$cosign" verify "${by[@]}" "$reference" 2>&1 >/dev/null); then
    die "$reference is not signed by whom we trust (${key:-$signer}):
$(grep --invert-match '^WARNING: ' <<<"$told")"
  fi
done < <(jq --raw-output '.[] | "\(.name | sub(":[^:/]*$"; ""))@\(.digest)"' "$images")
