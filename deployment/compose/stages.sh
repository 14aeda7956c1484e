#!/usr/bin/env bash
# Brings a compose environment up, runs objects on it, stops it.
#
#   stages.sh up|run|down development|test|performance
#
# up    loads the images of IMAGES (what `make images` left there), starts everything that stays and waits until all of
#       it is healthy. Without IMAGES the images are those of the engine, of the registry, or built.
# run   runs the stages of OBJECTS, in order, each in a container of its own: `ats plan --write-stages` writes the
#       documents of the stages that can run, and again when they have run, until nothing is left to run. ATS is the
#       command line. Exit code 0 when every object is Ready.
# down  stops everything, whatever state it is in. What development keeps stays, unless VOLUMES=1.
#
# What belongs to an environment lies in STATE (.ats/compose/<environment>): passwords that are made once, the objects'
# status, the stages with what they told, and stages.tsv with the seconds that each took.
set -euo pipefail
# Containers run as users of their own, and read what is written here.
umask 022

usage() {
  echo 'usage: stages.sh up|run|down development|test|performance' >&2
  exit 2
}

[[ $# -eq 2 ]] || usage
action=$1
environment=$2
checkout=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
case $environment in
  development) file=compose.yaml ;;
  test) file=compose.test.yaml ;;
  performance) file=compose.perf.yaml ;;
  *) usage ;;
esac

docker compose version >/dev/null 2>&1 || {
  echo 'stages.sh: docker compose is missing (the plugin, version 2): see https://docs.docker.com/compose/install' >&2
  exit 1
}

state=${STATE:-$checkout/.ats/compose/$environment}
mkdir -p "$state/objects"
state=$(realpath "$state")
# A container's user looks into it.
chmod 755 "$state" "$state/objects"
export ATS_OBJECTS=$state/objects

# Made once: the ledger keeps the one that it was begun with.
secrets=$state/secrets.env
if [[ ! -f $secrets ]]; then
  for name in ATS_S3_ACCESS_KEY ATS_S3_SECRET_KEY ATS_LEDGER_PASSWORD ATS_GRAFANA_PASSWORD; do
    echo "$name=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
  done >"$secrets.new"
  chmod 600 "$secrets.new"
  mv "$secrets.new" "$secrets"
fi

compose() {
  docker compose --file "$checkout/deployment/compose/$file" --env-file "$secrets" "$@"
}

up() {
  if [[ -n ${IMAGES:-} ]]; then
    "$checkout/deployment/docker/load.sh" "$IMAGES"
  fi
  compose up --detach --wait --wait-timeout 300 || {
    compose ps --all >&2
    compose logs --tail 50 >&2
    exit 1
  }
}

# A stage in a container, and its last words beside its document.
stage() { # COMPONENT/OBJECT-STAGE-KEY
  local folder=$state/stages/$1 component=${1%%/*} code=0 began=$EPOCHREALTIME
  # Whoever the container's user is writes here, as in a pod.
  : >"$folder/outcome.json"
  chmod 666 "$folder/outcome.json"
  ATS_STAGE=$folder compose run --rm --no-deps --no-TTY --use-aliases "$component" || code=$?
  printf '%s\t%s\t%s\n' "$1" "$code" "$(awk -v from="$began" -v to="$EPOCHREALTIME" 'BEGIN { printf "%.3f", to - from }')" >>"$state/stages.tsv"
  [[ -s $folder/outcome.json ]] || {
    echo "stages.sh: $1 ended with $code and told nothing: its container did not start, or was killed" >&2
    exit 1
  }
}

run() {
  local objects=() code
  read -ra objects <<<"${OBJECTS:-$(default_objects)}"
  cd "$checkout"
  # What was computed is in the store: a stage that has run before is done in a second.
  rm -rf "$state/stages" "$state/stages.tsv"
  while true; do
    code=0
    "${ATS:?the command line}" plan --file "${objects[@]}" --store s3://ats --state "$state/objects" \
      --write-stages "$state/stages" "${maps[@]}" >"$state/plan.txt" || code=$?
    mapfile -t ready < <(cd "$state/stages" 2>/dev/null && for document in */*/stage.json; do
      folder=${document%/stage.json}
      [[ ! -e $document || -s $folder/outcome.json ]] || echo "$folder"
    done)
    if [[ $code -ne 0 || ${#ready[@]} -eq 0 ]]; then
      cat "$state/plan.txt"
      exit "$code"
    fi
    for folder in "${ready[@]}"; do
      echo "==> $folder" >&2
      stage "$folder"
    done
  done
}

default_objects() {
  case $environment in
    performance) echo deployment/kubernetes/base/objects ;;
    *) echo config/samples/universe.yaml config/samples/models.yaml config/samples/strategies.yaml ;;
  esac
}

down() {
  local options=(--remove-orphans --timeout 20)
  if [[ $environment != development || ${VOLUMES:-} == 1 ]]; then
    options+=(--volumes)
  fi
  compose --profile '*' down "${options[@]}"
}

# Where the containers see what they read: only a run without containers needs another place.
maps=()
if [[ -n ${ATS_MAP:-} ]]; then
  maps=(--map "$ATS_MAP")
fi

case $action in
  up) up ;;
  run) run ;;
  down) down ;;
  *) usage ;;
esac
