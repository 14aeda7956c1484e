"""Writes ../fixtures/labels.json: labels of real bars with the bars that they end at, by pandas.

    make reference-drift ONLY=reference/labels.py WRITE=1

The last bars of a share of the sample data, of which some sessions are taken away: three, over which a label counts on,
and eight, which divide the history. Every sort of label, from the next open and from the close, and as if the share had
been delisted behind its last bar. The rows are made again by the test, from the same file. An end is a row, or the number
of rows where the label is known with the delisting alone.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

BARS = Path(__file__).resolve().parents[4] / "config/samples/data/us-large-caps/bars"
TICKER, ROWS, MISSING, LONGEST_GAP = "IBM", 180, [[40, 43], [90, 98]], 5
VOLATILITY_BARS = 21


def history():
    bars = pd.read_csv(BARS / f"{TICKER}.csv").tail(ROWS).reset_index(drop=True)
    bars = bars.drop([row for first, end in MISSING for row in range(first, end)])
    missing = bars.index.to_series().diff() - 1
    bars["segment"] = (missing > LONGEST_GAP).cumsum()
    return bars.reset_index(drop=True)


def returns(bars, entry, horizon, is_delisted):
    """The price at which a label begins, its return, and the row that it ends at."""
    row = bars.index.to_series()
    price, reach = (bars.open, horizon + 1) if entry == "NextOpen" else (bars.close, horizon)
    start = price.shift(-1) if entry == "NextOpen" else price
    last, end = price.shift(-reach), (row + reach).where(row + reach < len(bars)).astype(float)
    if is_delisted:
        # There has to be a bar that is held.
        terminal = end.isna() & (row < len(bars) - 1)
        last, end = last.mask(terminal, bars.close.iloc[-1]), end.mask(terminal, len(bars))
    whole = bars.segment == end.clip(upper=len(bars) - 1).map(bars.segment)
    value = (last / start - 1).where(whole)
    return start, value, end.where(value.notna())


def barriers(bars, start, value, end, horizon, profit_taking, stop_loss):
    """Which barrier is touched first within the horizon, 0 for neither, and the row that the label ends at."""
    row = bars.index.to_series()
    change = np.log(bars.close).groupby(bars.segment).diff()
    volatility = change.groupby(bars.segment).rolling(VOLATILITY_BARS).std().droplevel(0)
    upper, lower = start * (1 + profit_taking * volatility), start * (1 - stop_loss * volatility)
    waits = value.notna() & volatility.notna()
    touched, touch_end = pd.Series(0.0, index=bars.index).where(waits), end.where(waits)
    for bar in range(1, horizon + 1):
        stopped = waits & (bars.low.shift(-bar) <= lower)
        gained = waits & ~stopped & (bars.high.shift(-bar) >= upper)
        touched = touched.mask(stopped, -1.0).mask(gained, 1.0)
        # That a share has been delisted is known later than any touch.
        touch_end = touch_end.mask((stopped | gained) & (end < len(bars)), row + bar)
        waits = waits & ~stopped & ~gained
    return touched, touch_end


def numbers(column, kind=float):
    return [None if np.isnan(value) else kind(value) for value in column]


def main():
    bars = history()
    cases = []
    for entry in ["NextOpen", "Close"]:
        for horizon, is_delisted in [(1, False), (5, False), (21, False), (5, True)]:
            start, value, end = returns(bars, entry, horizon, is_delisted)
            touches = []
            for multiples in [(1.0, 1.0), (2.0, 1.5)]:
                touched, touch_end = barriers(bars, start, value, end, horizon, *multiples)
                touches.append(
                    {
                        "profitTaking": multiples[0],
                        "stopLoss": multiples[1],
                        "value": numbers(touched, int),
                        "end": numbers(touch_end, int),
                    }
                )
            cases.append(
                {
                    "entry": entry,
                    "horizon": horizon,
                    "isDelisted": is_delisted,
                    "forwardReturn": numbers(value),
                    "direction": numbers(np.sign(value), int),
                    "end": numbers(end, int),
                    "barriers": touches,
                }
            )
    content = {
        "generatedBy": {package: version(package) for package in ["pandas", "numpy"]},
        "ticker": TICKER,
        "rows": ROWS,
        "missing": MISSING,
        "cases": cases,
    }
    (Path(sys.argv[1]) / "labels.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()
