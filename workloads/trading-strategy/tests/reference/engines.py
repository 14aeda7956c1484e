"""Writes engines.json: what backtesting.py, backtrader and zipline make of a few strategies on made-up bars.

    make reference-drift ONLY=engines.py WRITE=1

The bars are those of made_up.py. Each strategy is written in the words of its engine. Where an engine leaves a choice,
the script takes the project's and says so; prices, fills, costs and equity are the engine's.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import backtrader as bt
import exchange_calendars as xcals
import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
from made_up import SESSIONS, TICKERS, Numbers, at_weight, bars

warnings.simplefilter("ignore")


def sessions():
    return xcals.get_calendar("XNYS", start="2014-01-01", end="2020-01-01").sessions_in_range("2015-01-05", "2019-12-31")[:SESSIONS]


def frame(ticker):
    data = np.array(bars(ticker), dtype=float)
    data[:, :4] /= 100
    return pd.DataFrame(data, index=sessions(), columns=["Open", "High", "Low", "Close", "Volume"])


def sma(values, n):
    return pd.Series(values).rolling(n).mean().to_numpy()


def wilder(values, n, first):
    """Wilder's average, seeded with the mean of the n values that end at `first`."""
    out = np.full(len(values), np.nan)
    out[first] = np.mean(values[first - n + 1 : first + 1])
    for i in range(first + 1, len(values)):
        out[i] = (out[i - 1] * (n - 1) + values[i]) / n
    return out


def rsi(close, n):
    change = np.diff(close, prepend=close[0])
    up, down = wilder(np.maximum(change, 0), n, n), wilder(np.maximum(-change, 0), n, n)
    return np.where(up + down == 0, 0, 100 * up / np.where(up + down == 0, 1, up + down))


def atr(high, low, close, n):
    before = np.roll(close, 1)
    ranges = np.maximum(high, before) - np.minimum(low, before)
    return wilder(ranges, n, n)


# --- backtesting.py -------------------------------------------------------------------------------------------------


class Reversal(Strategy):
    """RSI(2) pullbacks above a slow average, with a stop, a profit to take and a longest time to hold.

    The stop and the take-profit price lie at distances that the signal's close fixes, from the fill. An order has to
    name them before its fill is known, so the script reads the next open from the data.
    """

    def init(self):
        self.rsi = self.I(rsi, self.data.Close, 2)
        self.slow = self.I(sma, self.data.Close, 50)

    def next(self):
        i, close = len(self.data) - 1, self.data.Close[-1]
        if self.position:
            held = i - self.trades[0].entry_bar + 1
            if self.rsi[-1] > 60 or held >= 6:
                self.position.close()
        elif self.rsi[-1] < 15 and close > self.slow[-1] and i + 1 < SESSIONS:
            size = int(0.02 * self.equity / (0.02 * close))
            size = min(size, int(0.9 * self.equity / close))
            price = OPENS[i + 1]
            self.buy(size=size, sl=price - 0.02 * close, tp=price + 0.03 * close)


class Trailing(Strategy):
    """A moving-average cross, long and short, sized by risk, with an ATR stop that follows the high (the low)."""

    def init(self):
        self.fast = self.I(sma, self.data.Close, 10)
        self.slow = self.I(sma, self.data.Close, 30)
        self.atr = self.I(atr, self.data.High, self.data.Low, self.data.Close, 14)
        self.distance = {}

    def next(self):
        i, close = len(self.data) - 1, self.data.Close[-1]
        for trade in self.trades:
            distance = self.distance[trade.entry_bar]
            if trade.is_long:
                trade.sl = max(trade.sl, self.data.High[-1] - distance)
            else:
                trade.sl = min(trade.sl, self.data.Low[-1] + distance)
        up = self.fast[-1] > self.slow[-1] and self.fast[-2] <= self.slow[-2]
        down = self.fast[-1] < self.slow[-1] and self.fast[-2] >= self.slow[-2]
        if self.position and (down if self.position.is_long else up):
            self.position.close()
        if i + 1 >= SESSIONS or np.isnan(self.atr[-1]):
            return
        distance = 2.5 * self.atr[-1]
        size = min(int(0.01 * self.equity / distance), int(0.9 * self.equity / close))
        if up and not self.position.is_long:
            self.distance[i + 1] = distance
            self.buy(size=size, sl=OPENS[i + 1] - distance)
        elif down and not self.position.is_short:
            self.distance[i + 1] = distance
            self.sell(size=size, sl=OPENS[i + 1] + distance)


