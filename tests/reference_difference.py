"""Fails when a reference that its script made again is not the committed one: `reference_difference.py COMMITTED MADE`.

On the machine that wrote it the same bytes come out. On another the libraries add in another order, as its processor
can (vectors, BLAS), and another zlib packs otherwise. So what is not the same bytes is compared as JSON, CSV or text:
numbers with a fraction, and all that are cells of a table, may differ by 1e-9 of their value, which is what tests
against references allow, or by 1e-12 near 0; everything else, whole numbers of JSON too, is equal.
"""

import csv
import gzip
import json
import math
import sys
from pathlib import Path

RELATIVE, ABSOLUTE = 1e-9, 1e-12


def number(text):
    """What a cell is worth, if it is a number: one that is whole here may have a fraction elsewhere."""
    try:
        return float(text)
    except ValueError:
        return text


def content(path):
    data = Path(path).read_bytes()
    name = path
    if name.endswith(".gz"):
        data, name = gzip.decompress(data), name.removesuffix(".gz")
    if name.endswith(".json"):
        return json.loads(data)
    if name.endswith(".csv"):
        return [[number(cell) for cell in row] for row in csv.reader(data.decode().splitlines())]
    return data


def differences(committed, made, where=""):
    """Where two values differ by more than they may, with both of them."""
    if type(committed) is not type(made):
        yield f"{where}: {committed!r} is {made!r}"
    elif isinstance(committed, dict):
        if list(committed) != list(made):
            yield f"{where}: keys {list(committed)} are {list(made)}"
        for key in committed.keys() & made.keys():
            yield from differences(committed[key], made[key], f"{where}.{key}")
    elif isinstance(committed, list):
        if len(committed) != len(made):
            yield f"{where}: {len(committed)} values are {len(made)}"
        for place, pair in enumerate(zip(committed, made)):
            yield from differences(*pair, f"{where}[{place}]")
    elif isinstance(committed, float):
        same = math.isclose(committed, made, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
        if not same and not (math.isnan(committed) and math.isnan(made)):
            yield f"{where}: {committed!r} is {made!r}"
    elif committed != made:
        yield f"{where}: {committed!r} is {made!r}"


def main(committed, made):
    if not Path(committed).is_file():
        sys.exit(f"{committed} is not there")
    if Path(committed).read_bytes() == Path(made).read_bytes():
        return
    found = list(differences(content(committed), content(made)))
    for line in found[:5]:
        print(f"{committed}{line[:300]}", file=sys.stderr)
    if found:
        sys.exit(f"{committed} is not what its script gives: {len(found)} differences")
    print(f"{committed}: other bytes, the same values to {RELATIVE}", file=sys.stderr)


main(*sys.argv[1:])
