"""Writes strategies.json: what five strategies on real bars come to in backtesting.py, backtrader, vectorbt and
nautilus_trader.

    make reference-drift ONLY=strategies.py WRITE=1

Its second argument is a folder of daily bars, `bars/TICKER.csv` (date,open,high,low,close,volume) and
`actions/TICKER.csv` (ex_date,kind,value). Of the bars nothing is written: of each fill its session, ticker and size, then the sum of fees
and the last equity. Prices are adjusted back from the end of the history and rounded to the millionth of a dollar.

The rules are computed once for all engines. Orders, prices, fees, cash and equity are the engine's. Where an engine
leaves the size of an order to its user, the script takes the project's; engines that decide and fill on one close
(nautilus_trader, vectorbt) are asked for that, the others fill at the next open.

Then once more in parts of shares, by the engines that have them: backtesting.py's FractionalBacktest in millionths,
backtrader's sizes with a point, and vectorbt as it is when nothing else is asked for, whose sizes are not rounded.
"""

import json
import sys
import warnings
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import backtrader as bt
import numpy as np
import pandas as pd
import vectorbt as vbt
from backtesting import Backtest, Strategy
from backtesting.lib import FractionalBacktest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, CurrencyType, OmsType, OrderSide, OrderType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy as NautilusStrategy
from numba import njit

# Python's own modules come first: statistics.py lies beside this script, too.
sys.path.append(str(Path(__file__).parent))
import made_up

warnings.simplefilter("ignore")

FIRST = "2015-06-01"
CASH, FEE, WEIGHT, STOP = 100_000.0, 0.001, 0.9, 0.03
SINGLE = ["AAPL", "SPY", "GOOGL"]
MILLIONTH = 1e-6
ALL = ["AAPL", "AIG", "BAC", "EEM", "FB", "GOOGL", "IBM", "QQQ", "SPY", "USO"]


# --- Bars and rules -------------------------------------------------------------------------------------------------


def history(folder, ticker):
    """The whole history, adjusted back from its end."""
    data = pd.read_csv(folder / "bars" / f"{ticker}.csv", parse_dates=["date"], index_col="date")
    data.columns = [name.capitalize() for name in data.columns]
    actions = pd.read_csv(folder / "actions" / f"{ticker}.csv", parse_dates=["ex_date"])
    factor = pd.Series(1.0, index=data.index)
    for action in actions.itertuples():
        at = data.index.searchsorted(action.ex_date)
        if 0 < at < len(data):
            before = data.Close.iloc[at - 1]
            factor.iloc[at:] *= action.value if action.kind == "split" else 1 / (1 - action.value / before)
    prices = ["Open", "High", "Low", "Close"]
    data[prices] = data[prices].mul(factor / factor.iloc[-1], axis=0)
    return data


def average(values, n):
    return pd.Series(values).rolling(n).mean().to_numpy()


def exponential(values, n, first):
    """Seeded with the mean of the n values that end at `first`."""
    out = np.full(len(values), np.nan)
    out[first] = np.mean(values[first - n + 1 : first + 1])
    for i in range(first + 1, len(values)):
        out[i] = out[i - 1] + 2 / (n + 1) * (values[i] - out[i - 1])
    return out


def rsi(close, n):
    change = np.diff(close, prepend=close[0])
    sums = []
    for part in (np.maximum(change, 0), np.maximum(-change, 0)):
        out = np.full(len(part), np.nan)
        out[n] = np.mean(part[1 : n + 1])
        for i in range(n + 1, len(part)):
            out[i] = (out[i - 1] * (n - 1) + part[i]) / n
        sums.append(out)
    return np.where(sum(sums) == 0, 0, 100 * sums[0] / np.where(sum(sums) == 0, 1, sum(sums)))


def hold(close):
    return close > 0, close < 0, None


def cross(close):
    above = average(close, 20) > average(close, 50)
    known = ~np.isnan(average(close, 50))
    before, was_known = np.roll(above, 1), np.roll(known, 1)
    return known & was_known & above & ~before, known & was_known & ~above & before, None


def macd(close):
    line = exponential(close, 12, 25) - exponential(close, 26, 25)
    signal = np.concatenate([np.full(25, np.nan), exponential(line[25:], 9, 8)])
    strength = (line - signal) / exponential(close, 12, 11)
    return strength > 0.0025, strength < -0.0025, None


def reversal(close):
    strength = rsi(close, 2)
    return (strength < 10) & (close > average(close, 200)), strength > 60, STOP


