"""Writes the reference values that tests/suite/reference.rs compares with.

    make reference-drift ONLY=columns/tests/reference/generate.py WRITE=1

values.csv.gz: the last 300 bars of two shares of the sample data, then one column for each expression of the language
(the header is the expression), computed by TA-Lib, pandas, numpy and scipy in the versions of requirements.txt. Empty
means null. Where TA-Lib has no such function, the column is pandas' rolling statistics put together as the formula
says. cross_section.csv.gz: the functions across tickers, by pandas, on the five shares of the sample data.

    generate.py FOLDER OWN OTHER FILE

writes the first table for all bars of two tickers of another folder (OWN.csv, OTHER.csv) to a file.
"""

import gzip
import io
import pathlib
import sys

import numpy as np
import pandas as pd
import scipy.stats
import talib

ROWS = 300
SAMPLES = pathlib.Path(__file__).resolve().parents[4] / "config" / "samples" / "data" / "us-large-caps" / "bars"


def bars(folder, ticker):
    return pd.read_csv(folder / f"{ticker}.csv").astype({"volume": float})


def rolling(x, n, function):
    return x.rolling(n).apply(function, raw=True)


def pairs(x, y, n, function):
    """The function of the last n pairs of x and y."""
    out = pd.Series(np.nan, index=x.index)
    for t in range(n - 1, len(x)):
        a, b = x[t - n + 1 : t + 1].to_numpy(), y[t - n + 1 : t + 1].to_numpy()
        if not (np.isnan(a).any() or np.isnan(b).any()):
            out[t] = function(a, b)
    return out