OPENS = None


def backtesting(name, strategy, ticker, commission):
    global OPENS
    data = frame(ticker)
    OPENS = data["Open"].to_numpy()
    result = Backtest(data, strategy, cash=100_000, commission=commission).run()
    trades = result["_trades"].sort_values(["ExitBar", "EntryBar"])
    return {
        "name": name,
        "ticker": ticker,
        "trades": [
            [int(t.EntryBar), int(t.ExitBar), int(t.Size), float(t.EntryPrice), float(t.ExitPrice), float(t.PnL), float(t.Commission)]
            for t in trades.itertuples()
        ],
        "equity": [round(float(value), 6) for value in result["_equity_curve"]["Equity"]],
        "sqn": float(result["SQN"]),
        "win_rate": float(result["Win Rate [%]"]) / 100,
    }


# --- backtrader -----------------------------------------------------------------------------------------------------


class Recorded(bt.Strategy):
    def __init__(self):
        self.fills, self.worth = [], []

    def notify_order(self, order):
        if order.status == order.Completed:
            e = order.executed
            self.fills.append(
                [len(self) - 1, order.data._name, int(e.size), round(e.price, 9), round(e.comm, 9)]
            )
        assert order.status not in (order.Margin, order.Rejected), order

    def next(self):
        self.worth.append(round(self.broker.getvalue(), 6))
        if ENDS[len(self) - 1]:
            self.rebalance()


class Target(Recorded):
    """60% of equity in one ticker, restored at each month's last close."""

    def rebalance(self):
        close, held = self.data.close[0], self.position.size
        size = at_weight(0.6, self.broker.getvalue(), close, held, lambda q, p: 0.001 * q * p)
        self.order_target_size(self.data, size)


class Rotation(Recorded):
    """The strongest three of ten by the return over 63 sessions, equal parts of 90%; short the weakest three if asked.

    A holding stays while it is among the chosen; what leaves is sold before anything is bought.
    """

    params = {"short": False}

    def rebalance(self):
        if len(self) <= 63:
            return
        score = {d._name: d.close[0] / d.close[-63] - 1 for d in self.datas}
        ranked = sorted(score, key=lambda name: (-score[name], name))
        chosen = {name: 1 for name in ranked[:3] if score[name] > 0}
        if self.p.short:
            lowest = sorted(score, key=lambda name: (score[name], name))
            chosen |= {name: -1 for name in lowest[:3] if score[name] < 0}
        equity, weight = self.broker.getvalue(), 0.9 / max(len(chosen), 1)
        targets = {}
        for d in self.datas:
            held, side = self.getposition(d).size, chosen.get(d._name, 0)
            stays = abs(held) if held * side > 0 else 0
            targets[d] = side * at_weight(weight, equity, d.close[0], stays, lambda q, p: 0.005 * q) if side else 0
        grows = lambda d: abs(targets[d]) > abs(self.getposition(d).size) or targets[d] * self.getposition(d).size < 0
        for d in sorted(self.datas, key=lambda d: (grows(d), d._name)):
            held = self.getposition(d).size
            if targets[d] * held < 0:  # Closed first, then opened on the other side.
                self.order_target_size(d, 0)
                self.buy(d, targets[d]) if targets[d] > 0 else self.sell(d, -targets[d])
            elif targets[d] != held:
                self.order_target_size(d, targets[d])


