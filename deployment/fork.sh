#!/usr/bin/env bash
# Gives a fork its own names: in every file that git knows, the address on GitHub, the registry of the images and the
# organisation of the teams become the fork's. What they are now is read from Cargo.toml and config/operator/deployment.yaml,
# so that a fork of a fork can do the same, and a second run changes nothing.
#
#   fork.sh OWNER/NAME REGISTRY
#
# REGISTRY is what `make push` is given: images are REGISTRY/ats/COMPONENT. The teams keep their names; whoever has others
# writes them into .github/CODEOWNERS and .github/settings.json.
set -euo pipefail

die() {
  echo "fork.sh: $*" >&2
  exit 1
}

[[ $# -eq 2 ]] || { echo 'usage: fork.sh OWNER/NAME REGISTRY' >&2; exit 2; }
repository=$1 registry=${2%/}
part='[A-Za-z0-9][A-Za-z0-9._-]*'
[[ $repository =~ ^$part/$part$ ]] || die "REPO: '$repository' is not owner/name"
# As of an image: no upper case.
[[ $registry =~ ^[a-z0-9][a-z0-9.:/_-]*$ ]] || die "REGISTRY: '$registry' is no address of a registry (in lower case)"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
git rev-parse --is-inside-work-tree >/dev/null

old=$(sed -n 's|^repository = "https://github\.com/\(.*\)"$|\1|p' Cargo.toml)
[[ $old =~ ^$part/$part$ ]] || die 'Cargo.toml does not say whose the repository is'
prefix=$(sed -n 's|^ *image: \(.*\)/operator:.*$|\1|p' config/operator/deployment.yaml)
[[ $prefix =~ ^[a-z0-9][a-z0-9.:/_-]*$ ]] || die 'config/operator/deployment.yaml does not name the image of the operator'

# A name ends where no name goes on: acme/ats is not the beginning of acme/ats-site.
end='($|[^A-Za-z0-9_-])'
# The files that git knows, no links. One that holds none of the names is not touched.
git grep --files-with-matches --null -I --fixed-strings -e "github.com/$old" -e "github.com:$old" -e "$prefix" -e "@${old%/*}/" |
  xargs -0 sed --in-place --regexp-extended \
    -e "s#${prefix//./\\.}$end#$registry/ats\1#g" \
    -e "s#github\.com([/:])${old//./\\.}$end#github.com\1$repository\2#g" \
    -e "s#@${old%/*}/#@${repository%/*}/#g"
echo "fork.sh: $old is $repository now, its images are $registry/ats/COMPONENT, its teams @${repository%/*}/..." >&2
