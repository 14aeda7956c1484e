"""Writes statistics.json: what empyrical-reloaded and scipy say of a few series of daily returns.

    make reference-drift ONLY=statistics.py WRITE=1
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

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


def a_session(rate):
    """What compounds to a rate a year: as omega_ratio does with the one that it is given."""
    return (1 + rate) ** (1 / 252) - 1


def drawdowns(series):
    """Falls from a peak, the deepest first: depth, first and last session below it, as pyfolio tells them apart."""
    wealth = np.concatenate([[1.0], (1 + series).cumprod()])
    under = pd.Series(wealth / np.maximum.accumulate(wealth) - 1)[1:].reset_index(drop=True)
    found = []
    while (under < 0).any() and len(found) < 10:
        valley = int(under.idxmin())
        first, last = valley, valley
        while first > 0 and under[first - 1] < 0:
            first -= 1
        while last + 1 < len(under) and under[last + 1] < 0:
            last += 1
        found.append([float(under[valley]), valley, first, last])
        under[first : last + 1] = 0.0
    return found


def against(series, market, risk_free):
    both = (series, market)
    return {
        "alpha": value(empyrical.alpha(*both, risk_free=risk_free)),
        "beta": value(empyrical.beta(*both)),
        # empyrical's is a period's.
        "informationRatio": value(empyrical.excess_sharpe(*both) * np.sqrt(252)),
        "trackingError": value(empyrical.annual_volatility(series - market)),
        "upCapture": value(empyrical.up_capture(*both)) if (market > 0).any() else None,
        "downCapture": value(empyrical.down_capture(*both)) if (market < 0).any() else None,
        "correlation": value(np.corrcoef(*both)[0, 1]),
        "benchmarkReturn": value(empyrical.cum_returns_final(market)),
        "benchmarkCagr": value(empyrical.cagr(market)),
        "benchmarkVolatility": value(empyrical.annual_volatility(market)),
    }


def case(name, start, returns, rng, risk_free_rate=0.0, minimum_acceptable_return=0.0):
    risk_free, least = a_session(risk_free_rate), a_session(minimum_acceptable_return)
    series = pd.Series(returns, index=pd.bdate_range(start, periods=len(returns)))
    market = (series * 0.6 + rng.normal(0.0003, 0.009, len(series))).round(6)
    drawdown = empyrical.max_drawdown(series)
    return {
        "name": name,
        "start": start,
        "riskFreeRate": risk_free_rate,
        "minimumAcceptableReturn": minimum_acceptable_return,
        "returns": [float(r) for r in returns],
        "expected": {
            "totalReturn": value(empyrical.cum_returns_final(series)),
            "cagr": value(empyrical.cagr(series)),
            "volatility": value(empyrical.annual_volatility(series)),
            "sharpe": value(empyrical.sharpe_ratio(series, risk_free=risk_free)),
            "sortino": value(empyrical.sortino_ratio(series, required_return=least)),
            "maxDrawdown": value(drawdown),
            "calmar": value(empyrical.calmar_ratio(series)),
            "probabilisticSharpe": value(probabilistic_sharpe(series.to_numpy() - risk_free)),
            "skewness": value(stats.skew(series, bias=False)) if len(series) > 2 else None,
            "kurtosis": value(stats.kurtosis(series, bias=False)) if len(series) > 3 else None,
            "tailRatio": value(empyrical.tail_ratio(series)),
            "valueAtRisk": value(empyrical.value_at_risk(series)),
            "conditionalValueAtRisk": value(empyrical.conditional_value_at_risk(series)),
            # It takes the return of a year, and makes a session's of it.
            "omega": value(empyrical.omega_ratio(series, required_return=minimum_acceptable_return)),
            "stability": value(empyrical.stability_of_timeseries(series)),
        },
        "market": [float(r) for r in market],
        "against": against(series, market, risk_free),
        "rolling": [
            [float(sharpe), float(beta)]
            for sharpe, beta in zip(
                empyrical.roll_sharpe_ratio(series, window=126, risk_free=risk_free),
                empyrical.roll_beta(series, market, window=126),
            )
        ]
        if len(series) >= 126
        else [],
        "drawdowns": drawdowns(series),
        "years": [
            [
                float(empyrical.annual_volatility(part)),
                value(empyrical.sharpe_ratio(part, risk_free=risk_free)),
                float(empyrical.max_drawdown(part)),
            ]
            for _, part in series.groupby(series.index.year)
            if len(part) > 1
        ],
        "monthly": [float(r) for r in empyrical.aggregate_returns(series, "monthly")],
        "yearly": [float(r) for r in empyrical.aggregate_returns(series, "yearly")],
    }


def main():
    rng = np.random.default_rng(20240229)
    idle = rng.normal(0.0004, 0.011, 90)
    idle[20:60] = 0.0
    fat = rng.standard_t(3, 120) * 0.008
    drift = np.round(rng.normal(0.0008, 0.012, 130), 6)
    other = np.random.default_rng(7)
    cases = [
        case("a drift", "2019-11-04", drift, other),
        case("idle for two months", "2020-02-03", np.round(idle, 6), other),
        case("fat tails, falling", "2021-06-01", np.round(fat - 0.001, 6), other),
        case("a loss first", "2022-01-03", [-0.05, 0.01, 0.02, -0.01, 0.03, 0.002, -0.004], other),
        case("two returns", "2022-12-30", [0.02, -0.01], other),
        case("a drift against rates", "2019-11-04", drift, other, 0.03, 0.08),
        case("fat tails against a risk-free rate", "2021-06-01", np.round(fat - 0.001, 6), other, 0.0525),
        case("idle days against a least return", "2020-02-03", np.round(idle, 6), other, 0.0, 0.05),
    ]
    reference = "empyrical-reloaded {}, scipy {}, numpy {}, pandas {}".format(
        *(version(name) for name in ("empyrical-reloaded", "scipy", "numpy", "pandas"))
    )
    content = {"reference": reference, "cases": cases}
    (Path(sys.argv[1]) / "statistics.json").write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
