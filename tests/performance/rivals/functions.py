"""Functions of price columns by TA-Lib, pandas and Polars, one call at a time on request.

    functions.py FOLDER

FOLDER holds open, high, low, close, volume and session (days since 1970) as 64-bit floats. Prints a line of JSON with
what it offers, then reads requests, a line of JSON each, {"library": .., "expressions": [..], "rows": N or null,
"output": PATH or null}, computes the expressions one after the other, and prints {"seconds": ..}. With rows, the columns
are those of many tickers, N rows each, which are computed one after the other. With an output, the values of the last
expression are written there. Several expressions by Polars are one lazy query, as its users write them: it computes what
they share once.

The text of an expression is that of the language (docs/guide/expressions.md); each library does it in the way its own
documentation would. Where a library has no such function and nobody would use it for that, it is not offered. The ticker
"OTHER" is one whose closes are the opens of this one.
"""

import pathlib
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import talib
from serve import serve

folder = pathlib.Path(sys.argv[1])
arrays = {name: np.fromfile(folder / name) for name in ["open", "high", "low", "close", "volume"]}
o, h, l, c, v = arrays.values()
frame = pd.DataFrame(arrays)
O, H, L, C, V = (frame[name] for name in arrays)
days = np.fromfile(folder / "session").astype(np.int32)
S = pd.Series(days.astype("datetime64[D]"))
table = pl.DataFrame(arrays).with_columns(pl.Series("session", days).cast(pl.Date))
LN2 = np.log(2)


def smoothed(x, n):
    """Wilder's smoothing, as pandas' users write it."""
    return x.ewm(alpha=1 / n, adjust=False).mean()


def rsi(n):
    change = C.diff()
    return 100 - 100 / (1 + smoothed(change.clip(lower=0), n) / smoothed(-change.clip(upper=0), n))


def true_range():
    before = C.shift()
    return np.maximum(H - L, np.maximum((H - before).abs(), (L - before).abs()))


def adx(n):
    up, down = H.diff(), -L.diff()
    plus = smoothed(up.where((up > down) & (up > 0), 0.0), n)
    minus = smoothed(down.where((down > up) & (down > 0), 0.0), n)
    # The range cancels in the ratio; it is smoothed all the same by who wants the two lines.
    return 100 * smoothed((plus - minus).abs() / (plus + minus), n)


def macd_histogram():
    line = C.ewm(span=12, adjust=False).mean() - C.ewm(span=26, adjust=False).mean()
    return line - line.ewm(span=9, adjust=False).mean()


def stochastic(n, s, d):
    lowest, highest = L.rolling(n).min(), H.rolling(n).max()
    return (100 * (C - lowest) / (highest - lowest)).rolling(s).mean().rolling(d).mean()


def linear(n):
    """Weights of the linearly weighted mean, the oldest first."""
    return np.arange(1, n + 1) / (n * (n + 1) / 2)


def least_squares(n):
    """Weights that give the slope of the least-squares line, the oldest first."""
    t = np.arange(n) - (n - 1) / 2
    return t / (t * t).sum()


def weighed(x, weights):
    """A moving sum of products."""
    out = np.full(len(x), np.nan)
    out[len(weights) - 1 :] = np.convolve(x, weights[::-1], "valid")
    return out


def wma(n):
    return weighed(c, linear(n))


def slope(x, n):
    return weighed(x, least_squares(n))


def yang_zhang(n):
    before = C.shift()
    night, day = np.log(O / before), np.log(C / O)
    inside = np.log(H / C) * np.log(H / O) + np.log(L / C) * np.log(L / O)
    weight = 0.34 / (1.34 + (n + 1) / (n - 1))
    return night.rolling(n).var() + weight * day.rolling(n).var() + (1 - weight) * inside.rolling(n).mean()


def garman_klass(n):
    return np.sqrt((0.5 * np.log(H / L) ** 2 - (2 * LN2 - 1) * np.log(C / O) ** 2).rolling(n).mean())


