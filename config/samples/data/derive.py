"""Derives this folder's bars and actions from the PyPI package bokeh_sampledata; README.md tells how.

    make reference-drift ONLY=derive.py WRITE=1

It also writes the published adjusted closes, which a test reads.
"""

import collections
import csv
import gzip
import importlib.util
import pathlib
import sys

OUTPUT = pathlib.Path(sys.argv[1])
FOLDER = OUTPUT / "us-large-caps"


def actions_of(rows):
    """Splits and dividends from the steps of adjusted over raw close.

    The publisher's step on an ex-date is the split ratio x (1 + dividend / that day's close).
    """
    for before, row in zip(rows, rows[1:]):
        step = (float(row["Adj Close"]) / float(row["Close"])) / (float(before["Adj Close"]) / float(before["Close"]))
        if abs(step - 1) < 1e-6:
            continue
        if step > 1.5 and abs(step - round(step)) < 1e-6:
            yield row["Date"], "split", f"{round(step)}"
            continue
        dividend = (step - 1) * float(row["Close"])
        if abs(dividend - round(dividend, 2)) > 1e-6:
            raise SystemExit(f"{row['Ticker']} {row['Date']}: {dividend} dollars are not whole cents")
        yield row["Date"], "dividend", f"{dividend:.2f}"


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main():
    package = pathlib.Path(importlib.util.find_spec("bokeh_sampledata").origin).parent
    tickers = collections.defaultdict(list)
    with gzip.open(package / "_data/stocks.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            tickers[row["Ticker"]].append(row)
    for ticker, rows in tickers.items():
        columns = ("Date", "Open", "High", "Low", "Close", "Volume")
        bars = ([row[column] for column in columns] for row in rows)
        write(FOLDER / "bars" / f"{ticker}.csv", [column.lower() for column in columns], bars)
        write(FOLDER / "actions" / f"{ticker}.csv", ("ex_date", "kind", "value"), actions_of(rows))
    lines = ["ticker,date,adjusted_close"]
    lines += [f"{r['Ticker']},{r['Date']},{r['Adj Close']}" for rows in tickers.values() for r in rows]
    text = "\n".join(lines) + "\n"
    (OUTPUT / "us-large-caps-adjusted-close.csv.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


main()
