#!/usr/bin/env bash
# Installs a program from crates.io, once, and prints the folder of its binary.
#
#   cargo-tool.sh NAME
#
# Versions stand here. A program lies in the cache beside the other tools, compiled in a folder of its own, so that it
# shares nothing with the dependency tree of the workspace.
set -euo pipefail
name=${1:-}
case $name in
  cargo-auditable) version=0.7.7 ;;
  cargo-deny) version=0.20.2 ;;
  cargo-llvm-cov) version=0.8.4 ;;
  cargo-machete) version=0.9.2 ;;
  rust-audit-info) version=0.5.4 ;;
  *)
    echo 'usage: cargo-tool.sh cargo-auditable | cargo-deny | cargo-llvm-cov | cargo-machete | rust-audit-info' >&2
    exit 2
    ;;
esac
tools=${ATS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ats}/tools
folder=$tools/$name-$version
if [[ ! -x $folder/bin/$name ]]; then
  mkdir -p "$tools"
  # Who waits finds it done.
  exec 9>"$tools/.$name.lock"
  flock 9
fi
if [[ ! -x $folder/bin/$name ]]; then
  echo "==> installing $name $version (once)" >&2
  target=$(mktemp -d "$tools/.$name.XXXXXX")
  trap 'rm -rf "$target"' EXIT
  # They work for seconds, so that to optimise them takes longer than it spares.
  cargo install --quiet --locked --debug --root "$folder" --target-dir "$target" \
    --version "$version" --target "$(rustc -vV | sed -n 's/^host: //p')" "$name" >&2
fi
echo "$folder/bin"
