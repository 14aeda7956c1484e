"""Writes entries.json: what backtrader makes of entries by limit, stop and stop-limit.

    make reference-drift ONLY=entries.py WRITE=1

Its second argument is a folder of real daily bars, `bars/TICKER.csv` (date,open,high,low,close,volume); of these only
the fills are written. The other runs are on the made-up bars of engines.py. The orders, their triggers and their prices are
backtrader's; the script says what is ordered, and cancels what has waited for too long or has an exit rule against it.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import backtrader as bt
import pandas as pd

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
from engines import atr, frame, rsi, sma
from made_up import at_weight

SESSIONS_OF_REAL_BARS = 1500


def real(folder, ticker):
    data = pd.read_csv(folder / "bars" / f"{ticker}.csv", parse_dates=["date"], index_col="date")
    data.columns = [name.capitalize() for name in data.columns]
    return data.iloc[-SESSIONS_OF_REAL_BARS:]


class Entries(bt.Strategy):
    """Long and short, half of equity at the price that the order names; exits at the next open."""

    params = {"rules": None, "kind": None, "distances": None, "bars": 1, "commission": 0.0}

    def __init__(self):
        self.fills, self.worth, self.waiting, self.expired = [], [], None, 0
        self.table = self.p.rules(self.data_frame)

    def notify_order(self, order):
        if order.status == order.Completed:
            e = order.executed
            # The bar of the fill: an order is told of before `next` of the bar that filled it.
            self.fills.append([len(self) - 1, int(e.size), round(e.price, 9), round(e.comm, 9)])
            if self.waiting and order.ref == self.waiting[0].ref:
                self.waiting = None
        assert order.status not in (order.Margin, order.Rejected), order

    def next(self):
        i = len(self) - 1
        row = self.table.iloc[i]
        self.worth.append(round(self.broker.getvalue(), 6))
        if self.waiting:
            order, placed = self.waiting
            is_off = row.exit if order.isbuy() else row.short_exit
            self.expired += i - placed >= self.p.bars
            if is_off or i - placed >= self.p.bars:
                self.cancel(order)
                self.waiting = None
        held = self.position.size
        leaves = held and (row.exit if held > 0 else row.short_exit)
        if leaves:
            self.close()
        long, short = row.entry and not row.exit, row.short_entry and not row.short_exit
        if self.waiting or (held and not leaves) or long == short or i + 1 >= len(self.table):
            return
        sign = 1 if long else -1
        near = {name: sign * round(distance(row), 6) for name, distance in self.p.distances.items()}
        close = row.close
        commission = lambda q, p: self.p.commission * q * p
        # Limits lie below the close for a purchase, stops and the limits behind them above.
        if self.p.kind == "limit":
            price = close - near["limit"]
            terms = {"exectype": bt.Order.Limit, "price": price}
        elif self.p.kind == "stop":
            price = close + near["stop"]
            terms = {"exectype": bt.Order.Stop, "price": price}
        else:
            stop, limit = close + near["stop"], close + near["limit"]
            price = limit if long else max(stop, limit)
            terms = {"exectype": bt.Order.StopLimit, "price": stop, "plimit": limit}
        size = at_weight(0.5, self.broker.getvalue(), price, 0, commission)
        order = (self.buy if long else self.sell)(size=size, **terms)
        self.waiting = (order, i)


def reversal(data):
    """Pullbacks bought, rallies sold short."""
    strength = rsi(data.Close.to_numpy(), 2)
    table = {"entry": strength < 20, "exit": strength > 60, "short_entry": strength > 80, "short_exit": strength < 40}
    return pd.DataFrame(table).assign(close=data.Close.to_numpy(), atr=ranges(data))


def breakout(data):
    """With the trend of twenty bars."""
    close = data.Close.to_numpy()
    average = sma(close, 20)
    table = {"entry": close > average, "exit": close < average, "short_entry": close < average, "short_exit": close > average}
    return pd.DataFrame(table).assign(close=close, atr=ranges(data))


def ranges(data):
    return atr(data.High.to_numpy(), data.Low.to_numpy(), data.Close.to_numpy(), 14)


def percent(fraction):
    return lambda row: fraction * row.close


def of_atr(multiple):
    # The true range is known to a micro-dollar.
    return lambda row: multiple * round(row.atr, 6)


RUNS = [
    ("limit, a half per cent", reversal, "limit", {"limit": percent(0.005)}, 1, 0.0),
    ("limit, half an ATR, good for three bars", reversal, "limit", {"limit": of_atr(0.5)}, 3, 0.0),
    ("stop, three quarters of an ATR, good for two bars", breakout, "stop", {"stop": of_atr(0.75)}, 2, 0.001),
    ("stop-limit, from 0.5% to 1%, good for three bars", breakout, "stop-limit", {"stop": percent(0.005), "limit": percent(0.01)}, 3, 0.0),
]


def run(name, data, source, rules, kind, distances, bars, rate):
    # What is not known yet says nothing.
    table = lambda frame: rules(frame).assign(**{
        rule: lambda t, rule=rule: t[rule] & t.atr.notna() for rule in ("entry", "short_entry")
    })
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=data))
    Entries.data_frame = data
    cerebro.addstrategy(Entries, rules=table, kind=kind, distances=distances, bars=bars, commission=rate)
    cerebro.broker.setcash(100_000)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.setcommission(commission=rate)
    if kind == "stop":
        cerebro.broker.set_slippage_perc(0.0005, slip_open=True, slip_match=True, slip_out=True)
    (told,) = cerebro.run()
    return {"name": name, "source": source, "first": str(data.index[0].date()), "expired": int(told.expired), "fills": told.fills, "equity": told.worth[-1]}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    output, folder = map(Path, sys.argv[1:])
    sources = [(f"T{ticker}", frame(ticker)) for ticker in (3, 6)]
    # Neither paid a dividend nor split its shares in these years.
    sources += [(ticker, real(folder, ticker)) for ticker in ("GOOGL", "FB")]
    runs = [[run(name, data, source, *terms) for source, data in sources] for name, *terms in RUNS]
    content = {"reference": f"backtrader {version('backtrader')}", "runs": runs}
    (output / "entries.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
