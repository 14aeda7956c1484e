"""Writes engine.json: what backtesting.py makes of a moving-average cross on made-up bars.

    make reference-drift ONLY=engine.py WRITE=1

Three runs: full cash on the signal's close; half of equity at the next open; full cash with a 5% stop.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

warnings.simplefilter("ignore")


def bars(count=400):
    rng = np.random.default_rng(7)
    close = np.round(50 * np.exp(np.cumsum(rng.normal(0.0004, 0.02, count))), 2)
    gap = rng.normal(0, 0.006, count)
    open_ = np.round(np.concatenate([[50.0], close[:-1]]) * np.exp(gap), 2)
    high = np.round(np.maximum(open_, close) * (1 + rng.uniform(0, 0.01, count)), 2)
    low = np.round(np.minimum(open_, close) * (1 - rng.uniform(0, 0.01, count)), 2)
    index = pd.bdate_range("2015-01-05", periods=count)
    return pd.DataFrame({"Open": open_, "High": high, "Low": low, "Close": close, "Volume": 1_000_000}, index=index)


def sma(values, n):
    return pd.Series(values).rolling(n).mean()


class Cross(Strategy):
    weight = 0.9999
    next_open = False
    stop = 0.0

    def init(self):
        self.fast = self.I(sma, self.data.Close, 10)
        self.slow = self.I(sma, self.data.Close, 30)

    def next(self):
        close = self.data.Close[-1]
        if self.position and crossover(self.slow, self.fast):
            self.position.close()
        elif not self.position and crossover(self.fast, self.slow):
            size = int(self.weight * self.equity / close) if self.next_open else self.weight
            self.buy(size=size, sl=close * (1 - self.stop) if self.stop else None)


def run(data, name, **parameters):
    on_close = not parameters.get("next_open", False)
    result = Backtest(data, Cross, cash=100_000, commission=0, trade_on_close=on_close).run(**parameters)
    trades = result["_trades"]
    return {
        "name": name,
        "weight": str(parameters.get("weight", Cross.weight)),
        "next_open": not on_close,
        "stop": str(parameters["stop"]) if parameters.get("stop") else None,
        "trades": [
            {
                "entry": int(trade.EntryBar),
                "exit": int(trade.ExitBar),
                "size": int(trade.Size),
                "entry_price": float(trade.EntryPrice),
                "exit_price": float(trade.ExitPrice),
                "profit": float(trade.PnL),
            }
            for trade in trades.itertuples()
        ],
        "equity": [float(value) for value in result["_equity_curve"]["Equity"]],
    }


def main():
    data = bars()
    columns = {name.lower(): [float(v) for v in data[name]] for name in ("Open", "High", "Low", "Close")}
    runs = [
        run(data, "full cash on the close"),
        run(data, "half of equity at the next open", weight=0.5, next_open=True),
        run(data, "full cash on the close, stop 5% below", stop=0.05),
    ]
    content = {"reference": f"backtesting {version('backtesting')}", "bars": columns, "runs": runs}
    (Path(sys.argv[1]) / "engine.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
