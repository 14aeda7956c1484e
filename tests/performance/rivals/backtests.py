"""A moving-average cross by backtrader, backtesting.py, nautilus_trader and vectorbt, one run at a time on request.

    backtests.py FOLDER TICKERS

FOLDER holds timestamp (microseconds), open, high, low, close and volume as 64-bit floats, one ticker after the other.
Prints a line of JSON with what it offers, then reads requests, a line of JSON each, {"engine": .., "tickers": ..,
"bars": .., "pairs": [[FAST, SLOW], ..], "cash": .., "weight": .., "fee": .., "output": PATH or null}: the first bars of
the first tickers. Prints {"seconds": .., "fills": .., "equity": ..}: of all pairs together, the last equity of each.
With an output every fill is written there, as 64-bit floats: the number of the pair, the start of the bar in
microseconds, the number of the ticker, shares (below 0 when they are sold), price, fee. A fee that is not a number is
within the next one of the pair and the ticker: backtesting.py has one fee for both ends of a trade.

Seconds are from bars in the engine's own form in memory to the fills and the equity of each bar. The averages are
within; each engine is given the quickest way to them, not its own indicators. Orders, prices, fees and cash are the
engine's; sizes are the project's, as in workloads/trading-strategy/tests/reference/strategies.py: whole shares, the
most whose value is within the weight of equity less the fee.
"""

import gc
import os
import pathlib
import sys
import time
import warnings
from decimal import Decimal
from functools import cache
from importlib.metadata import version

# backtesting.py draws a bar of its progress otherwise.
os.environ["TQDM_DISABLE"] = "1"

import backtrader as bt
import numpy as np
import pandas as pd
import vectorbt as vbt
from backtesting import Backtest, Strategy
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, CurrencyType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy as NautilusStrategy
from numba import njit
from serve import serve

warnings.simplefilter("ignore")

folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
COLUMNS = ["timestamp", "open", "high", "low", "close", "volume"]
table = {name: np.fromfile(folder / name).reshape(count, -1) for name in COLUMNS}
names = [f"T{number:04}" for number in range(count)]
place_of = {name: place for place, name in enumerate(names)}
NO_FEE = float("nan")


@cache
def times(bars):
    return pd.to_datetime(table["timestamp"][0, :bars].astype(np.int64), unit="us")


@cache
def frame(ticker, bars):
    columns = {name.capitalize(): table[name][ticker, :bars] for name in COLUMNS[1:]}
    return pd.DataFrame(columns, index=times(bars))


def cross(close, fast, slow):
    """Where the fast average passes the slow one: up, down."""
    close = pd.Series(close)
    fast, slow = close.rolling(fast).mean().to_numpy(), close.rolling(slow).mean().to_numpy()
    above, known = fast > slow, ~np.isnan(fast) & ~np.isnan(slow)
    both = known[1:] & known[:-1]
    up, down = np.zeros(len(close), bool), np.zeros(len(close), bool)
    up[1:], down[1:] = both & above[1:] & ~above[:-1], both & ~above[1:] & above[:-1]
    return up, down


def at_weight(weight, fee, equity, price):
    """The largest q with q x price <= weight x (equity - fee of the order)."""
    quantity = int(weight * equity / price)
    while int(weight * (equity - fee * quantity * price) / price) < quantity:
        quantity -= 1
    return quantity


# --- backtesting.py -------------------------------------------------------------------------------------------------


class Rules(Strategy):
    up, down, weight, fee = None, None, None, None

    def init(self):
        pass

    def next(self):
        i = len(self.data) - 1
        if self.down[i]:
            if self.position:
                self.position.close()
        elif self.up[i] and not self.position and i + 1 < len(self.up):
            self.buy(size=at_weight(self.weight, self.fee, self.equity, self.data.Close[-1]))


def backtesting(tickers, bars, cash, weight, fee):
    data = frame(0, bars)

    def run(fast, slow):
        up, down = (flags.tolist() for flags in cross(data.Close, fast, slow))
        test = Backtest(data, Rules, cash=cash, commission=fee)
        ended = test.run(up=up, down=down, weight=weight, fee=fee)
        fills = 2 * len(ended["_trades"]) + len(ended["_strategy"].trades)

        def rows():
            at = table["timestamp"][0]
            for t in ended["_trades"].itertuples():
                yield at[t.EntryBar], 0, t.Size, t.EntryPrice, NO_FEE
                yield at[t.ExitBar], 0, -t.Size, t.ExitPrice, t.Commission
            for t in ended["_strategy"].trades:
                yield at[t.entry_bar], 0, t.size, t.entry_price, NO_FEE

        return fills, ended["_equity_curve"]["Equity"].iloc[-1], rows

    return run