def parkinson(n):
    return np.sqrt((np.log(H / L) ** 2).rolling(n).mean() / (4 * LN2))


def realized_volatility(n):
    return np.log(C / C.shift()).rolling(n).std() * np.sqrt(252)


def roll_spread(n):
    change = C.diff()
    return 2 * np.sqrt(-change.rolling(n).cov(change.shift()).clip(upper=0))


def vwap(n):
    typical = (O + H + L + C) / 4
    return (typical * V).rolling(n).sum() / V.rolling(n).sum()


def returns(x=None):
    x = C if x is None else x
    return x / x.shift() - 1


def amihud(n):
    return (returns().abs() / (C * V)).rolling(n).mean()


def dollar_volume(n):
    return (C * V).rolling(n).mean()


def beta(n):
    own, others = returns(), returns(O)
    return own.rolling(n).cov(others) / others.rolling(n).var()


class Lazy:
    """The same as expressions of Polars."""

    open, high, low, close, volume = (pl.col(name) for name in arrays)
    returns = close / close.shift() - 1
    others = open / open.shift() - 1

    @staticmethod
    def smoothed(x, n):
        return x.ewm_mean(alpha=1 / n, adjust=False)

    @staticmethod
    def rsi(n):
        change = Lazy.close.diff()
        gains, losses = change.clip(lower_bound=0), (-change).clip(lower_bound=0)
        return 100 - 100 / (1 + Lazy.smoothed(gains, n) / Lazy.smoothed(losses, n))

    @staticmethod
    def atr(n):
        before = Lazy.close.shift()
        ranges = Lazy.high - Lazy.low, (Lazy.high - before).abs(), (Lazy.low - before).abs()
        return Lazy.smoothed(pl.max_horizontal(*ranges), n)

    @staticmethod
    def adx(n):
        up, down = Lazy.high.diff(), -Lazy.low.diff()
        plus = Lazy.smoothed(pl.when((up > down) & (up > 0)).then(up).otherwise(0.0), n)
        minus = Lazy.smoothed(pl.when((down > up) & (down > 0)).then(down).otherwise(0.0), n)
        # 0 / 0 before anything moves is no number, which would stay in the mean for ever; null does not.
        return 100 * Lazy.smoothed(((plus - minus).abs() / (plus + minus)).fill_nan(None), n)

    @staticmethod
    def macd_histogram():
        line = Lazy.close.ewm_mean(span=12, adjust=False) - Lazy.close.ewm_mean(span=26, adjust=False)
        return line - line.ewm_mean(span=9, adjust=False)

    @staticmethod
    def bollinger(k):
        return Lazy.close.rolling_mean(20) + k * Lazy.close.rolling_std(20, ddof=0)

    @staticmethod
    def stochastic(n, s, d):
        lowest, highest = Lazy.low.rolling_min(n), Lazy.high.rolling_max(n)
        return (100 * (Lazy.close - lowest) / (highest - lowest)).rolling_mean(s).rolling_mean(d)

    @staticmethod
    def weighed(x, weights):
        return x.rolling_sum(len(weights), weights=weights.tolist())

    @staticmethod
    def yang_zhang(n):
        open, high, low, close = Lazy.open, Lazy.high, Lazy.low, Lazy.close
        night, day = (open / close.shift()).log(), (close / open).log()
        inside = (high / close).log() * (high / open).log() + (low / close).log() * (low / open).log()
        weight = 0.34 / (1.34 + (n + 1) / (n - 1))
        return night.rolling_var(n) + weight * day.rolling_var(n) + (1 - weight) * inside.rolling_mean(n)

    @staticmethod
    def garman_klass(n):
        high_low, close_open = (Lazy.high / Lazy.low).log(), (Lazy.close / Lazy.open).log()
        return (0.5 * high_low**2 - (2 * LN2 - 1) * close_open**2).rolling_mean(n).sqrt()

    @staticmethod
    def parkinson(n):
        return (((Lazy.high / Lazy.low).log() ** 2).rolling_mean(n) / (4 * LN2)).sqrt()

    @staticmethod
    def realized_volatility(n):
        return (Lazy.close / Lazy.close.shift()).log().rolling_std(n) * np.sqrt(252)

    @staticmethod
    def roll_spread(n):
        change = Lazy.close.diff()
        return 2 * (-pl.rolling_cov(change, change.shift(), window_size=n).clip(upper_bound=0)).sqrt()

    @staticmethod
    def vwap(n):
        typical = (Lazy.open + Lazy.high + Lazy.low + Lazy.close) / 4
        return (typical * Lazy.volume).rolling_sum(n) / Lazy.volume.rolling_sum(n)

    @staticmethod
    def amihud(n):
        return (Lazy.returns.abs() / (Lazy.close * Lazy.volume)).rolling_mean(n)

    @staticmethod
    def dollar_volume(n):
        return (Lazy.close * Lazy.volume).rolling_mean(n)


