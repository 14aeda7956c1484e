#!/usr/bin/env bash
# Writes the CycloneDX document of an image to standard output: every crate that its binary's audit data name, with
# licence and checksum, the standard library, the C library, and the bundle of authorities.
#
#   sbom.sh COMPONENT BINARY IMAGE DIGEST AUTHORITIES
#
# The list is read out of BINARY, the file in the image, not made beside it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ $# -eq 5 ]] || { echo 'usage: sbom.sh COMPONENT BINARY IMAGE DIGEST AUTHORITIES' >&2; exit 2; }
for program in jq readelf; do
  command -v "$program" >/dev/null || { echo "sbom.sh: $program is missing: apt-get install jq binutils" >&2; exit 1; }
done
reader=$(deployment/cargo-tool.sh rust-audit-info)
# The compiler's own words in the binary; the C library is the one of the machine that linked it.
compiler=$(readelf --string-dump=.comment "$2" | sed -n 's/.*rustc version \([0-9.]*\).*/\1/p' | head -1)
[[ -n $compiler ]] || { echo "sbom.sh: $2 does not say which compiler made it" >&2; exit 1; }
libc=$(getconf GNU_LIBC_VERSION)
lock=$(awk -F'"' '
  /^name = /     { name = $2 }
  /^version = /  { version = $2 }
  /^checksum = / { print name " " version "\t" $2 }
' Cargo.lock | jq --raw-input --slurp 'split("\n") | map(select(length > 0) | split("\t") | {key: .[0], value: .[1]}) | from_entries')
"$reader/rust-audit-info" "$2" | jq --from-file deployment/docker/sbom.jq \
  --arg component "$1" --arg image "$3" --arg digest "$4" --arg compiler "$compiler" --arg libc "${libc#* }" \
  --arg authorities "$(sha256sum "$5" | cut -d' ' -f1)" --argjson lock "$lock" \
  --slurpfile metadata <(cargo metadata --locked --format-version 1 \
    --filter-platform "$(rustc -vV | sed -n 's/^host: //p')" | jq '{packages: [.packages[] | {name, version, license}]}')
