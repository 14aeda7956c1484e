"""Writes blotter.json: where zipline's blotter fills an order elsewhere than the project does, and what makes it fill there.

    make reference-drift ONLY=blotter.py WRITE=1

A few bars each, made for the difference. At a close of 100, when nothing is held and no order is open, 90% of equity are
bought; a fortieth of a bar's volume may be taken. Of each fill its bar, signed size and price: as the blotter does it by
itself, and by the setting. Which orders fill, how much of them and at which price is the blotter's and its slippage's.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from zipline.assets import Equity, ExchangeInfo
from zipline.finance.blotter import SimulationBlotter
from zipline.finance.commission import NoCommission
from zipline.finance.execution import MarketOrder
from zipline.finance.slippage import VolumeShareSlippage

CASH, WEIGHT, SHARE = 100_000, 0.9, 0.025
ASSET = Equity(1, ExchangeInfo("NYSE", "NYSE", "US"), symbol="A")
SETTING = "the open in the place of the close, and open orders cancelled at each bar"


class Bar:
    """What the blotter asks of a bar; by the setting the open is what it takes for the close."""

    def __init__(self, dt, bar, is_set):
        self.current_dt = dt
        self.values = {"close": bar[0] if is_set else bar[3], "volume": bar[4]}

    def current(self, asset, field):
        return self.values[field]


def fills(bars, is_set):
    slippage = VolumeShareSlippage(volume_limit=SHARE, price_impact=0.0)
    blotter = SimulationBlotter(equity_slippage=slippage, equity_commission=NoCommission())
    days, held, told = pd.bdate_range("2015-01-05", periods=len(bars)), 0, []
    for place, (day, bar) in enumerate(zip(days, bars)):
        blotter.set_date(day)
        transactions, _, closed = blotter.get_transactions(Bar(day, bar, is_set))
        blotter.prune_orders(closed)
        for transaction in transactions:
            held += transaction.amount
            told.append([place, int(transaction.amount), float(transaction.price)])
        if is_set:
            blotter.cancel_all_orders_for_asset(ASSET)
        if bar[3] == 100 and not held and not blotter.open_orders.get(ASSET):
            blotter.order(ASSET, int(WEIGHT * CASH / bar[3]), MarketOrder())
    return told


VOLUME = 1_000_000
# What may be ordered is a share of the average volume, which is known after twenty-one bars.
BEFORE = [[90, 90, 90, 90, VOLUME]] * 24 + [[90, 100, 90, 100, VOLUME]]
CASES = [
    ("a day's fill price", [[101, 103, 100, 102, VOLUME], [103, 105, 102, 104, VOLUME]]),
    (
        "what a bar's volume leaves of an order",
        [[101, 103, 100, 102, 10_000], [103, 105, 102, 104, 10_000], [104, 106, 103, 105, VOLUME]],
    ),
    ("a bar without volume", [[100, 100, 100, 100, 0], [102, 103, 101, 103, VOLUME], [104, 108, 103, 105, VOLUME]]),
]


def main():
    cases = [
        {
            "name": name,
            "engine": "zipline",
            "setting": SETTING,
            "bars": BEFORE + bars,
            "by_itself": fills(BEFORE + bars, False),
            "by_the_setting": fills(BEFORE + bars, True),
        }
        for name, bars in CASES
    ]
    content = {"reference": f"zipline-reloaded {version('zipline-reloaded')}", "cases": cases}
    (Path(sys.argv[1]) / "blotter.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
