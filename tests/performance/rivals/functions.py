"""Functions of price columns by TA-Lib, pandas and Polars, one call at a time on request.

    functions.py FOLDER

FOLDER holds open, high, low, close and volume as 64-bit floats. Prints a line of JSON with what it offers, then reads
requests, a line of JSON each, {"library": .., "expressions": [..], "rows": N or null, "output": PATH or null}, computes
the expressions one after the other, and prints {"seconds": ..}. With rows, the columns are those of many tickers, N rows
each, which are computed one after the other. With an output, the values of the last expression are written there.

The text of an expression is that of the language (docs/guide/expressions.md); each library does it in the way its own
documentation would. Where a library has no such function and nobody would use it for that, it is not offered.
"""

import json
import pathlib
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
import talib

folder = pathlib.Path(sys.argv[1])
arrays = {name: np.fromfile(folder / name) for name in ["open", "high", "low", "close", "volume"]}
o, h, l, c, v = arrays.values()
frame = pd.DataFrame(arrays)
O, H, L, C, V = (frame[name] for name in arrays)
table = pl.DataFrame(arrays)
p = pl.col
LN2 = np.log(2)


def by_polars(expression):
    return lambda: table.select(expression).to_series()


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


def wma(n):
    weights = np.arange(n, 0, -1) / (n * (n + 1) / 2)
    out = np.full(len(c), np.nan)
    out[n - 1 :] = np.convolve(c, weights, "valid")
    return out


def slope(x, n):
    """Least squares by two moving sums."""
    t = np.arange(n) - (n - 1) / 2
    out = np.full(len(x), np.nan)
    out[n - 1 :] = np.convolve(x, t[::-1] / (t * t).sum(), "valid")
    return out


def yang_zhang(n):
    before = C.shift()
    night, day = np.log(O / before), np.log(C / O)
    inside = np.log(H / C) * np.log(H / O) + np.log(L / C) * np.log(L / O)
    weight = 0.34 / (1.34 + (n + 1) / (n - 1))
    return night.rolling(n).var() + weight * day.rolling(n).var() + (1 - weight) * inside.rolling(n).mean()


def volatilities(n):
    garman_klass = 0.5 * np.log(H / L) ** 2 - (2 * LN2 - 1) * np.log(C / O) ** 2
    parkinson = np.log(H / L) ** 2
    realized = np.log(C / C.shift())
    return (
        np.sqrt(garman_klass.rolling(n).mean())
        + np.sqrt(parkinson.rolling(n).mean() / (4 * LN2))
        + realized.rolling(n).std() * np.sqrt(252)
    )


def weighted(n):
    typical = (O + H + L + C) / 4
    vwap = (typical * V).rolling(n).sum() / V.rolling(n).sum()
    return vwap / wma(n) - C.ewm(span=n, adjust=False).mean() / C.rolling(n).mean()


def returns():
    return C / C.shift() - 1


