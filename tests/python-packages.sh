#!/usr/bin/env bash
# Installs the packages of a requirements file from PyPI, once, and says where: a folder for PYTHONPATH.
#
#   python-packages.sh NAME REQUIREMENTS
set -euo pipefail
name=$1
requirements=$2
folder=${ATS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ats}/tools/$name-$(sha256sum "$requirements" | cut -c1-16)
if [[ ! -d $folder ]]; then
  echo "installing the Python packages of $requirements (once)" >&2
  mkdir -p "$(dirname "$folder")"
  temporary=$(mktemp -d "$(dirname "$folder")/.$name.XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$temporary" --requirement "$requirements" >&2
  # Another that was as quick made the same.
  mv -T "$temporary" "$folder" 2>/dev/null || [[ -d $folder ]]
fi
echo "$folder"
