"""Writes ../fixtures/card.json: uniqueness of labels by mlfinpy, drift by feature-engine and SciPy.

    make reference-drift ONLY=card.py WRITE=1

A set-up of its own: mlfinpy wants an older NumPy than the packages of generate.py.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from feature_engine.selection import DropHighPSIFeatures
from mlfinpy.sampling.concurrent import _get_average_uniqueness, num_concurrent_events
from scipy import stats

OUTPUT = Path(sys.argv[1])


def spans(random, bars, step, longest):
    first = np.arange(0, bars - longest, step)
    first = first[random.random(len(first)) < 0.8]
    return [(int(t), int(t + random.integers(0, longest + 1))) for t in first]


def uniqueness(of):
    index = pd.bdate_range("2010-01-04", periods=max(last for _, last in of) + 1)
    ends = pd.Series([index[last] for _, last in of], index=[index[first] for first, _ in of])
    concurrent = num_concurrent_events(index, ends, ends.index)
    return _get_average_uniqueness(ends, concurrent, ends.index).tolist()


def psi(training, recent):
    frame = pd.DataFrame({"x": np.concatenate([training, recent]), "part": [0] * len(training) + [1] * len(recent)})
    selector = DropHighPSIFeatures(
        split_col="part", split_frac=None, cut_off=0.5, bins=10, strategy="equal_frequency", threshold=1e9, variables=["x"]
    )
    return float(selector.fit(frame).psi_values_["x"])


def main():
    random = np.random.default_rng(11)
    labels = [spans(random, 60, 1, 6), spans(random, 80, 3, 4), spans(random, 40, 2, 15), [(0, 3), (4, 7), (8, 8)]]
    normal = random.standard_normal(500)
    samples = [
        (normal, random.standard_normal(200)),
        (normal, 0.5 + 1.5 * random.standard_normal(200)),
        (normal, 3 + random.standard_normal(90)),
        (np.round(normal, 1), np.round(random.standard_normal(300), 1)),
        (random.exponential(size=333), random.exponential(size=77)),
        (random.integers(0, 4, 200).astype(float), random.integers(0, 5, 100).astype(float)),
    ]
    content = {
        "generatedBy": {package: version(package) for package in ["mlfinpy", "feature-engine", "scipy"]},
        "spans": [{"spans": of, "uniqueness": uniqueness(of)} for of in labels],
        "drifts": [
            {
                "training": training.tolist(),
                "recent": recent.tolist(),
                "psi": psi(training, recent),
                "ks": float(stats.ks_2samp(recent, training).statistic),
            }
            for training, recent in samples
        ],
    }
    (OUTPUT / "card.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()
