"""Writes trades.json: what vectorbt's trade records say of the trades of two strategies.

    make reference-drift ONLY=trades.py WRITE=1

The bars are those of made_up.py, the rules those of execution.py. vectorbt decides and fills on one close, long and short,
with a fee; it pairs the orders to trades, and all that is said of them is its own. The script sizes as the project does:
half of equity, in whole shares.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
from execution import RATE, daily, frame, reversal, trend

CASH, WEIGHT = 100_000.0, 0.5
ENTRY, LEAVE, SHORT_ENTRY, SHORT_LEAVE = range(4)


@njit
def one_order(c, rules, fee, weight):
    """The change to the position that the rules want at a close; what turns from long to short is one order."""
    held, price, row = c.position_now, c.close[c.i, c.col], rules[c.i]
    leaves = (held > 0 and row[LEAVE]) or (held < 0 and row[SHORT_LEAVE])
    long, short = row[ENTRY] and not row[LEAVE], row[SHORT_ENTRY] and not row[SHORT_LEAVE]
    target = 0.0 if leaves else held
    if (held == 0 or leaves) and long != short:
        equity = c.cash_now + held * price
        quantity = np.floor(weight * equity / price)
        while weight * (equity - fee * quantity * price) / price < quantity:
            quantity -= 1
        target = quantity if long else -quantity
    return vbt.portfolio.nb.order_nb(size=target - held, price=price, fees=fee)


def run(name, rules, ticker):
    rows = frame(ticker, daily())
    close = pd.Series([row[4] for row in rows], index=[row[0] for row in rows])
    told = np.array(rules(close.tolist()), dtype=np.bool_)
    portfolio = vbt.Portfolio.from_order_func(close, one_order, told, RATE, WEIGHT, init_cash=CASH, freq="1D")
    trades = portfolio.trades.closed
    columns = ("entry_idx", "exit_idx", "direction", "size", "entry_price", "exit_price", "entry_fees", "exit_fees", "pnl", "return")
    records = [
        [int(entry), int(leave), int(-size if short else size), float(bought), float(sold), float(before + after), float(profit), float(gain)]
        for entry, leave, short, size, bought, sold, before, after, profit, gain in zip(*(trades.values[name] for name in columns))
    ]  # fmt: skip
    statistics = {
        "trades": trades.count(),
        "winRate": trades.win_rate(),
        "profitFactor": trades.profit_factor(),
        "averageTrade": trades.expectancy(),
        "medianTrade": trades.pnl.median(),
        "averageTradeReturn": trades.returns.mean(),
        "averageGain": trades.winning.pnl.mean(),
        "averageLoss": trades.losing.pnl.mean(),
        "bestTrade": trades.pnl.max(),
        "worstTrade": trades.pnl.min(),
        "systemQuality": trades.sqn(),
        "longestGains": trades.winning_streak.max(),
        "longestLosses": trades.losing_streak.max(),
        "averageHolding": trades.duration.mean(),
        "longTrades": trades.long.count(),
        "longWinRate": trades.long.win_rate(),
        "longProfit": trades.long.pnl.sum(),
        "shortTrades": trades.short.count(),
        "shortWinRate": trades.short.win_rate(),
        "shortProfit": trades.short.pnl.sum(),
    }
    return {
        "name": name,
        "ticker": ticker,
        "trades": records,
        "statistics": {key: float(value) for key, value in statistics.items()},
        "equity": float(portfolio.value().iloc[-1]),
    }


def main():
    runs = [run(rules.__name__, rules, ticker) for rules in (reversal, trend) for ticker in (3, 5, 6)]
    content = {"reference": f"vectorbt {version('vectorbt')}", "runs": runs}
    (Path(sys.argv[1]) / "trades.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