# --- backtrader -----------------------------------------------------------------------------------------------------


class Crosses(bt.Strategy):
    params = {"flags": None, "weight": None, "fee": None, "bars": None}

    def __init__(self):
        self.fills, self.worth = [], []

    def notify_order(self, order):
        assert order.status not in (order.Margin, order.Rejected), order
        if order.status == order.Completed:
            done = order.executed
            self.fills.append((len(self) - 1, place_of[order.data._name], done.size, done.price, done.comm))

    def next(self):
        equity = self.broker.getvalue()
        self.worth.append(equity)
        i = len(self) - 1
        if i + 1 == self.p.bars:
            return
        for data, (up, down) in zip(self.datas, self.p.flags):
            if down[i]:
                if self.getposition(data).size:
                    self.close(data)
            elif up[i] and not self.getposition(data).size:
                self.buy(data, size=at_weight(self.p.weight, self.p.fee, equity, data.close[0]))


def backtrader(tickers, bars, cash, weight, fee):
    def run(fast, slow):
        flags = []
        cerebro = bt.Cerebro(stdstats=False)
        for ticker in range(tickers):
            data = frame(ticker, bars)
            flags.append(tuple(side.tolist() for side in cross(data.Close, fast, slow)))
            cerebro.adddata(bt.feeds.PandasData(dataname=data), name=names[ticker])
        cerebro.addstrategy(Crosses, flags=flags, weight=weight, fee=fee, bars=bars)
        cerebro.broker.setcash(cash)
        cerebro.broker.set_checksubmit(False)
        cerebro.broker.setcommission(commission=fee)
        (ended,) = cerebro.run()

        def rows():
            for row, ticker, *fill in ended.fills:
                yield table["timestamp"][ticker, row], ticker, *fill

        return len(ended.fills), ended.worth[-1], rows

    return run


# --- vectorbt -------------------------------------------------------------------------------------------------------


def shares_of_cash(weight, fee):
    """Its share of cash is to hold the fee, too: the same quantity as a share of equity less the fee."""
    return weight * (1 + fee) / (1 + weight * fee)


@njit
def before_segment(c, up, down, weight, fee, sizes):
    """Sizes of the bar's orders; sales come first."""
    equity, i = c.last_cash[c.group], c.i
    for col in range(c.from_col, c.to_col):
        c.last_val_price[col] = c.close[i, col]
        equity += c.last_position[col] * c.close[i, col]
        sizes[col] = 0.0
    for col in range(c.from_col, c.to_col):
        held = c.last_position[col]
        if down[i, col]:
            sizes[col] = -held
        elif up[i, col] and held == 0:
            price = c.close[i, col]
            quantity = np.floor(weight * equity / price)
            while weight * (equity - fee * quantity * price) / price < quantity:
                quantity -= 1
            sizes[col] = quantity
    place = 0
    for col in range(c.from_col, c.to_col):
        if sizes[col] < 0:
            c.call_seq_now[place] = col - c.from_col
            place += 1
    for col in range(c.from_col, c.to_col):
        if sizes[col] >= 0:
            c.call_seq_now[place] = col - c.from_col
            place += 1
    return ()


@njit
def one_order(c, sizes, fee):
    if sizes[c.col] == 0.0:
        return vbt.portfolio.enums.NoOrder
    return vbt.portfolio.nb.order_nb(size=sizes[c.col], price=c.close[c.i, c.col], fees=fee)