close, volume = Lazy.close, Lazy.volume
# An expression to its libraries: functions of TA-Lib and pandas, expressions of Polars.
FUNCTIONS = {
    "delay(close, 21)": {"pandas": lambda: C.shift(21), "polars": close.shift(21)},
    "delta(close, 10)": {
        "talib": lambda: talib.MOM(c, 10),
        "pandas": lambda: C.diff(10),
        "polars": close.diff(10),
    },
    "returns(close, 1)": {
        "talib": lambda: talib.ROCP(c, 1),
        "pandas": lambda: C.pct_change(fill_method=None),
        "polars": close.pct_change(),
    },
    "roc(close, 10)": {
        "talib": lambda: talib.ROC(c, 10),
        "pandas": lambda: C.pct_change(10, fill_method=None) * 100,
        "polars": close.pct_change(10) * 100,
    },
    "log(close)": {"talib": lambda: talib.LN(c), "pandas": lambda: np.log(C), "polars": close.log()},
    "exp(returns(close, 1))": {
        "talib": lambda: talib.EXP(talib.ROCP(c, 1)),
        "pandas": lambda: np.exp(returns()),
        "polars": Lazy.returns.exp(),
    },
    "sqrt(close)": {"talib": lambda: talib.SQRT(c), "pandas": lambda: np.sqrt(C), "polars": close.sqrt()},
    "abs(close - open)": {"pandas": lambda: (C - O).abs(), "polars": (close - Lazy.open).abs()},
    "sign(close - open)": {"pandas": lambda: np.sign(C - O), "polars": (close - Lazy.open).sign()},
    "min(close, open)": {
        "pandas": lambda: np.minimum(C, O),
        "polars": pl.min_horizontal(close, Lazy.open),
    },
    "max(close, open)": {
        "pandas": lambda: np.maximum(C, O),
        "polars": pl.max_horizontal(close, Lazy.open),
    },
    "clip(returns(close, 1), -0.01, 0.01)": {
        "pandas": lambda: returns().clip(-0.01, 0.01),
        "polars": Lazy.returns.clip(-0.01, 0.01),
    },
    "if(close > open, high, low)": {
        "pandas": lambda: H.where(C > O, L),
        "polars": pl.when(close > Lazy.open).then(Lazy.high).otherwise(Lazy.low),
    },
    "cross_above(close, open)": {
        "pandas": lambda: (C > O) & (C.shift() <= O.shift()),
        "polars": (close > Lazy.open) & (close.shift() <= Lazy.open.shift()),
    },
    "cross_below(close, open)": {
        "pandas": lambda: (C < O) & (C.shift() >= O.shift()),
        "polars": (close < Lazy.open) & (close.shift() >= Lazy.open.shift()),
    },
    "day_of_week()": {
        "pandas": lambda: S.dt.dayofweek + 1,
        "polars": pl.col("session").dt.weekday(),
    },
    "month()": {"pandas": lambda: S.dt.month, "polars": pl.col("session").dt.month()},
    "count(close > open, 21)": {
        "pandas": lambda: (C > O).rolling(21).sum(),
        "polars": (close > Lazy.open).cast(pl.Float64).rolling_sum(21),
    },
    "mean(close, 21)": {
        "talib": lambda: talib.SMA(c, 21),
        "pandas": lambda: C.rolling(21).mean(),
        "polars": close.rolling_mean(21),
    },
    "sma(close, 21)": {
        "talib": lambda: talib.SMA(c, 21),
        "pandas": lambda: C.rolling(21).mean(),
        "polars": close.rolling_mean(21),
    },
    "ema(close, 21)": {
        "talib": lambda: talib.EMA(c, 21),
        "pandas": lambda: C.ewm(span=21, adjust=False).mean(),
        "polars": close.ewm_mean(span=21, adjust=False),
    },
    "wma(close, 21)": {
        "talib": lambda: talib.WMA(c, 21),
        "pandas": lambda: wma(21),
        "polars": Lazy.weighed(close, linear(21)),
    },
    "rsi(close, 14)": {
        "talib": lambda: talib.RSI(c, 14),
        "pandas": lambda: rsi(14),
        "polars": Lazy.rsi(14),
    },
    "macd(close, 12, 26, 9).histogram": {
        "talib": lambda: talib.MACD(c, 12, 26, 9)[2],
        "pandas": macd_histogram,
        "polars": Lazy.macd_histogram(),
    },
    "bollinger(close, 20, 2).upper": {
        "talib": lambda: talib.BBANDS(c, 20, 2.0, 2.0, 0)[0],
        "pandas": lambda: C.rolling(20).mean() + 2 * C.rolling(20).std(ddof=0),
        "polars": Lazy.bollinger(2),
    },
    "stochastic(14, 3, 3).d": {
        "talib": lambda: talib.STOCH(h, l, c, 14, 3, 0, 3, 0)[1],
        "pandas": lambda: stochastic(14, 3, 3),
        "polars": Lazy.stochastic(14, 3, 3),
    },
    "atr(14)": {
        "talib": lambda: talib.ATR(h, l, c, 14),
        "pandas": lambda: smoothed(true_range(), 14),
        "polars": Lazy.atr(14),
    },
    "adx(14)": {"talib": lambda: talib.ADX(h, l, c, 14), "pandas": lambda: adx(14), "polars": Lazy.adx(14)},
    "obv()": {
        "talib": lambda: talib.OBV(c, v),
        "pandas": lambda: (np.sign(C.diff()).fillna(1.0) * V).cumsum(),
        "polars": (close.diff().sign().fill_null(1.0) * volume).cum_sum(),
    },
    "slope(close, 21)": {
        "talib": lambda: talib.LINEARREG_SLOPE(c, 21),
        "pandas": lambda: slope(c, 21),
        "polars": Lazy.weighed(close, least_squares(21)),
    },
    "lowest(low, 14)": {
        "talib": lambda: talib.MIN(l, 14),
        "pandas": lambda: L.rolling(14).min(),
        "polars": Lazy.low.rolling_min(14),
    },
    "highest(high, 252)": {
        "talib": lambda: talib.MAX(h, 252),
        "pandas": lambda: H.rolling(252).max(),
        "polars": Lazy.high.rolling_max(252),
    },
    "sum(raw_volume, 21)": {
        "talib": lambda: talib.SUM(v, 21),
        "pandas": lambda: V.rolling(21).sum(),
        "polars": volume.rolling_sum(21),
    },
    "std(close, 21)": {
        "talib": lambda: talib.STDDEV(c, 21, np.sqrt(21 / 20)),
        "pandas": lambda: C.rolling(21).std(),
        "polars": close.rolling_std(21),
    },
    "var(close, 21)": {
        # TA-Lib's is over n.
        "talib": lambda: talib.VAR(c, 21) * (21 / 20),
        "pandas": lambda: C.rolling(21).var(),
        "polars": close.rolling_var(21),
    },
    "(close - mean(close, 63)) / std(close, 63)": {
        "talib": lambda: (c - talib.SMA(c, 63)) / talib.STDDEV(c, 63, np.sqrt(63 / 62)),
        "pandas": lambda: (C - C.rolling(63).mean()) / C.rolling(63).std(),
        "polars": (close - close.rolling_mean(63)) / close.rolling_std(63),
    },
    "correlation(close, raw_volume, 63)": {
        "talib": lambda: talib.CORREL(c, v, 63),
        "pandas": lambda: C.rolling(63).corr(V),
        "polars": pl.rolling_corr(close, volume, window_size=63),
    },
    "covariance(raw_close, raw_volume, 63)": {
        "pandas": lambda: C.rolling(63).cov(V),
        "polars": pl.rolling_cov(close, volume, window_size=63),
    },
    'beta("OTHER", 63)': {
        "talib": lambda: talib.BETA(o, c, 63),
        "pandas": lambda: beta(63),
        "polars": pl.rolling_cov(Lazy.returns, Lazy.others, window_size=63) / Lazy.others.rolling_var(63),
    },
    "median(close, 21)": {
        "pandas": lambda: C.rolling(21).median(),
        "polars": close.rolling_median(21),
    },
    "quantile(close, 0.9, 21)": {
        "pandas": lambda: C.rolling(21).quantile(0.9),
        "polars": close.rolling_quantile(0.9, window_size=21, interpolation="linear"),
    },
    "skew(returns(close, 1), 63)": {
        "pandas": lambda: returns().rolling(63).skew(),
        "polars": Lazy.returns.rolling_skew(63, bias=False),
    },
    "kurtosis(returns(close, 1), 63)": {
        "pandas": lambda: returns().rolling(63).kurt(),
        "polars": Lazy.returns.rolling_kurtosis(63, bias=False),
    },
    "parkinson(21)": {"pandas": lambda: parkinson(21), "polars": Lazy.parkinson(21)},
    "garman_klass(21)": {"pandas": lambda: garman_klass(21), "polars": Lazy.garman_klass(21)},
    "yang_zhang(21)": {"pandas": lambda: yang_zhang(21), "polars": Lazy.yang_zhang(21)},
    "realized_volatility(21)": {
        "pandas": lambda: realized_volatility(21),
        "polars": Lazy.realized_volatility(21),
    },
    "roll_spread(21)": {"pandas": lambda: roll_spread(21), "polars": Lazy.roll_spread(21)},
    "vwap(21)": {"pandas": lambda: vwap(21), "polars": Lazy.vwap(21)},
    "amihud(21)": {"pandas": lambda: amihud(21), "polars": Lazy.amihud(21)},
    "dollar_volume(21)": {"pandas": lambda: dollar_volume(21), "polars": Lazy.dollar_volume(21)},
    # The features that are computed together, too.
    "delay(close, 21) / delay(close, 252) - 1": {
        "pandas": lambda: C.shift(21) / C.shift(252) - 1,
        "polars": close.shift(21) / close.shift(252) - 1,
    },
    "macd(close, 12, 26, 9).histogram / close": {
        "pandas": lambda: macd_histogram() / C,
        "polars": Lazy.macd_histogram() / close,
    },
    "(close - bollinger(close, 20, 2).lower) / close": {
        "pandas": lambda: (C - (C.rolling(20).mean() - 2 * C.rolling(20).std(ddof=0))) / C,
        "polars": (close - Lazy.bollinger(-2)) / close,
    },
    "atr(14) / close": {"pandas": lambda: smoothed(true_range(), 14) / C, "polars": Lazy.atr(14) / close},
    "skew(returns(close, 1), 63) + kurtosis(returns(close, 1), 63)": {
        "pandas": lambda: (lambda r: r.rolling(63).skew() + r.rolling(63).kurt())(returns()),
        "polars": Lazy.returns.rolling_skew(63, bias=False) + Lazy.returns.rolling_kurtosis(63, bias=False),
    },
    "median(close, 21) / quantile(close, 0.9, 21)": {
        "pandas": lambda: C.rolling(21).median() / C.rolling(21).quantile(0.9),
        "polars": close.rolling_median(21)
        / close.rolling_quantile(0.9, window_size=21, interpolation="linear"),
    },
    "slope(log(close), 21)": {
        "pandas": lambda: slope(np.log(c), 21),
        "polars": Lazy.weighed(close.log(), least_squares(21)),
    },
    "autocorrelation(returns(close, 1), 63)": {
        "pandas": lambda: (lambda r: r.rolling(62).corr(r.shift()))(returns()),
        "polars": pl.rolling_corr(Lazy.returns, Lazy.returns.shift(), window_size=62),
    },
    "correlation(returns(close, 1), returns(volume, 1), 63)": {
        "pandas": lambda: returns().rolling(63).corr(returns(V)),
        "polars": pl.rolling_corr(Lazy.returns, volume / volume.shift() - 1, window_size=63),
    },
    "sqrt(yang_zhang(21))": {
        "pandas": lambda: np.sqrt(yang_zhang(21)),
        "polars": Lazy.yang_zhang(21).sqrt(),
    },
    "garman_klass(21) + parkinson(21) + realized_volatility(21)": {
        "pandas": lambda: garman_klass(21) + parkinson(21) + realized_volatility(21),
        "polars": Lazy.garman_klass(21) + Lazy.parkinson(21) + Lazy.realized_volatility(21),
    },
    "amihud(21) * dollar_volume(21)": {
        "pandas": lambda: (lambda d: (returns().abs() / d).rolling(21).mean() * d.rolling(21).mean())(C * V),
        "polars": Lazy.amihud(21) * Lazy.dollar_volume(21),
    },
    "vwap(21) / wma(close, 21) - ema(close, 21) / sma(close, 21)": {
        "pandas": lambda: vwap(21) / wma(21) - C.ewm(span=21, adjust=False).mean() / C.rolling(21).mean(),
        "polars": Lazy.vwap(21) / Lazy.weighed(close, linear(21))
        - close.ewm_mean(span=21, adjust=False) / close.rolling_mean(21),
    },
}


