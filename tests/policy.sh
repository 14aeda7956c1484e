#!/usr/bin/env bash
# Rules on what links what: the operator stays small, data flows one way.
set -euo pipefail
cd "$(dirname "$0")/.."

fails=0
refuse() { # package, crate pattern, why
    local found
    found=$(cargo tree --quiet --locked --edges normal --prefix none --package "$1" | awk '{print $1}' | sort -u | grep -E "^($2)$" || true)
    if [ -n "$found" ]; then
        echo "$1 links $(echo "$found" | tr '\n' ' '): $3" >&2
        fails=1
    fi
}

refuse ats-operator 'polars.*|linfa.*|smartcore|object_store|sqlx.*|ats-store|ats-columns' 'the operator plans; it reads no data'
refuse ats-crds 'tokio|reqwest|object_store|kube-client' 'types do no I/O'
refuse ats-pipeline 'tokio|reqwest|object_store|kube-client|polars.*' 'the planner is pure'
refuse ats-expression 'tokio|polars.*' 'the language is pure'
refuse ats-cli 'kube-client' 'the command line needs no cluster'

if git ls-files '*.toml' | grep -v '^Cargo.toml$' | xargs grep -nE '^[a-z0-9_-]+ *= *("[0-9]|\{[^}]*version)' | grep -vE '(version|edition|rust-version|level|priority|max_width)' ; then
    echo 'a version stands outside the table in the root Cargo.toml' >&2
    fails=1
fi
exit "$fails"
