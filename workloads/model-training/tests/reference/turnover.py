"""Writes ../fixtures/turnover.json: turnover of the top fifth by prediction, by alphalens.

    make reference-drift ONLY=turnover.py WRITE=1

Fifths are those of `alphalens.utils.quantize_factor` and the shares those of `alphalens.performance.quantile_turnover`, both as
they are. Dates have fifteen, ten or five names, so that fifths are of one size, and no two predictions are equal. On some
dates there are three names, and no fifths: alphalens is not told of those, and has nothing to compare with there.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from alphalens.performance import quantile_turnover
from alphalens.utils import quantize_factor

DATES, FEWEST, FIFTHS = 90, 5, 5


def panel(seed, persistence):
    """Rows of dates, names and predictions; the longer a prediction persists, the less is turned over."""
    random = np.random.default_rng(seed)
    signal = random.standard_normal(15)
    rows = []
    for date in range(DATES):
        signal = persistence * signal + np.sqrt(1 - persistence**2) * random.standard_normal(15)
        names = 3 if date % 13 == 7 else random.choice([5, 10, 15])
        there = np.sort(random.choice(15, names, replace=False))
        rows += [(date, int(name), float(np.round(signal[name], 9))) for name in there]
    rows = pd.DataFrame(rows, columns=["date", "asset", "factor"])
    assert not rows.duplicated(["date", "factor"]).any()
    return rows


def turnover(rows, period):
    enough = rows.groupby("date").factor.transform("size") >= FEWEST
    known = rows[enough]
    # alphalens wants dates with a frequency, by which it finds the date before.
    days = pd.date_range("2010-01-01", periods=DATES, freq="D")
    index = pd.MultiIndex(
        levels=[days, sorted(known.asset.unique())],
        codes=[known.date.to_numpy(), known.asset.astype("category").cat.codes.to_numpy()],
        names=["date", "asset"],
    )
    fifths = quantize_factor(pd.DataFrame({"factor": known.factor.to_numpy()}, index=index), quantiles=FIFTHS)
    assert fifths.index.levels[0].freq is not None
    sizes = fifths.groupby(level="date").value_counts().groupby(level="date")
    assert (sizes.min() == sizes.max()).all()
    return float(quantile_turnover(fifths, FIFTHS, period).mean())


def main():
    panels = []
    for seed, persistence in [(3, 0.95), (4, 0.5), (5, 0.0)]:
        rows = panel(seed, persistence)
        panels.append(
            {
                "instant": rows.date.tolist(),
                "name": rows.asset.tolist(),
                "prediction": rows.factor.tolist(),
                "turnover": {str(period): turnover(rows, period) for period in [1, 3, 13]},
            }
        )
    packages = ["alphalens-reloaded", "pandas", "numpy"]
    content = {"generatedBy": {package: version(package) for package in packages}, "panels": panels}
    (Path(sys.argv[1]) / "turnover.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()
