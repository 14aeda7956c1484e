"""Writes ../fixtures/barriers.json: triple-barrier labels of real bars as trades of backtesting.py.

    make reference-drift ONLY=barriers.py WRITE=1

At each bar a share is ordered, to be bought at the next open, with a stop and a limit at the barriers; what is still held
after the horizon is sold at the open that follows. How it was sold is the label: -1 by the stop, 1 by the limit, 0 by time.
What a bar reaches, and that the stop goes first where it reaches both, is backtesting.py's. It refuses an order whose stop
and limit do not lie around the last close: such a bar has no label here. The bars are read again by the test, from the same
files.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

BARS = Path(__file__).resolve().parents[4] / "config/samples/data/us-large-caps/bars"
TICKERS, ROWS, VOLATILITY_BARS = ["AAPL", "IBM"], 400, 21
CASES = [(1, 1.0, 1.0), (5, 1.0, 1.5), (10, 2.0, 1.5), (21, 3.0, 3.0)]


def history(ticker):
    bars = pd.read_csv(BARS / f"{ticker}.csv", parse_dates=["date"], index_col="date").tail(ROWS)
    bars.columns = [name.capitalize() for name in bars.columns]
    return bars


def labels(bars, horizon, profit_taking, stop_loss):
    """Row, label and the row that it ends at."""
    volatility = np.log(bars.Close).diff().rolling(VOLATILITY_BARS).std()
    entry = bars.Open.shift(-1)
    upper = (entry * (1 + profit_taking * volatility)).to_numpy()
    lower = (entry * (1 - stop_loss * volatility)).to_numpy()

    class Barriers(Strategy):
        def init(self):
            pass

        def next(self):
            row = len(self.data) - 1
            for trade in self.trades:
                if row == trade.tag + horizon:
                    trade.close()
            # A label whose time limit passes the last bar is none.
            if not np.isnan(upper[row]) and row + 1 + horizon < len(bars):
                try:
                    self.buy(size=1, sl=lower[row], tp=upper[row], tag=row)
                except ValueError:
                    pass

    run = Backtest(bars, Barriers, cash=1e9, hedging=True, finalize_trades=False).run()
    for trade in run._trades.sort_values("Tag").itertuples():
        row, end = int(trade.Tag), int(trade.ExitBar)
        assert trade.EntryBar == row + 1 and trade.EntryPrice == bars.Open.iloc[row + 1]
        if end == row + 1 + horizon:
            assert trade.ExitPrice == bars.Open.iloc[end]
            yield [row, 0, end]
        else:
            assert end <= row + horizon and not lower[row] < trade.ExitPrice < upper[row]
            yield [row, 1 if trade.ExitPrice >= upper[row] else -1, end]


def main():
    cases = []
    for ticker in TICKERS:
        bars = history(ticker)
        for horizon, profit_taking, stop_loss in CASES:
            cases.append(
                {
                    "ticker": ticker,
                    "horizon": horizon,
                    "profitTaking": profit_taking,
                    "stopLoss": stop_loss,
                    "labels": list(labels(bars, horizon, profit_taking, stop_loss)),
                }
            )
    content = {
        "generatedBy": {package: version(package) for package in ["backtesting", "pandas", "numpy"]},
        "rows": ROWS,
        "cases": cases,
    }
    (Path(sys.argv[1]) / "barriers.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()
