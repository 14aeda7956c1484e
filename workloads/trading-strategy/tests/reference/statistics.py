"""Writes statistics.json: what empyrical-reloaded and scipy say of a few series of daily returns.

    pip install -r requirements.txt && python statistics.py > statistics.json
"""

import json
import sys
from importlib.metadata import version

import empyrical
import numpy as np
import pandas as pd
from scipy import stats


def value(number):
    return float(number) if np.isfinite(number) else None


def probabilistic_sharpe(r):
    """Bailey and Lopez de Prado (2012), equation 9, with a benchmark of 0."""
    sr = r.mean() / r.std(ddof=1)
    g3, g4 = stats.skew(r), stats.kurtosis(r, fisher=False)
    return stats.norm.cdf(sr * np.sqrt(len(r) - 1) / np.sqrt(1 - g3 * sr + (g4 - 1) / 4 * sr**2))


def case(name, start, returns):
    series = pd.Series(returns, index=pd.bdate_range(start, periods=len(returns)))
    drawdown = empyrical.max_drawdown(series)
    return {
        "name": name,
        "start": start,
        "returns": [float(r) for r in returns],
        "expected": {
            "totalReturn": value(empyrical.cum_returns_final(series)),
            "cagr": value(empyrical.cagr(series)),
            "volatility": value(empyrical.annual_volatility(series)),
            "sharpe": value(empyrical.sharpe_ratio(series)),
            "sortino": value(empyrical.sortino_ratio(series)),
            "maxDrawdown": value(drawdown),
            "calmar": value(empyrical.calmar_ratio(series)),
            "probabilisticSharpe": value(probabilistic_sharpe(series.to_numpy())),
        },
        "monthly": [float(r) for r in empyrical.aggregate_returns(series, "monthly")],
        "yearly": [float(r) for r in empyrical.aggregate_returns(series, "yearly")],
    }


def main():
    rng = np.random.default_rng(20240229)
    idle = rng.normal(0.0004, 0.011, 90)
    idle[20:60] = 0.0
    fat = rng.standard_t(3, 120) * 0.008
    cases = [
        case("a drift", "2019-11-04", np.round(rng.normal(0.0008, 0.012, 130), 6)),
        case("idle for two months", "2020-02-03", np.round(idle, 6)),
        case("fat tails, falling", "2021-06-01", np.round(fat - 0.001, 6)),
        case("a loss first", "2022-01-03", [-0.05, 0.01, 0.02, -0.01, 0.03, 0.002, -0.004]),
        case("two returns", "2022-12-30", [0.02, -0.01]),
    ]
    reference = "empyrical-reloaded {}, scipy {}, numpy {}, pandas {}".format(
        *(version(name) for name in ("empyrical-reloaded", "scipy", "numpy", "pandas"))
    )
    json.dump({"reference": reference, "cases": cases}, sys.stdout, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