def references(b, benchmark):
    o, h, l, c, v = (b[name] for name in ["open", "high", "low", "close", "volume"])
    macd = talib.MACD(c, 12, 26, 9)
    bands = talib.BBANDS(c, 20, 2.0, 2.0, 0)
    k, d = talib.STOCH(h, l, c, 14, 3, 0, 3, 0)
    r = c.pct_change()
    log_r = np.log(c / c.shift())
    change = c.diff()

    def sample_cov(x, y):
        return np.cov(x, y)[0, 1]

    yield "sma(close, 14)", talib.SMA(c, 14)
    yield "ema(close, 14)", talib.EMA(c, 14)
    yield "ema(close, 2)", talib.EMA(c, 2)
    yield "wma(close, 14)", talib.WMA(c, 14)
    yield "rsi(close, 14)", talib.RSI(c, 14)
    yield "rsi(close, 2)", talib.RSI(c, 2)
    for name, column in zip(["line", "signal", "histogram"], macd):
        yield f"macd(close, 12, 26, 9).{name}", column
    for name, column in zip(["upper", "middle", "lower"], bands):
        yield f"bollinger(close, 20, 2).{name}", column
    yield "stochastic(14, 3, 3).k", k
    yield "stochastic(14, 3, 3).d", d
    yield "atr(14)", talib.ATR(h, l, c, 14)
    yield "adx(14)", talib.ADX(h, l, c, 14)
    yield "adx(2)", talib.ADX(h, l, c, 2)
    yield "roc(close, 10)", talib.ROC(c, 10)
    yield "obv()", talib.OBV(c, v)
    yield 'beta("MSFT", 21)', talib.BETA(benchmark["close"], c, 21)
    yield "slope(close, 10)", talib.LINEARREG_SLOPE(c, 10)
    yield "delay(close, 5)", c.shift(5)
    yield "delta(close, 5)", c.diff(5)
    yield "returns(close, 3)", c.pct_change(3)
    yield "mean(close, 21)", rolling(c, 21, np.mean)
    yield "sum(raw_volume, 21)", rolling(v, 21, np.sum)
    yield "std(close, 21)", rolling(c, 21, lambda w: np.std(w, ddof=1))
    yield "var(returns(close, 1), 21)", rolling(r, 21, lambda w: np.var(w, ddof=1))
    yield "median(close, 20)", rolling(c, 20, np.median)
    yield "median(close, 21)", rolling(c, 21, np.median)
    yield "quantile(close, 0.1, 21)", rolling(c, 21, lambda w: np.quantile(w, 0.1))
    yield "quantile(close, 0.77, 30)", rolling(c, 30, lambda w: np.quantile(w, 0.77))
    yield "lowest(low, 14)", talib.MIN(l, 14)
    yield "highest(high, 14)", talib.MAX(h, 14)
    yield "skew(returns(close, 1), 21)", rolling(r, 21, lambda w: scipy.stats.skew(w, bias=False))
    yield "kurtosis(returns(close, 1), 21)", rolling(r, 21, lambda w: scipy.stats.kurtosis(w, bias=False))
    yield "skew(close, 3)", rolling(c, 3, lambda w: scipy.stats.skew(w, bias=False))
    yield "kurtosis(close, 4)", rolling(c, 4, lambda w: scipy.stats.kurtosis(w, bias=False))
    yield "correlation(close, raw_volume, 21)", pairs(c, v, 21, lambda x, y: scipy.stats.pearsonr(x, y)[0])
    yield "covariance(returns(close, 1), returns(volume, 1), 21)", pairs(r, v.pct_change(), 21, sample_cov)
    yield "autocorrelation(returns(close, 1), 21)", rolling(r, 21, lambda w: pd.Series(w).autocorr(1))
    yield "count(close > open, 10)", (c > o).astype(float).rolling(10).sum()
    typical = (o + h + l + c) / 4
    yield "vwap(10)", rolling(typical * v, 10, np.sum) / rolling(v, 10, np.sum)
    yield "parkinson(21)", np.sqrt(rolling(np.log(h / l) ** 2, 21, np.mean) / (4 * np.log(2)))
    garman_klass = 0.5 * np.log(h / l) ** 2 - (2 * np.log(2) - 1) * np.log(c / o) ** 2
    yield "garman_klass(21)", np.sqrt(rolling(garman_klass, 21, np.mean))
    n = 21
    weight = 0.34 / (1.34 + (n + 1) / (n - 1))
    rogers_satchell = np.log(h / c) * np.log(h / o) + np.log(l / c) * np.log(l / o)
    sample_var = lambda w: np.var(w, ddof=1)
    yield f"yang_zhang({n})", (
        rolling(np.log(o / c.shift()), n, sample_var)
        + weight * rolling(np.log(c / o), n, sample_var)
        + (1 - weight) * rolling(rogers_satchell, n, np.mean)
    )
    covariance = pairs(change, change.shift(), 21, sample_cov)
    yield "roll_spread(21)", 2 * np.sqrt(-covariance.clip(upper=0))
    yield "amihud(21)", rolling(r.abs() / (c * v), 21, np.mean)
    yield "realized_volatility(21)", rolling(log_r, 21, lambda w: np.std(w, ddof=1)) * np.sqrt(252)
    yield "dollar_volume(21)", rolling(c * v, 21, np.mean)
    dates = pd.to_datetime(b["date"])
    yield "log(volume)", np.log(v)
    yield "exp(returns(close, 1))", np.exp(r)
    yield "abs(close - open)", (c - o).abs()
    yield "sign(close - open)", np.sign(c - o)
    yield "sqrt(volume)", np.sqrt(v)
    yield "min(close, open)", np.minimum(c, o)
    yield "max(close, open)", np.maximum(c, o)
    yield "clip(returns(close, 1), -0.01, 0.01)", r.clip(-0.01, 0.01)
    yield "if(close > open, high, low)", pd.Series(np.where(c > o, h, l))
    yield "-(close - open) / (high - low)", (-(c - o) / (h - l)).replace([np.inf, -np.inf], np.nan)
    yield "raw_close * raw_volume", c * v
    average = talib.SMA(c, 10)
    defined = average.notna() & average.shift().notna()
    above = pd.Series((c.shift() <= average.shift()) & (c > average)).astype(float)
    below = pd.Series((c.shift() >= average.shift()) & (c < average)).astype(float)
    # At the average's first bar the bar before is unknown: false where the crossing cannot be, else null.
    first = int(average.first_valid_index())
    yield "cross_above(close, sma(close, 10))", above.where(defined | ((above.index == first) & (c <= average)))
    yield "cross_below(close, sma(close, 10))", below.where(defined | ((below.index == first) & (c >= average)))
    rising, heavy = c > o, v > v.shift()
    known = v.shift().notna()
    yield "not (close > open)", (~rising).astype(float)
    yield "close > open and volume > delay(volume, 1)", (rising & heavy).astype(float).where(known | ~rising)
    yield "close > open or volume > delay(volume, 1)", (rising | heavy).astype(float).where(known | rising)
    for operator, compared in [
        ("<", c < o), ("<=", c <= o), (">", c > o), (">=", c >= o), ("==", c == o), ("!=", c != o)
    ]:
        yield f"close {operator} open", compared.astype(float)
    yield "delay(close, 21) / delay(close, 252) - 1", c.shift(21) / c.shift(252) - 1
    yield "-(close / delay(close, 21) - 1)", -(c / c.shift(21) - 1)
    other = benchmark["close"]
    yield 'raw_close@"MSFT"', other
    yield 'returns(close, 21) - returns(close@"MSFT", 21)', c.pct_change(21) - other.pct_change(21, fill_method=None)
    yield 'correlation(returns(close, 1), returns(close@"MSFT", 1), 60)', r.rolling(60).corr(
        other.pct_change(fill_method=None)
    )
    # A week is seen from its last session on, until then the one before. No week of these bars lacks its last session;
    # the bars may end within a week, though.
    week = dates.dt.to_period("W-SUN")
    last = week != week.shift(-1)
    last.iloc[-1] = dates.iloc[-1].day_of_week == 4
    kinds = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    for name, kind in kinds.items():
        weeks = b[name].groupby(week).agg(kind)
        seen = pd.Series(np.where(last, week.map(weeks), week.map(weeks.shift())), index=b.index)
        yield f"{name}@1w", seen
        if name == "close":
            yield "close / close@1w - 1", c / seen - 1
            yield "raw_close@1d", c
    yield "day_of_week", dates.dt.isocalendar().day.astype(float)
    yield "month", dates.dt.month.astype(float)