def prepare(folder, ticker, rules):
    data = history(folder, ticker)
    data["entry"], data["exit"], stop = rules(data.Close.to_numpy())
    data["momentum"] = data.Close / data.Close.shift(126) - 1
    data = data[data.index >= FIRST].copy()
    prices = ["Open", "High", "Low", "Close"]
    data[prices] = data[prices].round(6)
    return data, stop


@njit
def in_parts(weight, equity, price, held):
    """The same in millionths of a share: q solves q x price = weight x (equity - fee x |q - held| x price)."""
    quantity = weight * (equity + 0.001 * held * price) / (price * (1 + 0.001 * weight))
    if quantity < held:
        quantity = weight * (equity - 0.001 * held * price) / (price * (1 - 0.001 * weight))
    return np.floor(quantity * 1e6) / 1e6


def at_weight(weight, equity, price, held, unit=1):
    """The project's sizing, in whole shares or in parts."""
    if unit != 1:
        return in_parts(weight, equity, price, held)
    return made_up.at_weight(weight, equity, price, held, lambda q, p: FEE * q * p)


def targets(scores, closes, held, equity, unit=1):
    """Equal parts of 90% in the strongest three; what stays is brought back to its part."""
    ranked = sorted(scores, key=lambda name: (-scores[name], name))
    chosen = [name for name in ranked[:3] if scores[name] > 0]
    weight = WEIGHT / max(len(chosen), 1)
    return {
        name: at_weight(weight, equity, closes[name], held[name], unit) if name in chosen else 0 for name in scores
    }


def month_ends(index):
    """The last sessions of months; the bars end with one."""
    return np.append(index[1:].month != index[:-1].month, True)


# --- backtesting.py -------------------------------------------------------------------------------------------------


class Rules(Strategy):
    rows, stop, late, unit = None, None, None, 1

    def init(self):
        pass

    def next(self):
        i = len(self.data) - 1
        row = self.rows.iloc[i]
        for trade in self.trades:
            trade.sl = trade.sl or self.late
        if self.position:
            if row.exit:
                self.position.close()
        elif row.entry and not row.exit and i + 1 < len(self.rows):
            # In parts of shares a price is that of a part.
            stop = (self.rows.Open.iloc[i + 1] - self.stop * row.Close) * self.unit if self.stop else None
            if stop and stop >= row.Close * self.unit:
                # It takes no stop above the signal's close: this one begins a bar late.
                stop, self.late = None, stop
            size = at_weight(WEIGHT, self.equity, row.Close, 0, self.unit)
            self.buy(size=round(size / self.unit), sl=stop)


def backtesting(ticker, data, stop, unit=1):
    # The library begins with the second bar: a bar in which nothing happens goes before the first.
    first = data.iloc[:1].copy()
    first[["entry", "exit"]] = False
    first.index -= pd.Timedelta(days=1)
    data = pd.concat([first, data])
    settings = {"cash": CASH, "commission": FEE}
    if unit == 1:
        test = Backtest(data, Rules, **settings)
    else:
        test = FractionalBacktest(data, Rules, fractional_unit=unit, **settings)
    run = test.run(rows=data, stop=stop, unit=unit)
    open_trades = list(run["_strategy"].trades)
    fills, fees = [], 0.0
    for t in run["_trades"].itertuples():
        fills += [[t.EntryBar - 1, ticker, t.Size], [t.ExitBar - 1, ticker, -t.Size]]
        fees += t.Commission
    for t in open_trades:
        fills.append([t.entry_bar - 1, ticker, t.size * unit])
        fees += FEE * t.size * t.entry_price
    return fills, fees, run["_equity_curve"]["Equity"].iloc[-1]


# --- backtrader -----------------------------------------------------------------------------------------------------


class Recorded(bt.Strategy):
    def __init__(self):
        self.fills, self.fees, self.worth, self.guard = [], 0.0, 0.0, None

    def notify_order(self, order):
        assert order.status not in (order.Margin, order.Rejected), order
        if order.status == order.Completed:
            self.fills.append([len(self) - 1, order.data._name, order.executed.size])
            self.fees += order.executed.comm
            if self.guard is not None and order.ref == self.guard.ref:
                self.guard = None

    def next(self):
        self.worth = self.broker.getvalue()
        self.decide(len(self) - 1)


class Single(Recorded):
    params = {"rows": None, "stop": None, "unit": 1}

    def decide(self, i):
        row = self.p.rows.iloc[i]
        if self.position:
            if row.exit:
                self.close()
                if self.guard is not None:
                    self.cancel(self.guard)
                    self.guard = None
        elif row.entry and not row.exit and i + 1 < len(self.p.rows):
            size = at_weight(WEIGHT, self.worth, row.Close, 0, self.p.unit)
            self.buy(size=size)
            if self.p.stop:
                # Beside the purchase, not its child: a child begins a bar later.
                price = self.p.rows.Open.iloc[i + 1] - self.p.stop * row.Close
                self.guard = self.sell(size=size, exectype=bt.Order.Stop, price=price)


