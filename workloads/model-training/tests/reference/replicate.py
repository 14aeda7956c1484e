"""Computes the elastic-net predictions of a store again, from its bars and features, with pandas and scikit-learn.

    ats run -f config/samples --store file:///tmp/store
    .venv/bin/python replicate.py /tmp/store --horizon 5

Joins, labels, scaling, purging and fits are written here from the definitions alone; the rows must be equal, the
predictions equal up to the solvers' tolerance. For forward returns from the next open, daily bars, default
preprocessing, and a store that holds one universe. Ends with 1 when something differs.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import ElasticNet

TOLERANCE = 1e-6


def units(store, stage):
    """Manifest and files, by name, of every unit of a stage."""
    for path in sorted((store / stage).glob("*/manifest.json")):
        manifest = json.loads(path.read_text())
        files = {f["name"]: path.parent / f"{f['digest']}.{f['name'].rsplit('.', 1)[1]}" for f in manifest["files"]}
        yield manifest, files


def design(store, names, horizon):
    """Rows of active tickers without nulls, features scaled across each date, labels with their ends; all sessions."""
    _, published = next(units(store, "publish"))
    membership = pd.read_parquet(published["membership.parquet"])
    crossed = published.get("cross_section.parquet")
    crossed = pd.read_parquet(crossed) if crossed else None
    features = {m["unit"]: pd.read_parquet(f["features.parquet"]) for m, f in units(store, "features") if f}
    frames, sessions = [], set()
    for manifest, files in units(store, "acquire"):
        if not files:
            continue
        ticker = manifest["unit"]
        rows = pd.read_parquet(files["bars.parquet"])
        sessions.update(rows.session)
        opened = rows.open * rows.split_factor * rows.dividend_factor
        rows["label"] = opened.shift(-(horizon + 1)) / opened.shift(-1) - 1
        rows["end"] = rows.session.shift(-(horizon + 1))
        for name in names:
            if name in features[ticker]:
                rows[name] = features[ticker][name].to_numpy()
            else:
                column = crossed[crossed.ticker == ticker][["timestamp", name]]
                rows = rows.merge(column, on="timestamp", how="left")
        active = np.zeros(len(rows), dtype=bool)
        for _, span in membership[membership.ticker == ticker].iterrows():
            active |= ((rows.session >= span["from"]) & (rows.session <= span["to"])).to_numpy()
        frames.append(rows[active])
    rows = pd.concat(frames).sort_values(["timestamp", "ticker"])
    for name in names:
        dates = rows.groupby("timestamp")[name]
        rows[name] = (rows[name] - dates.transform("mean")) / dates.transform("std")
    return rows.dropna(subset=names), sorted(sessions)


def check(card, predictions, rows, sessions):
    """The greatest difference between our predictions and these, over the greatest prediction of the fold."""
    names = card["features"]
    labelled = rows.dropna(subset=["label"])
    sessions = [session for session in sessions if session <= labelled.session.max()]
    folds = card["folds"]
    size = sum(str(f) >= folds[0]["split"]["test"]["from"] and str(f) <= folds[0]["split"]["test"]["to"] for f in sessions)
    worst = 0.0
    for place, fold in enumerate(folds):
        start = len(sessions) - size * (len(folds) - place)
        first, last = sessions[start], sessions[start + size - 1]
        train = labelled[labelled.end < first]
        test = rows[(rows.session >= first) & ((rows.session <= last) | (fold is folds[-1]))]
        net = card["trials"][fold["trial"]]["specification"]["elasticNet"]
        scale = train.label.std()
        model = ElasticNet(alpha=float(net["penalty"]), l1_ratio=float(net["l1Ratio"]), tol=1e-12, max_iter=100_000)
        expected = model.fit(train[names], train.label / scale).predict(test[names]) * scale
        found = predictions[predictions.fold == place]
        assert len(train) == fold["split"]["trainRows"], f"fold {place}: other training rows"
        same = list(found.ticker) == list(test.ticker) and (found.timestamp.to_numpy() == test.timestamp.to_numpy()).all()
        assert same, f"fold {place}: other test rows"
        assert np.allclose(found.outcome, test.label, rtol=0, atol=1e-12, equal_nan=True), f"fold {place}: other labels"
        worst = max(worst, float(np.abs(found.prediction.to_numpy() - expected).max() / np.abs(expected).max()))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--horizon", type=int, required=True, help="horizonBars of the label")
    arguments = parser.parse_args()
    checked, good = 0, True
    for _, files in units(arguments.store, "select"):
        card = json.loads(files["card.json"].read_text())
        if "elasticNet" not in card["specification"]:
            continue
        rows, sessions = design(arguments.store, card["features"], arguments.horizon)
        worst = check(card, pd.read_parquet(files["predictions.parquet"]), rows, sessions)
        print(f"{', '.join(card['features'])}: {len(card['folds'])} folds, greatest relative difference {worst:.1e}")
        checked, good = checked + 1, good and worst < TOLERANCE
    if not checked:
        print("the store holds no elastic-net model")
    sys.exit(0 if checked and good else 1)


if __name__ == "__main__":
    main()
