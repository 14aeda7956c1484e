"""Writes execution.json: what backtrader makes of entries at the close, of shorts that are borrowed, of a commission
with a least and a most, and of bars of an hour.

    make reference-drift ONLY=execution.py WRITE=1

The bars are those of made_up.py, on the sessions of exchange_calendars that the tests of the calendar have. Orders, their
prices, cash, interest and equity are backtrader's; the script says what is ordered, sizes as the project does, and says
how a commission is reckoned, for which backtrader asks its user.
"""

import csv
import gzip
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

import backtrader as bt

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
from made_up import SESSIONS, at_weight, bars

CALENDAR = Path(__file__).parents[3] / "calendar/tests/fixtures/xnys.csv.gz"
HOURLY_SESSIONS = 252
RATE, BORROW, STOP = 0.001, 0.05, 0.01


# --- Bars and rules -------------------------------------------------------------------------------------------------


def calendar():
    """Session, open and close of the first sessions from January 2015 on."""
    with gzip.open(CALENDAR, "rt") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        table = [row for row in rows if row["session"] >= "2015-01-05"][:SESSIONS]
    instant = lambda text: datetime.fromisoformat(text.removesuffix("Z"))
    return [(instant(row["session"]), instant(row["open"]), instant(row["close"])) for row in table]


def daily():
    return [session for session, _, _ in calendar()]


def hourly():
    """The starts of hours in UTC in which the exchange is open."""
    starts = []
    for _, opens, closes in calendar()[:HOURLY_SESSIONS]:
        start = opens.replace(minute=0)
        while start < closes:
            starts.append(start)
            start += timedelta(hours=1)
    return starts


def frame(ticker, instants):
    """Rows of an instant, then open, high, low and close in dollars, then the volume."""
    rows = bars(ticker, len(instants))
    return [(at, *(cents / 100 for cents in row[:4]), row[4]) for at, row in zip(instants, rows)]


def average(values, n):
    """None where it is not known yet."""
    return [sum(values[i + 1 - n : i + 1]) / n if i + 1 >= n else None for i in range(len(values))]


def rsi(close, n):
    up = [0.0] + [max(b - a, 0) for a, b in zip(close, close[1:])]
    down = [0.0] + [max(a - b, 0) for a, b in zip(close, close[1:])]
    out, ups, downs = [None] * len(close), sum(up[1 : n + 1]) / n, sum(down[1 : n + 1]) / n
    for i in range(n, len(close)):
        if i > n:
            ups, downs = (ups * (n - 1) + up[i]) / n, (downs * (n - 1) + down[i]) / n
        out[i] = 100 * ups / (ups + downs) if ups + downs else 0
    return out


def reversal(close):
    """Entry, exit, short entry, short exit: pullbacks bought, rallies sold short."""
    return [(s < 20, s > 60, s > 80, s < 40) if s is not None else (False,) * 4 for s in rsi(close, 2)]


def trend(close):
    """On the side of the close from the average of twenty bars."""
    both = zip(close, average(close, 20))
    return [(c > a, c < a, c < a, c > a) if a is not None else (False,) * 4 for c, a in both]


def cross(close):
    """When the average of ten bars crosses that of thirty."""
    rules, before = [], None
    for fast, slow in zip(average(close, 10), average(close, 30)):
        side = None if slow is None else (fast > slow) - (fast < slow)
        up, down = before in (-1, 0) and side == 1, before in (0, 1) and side == -1
        rules.append((up, down, down, up))
        before = side
    return rules


# --- backtrader -----------------------------------------------------------------------------------------------------


class Rows(bt.feed.DataBase):
    params = {"rows": ()}

    def start(self):
        super().start()
        self.left = iter(self.p.rows)

    def _load(self):
        row = next(self.left, None)
        if row is None:
            return False
        self.lines.datetime[0] = bt.date2num(row[0])
        for line, value in zip((self.lines.open, self.lines.high, self.lines.low, self.lines.close, self.lines.volume), row[1:]):
            line[0] = value
        self.lines.openinterest[0] = 0
        return True


class Costs(bt.CommInfoBase):
    """A fraction of the value, or dollars a share with a least and a most; shorts borrowed by its own rule or by ours."""

    params = {"stocklike": True, "commtype": bt.CommInfoBase.COMM_PERC, "percabs": True, "rate": 0.0, "capped": False, "ours": False}

    def _getcommission(self, size, price, pseudoexec):
        return charged(self.p.rate, self.p.capped, abs(size), price)

    def _get_credit_interest(self, data, size, price, days, dt0, dt1):
        if not self.p.ours:
            return super()._get_credit_interest(data, size, price, days, dt0, dt1)
        return days * self.p.interest / 360 * abs(size) * data.close[-1]


