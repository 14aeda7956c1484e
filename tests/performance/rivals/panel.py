"""Functions across tickers by pandas and Polars, one call at a time on request.

    panel.py FOLDER TICKERS

FOLDER holds x as 64-bit floats: the values of all tickers at the first session, then those at the second, and so on;
one that is not known is no number. What is asked and answered is that of functions.py. pandas has a frame of sessions
by tickers, Polars a row for each session and ticker, each the form in which its users do this.
"""

import pathlib
import sys
import time

import numpy as np
import pandas as pd
import polars as pl
from serve import serve

folder, tickers = pathlib.Path(sys.argv[1]), int(sys.argv[2])
values = np.fromfile(folder / "x").reshape(-1, tickers)
X = pd.DataFrame(values)
sessions = np.repeat(np.arange(len(values), dtype=np.int32), tickers)
table = pl.DataFrame({"session": sessions, "x": values.ravel()}).with_columns(pl.col("x").fill_nan(None))
x = pl.col("x")


def across(expression):
    return expression.over("session")


def at_quantiles(p):
    low, high = (across(x.quantile(q, interpolation="linear")) for q in (p, 1 - p))
    return x.clip(low, high)


# An expression to its libraries: functions of pandas, expressions of Polars.
FUNCTIONS = {
    "rank(x)": {
        "pandas": lambda: X.rank(axis=1, pct=True),
        "polars": across(x.rank("average")) / across(x.count()),
    },
    "zscore(x)": {
        "pandas": lambda: X.sub(X.mean(axis=1), axis=0).div(X.std(axis=1), axis=0),
        "polars": (x - across(x.mean())) / across(x.std()),
    },
    "demean(x)": {
        "pandas": lambda: X.sub(X.mean(axis=1), axis=0),
        "polars": x - across(x.mean()),
    },
    "winsorize(x, 0.05)": {
        "pandas": lambda: X.clip(X.quantile(0.05, axis=1), X.quantile(0.95, axis=1), axis=0),
        "polars": at_quantiles(0.05),
    },
}


def answer(request):
    (name,) = request["expressions"]
    function = FUNCTIONS[name][request["library"]]
    begin = time.perf_counter()
    result = table.select(function).to_series() if request["library"] == "polars" else function()
    seconds = time.perf_counter() - begin
    if request["output"]:
        result = result.cast(pl.Float64) if isinstance(result, pl.Series) else result
        np.ascontiguousarray(result.to_numpy(), dtype=np.float64).tofile(request["output"])
    return {"seconds": seconds}


def main():
    versions = {"pandas": pd.__version__, "polars": pl.__version__}
    offered = {name: list(libraries) for name, libraries in FUNCTIONS.items()}
    serve({"versions": versions, "offered": offered}, answer)


main()