class Rotation(Recorded):
    params = {"rows": None, "ends": None, "unit": 1}

    def decide(self, i):
        if not self.p.ends[i]:
            return
        rows = {name: data.iloc[i] for name, data in self.p.rows.items()}
        held = {d._name: self.getposition(d).size for d in self.datas}
        scores, closes = {n: r.momentum for n, r in rows.items()}, {n: r.Close for n, r in rows.items()}
        wanted = targets(scores, closes, held, self.worth, self.p.unit)
        for d in sorted(self.datas, key=lambda d: (wanted[d._name] > held[d._name], d._name)):
            if wanted[d._name] != held[d._name]:
                self.order_target_size(d, wanted[d._name])


def backtrader(datas, strategy, **parameters):
    cerebro = bt.Cerebro(stdstats=False)
    for name, data in datas.items():
        cerebro.adddata(bt.feeds.PandasData(dataname=data[["Open", "High", "Low", "Close", "Volume"]]), name=name)
    cerebro.addstrategy(strategy, **parameters)
    cerebro.broker.setcash(CASH)
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.setcommission(commission=FEE)
    (run,) = cerebro.run()
    return run.fills, run.fees, run.worth


# --- vectorbt -------------------------------------------------------------------------------------------------------


def vectorbt(ticker, data, stop, unit=1):
    # Its share of cash is to hold the fee, too: the same quantity as a share of equity less the fee.
    share = WEIGHT * (1 + FEE) / (1 + WEIGHT * FEE)
    run = vbt.Portfolio.from_signals(
        data.Close, data.entry & ~data.exit, data.exit, size=share, size_type="percent",
        size_granularity=1 if unit == 1 else None,
        fees=FEE, init_cash=CASH, open=data.Open, high=data.High, low=data.Low, accumulate=False,
        sl_stop=stop if stop else np.nan, stop_entry_price="fillprice", stop_exit_price="stoplimit", freq="1D",
    )  # fmt: skip
    orders = run.orders.records
    fills = [[int(o.idx), ticker, o.size if o.side == 0 else -o.size] for o in orders.itertuples()]
    return fills, orders.fees.sum(), run.value().iloc[-1]


@njit
def chosen_sizes(c, scores, ends, order, sizes, unit):
    """Sizes of the bar's orders; sales come first."""
    i = c.i
    for col in range(c.from_col, c.to_col):
        c.last_val_price[col] = c.close[i, col]
        sizes[col] = 0.0
        order[col - c.from_col] = col - c.from_col
    if not ends[i]:
        return
    equity, count = c.last_cash[c.group], 0
    for col in range(c.from_col, c.to_col):
        equity += c.last_position[col] * c.close[i, col]
    best = np.argsort(-scores[i], kind="mergesort")[:3]
    for col in best:
        count += scores[i, col] > 0
    for col in range(c.from_col, c.to_col):
        sizes[col] = -c.last_position[col]
    for col in best:
        if scores[i, col] > 0:
            held, price, weight = c.last_position[col], c.close[i, col], 0.9 / count
            quantity = np.floor(weight * equity / price)
            if unit != 1:
                quantity = in_parts(weight, equity, price, held)
            while unit == 1 and weight * (equity - 0.001 * abs(quantity - held) * price) / price < quantity:
                quantity -= 1
            sizes[col] = quantity - held
    order[:] = np.argsort(sizes > 0, kind="mergesort")


@njit
def before_segment(c, scores, ends, sizes, unit):
    order = np.empty(c.group_len, dtype=np.int64)
    chosen_sizes(c, scores, ends, order, sizes, unit)
    c.call_seq_now[:] = order
    return (sizes,)


@njit
def one_order(c, sizes):
    return vbt.portfolio.nb.order_nb(size=sizes[c.col], price=c.close[c.i, c.col], fees=0.001)


def vectorbt_rotation(datas, ends, unit=1):
    closes = pd.DataFrame({name: data.Close for name, data in datas.items()})
    scores = np.column_stack([data.momentum for data in datas.values()])
    run = vbt.Portfolio.from_order_func(
        closes, one_order, pre_segment_func_nb=before_segment, pre_segment_args=(scores, ends, np.zeros(len(datas)), unit),
        group_by=True, cash_sharing=True, init_cash=CASH, freq="1D",
    )  # fmt: skip
    orders = run.orders.records
    names = list(datas)
    fills = [[int(o.idx), names[o.col], o.size if o.side == 0 else -o.size] for o in orders.itertuples()]
    return fills, orders.fees.sum(), run.value().iloc[-1]