close = p("close")
FUNCTIONS = {
    "sma(close, 21)": {
        "talib": lambda: talib.SMA(c, 21),
        "pandas": lambda: C.rolling(21).mean(),
        "polars": by_polars(close.rolling_mean(21)),
    },
    "ema(close, 21)": {
        "talib": lambda: talib.EMA(c, 21),
        "pandas": lambda: C.ewm(span=21, adjust=False).mean(),
        "polars": by_polars(close.ewm_mean(span=21, adjust=False)),
    },
    "wma(close, 21)": {"talib": lambda: talib.WMA(c, 21), "pandas": lambda: wma(21)},
    "rsi(close, 14)": {"talib": lambda: talib.RSI(c, 14), "pandas": lambda: rsi(14)},
    "macd(close, 12, 26, 9).histogram": {
        "talib": lambda: talib.MACD(c, 12, 26, 9)[2],
        "pandas": macd_histogram,
    },
    "bollinger(close, 20, 2).upper": {
        "talib": lambda: talib.BBANDS(c, 20, 2.0, 2.0, 0)[0],
        "pandas": lambda: C.rolling(20).mean() + 2 * C.rolling(20).std(ddof=0),
        "polars": by_polars(close.rolling_mean(20) + 2 * close.rolling_std(20, ddof=0)),
    },
    "stochastic(14, 3, 3).d": {
        "talib": lambda: talib.STOCH(h, l, c, 14, 3, 0, 3, 0)[1],
        "pandas": lambda: stochastic(14, 3, 3),
    },
    "atr(14)": {"talib": lambda: talib.ATR(h, l, c, 14), "pandas": lambda: smoothed(true_range(), 14)},
    "adx(14)": {"talib": lambda: talib.ADX(h, l, c, 14), "pandas": lambda: adx(14)},
    "roc(close, 10)": {
        "talib": lambda: talib.ROC(c, 10),
        "pandas": lambda: C.pct_change(10, fill_method=None) * 100,
        "polars": by_polars(close.pct_change(10) * 100),
    },
    "obv()": {
        "talib": lambda: talib.OBV(c, v),
        "pandas": lambda: (np.sign(C.diff()).fillna(1.0) * V).cumsum(),
        "polars": by_polars((close.diff().sign().fill_null(1.0) * p("volume")).cum_sum()),
    },
    "slope(close, 21)": {
        "talib": lambda: talib.LINEARREG_SLOPE(c, 21),
        "pandas": lambda: slope(c, 21),
    },
    "lowest(low, 14)": {
        "talib": lambda: talib.MIN(l, 14),
        "pandas": lambda: L.rolling(14).min(),
        "polars": by_polars(p("low").rolling_min(14)),
    },
    "highest(high, 252)": {
        "talib": lambda: talib.MAX(h, 252),
        "pandas": lambda: H.rolling(252).max(),
        "polars": by_polars(p("high").rolling_max(252)),
    },
    "sum(raw_volume, 21)": {
        "talib": lambda: talib.SUM(v, 21),
        "pandas": lambda: V.rolling(21).sum(),
        "polars": by_polars(p("volume").rolling_sum(21)),
    },
    "std(close, 21)": {
        "talib": lambda: talib.STDDEV(c, 21, np.sqrt(21 / 20)),
        "pandas": lambda: C.rolling(21).std(),
        "polars": by_polars(close.rolling_std(21)),
    },
    "correlation(close, raw_volume, 63)": {
        "talib": lambda: talib.CORREL(c, v, 63),
        "pandas": lambda: C.rolling(63).corr(V),
        "polars": by_polars(pl.rolling_corr(close, p("volume"), window_size=63)),
    },
    "median(close, 21)": {
        "pandas": lambda: C.rolling(21).median(),
        "polars": by_polars(close.rolling_median(21)),
    },
    "quantile(close, 0.9, 21)": {
        "pandas": lambda: C.rolling(21).quantile(0.9),
        "polars": by_polars(close.rolling_quantile(0.9, window_size=21, interpolation="linear")),
    },
    "skew(returns(close, 1), 63)": {
        "pandas": lambda: returns().rolling(63).skew(),
        "polars": by_polars((close / close.shift() - 1).rolling_skew(63, bias=False)),
    },
    "kurtosis(returns(close, 1), 63)": {
        "pandas": lambda: returns().rolling(63).kurt(),
        "polars": by_polars((close / close.shift() - 1).rolling_kurtosis(63, bias=False)),
    },
    "delay(close, 21) / delay(close, 252) - 1": {
        "pandas": lambda: C.shift(21) / C.shift(252) - 1,
        "polars": by_polars(close.shift(21) / close.shift(252) - 1),
    },
    "macd(close, 12, 26, 9).histogram / close": {"pandas": lambda: macd_histogram() / C},
    "(close - bollinger(close, 20, 2).lower) / close": {
        "pandas": lambda: (C - (C.rolling(20).mean() - 2 * C.rolling(20).std(ddof=0))) / C,
    },
    "atr(14) / close": {"pandas": lambda: smoothed(true_range(), 14) / C},
    "skew(returns(close, 1), 63) + kurtosis(returns(close, 1), 63)": {
        "pandas": lambda: (lambda r: r.rolling(63).skew() + r.rolling(63).kurt())(returns()),
    },
    "median(close, 21) / quantile(close, 0.9, 21)": {
        "pandas": lambda: C.rolling(21).median() / C.rolling(21).quantile(0.9),
    },
    "slope(log(close), 21)": {"pandas": lambda: slope(np.log(c), 21)},
    "autocorrelation(returns(close, 1), 63)": {
        "pandas": lambda: (lambda r: r.rolling(62).corr(r.shift()))(returns()),
    },
    "correlation(returns(close, 1), returns(volume, 1), 63)": {
        "pandas": lambda: returns().rolling(63).corr(V / V.shift() - 1),
    },
    "sqrt(yang_zhang(21))": {"pandas": lambda: np.sqrt(yang_zhang(21))},
    "garman_klass(21) + parkinson(21) + realized_volatility(21)": {"pandas": lambda: volatilities(21)},
    "amihud(21) * dollar_volume(21)": {
        "pandas": lambda: (lambda d: (returns().abs() / d).rolling(21).mean() * d.rolling(21).mean())(C * V),
    },
    "vwap(21) / wma(close, 21) - ema(close, 21) / sma(close, 21)": {"pandas": lambda: weighted(21)},
}


def pieces(rows):
    """The columns as those of many tickers, cut before anything is timed."""
    for first in range(0, len(c), rows):
        cut = {name: arrays[name][first : first + rows] for name in arrays}
        series = pd.DataFrame(cut)
        named = {name[0]: cut[name] for name in arrays} | {name[0].upper(): series[name] for name in arrays}
        yield named


WHOLE = {name: globals()[name] for name in "ohlcvOHLCV"}


def answer(request):
    functions = [FUNCTIONS[name][request["library"]] for name in request["expressions"]]
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
        np.asarray(result, dtype=np.float64).tofile(request["output"])
    return {"seconds": seconds}


def main():
    versions = {"talib": talib.__version__, "pandas": pd.__version__, "polars": pl.__version__}
    offered = {name: list(libraries) for name, libraries in FUNCTIONS.items()}
    print(json.dumps({"versions": versions, "offered": offered}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


main()
