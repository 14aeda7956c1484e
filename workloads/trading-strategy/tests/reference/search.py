"""Writes search.json: a walk-forward search of a moving-average cross in backtesting.py, its ratios by numpy and scipy.

    make reference-drift ONLY=search.py WRITE=1

Its second argument is a folder of daily bars, `bars/TICKER.csv` (date,open,high,low,close,volume) and
`actions/TICKER.csv` (ex_date,kind,value). Of the bars nothing is written: sessions are counted from the first. Prices are adjusted back from the end of the history and rounded to
the millionth of a dollar.

For each window the library is given the bars before the window and nothing else, once for each pair of periods; the
pair whose equity has the highest Sharpe ratio is the window's. The pairs' last equity is that of its `optimize`. One
more run then trades the windows one after the other, each by its own parameters, in one account that begins with the
first window.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from scipy.stats import kurtosis, norm, skew

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
import made_up

warnings.simplefilter("ignore")

FIRST = "2015-06-01"
CASH, FEE, WEIGHT = 100_000.0, 0.001, 0.9
FAST, SLOW = [5, 10, 20, 50], [20, 50, 100]
PAIRS = [(fast, slow) for fast in FAST for slow in SLOW if fast < slow]
FOLDS, TEST = 4, 200
CASES = [("AAPL", None), ("SPY", 250), ("GOOGL", 300)]


def history(folder, ticker):
    """The whole history, adjusted back from its end."""
    data = pd.read_csv(folder / "bars" / f"{ticker}.csv", parse_dates=["date"], index_col="date")
    data.columns = [name.capitalize() for name in data.columns]
    actions = pd.read_csv(folder / "actions" / f"{ticker}.csv", parse_dates=["ex_date"])
    factor = pd.Series(1.0, index=data.index)
    for action in actions.itertuples():
        at = data.index.searchsorted(action.ex_date)
        if 0 < at < len(data):
            before = data.Close.iloc[at - 1]
            factor.iloc[at:] *= action.value if action.kind == "split" else 1 / (1 - action.value / before)
    prices = ["Open", "High", "Low", "Close"]
    data[prices] = data[prices].mul(factor / factor.iloc[-1], axis=0)
    for n in {*FAST, *SLOW}:
        data[f"mean_{n}"] = data.Close.rolling(n).mean()
    data = data[data.index >= FIRST].copy()
    data[prices] = data[prices].round(6)
    return data


def with_a_bar_before(data):
    """The library begins with the second bar: a bar in which nothing happens goes before the first."""
    first = data.iloc[:1].copy()
    first[[name for name in data.columns if name.startswith("mean_")]] = np.nan
    first.index -= pd.Timedelta(days=1)
    return pd.concat([first, data])


def at_weight(equity, price):
    return made_up.at_weight(WEIGHT, equity, price, 0, lambda q, p: FEE * q * p)


class Cross(Strategy):
    fast, slow = 0, 0

    def init(self):
        pass

    def parameters(self):
        return self.fast, self.slow

    def next(self):
        fast, slow = (self.data[f"mean_{n}"][-1] for n in self.parameters())
        if self.position:
            if fast < slow:
                self.position.close()
        elif fast > slow:
            quantity = at_weight(self.equity, self.data.Close[-1])
            if quantity > 0:
                self.buy(size=quantity)


class Switching(Cross):
    """By the parameters of the window that the session lies in; `windows` are (first session, parameters)."""

    windows = ()

    def parameters(self):
        return next(chosen for start, chosen in reversed(self.windows) if self.data.index[-1] >= start)


def returns(stats):
    return stats["_equity_curve"]["Equity"].pct_change().to_numpy()[1:]


def ratio(values):
    """A session."""
    spread = np.std(values, ddof=1)
    return np.mean(values) / spread if spread > 0 else np.nan


def test(data):
    return Backtest(with_a_bar_before(data), Cross, cash=CASH, commission=FEE)


def best(data, train):
    """The pair with the highest annual Sharpe ratio on these bars, the first of equals, and that ratio."""
    scores = {}
    for fast, slow in PAIRS:
        value = ratio(returns(test(data).run(fast=fast, slow=slow))[-(train or len(data)) :])
        scores[fast, slow] = -np.inf if np.isnan(value) else value * np.sqrt(252)
    top = max(scores, key=scores.get)
    return list(top), float(scores[top])


def case(folder, ticker, train):
    data = history(folder, ticker)
    starts = [len(data) - (FOLDS - fold) * TEST for fold in range(FOLDS)]
    folds = []
    for start in starts:
        chosen, value = best(data.iloc[:start], train)
        folds.append({"start": start, "chosen": chosen, "value": value})
    last, value = best(data, train)
    _, optimised = test(data).optimize(
        fast=FAST, slow=SLOW, constraint=lambda p: p.fast < p.slow, maximize="Equity Final [$]", return_heatmap=True
    )  # fmt: skip
    assert len(optimised) == len(PAIRS)
    trials = []
    for fast, slow in PAIRS:
        stats = test(data).run(fast=fast, slow=slow)
        values = returns(stats)
        trials.append({
            "parameters": [fast, slow], "equity": round(float(optimised.loc[fast, slow]), 6),
            "closed": len(stats["_trades"]), "before": float(ratio(values[: starts[0]]) * np.sqrt(252)),
            "tested": float(ratio(values[starts[0] :])),
        })  # fmt: skip
    windows = tuple((data.index[fold["start"]], tuple(fold["chosen"])) for fold in folds)
    tested = data.iloc[starts[0] :]
    run = Backtest(with_a_bar_before(tested), Switching, cash=CASH, commission=FEE)
    # On the bar before the first there is no window: it has no averages either.
    windows = ((windows[0][0] - pd.Timedelta(days=1), windows[0][1]), *windows)
    stats = run.run(windows=windows)
    fills = []
    for trade in stats["_trades"].itertuples():
        fills += [[trade.EntryBar - 1, trade.Size], [trade.ExitBar - 1, -trade.Size]]
    fills += [[trade.entry_bar - 1, trade.size] for trade in stats["_strategy"].trades]
    values, ratios = returns(stats), [trial["tested"] for trial in trials]
    count, spread = len(ratios), np.std(ratios, ddof=1)
    gamma = np.euler_gamma
    chance = spread * (
        (1 - gamma) * norm.ppf(1 - 1 / count) + gamma * norm.ppf(1 - 1 / (count * np.e))
    )
    own = ratio(values)
    variance = 1 - skew(values) * own + (kurtosis(values, fisher=False) - 1) / 4 * own**2
    deflated = norm.cdf((own - chance) * np.sqrt(len(values) - 1) / np.sqrt(variance))
    return {
        "ticker": ticker, "train": train, "folds": folds, "last": {"chosen": last, "value": value},
        "trials": trials, "fills": sorted([int(bar), int(size)] for bar, size in fills),
        "equity": round(float(stats["Equity Final [$]"]), 6), "sharpe": float(own * np.sqrt(252)),
        "chance": float(chance * np.sqrt(252)), "deflated": float(deflated),
    }  # fmt: skip


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    output, folder = map(Path, sys.argv[1:])
    names = ("backtesting", "numpy", "scipy")
    content = {
        "reference": ", ".join(f"{name} {version(name)}" for name in names),
        "first": FIRST, "fast": FAST, "slow": SLOW, "folds": FOLDS, "test": TEST,
        "cases": [case(folder, ticker, train) for ticker, train in CASES],
    }  # fmt: skip
    (output / "search.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
