#!/usr/bin/env bash
# Tells what images are made of at HEAD.
#
#   source.sh digest      a digest of it: commits with the same one make the same images
#   source.sh revision    the last commit that changed it: a commit to the documentation leaves images as they were
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
inputs=(Cargo.toml Cargo.lock rust-toolchain.toml .cargo crds operator workloads deployment/docker)
case ${1:-} in
  digest) git ls-tree HEAD -- "${inputs[@]}" | sha256sum | cut -d' ' -f1 ;;
  revision) git log -1 --format=%H -- "${inputs[@]}" ;;
  *) echo 'usage: source.sh digest|revision' >&2; exit 2 ;;
esac