# --- nautilus_trader ------------------------------------------------------------------------------------------------

VENUE = Venue("XNYS")
# Its own dollar is rounded to the cent at each fill.
MICRO_DOLLAR = Currency("USM", 6, 0, "dollar in millionths", CurrencyType.FIAT)


def instrument(name, currency):
    return Equity(
        instrument_id=InstrumentId(Symbol(name), VENUE), raw_symbol=Symbol(name), currency=currency,
        price_precision=6, price_increment=Price(0.000001, 6), lot_size=Quantity.from_int(1),
        ts_event=0, ts_init=0, maker_fee=Decimal(str(FEE)), taker_fee=Decimal(str(FEE)),
    )  # fmt: skip


class Decisions(NautilusStrategy):
    def __init__(self, datas, stop=None, ends=None):
        super().__init__()
        self.datas, self.distance, self.ends = datas, stop, ends
        self.row, self.seen, self.fills, self.fees = -1, 0, [], 0.0
        self.guard, self.opening = None, False
        self.held = dict.fromkeys(datas, 0)
        self.cash = CASH

    def on_start(self):
        for name in self.datas:
            self.subscribe_bars(BarType.from_str(f"{name}.XNYS-1-DAY-LAST-EXTERNAL"))
            self.subscribe_quote_ticks(InstrumentId(Symbol(name), VENUE))

    def on_quote_tick(self, quote):
        """The open. A stop that rests over night fills at its own price, even where the open lies beyond it."""
        name = quote.instrument_id.symbol.value
        if not self.held[name] or self.guard is None:
            return
        self.opening = True
        if float(quote.bid_price) <= self.guard:
            self.market(name, -self.held[name])
        else:
            quantity, price = Quantity.from_int(self.held[name]), Price(self.guard, 6)
            order = self.order_factory.stop_market(quote.instrument_id, OrderSide.SELL, quantity, price)
            self.submit_order(order)

    def on_bar(self, bar):
        self.opening = False
        self.cancel_all_orders(bar.bar_type.instrument_id)
        # The bars of a session come one after the other; the last one decides.
        self.row += self.seen == 0
        self.seen = (self.seen + 1) % len(self.datas)
        if self.seen == 0:
            self.decide()

    def worth(self, i):
        return self.cash + sum(size * self.datas[name].Close.iloc[i] for name, size in self.held.items())

    def decide(self):
        i = self.row
        if self.ends is None:
            ((name, data),) = self.datas.items()
            row = data.iloc[i]
            if self.held[name]:
                if row.exit:
                    self.market(name, -self.held[name])
            elif row.entry and not row.exit and not self.stopped_now(i):
                self.market(name, at_weight(WEIGHT, self.worth(i), row.Close, 0))
        elif self.ends[i]:
            rows = {name: data.iloc[i] for name, data in self.datas.items()}
            scores, closes = {n: r.momentum for n, r in rows.items()}, {n: r.Close for n, r in rows.items()}
            wanted = targets(scores, closes, self.held, self.worth(i))
            for name in sorted(wanted, key=lambda name: (wanted[name] > self.held[name], name)):
                if wanted[name] != self.held[name]:
                    self.market(name, wanted[name] - self.held[name])

    def stopped_now(self, i):
        """Nothing is opened on the bar of a stop."""
        return self.distance and any(bar == i and size < 0 for bar, _, size in self.fills)

    def market(self, name, size):
        side = OrderSide.BUY if size > 0 else OrderSide.SELL
        quantity = Quantity.from_int(abs(size))
        self.submit_order(self.order_factory.market(InstrumentId(Symbol(name), VENUE), side, quantity))

    def on_order_filled(self, event):
        name, size = event.instrument_id.symbol.value, int(event.last_qty)
        buys = event.order_side == OrderSide.BUY
        # What happens at the open and inside a bar does so before the bar is told.
        told = self.row if event.order_type == OrderType.MARKET and not self.opening else self.row + 1
        self.held[name] += size if buys else -size
        self.cash -= float(event.last_px) * (size if buys else -size) + float(event.commission)
        self.fees += float(event.commission)
        self.fills.append([told, name, size if buys else -size])
        if buys and self.distance:
            self.guard = round(float(event.last_px) - self.distance * self.datas[name].Close.iloc[told], 6)


