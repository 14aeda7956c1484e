#!/usr/bin/env bash
# Writes what a component's binary is made of, as `cargo auditable` would put it there, to FILE: the content of the ELF
# section `.dep-v0`, which rust-audit-info, cargo-audit, osv-scanner, syft, trivy and grype read.
#
#   audit-data.sh COMPONENT FILE
#
# `cargo auditable build` wraps the compiler for every member of the workspace, so that these would be compiled once with
# it and once without, and no image would hold the very file that the tests ran. So the wrapper is given an empty program in
# the place of the component: it asks cargo for the component's dependencies as it always does, and what it makes of
# them is put into the finished binary by images.sh. The data name no path: two checkouts give the same.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[[ $# -eq 2 ]] || { echo 'usage: audit-data.sh COMPONENT FILE' >&2; exit 2; }
component=$1
auditable=$(deployment/cargo-tool.sh cargo-auditable)

package=workloads/$component
[[ $component != operator ]] || package=operator
[[ -f $package/Cargo.toml ]] || { echo "audit-data.sh: there is no $package" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo 'fn main() {}' >"$work/empty.rs"
name=${component//-/_}
# What cargo tells its wrapper of a member that it compiles.
CARGO_AUDITABLE_ORIG_ARGS='{"offline": false, "locked": true, "frozen": false, "config": []}' \
  CARGO_PRIMARY_PACKAGE=1 CARGO_MANIFEST_DIR=$PWD/$package \
  "$auditable/cargo-auditable" "$(command -v rustc)" --crate-name "$name" --crate-type bin --cfg 'feature="default"' \
  --target "$(rustc -vV | sed -n 's/^host: //p')" --out-dir "$work" "$work/empty.rs"
objcopy --dump-section ".dep-v0=$2" "$work/${name}_audit_data.o" /dev/null
