"""Writes weights.json: what vectorbt, bt and backtrader make of tables of target weights.

    make reference-drift ONLY=weights.py WRITE=1

It runs with `-P`, because statistics.py beside this script is not the standard library's. The bars are those of engines.py; each
table's rows are in the result. A row counts from the bar at whose close it is known; where it is `late` it became known
a moment after that close, so from the next bar on. A row without a weight says that it is not known any more.

vectorbt and bt size by themselves, in parts of shares, and fill at the close that they decide on. backtrader trades
whole shares at the next open and pays a fee; its sizes are the project's.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

import bt
import numpy as np
import pandas as pd
import vectorbt as vbt

import engines
from engines import Recorded, frame
from made_up import SESSIONS, TICKERS, Numbers, at_weight

warnings.simplefilter("ignore")

CASH, FEE = 100_000.0, 0.001


def table(seed, tickers, every, most, shorts=False, nulls=False):
    """Rows of ticker, bar, late, weight: new ones about every so many bars, in hundredths, at most so much in all."""
    n, rows = Numbers(seed), []
    for bar in range(5, SESSIONS):
        if n.below(every):
            continue
        for ticker in tickers:
            kind, weight, late = n.below(6), n.below(1 + most // len(tickers)), n.below(4) == 0
            if kind == 0:
                weight = 0
            elif kind == 1 and shorts:
                weight = -weight
            rows.append([TICKERS[ticker], bar, late, None if kind == 2 and nulls else weight / 100])
    return rows


def as_known(rows, tickers, index):
    """The weight at each bar's close; not a number before the first row, and where a row says so."""
    known = pd.DataFrame(np.nan, index=index, columns=[TICKERS[ticker] for ticker in tickers])
    for ticker, bar, late, weight in rows:
        known.loc[index[bar + late :], ticker] = np.nan if weight is None else weight
    return known


def at_ends(weights, ends):
    """The weights at each month's last close alone."""
    return weights[ends].reindex(weights.index)


def told(name, engine, rows, tickers, rebalance, selection, fills, equity):
    return {
        "name": name, "engine": engine, "rows": rows, "tickers": [int(ticker) for ticker in tickers],
        "rebalance": rebalance, "selection": selection, "fills": fills,
        "equity": [round(float(value), 4) for value in equity],
    }  # fmt: skip


def closes(tickers):
    return pd.DataFrame({TICKERS[ticker]: frame(ticker).Close for ticker in tickers})


def vectorbt(weights):
    """Shares of equity as orders; no number is no order."""
    prices = closes([TICKERS.index(name) for name in weights])
    run = vbt.Portfolio.from_orders(
        prices, size=weights, size_type="targetpercent", direction="both", group_by=True, cash_sharing=True,
        call_seq="auto", init_cash=CASH, freq="1D",
    )  # fmt: skip
    names = list(weights)
    fills = [
        [int(o.idx), names[o.col], round(float(o.size if o.side == 0 else -o.size), 9)]
        for o in run.orders.records.itertuples()
    ]
    return fills, run.value()


def by_bt(weights):
    """WeighTarget on the dates that the table has; in parts of shares."""
    prices = closes([TICKERS.index(name) for name in weights])
    algos = [bt.algos.WeighTarget(weights), bt.algos.Rebalance()]
    test = bt.Backtest(bt.Strategy("table", algos), prices, initial_capital=CASH, integer_positions=False)
    bt.run(test)
    # It begins with a day before the first.
    held = test.positions.reindex(columns=list(weights), fill_value=0.0).iloc[1:].fillna(0.0)
    traded = held.diff().fillna(held.iloc[0])
    fills = [
        [bar, name, round(float(traded[name].iloc[bar]), 9)]
        for bar in range(len(traded))
        for name in weights
        if abs(traded[name].iloc[bar]) > 1e-9
    ]
    return fills, test.strategy.values.iloc[1:]


class Table(Recorded):
    """The weights at each month's last close, in whole shares at the next open."""

    params = {"weights": None}

    def rebalance(self):
        row, equity = self.p.weights.iloc[len(self) - 1], self.broker.getvalue()
        wanted = {}
        for d in self.datas:
            held, weight = self.getposition(d).size, row[d._name]
            wanted[d] = at_weight(weight, equity, d.close[0], held, lambda q, p: FEE * q * p) if weight > 0 else 0
        for d in sorted(self.datas, key=lambda d: (wanted[d] > self.getposition(d).size, d._name)):
            if wanted[d] != self.getposition(d).size:
                self.order_target_size(d, wanted[d])


def main():
    index = frame(0).index
    ends = np.append(index[1:].month != index[:-1].month, False)
    engines.ENDS = list(ends)
    runs = []
    # Ranked by the weight itself: above 0 it is held long, below it short.
    five, three = range(5), range(3)
    rows = table(1, five, 15, 95)
    weights = as_known(rows, five, index)
    runs.append(told("monthly", "vectorbt", rows, five, "Monthly", "scores", *vectorbt(at_ends(weights, ends))))
    runs.append(told("monthly", "bt", rows, five, "Monthly", "scores", *by_bt(weights[ends].dropna(how="all"))))
    # Before its first row a weight is not a number: not above 0.
    run = engines.backtrader("", Table, five, lambda b: b.setcommission(commission=FEE), weights=weights)
    fills = [fill[:3] for fill in run["fills"]]
    runs.append(told("monthly", "backtrader", rows, five, "Monthly", "scores", fills, run["equity"]))
    rows = table(2, three, 20, 95)
    weights = as_known(rows, three, index)
    runs.append(told("daily", "vectorbt", rows, three, "Daily", "scores", *vectorbt(weights)))
    runs.append(told("daily", "bt", rows, three, "Daily", "scores", *by_bt(weights.dropna(how="all"))))
    rows = table(3, five, 15, 95, shorts=True)
    weights = as_known(rows, five, index)
    runs.append(told("long and short", "vectorbt", rows, five, "Monthly", "scores", *vectorbt(at_ends(weights, ends))))
    # By rules, which an unknown weight makes neither true: what is held stays as it is.
    rows = table(4, three, 20, 60, shorts=True, nulls=True)
    weights = as_known(rows, three, index)
    runs.append(told("unknown at times", "vectorbt", rows, three, "Daily", "rules", *vectorbt(weights)))
    names = ("vectorbt", "bt", "backtrader")
    reference = ", ".join(f"{name} {version(name)}" for name in names)
    (Path(sys.argv[1]) / "weights.json").write_text(json.dumps({"reference": reference, "runs": runs}) + "\n")


if __name__ == "__main__":
    main()