def nautilus(datas, currency=MICRO_DOLLAR, **parameters):
    quiet = LoggingConfig(bypass_logging=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=quiet, risk_engine=RiskEngineConfig(bypass=True)))
    engine.add_venue(
        venue=VENUE, oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=currency,
        starting_balances=[Money(CASH, currency)],
    )  # fmt: skip
    days = next(iter(datas.values())).index
    bars, quotes = [], []
    for name, data in datas.items():
        engine.add_instrument(instrument(name, currency))
        kind = BarType.from_str(f"{name}.XNYS-1-DAY-LAST-EXTERNAL")
        for day, row in zip(data.index, data.itertuples()):
            at = int(day.value) + 21 * 3_600_000_000_000
            prices = [Price(value, 6) for value in (row.Open, row.High, row.Low, row.Close)]
            volume = Quantity.from_int(int(row.Volume))
            bars.append(Bar(kind, *prices, volume, at, at))
            if parameters.get("stop"):
                # The open is told on its own, a moment before the bar.
                opened = InstrumentId(Symbol(name), VENUE), prices[0], prices[0], volume, volume
                quotes.append(QuoteTick(*opened, at - 1, at - 1))
    engine.add_data(sorted(bars, key=lambda bar: (bar.ts_init, str(bar.bar_type))))
    if quotes:
        engine.add_data(quotes)
    strategy = Decisions(datas, **parameters)
    engine.add_strategy(strategy)
    engine.run()
    assert strategy.row + 1 == len(days)
    balance = float(engine.portfolio.account(VENUE).balance_total(currency))
    worth = balance + sum(size * datas[name].Close.iloc[-1] for name, size in strategy.held.items())
    fees = strategy.fees
    engine.dispose()
    return strategy.fills, fees, worth


# --------------------------------------------------------------------------------------------------------------------


def told(strategy, engine, tickers, fill, ended, parts=False):
    fills, fees, equity = ended
    fills = [[int(bar), name, round(float(size), 9) if parts else int(size)] for bar, name, size in fills]
    return {
        "strategy": strategy, "engine": engine, "tickers": tickers, "fill": fill, "parts": parts,
        "fills": fills, "fees": round(float(fees), 6), "equity": round(float(equity), 6),
    }  # fmt: skip


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    output, folder = map(Path, sys.argv[1:])
    runs = []
    for rules in (hold, cross, macd, reversal):
        name = rules.__name__
        for ticker in SINGLE:
            data, stop = prepare(folder, ticker, rules)
            runs += [
                told(name, "backtesting", [ticker], "open", backtesting(ticker, data, stop)),
                told(name, "backtrader", [ticker], "open", backtrader({ticker: data}, Single, rows=data, stop=stop)),
                told(name, "vectorbt", [ticker], "close", vectorbt(ticker, data, stop)),
                told(name, "nautilus_trader", [ticker], "close", nautilus({ticker: data}, stop=stop)),
            ]
            if rules is cross:
                cents = nautilus({ticker: data}, currency=USD)
                runs.append(told(name, "nautilus_trader in cents", [ticker], "close", cents))
    datas = {ticker: prepare(folder, ticker, hold)[0] for ticker in ALL}
    days = datas["SPY"].index
    assert all(data.index.equals(days) for data in datas.values())
    ends = month_ends(days)
    runs += [
        told("rotation", "backtrader", ALL, "open", backtrader(datas, Rotation, rows=datas, ends=ends)),
        told("rotation", "vectorbt", ALL, "close", vectorbt_rotation(datas, ends)),
        told("rotation", "nautilus_trader", ALL, "close", nautilus(datas, ends=ends)),
    ]
    for rules in (hold, cross, macd, reversal):
        name = rules.__name__
        for ticker in SINGLE:
            data, stop = prepare(folder, ticker, rules)
            single = backtrader({ticker: data}, Single, rows=data, stop=stop, unit=MILLIONTH)
            runs += [
                told(name, "backtesting", [ticker], "open", backtesting(ticker, data, stop, MILLIONTH), True),
                told(name, "backtrader", [ticker], "open", single, True),
                told(name, "vectorbt", [ticker], "close", vectorbt(ticker, data, stop, MILLIONTH), True),
            ]
    several = backtrader(datas, Rotation, rows=datas, ends=ends, unit=MILLIONTH)
    runs += [
        told("rotation", "backtrader", ALL, "open", several, True),
        told("rotation", "vectorbt", ALL, "close", vectorbt_rotation(datas, ends, MILLIONTH), True),
    ]
    names = ("backtesting", "backtrader", "vectorbt", "nautilus_trader")
    reference = ", ".join(f"{name} {version(name)}" for name in names)
    content = {"reference": reference, "first": FIRST, "runs": runs}
    (output / "strategies.json").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    main()