def vectorbt(tickers, bars, cash, weight, fee):
    closes = pd.DataFrame({names[ticker]: frame(ticker, bars).Close for ticker in range(tickers)})
    freq = times(bars)[1] - times(bars)[0]

    def filled(run):
        """The column, which is a pair or a ticker, and the fill."""
        for o in run.orders.records.itertuples():
            yield o.col, (int(o.idx), o.size if o.side == 0 else -o.size, o.price, o.fees)

    def signals(close, fast, slow):
        fast = vbt.MA.run(close, fast, short_name="fast", hide_params=["window"] if tickers > 1 else None)
        slow = vbt.MA.run(close, slow, short_name="slow", hide_params=["window"] if tickers > 1 else None)
        return fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)

    def one(fast, slow):
        # All pairs at once: that is what it is made for.
        up, down = signals(closes.iloc[:, 0], list(fast), list(slow))
        run = vbt.Portfolio.from_signals(
            closes.iloc[:, 0], up, down, size=shares_of_cash(weight, fee), size_type="percent", size_granularity=1,
            fees=fee, init_cash=cash, accumulate=False, freq=freq,
        )  # fmt: skip

        def rows():
            of_pairs = [[] for _ in fast]
            for pair, (row, *fill) in filled(run):
                of_pairs[pair].append((table["timestamp"][0, row], 0, *fill))
            return of_pairs

        return len(run.orders.records), np.atleast_2d(run.value().to_numpy().T)[:, -1].tolist(), rows

    def many(fast, slow):
        up, down = signals(closes, fast, slow)
        sizes = np.zeros(tickers)
        run = vbt.Portfolio.from_order_func(
            closes, one_order, sizes, fee, pre_segment_func_nb=before_segment,
            pre_segment_args=(up.to_numpy(), down.to_numpy(), weight, fee, sizes),
            group_by=True, cash_sharing=True, init_cash=cash, freq=freq,
        )  # fmt: skip

        def rows():
            for ticker, (row, *fill) in filled(run):
                yield table["timestamp"][ticker, row], ticker, *fill

        return len(run.orders.records), run.value().iloc[-1], rows

    return many if tickers > 1 else one


# --- nautilus_trader ------------------------------------------------------------------------------------------------

VENUE = Venue("XNYS")
# Its own dollar is rounded to the cent at each fill.
MICRO_DOLLAR = Currency("USM", 6, 0, "dollar in millionths", CurrencyType.FIAT)