class PerShare(bt.CommInfoBase):
    params = (("commission", 0.005), ("stocklike", True), ("commtype", bt.CommInfoBase.COMM_FIXED))


ENDS = []


def backtrader(name, strategy, tickers, setup, **parameters):
    cerebro = bt.Cerebro(stdstats=False)
    for ticker in tickers:
        cerebro.adddata(bt.feeds.PandasData(dataname=frame(ticker)), name=TICKERS[ticker])
    cerebro.addstrategy(strategy, **parameters)
    cerebro.broker.setcash(100_000)
    cerebro.broker.set_checksubmit(False)
    setup(cerebro.broker)
    (run,) = cerebro.run()
    return {"name": name, "fills": run.fills, "equity": run.worth}


def with_rate_and_slippage(broker):
    broker.setcommission(commission=0.001)
    broker.set_slippage_perc(0.0005, slip_open=True, slip_match=True, slip_out=True)


# --- zipline --------------------------------------------------------------------------------------------------------


def zipline():
    """Fills of single orders by volume share with price impact, and commissions, from zipline's own models."""
    from zipline.assets import Equity, ExchangeInfo
    from zipline.finance.commission import PerDollar, PerShare as PerShareCost
    from zipline.finance.slippage import VolumeShareSlippage

    asset = Equity(1, ExchangeInfo("NYSE", "NYSE", "US"), symbol="A")
    n, cases = Numbers(5), []
    for _ in range(200):
        price, volume = (500 + n.below(20_000)) / 100, 1_000 + n.below(400_000)
        amount = (1 + n.below(20_000)) * (1 if n.below(2) else -1)
        limit, impact = [0.025, 0.1, 0.5][n.below(3)], [0.1, 0.05, 1.0][n.below(3)]
        model = VolumeShareSlippage(volume_limit=limit, price_impact=impact)
        model._volume_for_bar = 0
        data = SimpleNamespace(current=lambda _, field: {"volume": volume, "close": price}[field])
        order = SimpleNamespace(asset=asset, open_amount=amount, direction=int(np.sign(amount)), limit=None)
        paid, filled = model.process_order(data, order)
        if paid is None:
            continue
        costs = []
        for commission in (PerShareCost(cost=0.005, min_trade_cost=1.0), PerDollar(cost=0.0015)):
            order = SimpleNamespace(asset=asset, filled=0, commission=0, amount=filled)
            transaction = SimpleNamespace(amount=filled, price=paid)
            costs.append(float(commission.calculate(order, transaction)))
        cases.append([price, volume, amount, limit, impact, float(paid), int(filled), *costs])
    return cases


def main():
    global ENDS
    days = sessions()
    ENDS = [i + 1 < len(days) and days[i + 1].month != day.month for i, day in enumerate(days)]
    # The calendar knows that the last session of the bars ends its month or does not; nothing fills after it.
    runs = {
        "reference": ", ".join(f"{name} {version(name)}" for name in ("backtesting", "backtrader", "zipline-reloaded")),
        "backtesting": [
            backtesting("RSI(2) reversal with stop, profit and time", Reversal, 3, 0.001),
            backtesting("moving-average cross, long and short, trailing ATR stop", Trailing, 5, 0.0),
        ],
        "backtrader": [
            backtrader("60% of equity, monthly", Target, [2], with_rate_and_slippage),
            backtrader("momentum rotation", Rotation, range(10), lambda b: b.addcommissioninfo(PerShare())),
            backtrader("momentum rotation, long and short", Rotation, range(10), lambda b: b.addcommissioninfo(PerShare()), short=True),
        ],
        "zipline": zipline(),
    }
    (Path(sys.argv[1]) / "engines.json").write_text(json.dumps(runs) + "\n")


if __name__ == "__main__":
    main()
