#!/usr/bin/env bash
# Writes the ConfigMap that teaches Argo CD our three kinds, from the scripts in resource_customizations.
#
#   customizations.sh > customizations.yaml
#   customizations.sh waves     what is suspended counts as Healthy, so that later waves of a sync do not wait for it
set -euo pipefail
suspended=Suspended
case ${1:-} in
  '') ;;
  waves) suspended=Healthy ;;
  *)
    echo "customizations.sh: '$1': nothing, or waves" >&2
    exit 2
    ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/resource_customizations"

indent() { # columns, file
  sed "s/^\(.\)/$(printf '%*s' "$1" '')\1/" "$2"
}

cat <<'HEAD'
# Made by customizations.sh from resource_customizations. Applied on the server it adds its keys to those that are there.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
  labels: {app.kubernetes.io/part-of: argocd}
data:
HEAD
for folder in */*/; do
  folder=${folder%/}
  kind=${folder/\//_}
  echo "  resource.customizations.health.$kind: |"
  indent 4 "$folder/health.lua" | sed "s/status = \"Suspended\"/status = \"$suspended\"/"
  echo "  resource.customizations.actions.$kind: |"
  echo '    discovery.lua: |'
  indent 6 "$folder/actions/discovery.lua"
  echo '    definitions:'
  for action in "$folder"/actions/*/action.lua; do
    echo "      - name: $(basename "$(dirname "$action")")"
    echo '        action.lua: |'
    indent 10 "$action"
  done
done