class Decisions(NautilusStrategy):
    def __init__(self, kinds, flags, closes, cash, weight, fee):
        super().__init__()
        self.kinds, self.flags, self.closes = kinds, flags, closes
        self.cash, self.weight, self.fee = cash, weight, fee
        self.row, self.seen, self.fills = 0, 0, []
        self.ids = [kind.instrument_id for kind in kinds]
        self.place = {instrument: place for place, instrument in enumerate(self.ids)}
        self.held, self.ordered = {}, {}

    def on_start(self):
        for kind in self.kinds:
            self.subscribe_bars(kind)

    def on_bar(self, bar):
        # The bars of one moment come one after the other; the last one decides.
        self.seen += 1
        if self.seen < len(self.kinds):
            return
        i, self.seen = self.row, 0
        self.row += 1
        equity = None
        for place, (up, down) in enumerate(self.flags):
            if down[i]:
                if place in self.held:
                    self.market(place, OrderSide.SELL, self.held[place])
            elif up[i] and place not in self.held:
                if equity is None:
                    equity = self.cash + sum(size * self.closes[held][i] for held, size in self.held.items())
                self.market(place, OrderSide.BUY, at_weight(self.weight, self.fee, equity, self.closes[place][i]))

    def market(self, place, side, size):
        self.ordered[place] = size
        self.submit_order(self.order_factory.market(self.ids[place], side, Quantity.from_int(size)))

    def on_order_filled(self, event):
        place, size = self.place[event.instrument_id], int(event.last_qty)
        price, fee = float(event.last_px), float(event.commission)
        if size != self.ordered[place]:
            # Of a bar a quarter of its volume can be had at the close; the rest comes a tick away, as another fill.
            raise RuntimeError(f"{size} of {self.ordered[place]} shares were filled: the bar's volume is too small")
        del self.ordered[place]
        if event.order_side == OrderSide.BUY:
            self.held[place] = size
            self.cash -= price * size
        else:
            del self.held[place]
            self.cash += price * size
            size = -size
        self.cash -= fee
        self.fills.append((event.ts_event // 1000, place, size, price, fee))


@cache
def nautilus_bars(tickers, bars, kind):
    kinds = [BarType.from_str(f"{names[ticker]}.XNYS-{kind}-LAST-EXTERNAL") for ticker in range(tickers)]
    made = []
    for ticker, bar_type in enumerate(kinds):
        columns = [table[name][ticker, :bars].tolist() for name in COLUMNS]
        for at, *prices, volume in zip(*columns):
            at = int(at) * 1000
            made.append(Bar(bar_type, *(Price(price, 6) for price in prices), Quantity.from_int(int(volume)), at, at))
    # By time, then by ticker.
    return kinds, sorted(made, key=lambda bar: bar.ts_init)


def nautilus_trader(tickers, bars, cash, weight, fee):
    kind = "1-MINUTE" if times(bars)[1] - times(bars)[0] < pd.Timedelta(hours=1) else "1-DAY"
    kinds, data = nautilus_bars(tickers, bars, kind)
    closes = [table["close"][ticker, :bars].tolist() for ticker in range(tickers)]
    quiet = LoggingConfig(bypass_logging=True)

    def run(fast, slow, clock):
        engine = BacktestEngine(BacktestEngineConfig(logging=quiet, risk_engine=RiskEngineConfig(bypass=True)))
        engine.add_venue(
            venue=VENUE, oms_type=OmsType.NETTING, account_type=AccountType.CASH, base_currency=MICRO_DOLLAR,
            starting_balances=[Money(cash, MICRO_DOLLAR)],
        )  # fmt: skip
        for bar_type in kinds:
            engine.add_instrument(Equity(
                instrument_id=bar_type.instrument_id, raw_symbol=bar_type.instrument_id.symbol, currency=MICRO_DOLLAR,
                price_precision=6, price_increment=Price(0.000001, 6), lot_size=Quantity.from_int(1), ts_event=0,
                ts_init=0, maker_fee=Decimal(str(fee)), taker_fee=Decimal(str(fee)),
            ))  # fmt: skip
        engine.add_data(data)
        began = time.perf_counter()
        flags = [tuple(side.tolist() for side in cross(table["close"][t, :bars], fast, slow)) for t in range(tickers)]
        strategy = Decisions(kinds, flags, closes, cash, weight, fee)
        engine.add_strategy(strategy)
        engine.run()
        clock.append(time.perf_counter() - began)
        assert strategy.row == bars, f"the strategy saw {strategy.row} of {bars} bars"
        assert not strategy.ordered, f"orders were refused: {strategy.ordered}"
        balance = float(engine.portfolio.account(VENUE).balance_total(MICRO_DOLLAR))
        worth = balance + sum(size * closes[place][-1] for place, size in strategy.held.items())
        engine.dispose()
        fills = strategy.fills
        return len(fills), worth, lambda: fills

    return run


# --------------------------------------------------------------------------------------------------------------------

ENGINES = {engine.__name__: engine for engine in (backtesting, backtrader, nautilus_trader, vectorbt)}


def answer(request):
    name, pairs, output = request["engine"], request["pairs"], request["output"]
    made = ENGINES[name](*(request[part] for part in ("tickers", "bars", "cash", "weight", "fee")))
    gc.collect()
    # What was run is forgotten at once where nobody asks for its fills.
    parts = 3 if output else 2
    if name == "nautilus_trader":
        # Its engine is set up and filled with bars outside the clock.
        clock = []
        ended = [made(fast, slow, clock)[:parts] for fast, slow in pairs]
        return told(sum(clock), ended, output)
    began = time.perf_counter()
    if name == "vectorbt" and request["tickers"] == 1:
        fills, equity, rows = made(*zip(*pairs))
        seconds = time.perf_counter() - began
        if output:
            write(output, rows())
        return {"seconds": seconds, "fills": fills, "equity": equity}
    ended = [made(fast, slow)[:parts] for fast, slow in pairs]
    return told(time.perf_counter() - began, ended, output)


def told(seconds, ended, output):
    if output:
        write(output, [rows() for _, _, rows in ended])
    fills, equity = zip(*(one[:2] for one in ended))
    return {"seconds": seconds, "fills": sum(fills), "equity": [float(value) for value in equity]}


def write(output, of_pairs):
    rows = [(pair, *fill) for pair, fills in enumerate(of_pairs) for fill in fills]
    np.array(rows, dtype=np.float64).tofile(output)


def main():
    libraries = {"backtesting": "backtesting.py"}
    versions = {libraries.get(name, name): version(name) for name in ENGINES}
    serve({"versions": versions}, answer)


main()
