"""Derives this folder's bars and actions from the PyPI package bokeh_sampledata; README.md tells how.

    pip download --no-deps bokeh_sampledata==2026.1
    python3 derive.py bokeh_sampledata-2026.1-py3-none-any.whl

With a second argument, a file name, it also writes the published adjusted closes, which a test reads.
"""

import collections
import csv
import gzip
import io
import pathlib
import sys
import zipfile

FOLDER = pathlib.Path(__file__).parent / "us-large-caps"


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


def main(wheel, adjusted=None):
    packed = zipfile.ZipFile(wheel).read("bokeh_sampledata/_data/stocks.csv.gz")
    tickers = collections.defaultdict(list)
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode())):
        tickers[row["Ticker"]].append(row)
    for ticker, rows in tickers.items():
        columns = ("Date", "Open", "High", "Low", "Close", "Volume")
        bars = ([row[column] for column in columns] for row in rows)
        write(FOLDER / "bars" / f"{ticker}.csv", [column.lower() for column in columns], bars)
        write(FOLDER / "actions" / f"{ticker}.csv", ("ex_date", "kind", "value"), actions_of(rows))
    if adjusted:
        lines = ["ticker,date,adjusted_close"]
        lines += [f"{r['Ticker']},{r['Date']},{r['Adj Close']}" for rows in tickers.values() for r in rows]
        text = "\n".join(lines) + "\n"
        pathlib.Path(adjusted).write_bytes(gzip.compress(text.encode(), mtime=0))


main(*sys.argv[1:])
