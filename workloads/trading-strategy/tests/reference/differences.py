"""Writes differences.json: where backtesting.py and backtrader fill an order elsewhere than the project does, and what
makes them fill it there.

    make reference-drift ONLY=differences.py WRITE=1

A few bars each, made for the difference. Bought is at the open after a close of 100; the stop lies 5 below the fill,
the profit 5 above. Of each fill its bar, signed size and price: as the engine does it by itself, and by the setting.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import backtrader as bt
import pandas as pd
from backtesting import Backtest, Strategy

warnings.simplefilter("ignore")

SIZE, DISTANCE = 900, 5


def frame(bars):
    index = pd.bdate_range("2015-01-05", periods=len(bars))
    return pd.DataFrame(bars, index=index, columns=["Open", "High", "Low", "Close", "Volume"], dtype=float)


# --- backtesting.py -------------------------------------------------------------------------------------------------


class Bracket(Strategy):
    """Stop and profit are prices that an order has before its fill is known, so the script reads the next open from the
    data. With `peek` it takes the stop away for a bar whose open lies beyond the profit. The engine asks a strategy
    from the second bar on, so the bars begin with one more."""

    peek = False
    opens = None

    def init(self):
        pass

    def next(self):
        i = len(self.data) - 1
        if i + 1 == len(self.opens):
            return
        if i == 1:
            price = self.opens[i + 1]
            self.buy(size=SIZE, sl=price - DISTANCE, tp=price + DISTANCE)
        for trade in self.trades:
            if self.peek and self.opens[i + 1] >= trade.tp:
                trade.sl = None


def backtesting(bars, peek):
    data = frame([bars[0], *bars])
    result = Backtest(data, Bracket, cash=100_000).run(peek=peek, opens=data["Open"].tolist())
    trades = result["_trades"].itertuples()
    fills = [fill for t in trades for fill in ([t.EntryBar, t.Size, t.EntryPrice], [t.ExitBar, -t.Size, t.ExitPrice])]
    return [[int(bar) - 1, int(size), float(price)] for bar, size, price in fills]


# --- backtrader -----------------------------------------------------------------------------------------------------


class Beside(bt.Strategy):
    """Stop and profit as children of the purchase, or beside it: then each is off when the other fills."""

    params = {"opens": None, "beside": False}

    def __init__(self):
        self.fills = []

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills.append([len(self) - 1, int(order.executed.size), float(order.executed.price)])

    def next(self):
        i = len(self) - 1
        if i > 0:
            return
        price = self.p.opens[i + 1]
        stop, profit = price - DISTANCE, price + DISTANCE
        if self.p.beside:
            self.buy(size=SIZE)
            guard = self.sell(size=SIZE, exectype=bt.Order.Stop, price=stop)
            self.sell(size=SIZE, exectype=bt.Order.Limit, price=profit, oco=guard)
        else:
            self.buy_bracket(size=SIZE, exectype=bt.Order.Market, stopprice=stop, limitprice=profit)


def backtrader(bars, beside):
    data = frame(bars)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=data))
    cerebro.addstrategy(Beside, opens=data["Open"].tolist(), beside=beside)
    cerebro.broker.setcash(100_000)
    (run,) = cerebro.run()
    return run.fills


# --- What differs ---------------------------------------------------------------------------------------------------


def traded(engine):
    """The engine over all bars, or over those with a volume; a bar keeps its place."""

    def run(bars, drop):
        kept = [place for place, bar in enumerate(bars) if bar[4] > 0 or not drop]
        return [[kept[bar], size, price] for bar, size, price in engine([bars[place] for place in kept], False)]

    run.__name__ = engine.__name__
    return run


VOLUME = 1_000_000
FIRST = [100, 101, 99, 100, VOLUME]
HALTED = [FIRST, [100, 100, 100, 100, 0], [102, 103, 101, 102, VOLUME], [104, 108, 103, 105, VOLUME]]
CASES = [
    (
        "an open beyond the profit, then a low at the stop",
        backtesting,
        "the stop taken away where the next open lies beyond the profit",
        [FIRST, [100, 102, 98, 101, VOLUME], [107, 108, 94, 96, VOLUME], [96, 97, 95.5, 96, VOLUME]],
    ),
    (
        "the stop in the bar of the entry",
        backtrader,
        "stop and profit beside the purchase, each off when the other fills",
        [FIRST, [100, 101, 94, 96, VOLUME], [96, 97, 94.5, 96, VOLUME], [96, 97, 95.5, 96, VOLUME]],
    ),
    (
        "the profit in the bar of the entry",
        backtrader,
        "stop and profit beside the purchase, each off when the other fills",
        [FIRST, [100, 106, 99, 103, VOLUME], [103, 105.5, 102, 104, VOLUME], [104, 104.5, 103, 104, VOLUME]],
    ),
    ("a bar without volume", traded(backtesting), "bars without volume left out", HALTED),
    ("a bar without volume", traded(backtrader), "bars without volume left out", HALTED),
]


def main():
    cases = [
        {
            "name": name,
            "engine": engine.__name__,
            "setting": setting,
            "bars": bars,
            "by_itself": engine(bars, False),
            "by_the_setting": engine(bars, True),
        }
        for name, engine, setting, bars in CASES
    ]
    reference = ", ".join(f"{name} {version(name)}" for name in ("backtesting", "backtrader"))
    written = json.dumps({"reference": reference, "cases": cases}, indent=1) + "\n"
    (Path(sys.argv[1]) / "differences.json").write_text(written)


if __name__ == "__main__":
    main()
