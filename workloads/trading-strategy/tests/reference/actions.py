"""Writes actions.json: what zipline's own account makes of splits and cash dividends on what is held, long and short.

    make reference-drift ONLY=actions.py WRITE=1

Its second argument is a folder of real daily bars, `bars/TICKER.csv` (date,open,high,low,close,volume) and
`actions/TICKER.csv` (ex_date,kind,value); of these only fills and sums are written. The other bars are those of
made_up.py, as they would have been traded: divided by the splits up to them, in whole cents.

Cash, shares, prices and equity are the Ledger's, and waiting orders are rescaled by Order. A session goes as in
zipline's simulation: dividends whose ex-date it is, those that are paid on it, splits of open orders, splits of
positions, fills, the close. The script says on which side of the market to be, and sizes as the project does: two
fifths of equity at the close, in whole shares. A dividend is given with its pay date, a split as new shares for old ones.
"""

import json
import sys
from collections import namedtuple
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from zipline.assets import Equity, ExchangeInfo
from zipline.finance.ledger import Ledger
from zipline.finance.order import Order
from zipline.finance.transaction import Transaction

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
from engines import sessions
from made_up import at_weight, bars

CASH, WEIGHT = 100_000.0, 0.4
ASSET = Equity(1, ExchangeInfo("NYSE", "NYSE", "US"), symbol="A")
Dividend = namedtuple("Dividend", ["asset", "amount", "pay_date"])

PAID = "a dividend's pay date is its ex-date"
CLOSE = "update_position with the last close as cost_basis before the split"
SHORT = f"{CLOSE}; of a short the share that was rounded up is bought back at that price"


class Account:
    """The account with what it is asked for at each session: by itself, or by the settings."""

    def __init__(self, days, closes, actions, is_set):
        self.days, self.closes, self.is_set = days, closes, is_set
        self.ledger = Ledger(days, CASH, "daily")
        self.splits, self.dividends = {}, {}
        for bar, kind, value, paid in actions:
            if kind == "split":
                self.splits.setdefault(bar, []).append(value[1] / value[0])
            else:
                day = days[bar if is_set else paid]
                self.dividends.setdefault(days[bar], []).append(Dividend(ASSET, value, day))
        self.orders = []

    @property
    def held(self):
        position = self.ledger.position_tracker.positions.get(ASSET)
        return int(position.amount) if position is not None else 0

    @property
    def equity(self):
        return float(self.ledger.portfolio.portfolio_value)

    # The part of an adjustment reader that the ledger asks.
    def get_dividends_with_ex_date(self, sids, day, finder):
        return self.dividends.get(day, []) if ASSET in sids else []

    def get_stock_dividends_with_ex_date(self, sids, day, finder):
        return []

    # The part of a data portal that it asks.
    def get_scalar_asset_spot_value(self, asset, field, dt, data_frequency):
        return self.closes[self.days.get_loc(dt)]

    def trade(self, amount, price, day):
        self.ledger.process_transaction(Transaction(ASSET, amount, day, price, None))

    def split(self, bar, ratio):
        for order in self.orders:
            order.handle_split(ratio)
        before, close = self.held, self.closes[bar - 1]
        if before and self.is_set:
            self.ledger.position_tracker.update_position(ASSET, cost_basis=close)
        self.ledger.process_splits([(ASSET, ratio)])
        # Shares are rounded toward less: a short that has a part of a share left is a whole one larger.
        beyond = int(before / ratio) - self.held
        if beyond and self.is_set:
            self.trade(beyond, close * ratio, self.days[bar])

    def open(self, bar, price):
        day = self.days[bar]
        self.ledger.start_of_session(day)
        self.ledger.process_dividends(day, None, self)
        for ratio in self.splits.get(bar, []):
            self.split(bar, ratio)
        fills = []
        for order in self.orders:
            if order.amount:
                self.trade(order.amount, price, day)
                fills.append([bar, order.amount])
        self.orders = []
        return fills

    def close(self, bar):
        self.ledger.sync_last_sale_prices(self.days[bar], self)
        self.ledger.end_of_session(bar)

    def order(self, bar, amount):
        self.orders.append(Order(self.days[bar], ASSET, amount))


def run(days, prices, side_at, actions, is_set):
    """Fills as bar and signed size; of each bar the shares that are held, cash and equity."""
    opens, closes = prices
    account = Account(days, closes, actions, is_set)
    fills, points = [], []
    for bar in range(len(days)):
        fills += account.open(bar, opens[bar])
        account.close(bar)
        held, side = account.held, side_at[bar]
        leaves = held * side <= 0
        if held and leaves:
            account.order(bar, -held)
        if side and leaves:
            account.order(bar, side * at_weight(WEIGHT, account.equity, closes[bar], 0, lambda q, p: 0))
        cash = float(account.ledger.portfolio.cash)
        points.append([held, round(cash, 6), round(account.equity, 6)])
    return fills, points


