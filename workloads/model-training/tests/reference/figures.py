"""Writes ../fixtures/figures.json: figures of made-up predictions, whole and by year, by pandas and SciPy.

    make reference-drift ONLY=figures.py WRITE=1

Written from the definitions alone. Turnover is the mean of alphalens's `quantile_turnover` of the top quantile, with
fifths of floor(names / 5) names for quantiles. Predictions are rounded so that names tie, on some dates there are too
few names, and on one date all predictions are equal.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

OUTPUT = Path(sys.argv[1])
FEWEST, SESSIONS_A_YEAR = 5, 252


def none(value):
    """JSON has no number that is none."""
    return None if value is None or np.isnan(value) else float(value)


def ratio(values):
    """Mean over sample deviation; none of fewer than two values or without a deviation."""
    values = values.dropna()
    return values.mean() / values.std() if len(values) > 1 and values.std() > 0 else None


def correlations(rows, method):
    """Of each date; null with fewer than five names, or where one side is constant."""

    def of(date):
        known = len(date) >= FEWEST and date.prediction.nunique() > 1 and date.outcome.nunique() > 1
        return date.prediction.corr(date.outcome, method=method) if known else np.nan

    return pd.Series({instant: of(date) for instant, date in rows.groupby("instant")})


def fifths(rows):
    """5 in the top fifth by prediction, 1 in the bottom one, 0 between; null on dates with fewer than five names."""

    def of(date):
        if len(date) < FEWEST:
            return pd.Series(np.nan, index=date.index)
        place = date.prediction.rank(ascending=False, method="first")
        size = len(date) // 5
        return (place <= size) * 5.0 + (place > len(date) - size) * 1.0

    return pd.concat([of(date) for _, date in rows.groupby("instant")])


def turnover(rows, horizon):
    """Share of new names in the top fifth, beside the one a horizon before: a date without fifths has none."""
    held = rows.assign(held=rows.fifth == 5).pivot(index="instant", columns="name", values="held")
    held = held.astype("boolean").fillna(False).astype(bool)
    before = held.shift(horizon, fill_value=False)
    both = (held.sum(axis=1) > 0) & (before.sum(axis=1) > 0)
    share = (held & ~before).sum(axis=1) / held.sum(axis=1)
    return share[both].mean()


def probabilistic_sharpe(returns):
    sharpe = ratio(returns)
    if sharpe is None:
        return None
    skewness, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    deviation = np.sqrt(1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    return stats.norm.cdf(sharpe * np.sqrt(len(returns) - 1) / deviation)


def figures(rows, score, horizon, bars_a_session):
    rows = rows.dropna(subset=["outcome"])
    rows = rows.assign(fifth=fifths(rows))
    instants = rows.instant.drop_duplicates()
    apart = instants[::horizon]
    names = rows.groupby("instant").size()
    rank_ic, ic = correlations(rows, "spearman"), correlations(rows, "pearson")
    means = rows[rows.instant.isin(apart)].pivot_table(index="instant", columns="fifth", values="forwardReturn")
    spreads = (means[5.0] - means[1.0]).dropna()
    moved = rows[rows.outcome != 0]
    sharpe = ratio(spreads)
    up = rows.outcome > 0
    probability = rows.prediction + 0.5
    found = {
        "rankIc": rank_ic.mean(),
        "ic": ic.mean(),
        "icir": ratio(rank_ic[apart]),
        "hitRate": (np.sign(moved.prediction) == np.sign(moved.outcome)).mean(),
        "meanSquaredError": ((rows.prediction - rows.outcome if score == "Value" else probability - up) ** 2).mean(),
        "accuracy": None if score == "Value" else ((rows.prediction >= 0) == up).mean(),
        "logLoss": None if score == "Value" else -np.log(probability.where(up, 1 - probability)).mean(),
        "sharpePerPeriod": sharpe,
        "sharpe": sharpe and sharpe * np.sqrt(SESSIONS_A_YEAR * bars_a_session / horizon),
        "probabilisticSharpe": probabilistic_sharpe(spreads),
        "turnover": turnover(rows, horizon),
    }
    return {
        "rows": len(rows),
        "dates": len(instants),
        "datesWithFewNames": int((names < FEWEST).sum()),
        "datesUndefined": int((rank_ic.isna() & (names >= FEWEST)).sum()),
        "constantPrediction": False,
        "periods": len(spreads),
        **{name: none(value) for name, value in found.items()},
    }


def panel(seed, score, horizon, names, sessions, bars_a_session):
    random = np.random.default_rng(seed)
    days = pd.bdate_range("2010-03-01", periods=sessions, freq=f"{560 // sessions}B")
    rows = []
    signal = random.standard_normal(names)
    for bar in range(sessions * bars_a_session):
        signal = 0.7 * signal + 0.7 * random.standard_normal(names)
        returns = 0.01 * (0.4 * signal + random.standard_normal(names))
        there = random.random(names) < (0.25 if bar % 23 == 7 else 0.9)
        for name in np.flatnonzero(there):
            if score == "Value":
                prediction = round(0.004 * signal[name], 3)
                outcome = forward = round(returns[name], 5)
            else:
                prediction = round(0.4 * np.tanh(0.5 * signal[name]), 2)
                forward = round(returns[name], 5)
                # Small moves have no sign here, so that outcomes of 0 are there.
                outcome = float(np.sign(round(forward, 2)))
            if bar == 31:
                prediction = 0.002
            if random.random() < 0.02:
                outcome = forward = np.nan
            rows.append((bar, days[bar // bars_a_session].year, int(name), prediction, outcome, forward))
    rows = pd.DataFrame(rows, columns=["instant", "year", "name", "prediction", "outcome", "forwardReturn"])

    def of(part):
        return figures(part, score, horizon, bars_a_session)

    return {
        "score": score,
        "horizon": horizon,
        "barsASession": float(bars_a_session),
        **{name: rows[name].tolist() for name in ["instant", "year", "name", "prediction"]},
        **{name: [none(value) for value in rows[name].tolist()] for name in ["outcome", "forwardReturn"]},
        "whole": of(rows),
        "years": {str(year): of(part) for year, part in rows.groupby("year")},
    }


if __name__ == "__main__":
    panels = [
        panel(1, "Value", 5, 12, 80, 1),
        panel(2, "ProbabilityMinusHalf", 1, 9, 70, 1),
        panel(3, "Value", 3, 7, 40, 2),
    ]
    content = {"generatedBy": {name: version(name) for name in ["pandas", "numpy", "scipy"]}, "panels": panels}
    (OUTPUT / "figures.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
