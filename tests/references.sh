#!/usr/bin/env bash
# Runs the scripts that wrote the references which tests compare with, each with its packages of PyPI, and fails when
# what comes out is not what is committed (reference_difference.py says what counts as the same).
#
#   ONLY=engine.py   only scripts whose path ends so
#   WRITE=1          writes what comes out in the place of what is committed and differs
#
# Some scripts read real bars, which are no part of the repository: ATS_MARKET_DATA names the folder, or it is
# shared/market-data beside the checkout. Without it their references are left out, by name; with ATS_TEST_MARKET_DATA
# that is a failure, as it is in the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

# Sums do not depend on the number of cores, and nothing is left beside the scripts.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1

market=${ATS_MARKET_DATA:-}
above=$PWD
while [[ -z $market && -n $above ]]; do
  above=${above%/*}
  [[ ! -d $above/shared/market-data ]] || market=$above/shared/market-data
done
[[ -z $market || -d $market/us-equities-daily/bars ]] || { echo "references: $market has no us-equities-daily" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
known=()
ran=
same=0
differ=()
left=()

# reference SCRIPT NAME REQUIREMENTS BARS FILE...: a script, its packages (their name in the cache, and their file),
# whether it reads `real` bars or `none`, and the files that it writes.
reference() {
  local script=$1 name=$2 requirements=$3 bars=$4 made file packages
  shift 4
  known+=("$@")
  [[ $script == *"${ONLY:-}" ]] || return 0
  ran=1
  if [[ $bars == real && -z $market ]]; then
    left+=("$@")
    return 0
  fi
  local output=$work/$((${#known[@]}))
  mkdir "$output"
  packages=$(tests/python-packages.sh "$name" "$requirements")
  echo "==> $script" >&2
  local arguments=("$output")
  [[ $bars != real ]] || arguments+=("$market/us-equities-daily")
  # -P: a script's neighbours do not stand in for Python's own modules.
  if ! PYTHONPATH=$packages python3 -P "$script" "${arguments[@]}" >"$output.log" 2>&1; then
    cat "$output.log" >&2
    echo "references: $script failed" >&2
    differ+=("$@")
    return 0
  fi
  for file in "$@"; do
    # What a script writes goes to more than one folder here: a file is known by the end of its path.
    made=$(cd "$output" && find . -type f | while read -r path; do [[ $file != *"${path#.}" ]] || echo "$path"; done)
    if [[ -z $made ]]; then
      echo "references: $script does not write $file" >&2
      differ+=("$file")
      continue
    fi
    if python3 tests/reference_difference.py "$file" "$output/$made"; then
      same=$((same + 1))
    elif [[ -n ${WRITE:-} ]]; then
      cp "$output/$made" "$file"
      echo "references: wrote $file" >&2
    else
      differ+=("$file")
    fi
    rm "$output/$made"
  done
  while read -r file; do
    echo "references: $script also writes $file, which has no place in tests/references.sh" >&2
    differ+=("$file")
  done < <(find "$output" -type f)
}

calendar=workloads/calendar/tests/fixtures
columns=workloads/columns/tests/reference
training=workloads/model-training/tests
trading=workloads/trading-strategy/tests/reference
samples=config/samples/data

reference $calendar/xnys.py calendar $calendar/requirements.txt none $calendar/xnys.csv.gz
reference $samples/derive.py samples $samples/requirements.txt none \
  $samples/us-large-caps/{bars,actions}/{AAPL,FB,GOOG,IBM,MSFT}.csv \
  workloads/data-acquisition/tests/fixtures/us-large-caps-adjusted-close.csv.gz
reference $columns/generate.py columns $columns/requirements.txt none $columns/{values,cross_section}.csv.gz
reference $training/reference/generate.py training $training/reference/requirements.txt none \
  $training/fixtures/{calibration,combinatorial,elastic_net,forest,logistic,statistics,walk_forward}.json
for script in figures halving importance real_bars; do
  reference $training/reference/$script.py training $training/reference/requirements.txt none $training/fixtures/$script.json
done
# Made of what the columns and the engine's statistics are held against, so that no packages more are needed.
reference $training/reference/labels.py columns $columns/requirements.txt none $training/fixtures/labels.json
reference $training/reference/barriers.py statistics $trading/requirements.txt none $training/fixtures/barriers.json
reference $training/reference/card.py card $training/reference/requirements-card.txt none $training/fixtures/card.json
reference $training/reference/turnover.py turnover $training/reference/requirements-turnover.txt none $training/fixtures/turnover.json
for script in engine statistics; do
  reference $trading/$script.py statistics $trading/requirements.txt none $trading/$script.json
done
reference $trading/engines.py engines $trading/requirements-engines.txt none $trading/engines.json
reference $trading/differences.py engines $trading/requirements-engines.txt none $trading/differences.json
reference $trading/actions.py engines $trading/requirements-engines.txt real $trading/actions.json
reference $trading/blotter.py engines $trading/requirements-engines.txt none $trading/blotter.json
reference $trading/execution.py engines $trading/requirements-engines.txt none $trading/execution.json
reference $trading/entries.py engines $trading/requirements-engines.txt real $trading/entries.json
reference $trading/search.py search $trading/requirements-search.txt real $trading/search.json
reference $trading/strategies.py strategies $trading/requirements-strategies.txt real $trading/strategies.json
reference $trading/trades.py strategies $trading/requirements-strategies.txt none $trading/trades.json
reference $trading/weights.py weights $trading/requirements-weights.txt none $trading/weights.json

# Nothing that a test reads as a reference has come from nowhere.
while read -r file; do
  [[ " ${known[*]} " == *" $file "* ]] || {
    echo "references: no script of tests/references.sh writes $file" >&2
    differ+=("$file")
  }
done < <(find workloads \( -path '*/tests/reference/*' -o -path '*/tests/fixtures/*' \) -type f \( -name '*.json' -o -name '*.gz' \))
[[ -n $ran ]] || { echo "references: no script ends with $ONLY" >&2; exit 2; }

if [[ ${#left[@]} -gt 0 ]]; then
  echo "references: NOT MADE AGAIN, for want of real bars (ATS_MARKET_DATA names the folder of market data): ${left[*]}" >&2
  [[ -z ${ATS_TEST_MARKET_DATA:-} ]] || differ+=("${left[@]}")
fi
if [[ ${#differ[@]} -gt 0 ]]; then
  echo "references: ${#differ[@]} are not what their scripts give, or were not made: ${differ[*]}" >&2
  exit 1
fi
echo "$same references are what their scripts give${left[*]:+; NOT MADE AGAIN without real bars: ${left[*]##*/}}"