def table(own, benchmark):
    """The bars, the other ticker's close at the same dates, and the references."""
    joined = own[["date"]].merge(benchmark, on="date", how="left")
    result = own.copy()
    result["benchmark"] = joined["close"]
    columns = {name: pd.Series(np.asarray(column)) for name, column in references(own, joined)}
    return pd.concat([result, pd.DataFrame(columns)], axis=1)


def cross_section():
    """Five-bar returns of the sample's shares, and the functions across them on each date."""
    parts = []
    for path in sorted(SAMPLES.glob("*.csv")):
        part = bars(SAMPLES, path.stem).tail(ROWS)
        # As if trading had begun later, and with a day missing: a date then has fewer names.
        part = part.iloc[10 * len(parts) :].drop(part.index[-20 - len(parts)])
        part["x"] = part["close"].pct_change(5)
        parts.append(part.assign(ticker=path.stem)[["date", "ticker", "x"]])
    frame = pd.concat(parts).sort_values(["date", "ticker"]).reset_index(drop=True)
    x = frame.groupby("date")["x"]
    frame["rank"] = x.rank(pct=True)
    frame["zscore"] = (frame["x"] - x.transform("mean")) / x.transform("std")
    frame["demean"] = frame["x"] - x.transform("mean")
    frame["winsorize"] = frame["x"].clip(x.transform(lambda v: v.quantile(0.1)), x.transform(lambda v: v.quantile(0.9)))
    return frame


def write(frame, path):
    text = io.StringIO()
    frame.to_csv(text, index=False, float_format="%.17g", lineterminator="\n")
    # No name and no time in the header, so that the same values give the same file.
    with open(path, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as zipped:
        zipped.write(text.getvalue().encode())
    print(f"{path}: {frame.shape[1]} columns, {len(frame)} rows; TA-Lib {talib.__version__}, pandas {pd.__version__}")


def main():
    if len(sys.argv) == 5:
        folder, own, other, file = sys.argv[1:]
        write(table(bars(pathlib.Path(folder), own), bars(pathlib.Path(folder), other)), pathlib.Path(file))
        return
    output = pathlib.Path(sys.argv[1])
    own, benchmark = (bars(SAMPLES, name).tail(ROWS).reset_index(drop=True) for name in ["IBM", "MSFT"])
    assert (own["date"] == benchmark["date"]).all()
    write(table(own, benchmark), output / "values.csv.gz")
    write(cross_section(), output / "cross_section.csv.gz")


main()