def pieces(rows):
    """The columns as those of many tickers, without their sessions, cut before anything is timed."""
    for first in range(0, len(c), rows):
        cut = {name: arrays[name][first : first + rows] for name in arrays}
        series = pd.DataFrame(cut)
        named = {name[0]: cut[name] for name in arrays} | {name[0].upper(): series[name] for name in arrays}
        yield named | {"table": pl.DataFrame(cut)}


WHOLE = {name: globals()[name] for name in [*"ohlcvOHLCV", "table"]}


def calls(library, expressions):
    """What is called for a request, one after the other; each returns a column."""
    found = [FUNCTIONS[name][library] for name in expressions]
    if library != "polars":
        return found
    if len(found) == 1:
        return [lambda: table.select(found).to_series()]
    named = [expression.alias(str(place)) for place, expression in enumerate(found)]
    return [lambda: table.lazy().select(named).collect().to_series(len(named) - 1)]


def answer(request):
    functions = calls(request["library"], request["expressions"])
    parts = list(pieces(request["rows"])) if request["rows"] else [WHOLE]
    begin = time.perf_counter()
    for part in parts:
        # Functions read the columns by these names.
        globals().update(part)
        for function in functions:
            result = function()
    seconds = time.perf_counter() - begin
    globals().update(WHOLE)
    if request["output"]:
        # True is 1, and what is not known is no number.
        result = result.cast(pl.Float64).to_numpy() if isinstance(result, pl.Series) else result
        np.asarray(result, dtype=np.float64).tofile(request["output"])
    return {"seconds": seconds}


def main():
    versions = {"talib": talib.__version__, "pandas": pd.__version__, "polars": pl.__version__}
    offered = {name: list(libraries) for name, libraries in FUNCTIONS.items()}
    serve({"versions": versions, "offered": offered}, answer)


main()