def charged(rate, capped, quantity, price):
    value = quantity * price
    return min(max(0.005 * quantity, 1.0), 0.005 * value) if capped and quantity else rate * value


class Traded(bt.Strategy):
    """A part of equity, long and short; exits at the market."""

    params = {"rows": (), "rules": None, "weight": 0.5, "exectype": bt.Order.Market, "stop": None, "charged": None}

    def __init__(self):
        self.fills, self.worth, self.guard = [], [], None
        self.table = self.p.rules([row[4] for row in self.p.rows])
        self.bar_of = {row[0]: bar for bar, row in enumerate(self.p.rows)}

    def notify_order(self, order):
        assert order.status not in (order.Margin, order.Rejected), order
        if order.status == order.Completed:
            e = order.executed
            bar = self.bar_of[bt.num2date(e.dt)]
            self.fills.append([bar, int(e.size), round(e.price, 9), round(e.comm, 9)])
            if self.guard is not None and order.ref == self.guard.ref:
                self.guard = None

    def next(self):
        i = len(self) - 1
        equity, close, held = self.broker.getvalue(), self.data.close[0], self.position.size
        self.worth.append(round(equity, 6))
        entry, leave, short_entry, short_leave = self.table[i]
        leaves = held and (leave if held > 0 else short_leave)
        if leaves:
            self.close()
            if self.guard is not None:
                self.cancel(self.guard)
                self.guard = None
        long, short = entry and not leave, short_entry and not short_leave
        if (held and not leaves) or long == short or i + 1 >= len(self.table):
            return
        size = at_weight(self.p.weight, equity, close, 0, self.p.charged)
        (self.buy if long else self.sell)(size=size, exectype=self.p.exectype)
        if self.p.stop:
            # Beside the entry, not its child: a child begins a bar later.
            away = round(self.p.stop * close, 6)
            price = self.p.rows[i + 1][1] - away if long else self.p.rows[i + 1][1] + away
            self.guard = (self.sell if long else self.buy)(size=size, exectype=bt.Order.Stop, price=price)


def run(name, ticker, rules, rows, cash=100_000, on_close=False, rate=RATE, capped=False, interest=0.0, ours=True, **terms):
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(Rows(rows=rows))
    cost = lambda quantity, price: charged(rate, capped, quantity, price)
    cerebro.addstrategy(Traded, rows=rows, rules=rules, charged=cost, **terms)
    cerebro.broker.setcash(cash)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.set_coc(on_close)
    # What was paid for borrowing is no part of a closing order's commission.
    cerebro.broker.set_int2pnl(False)
    cerebro.broker.addcommissioninfo(Costs(rate=rate, capped=capped, interest=interest, ours=ours))
    (told,) = cerebro.run()
    borrowed = sum(cerebro.broker.d_credit.values())
    return {"name": name, "ticker": ticker, "cash": cash, "fills": told.fills, "equity": told.worth, "borrowed": round(borrowed, 6)}


def main():
    days, hours = daily(), hourly()
    runs = {"at_close": [], "on_close": [], "borrowed": [], "capped": [], "hourly": []}
    for ticker in (3, 6):
        rows = frame(ticker, days)
        runs["at_close"].append(run("market-on-close", ticker, reversal, rows, exectype=bt.Order.Close))
        runs["on_close"].append(run("the same close", ticker, reversal, rows, on_close=True))
        for ours in (True, False):
            name = f"shorts borrowed, by {'the setting' if ours else 'itself'}"
            runs["borrowed"].append(run(name, ticker, trend, rows, rate=0.0, interest=BORROW, ours=ours))
        # The part that counts is a share's, the least of an order, and the most.
        for cash in (100_000, 10_000, 300):
            runs["capped"].append(run("a commission with a least and a most", ticker, trend, rows, cash=cash, capped=True))
        terms = {"interest": BORROW, "stop": STOP}
        runs["hourly"].append(run("bars of an hour", ticker, cross, frame(ticker, hours), **terms))
    content = {"reference": f"backtrader {bt.__version__}", **runs}
    (Path(sys.argv[1]) / "execution.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
