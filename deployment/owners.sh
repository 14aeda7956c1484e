#!/usr/bin/env bash
# Prints the code owners of branch `deployments`. GitHub asks the owners that CODEOWNERS names on the branch that a pull
# request is merged into, so the file of main asks nobody there. An environment's manifests belong to whom its folder in
# deployment/environments belongs to on main.
#
#   owners.sh [CODEOWNERS]
#
# Patterns are GitHub's: the last that matches wins, and one without owners belongs to nobody.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
codeowners=${1:-.github/CODEOWNERS}

# The owners of a path.
owners() {
  awk -v path="$1" '
    # A pattern as an expression of the whole path. A slash within it ties it to the root.
    function expression(pattern, tied, folder, within, text, at, one) {
      folder = sub(/\/$/, "", pattern)
      tied = index(pattern, "/") > 0
      # What is right below a folder, and no deeper.
      within = pattern ~ /\/\*$/
      sub(/^\//, "", pattern)
      for (at = 1; at <= length(pattern); at++) {
        one = substr(pattern, at, 1)
        if (substr(pattern, at, 3) == "**/") { text = text "(.*/)?"; at += 2 }
        else if (substr(pattern, at, 2) == "**") { text = text ".*"; at += 1 }
        else if (one == "*") text = text "[^/]*"
        else if (one == "?") text = text "[^/]"
        else if (one ~ /[A-Za-z0-9_\/ -]/) text = text one
        else text = text "[" one "]"
      }
      return "^/" (tied ? "" : "(.*/)?") text (folder ? "/" : within ? "$" : "(/|$)")
    }
    { sub(/#.*/, "") }
    NF && ($1 == "*" || path ~ expression($1)) { $1 = ""; found = $0 }
    END { print found }
  ' "$codeowners"
}

line() { # PATTERN PATH
  printf '%-32s%s\n' "$1" "$(owners "$2")"
}

cat <<'HEAD'
# Who has to approve what is deployed. deployment/owners.sh makes this file of .github/CODEOWNERS on main, and a deployment
# writes it: changes belong there. The last matching line wins.
HEAD
line '*' /deployment/deploy.sh
line /CODEOWNERS /.github/CODEOWNERS
for environment in development staging production; do
  for pattern in "/$environment/" "/images/$environment.*"; do
    line "$pattern" "/deployment/environments/$environment/kustomization.yaml"
  done
done