def expanded(changes, count):
    """The side at each bar from the bars at which it changes."""
    sides, side = [], 0
    for bar in range(count):
        side = changes.get(bar, side)
        sides.append(side)
    return sides


def as_traded(ticker, actions):
    """Opens and closes in dollars."""
    opens, closes, old, new = [], [], 1, 1
    splits = {}
    for bar, kind, value, _ in actions:
        if kind == "split":
            splits.setdefault(bar, []).append(value)
    for bar, (open_, _, _, close, _) in enumerate(bars(ticker)):
        for numerator, denominator in splits.get(bar, []):
            new, old = new * numerator, old * denominator
        opens.append(open_ * old // new / 100)
        closes.append(close * old // new / 100)
    return opens, closes


def dividend(bar, amount, later=0):
    return [bar, "dividend", amount, bar + later]


def split(bar, numerator, denominator=1):
    return [bar, "split", [numerator, denominator], bar]


THERE_AND_BACK = {10: 1, 200: 0, 220: -1, 400: 0}
MADE_UP = [
    (
        "whole shares, paid on the ex-date",
        None,
        9,
        {10: 1, 200: 0, 220: -1, 400: 0, 420: 1, 560: -1, 700: 0},
        # Bought and sold on an ex-date, split and paid on one, split while an exit, an entry and both of them wait.
        [
            dividend(11, 0.31), dividend(50, 0.25), split(90, 2), split(140, 3), dividend(140, 0.37),
            dividend(201, 0.18), split(221, 2), dividend(260, 0.4), split(300, 3), dividend(330, 0.123456),
            dividend(401, 0.07), split(401, 2), dividend(480, 0.02), split(561, 2), dividend(561, 0.03),
            dividend(650, 0.01), dividend(730, 0.05),
        ],
    ),
    (
        "paid ten sessions after the ex-date",
        PAID,
        9,
        THERE_AND_BACK,
        # One is paid when nothing is held any more.
        [dividend(50, 0.25, 10), dividend(120, 1.5, 10), dividend(195, 0.5, 10), dividend(260, 0.4, 10), dividend(396, 0.9, 10)],
    ),
    (
        "a part of a share is left of a long position",
        CLOSE,
        4,
        {10: 1, 300: 0},
        [split(60, 3, 2), dividend(80, 0.11), split(120, 1, 20), dividend(150, 3.25), split(180, 3, 2)],
    ),
    (
        "a part of a share is left of a short position",
        SHORT,
        4,
        {10: -1, 300: 0},
        [split(60, 3, 2), dividend(80, 0.11), split(120, 1, 20), dividend(150, 3.25), split(180, 3, 2)],
    ),
]  # fmt: skip

# Long, short and flat in turns over all there is. AAPL was split by whole numbers, AIG was not.
TURNS = [1] * 120 + [-1] * 60 + [0] * 20
REAL = [("AAPL", None), ("AIG", SHORT)]


def real(folder, ticker):
    data = pd.read_csv(folder / "bars" / f"{ticker}.csv", parse_dates=["date"], index_col="date")
    table = pd.read_csv(folder / "actions" / f"{ticker}.csv", parse_dates=["ex_date"])
    actions = []
    for action in table.itertuples():
        bar = int(data.index.searchsorted(action.ex_date))
        if 0 < bar < len(data):
            value = [action.value, 1] if action.kind == "split" else action.value
            actions.append([bar, action.kind, value, bar])
    return data.index, (data.open.tolist(), data.close.tolist()), actions


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    output, folder = map(Path, sys.argv[1:])
    days, cases = sessions(), []
    for name, setting, ticker, changes, actions in MADE_UP:
        prices, sides = as_traded(ticker, actions), expanded(changes, len(days))
        told = [run(days, prices, sides, actions, is_set)[1] for is_set in (False, True)]
        cases.append({
            "name": name, "setting": setting, "ticker": ticker, "sides": sorted(changes.items()),
            "splits": [[bar, *value] for bar, kind, value, _ in actions if kind == "split"],
            "dividends": [[bar, value] for bar, kind, value, _ in actions if kind == "dividend"],
            "by_itself": told[0], "by_the_setting": told[1],
        })  # fmt: skip
    on_real_bars = []
    for ticker, setting in REAL:
        index, prices, actions = real(folder, ticker)
        sides = [TURNS[bar % len(TURNS)] for bar in range(len(index))]
        fills, points = run(index, prices, sides, actions, setting is not None)
        on_real_bars.append({"ticker": ticker, "setting": setting, "turns": TURNS, "fills": fills, "equity": points[-1][2]})
    reference = f"zipline-reloaded {version('zipline-reloaded')}"
    content = {"reference": reference, "cases": cases, "real": on_real_bars}
    (output / "actions.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
