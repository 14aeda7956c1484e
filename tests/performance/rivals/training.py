"""Models of scikit-learn and LightGBM over columns of numbers, one fit or prediction at a time on request.

    training.py FOLDER THREADS

FOLDER holds x, the features of all rows one column after the other, y, the labels, and shape.json: {"rows": ..,
"train": .., "features": ..}. The first `train` rows are learned from, the others predicted. Prints a line of JSON with
what it offers, then reads requests, a line of JSON each, {"library": .., "model": .., "parameters": {..}, "rows": ..,
"output": PATH or null}, fits on the first `rows` training rows, predicts the held-out rows, and prints {"fit": seconds,
"predict": seconds, "bytes": ..}: the last is how far the process' peak memory rose above what it held before.

Parameters have the names of the API (docs/guide/models.md). Everything that is not named there is the library's
default, unless it says otherwise below.
"""

import json
import pathlib
import sys
import time
import warnings

import lightgbm
import numpy as np
import sklearn
from serve import serve
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

folder, threads = pathlib.Path(sys.argv[1]), int(sys.argv[2])
shape = json.loads((folder / "shape.json").read_text())
train, features = shape["train"], shape["features"]
# Columns one after the other, as ours are; both libraries take them so without a copy of their own making.
x = np.fromfile(folder / "x").reshape(features, shape["rows"]).T
y = np.fromfile(folder / "y")
up = (y > 0).astype(float)


def tree(p):
    return {"max_depth": p["maxDepth"], "min_samples_leaf": p["minSamplesLeaf"]}


def histogram(kind):
    """Newton steps over 255 bins, every leaf of the depth, no early end."""

    def make(p):
        return kind(
            max_iter=p["trees"],
            learning_rate=p["learningRate"],
            max_depth=p["maxDepth"],
            max_leaf_nodes=None,
            min_samples_leaf=p["minSamplesLeaf"],
            early_stopping=False,
        )

    return make


class LightGBM:
    def __init__(self, objective, p):
        self.parameters = {
            "objective": objective,
            "learning_rate": p["learningRate"],
            "max_depth": p["maxDepth"],
            "num_leaves": 2 ** p["maxDepth"],
            "min_data_in_leaf": p["minSamplesLeaf"],
            "min_sum_hessian_in_leaf": 0.0,
            "num_threads": threads,
            # What `deterministic` would cost is not asked for: the faster of row-wise and column-wise is tried first.
            "verbosity": -1,
        }
        self.trees = p["trees"]

    def fit(self, x, y):
        data = lightgbm.Dataset(x, y, params=self.parameters)
        self.model = lightgbm.train(self.parameters, data, num_boost_round=self.trees)
        return self

    def predict(self, x):
        return self.model.predict(x, num_threads=threads)


def probability(model, x):
    return model.predict_proba(x)[:, 1]


def value(model, x):
    return model.predict(x)


# Model and library: how it is made, what it learns, how it predicts.
MODELS = {
    "elasticNet": {"scikit-learn": (lambda p: ElasticNet(alpha=p["penalty"], l1_ratio=p["l1Ratio"]), y, value)},
    "logistic": {
        "scikit-learn": (lambda p: LogisticRegression(C=1 / (p["penalty"] * p["rows"])), up, probability)
    },
    "supportVector": {
        "scikit-learn": (
            lambda p: SVC(C=p["cost"], gamma=p["gamma"] / features),
            up,
            lambda model, x: model.decision_function(x),
        )
    },
    "decisionTree": {"scikit-learn": (lambda p: DecisionTreeRegressor(random_state=0, **tree(p)), y, value)},
    "randomForest": {
        "scikit-learn": (
            lambda p: RandomForestRegressor(
                p["trees"], max_features="sqrt", n_jobs=threads, random_state=0, **tree(p)
            ),
            y,
            value,
        )
    },
    "gradientBoosting": {
        "LightGBM": (lambda p: LightGBM("regression", p), y, value),
        "scikit-learn": (histogram(HistGradientBoostingRegressor), y, value),
    },
    "gradientBoostingUp": {
        "LightGBM": (lambda p: LightGBM("binary", p), up, value),
        "scikit-learn": (histogram(HistGradientBoostingClassifier), up, probability),
    },
}


def forget_peak():
    """From here on the peak is that of what follows."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")


def memory(name):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name)) * 1024


def answer(request):
    make, label, predict = MODELS[request["model"]][request["library"]]
    rows = request["rows"]
    forget_peak()
    before = memory("VmRSS")
    model = make({**request["parameters"], "rows": rows})
    begin = time.perf_counter()
    model.fit(x[:rows], label[:rows])
    fit = time.perf_counter() - begin
    rose = max(0, memory("VmHWM") - before)
    begin = time.perf_counter()
    predictions = predict(model, x[train:])
    seconds = time.perf_counter() - begin
    if request["output"]:
        np.asarray(predictions, dtype=np.float64).tofile(request["output"])
    return {"fit": fit, "predict": seconds, "bytes": rose}


def main():
    warnings.simplefilter("ignore")
    versions = {"LightGBM": lightgbm.__version__, "scikit-learn": sklearn.__version__}
    offered = {name: list(libraries) for name, libraries in MODELS.items()}
    serve({"versions": versions, "offered": offered}, answer)


main()
