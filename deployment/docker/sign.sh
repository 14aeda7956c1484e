#!/usr/bin/env bash
# Signs what push.sh has published, by digest, and attests what is in each image.
#
#   sign.sh IMAGES
#
# IMAGES is the folder with pushed.json and the CycloneDX documents. Signatures and attestations lie in the registry beside
# the images.
#
# With COSIGN_KEY, a file or the address of a key in a KMS (COSIGN_PASSWORD for a file), nothing is written to a
# transparency log: who verifies has the public key. Without it the signer is the workflow that runs this, by an identity
# that GitHub vouches for and a public log keeps.
set -euo pipefail

die() {
  echo "sign.sh: $*" >&2
  exit 1
}

[[ $# -eq 1 ]] || { echo 'usage: sign.sh IMAGES' >&2; exit 2; }
[[ -f $1/pushed.json ]] || die "$1/pushed.json is missing: make push IMAGES=$1"
images=$(realpath "$1")
key=${COSIGN_KEY:-}
[[ ! -f $key ]] || key=$(realpath "$key")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v jq >/dev/null || die 'jq is missing: apt-get install jq'
if [[ -n $key ]]; then
  by=(--key "$key" --tlog-upload=false)
elif [[ -n ${ACTIONS_ID_TOKEN_REQUEST_URL:-} ]]; then
  by=()
else
  die 'there is nothing to sign with: set COSIGN_KEY, or run in a workflow with the right id-token: write'
fi
# The pinned one, whatever the machine has.
cosign=${COSIGN:-$(tests/cluster/tools/build.sh cosign)/cosign}

while IFS=$'\t' read -r component reference; do
  document=$images/$component.cdx.json
  [[ -f $document ]] || die "$document is missing: make images IMAGES=$images"
  # The document is of that very image.
  jq --exit-status --slurp --arg digest "${reference#*@}" '.[0].metadata.component.version == $digest' "$document" >/dev/null ||
    die "$document is not of $reference"
  "$cosign" sign --yes "${by[@]}" "$reference" || die "$reference was not signed"
  "$cosign" attest --yes --replace "${by[@]}" --type cyclonedx --predicate "$document" "$reference" ||
    die "$reference: $document was not attested"
  echo "signed: $reference" >&2
done < <(jq --raw-output '.[] | [.component, "\(.name)@\(.digest)"] | @tsv' "$images/pushed.json")
