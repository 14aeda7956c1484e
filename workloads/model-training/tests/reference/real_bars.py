"""Writes ../fixtures/real_bars.json: what scikit-learn and LightGBM predict on folds of the samples' real bars.

    make reference-drift ONLY=real_bars.py WRITE=1

Four shares that have no split from 2006 on; three features of closes alone, exact in 32 bits, because scikit-learn's
trees round to them; the label is the return over the next five bars over the deviation of the training labels. The
rows are made again by the test, from the same files.
"""

import csv
import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import lightgbm
import numpy as np
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.ensemble._hist_gradient_boosting.binning import _BinMapper
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

BARS = Path(__file__).resolve().parents[4] / "config/samples/data/us-large-caps/bars"
TICKERS = ["AAPL", "GOOG", "IBM", "MSFT"]
PAST, HORIZON, FOLDS, TEST = [5, 21, 126], 5, 3, 252
# Predictions of a fold that are written: every so many rows.
STEP = 40
# Of what draws rows or features: the mean of so many losses is known to a fifth of their deviation.
SEEDS = 24


def closes(ticker):
    with open(BARS / f"{ticker}.csv") as file:
        return [float(row["close"]) for row in csv.DictReader(file) if row["date"] >= "2006"]


def design():
    """Rows by session and ticker: place of the session, features, label."""
    series = [np.array(closes(ticker)) for ticker in TICKERS]
    sessions = len(series[0])
    assert all(len(close) == sessions for close in series)
    rows = []
    for t in range(PAST[-1], sessions - HORIZON):
        for close in series:
            features = [np.float64(np.float32(close[t] / close[t - n] - 1)) for n in PAST]
            rows.append((t, features, close[t + HORIZON] / close[t] - 1))
    place = np.array([row[0] for row in rows])
    return place, np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def folds(place):
    last = place.max() + 1
    for fold in range(FOLDS):
        first = last - TEST * (FOLDS - fold)
        # The last training label ends before the test window begins.
        yield np.flatnonzero(place + HORIZON < first), np.flatnonzero((place >= first) & (place < first + TEST))


class Booster:
    """LightGBM without its own bounds on leaves: every leaf of the depth, no least curvature."""

    def __init__(self, objective):
        self.parameters = {
            "objective": objective,
            "learning_rate": 0.1,
            "max_depth": 3,
            "num_leaves": 8,
            "min_data_in_leaf": 20,
            "min_sum_hessian_in_leaf": 0.0,
            "deterministic": True,
            "num_threads": 1,
            "verbosity": -1,
        }

    def fit(self, x, y, sample_weight=None):
        data = lightgbm.Dataset(x, y, weight=sample_weight, params=self.parameters)
        self.model = lightgbm.train(self.parameters, data, num_boost_round=50)
        return self

    def predict(self, x):
        return self.model.predict(x)


def histogram(kind):
    """Boosting over 255 bins, every leaf of the depth, no early end."""
    return kind(
        max_iter=50, learning_rate=0.1, max_depth=3, min_samples_leaf=20, max_leaf_nodes=None, early_stopping=False
    )


def boosted(kind, **more):
    return kind(n_estimators=50, learning_rate=0.1, max_depth=3, min_samples_leaf=20, criterion="squared_error", **more)


def probability(model):
    return lambda x: model.predict_proba(x)[:, 1]


def main():
    place, x, y = design()
    forest = {"n_estimators": 50, "max_depth": 4, "min_samples_leaf": 20, "max_features": "sqrt"}
    tree = {"max_depth": 4, "min_samples_leaf": 20, "random_state": 0}
    written = []
    for train, test in folds(place):
        label = y / y[train].std(ddof=1)
        up = (y > 0).astype(float)
        z = (x - x[train].mean(axis=0)) / x[train].std(axis=0, ddof=1)
        # Weights that are no label's uniqueness, only reproducible: 0.5, 0.75, ... 1.5, 1 on average over five rows.
        weight = 0.5 + 0.25 * (np.arange(len(train)) % 5)
        weight *= len(train) / weight.sum()
        cases, noise = {}, {}

        def case(name, model, target, predict=None, scaled=False):
            """Predictions with and without weights, and the loss on the whole test window."""
            values, score = (z if scaled else x), log_loss if target is up else mean_squared_error
            for key, weights in [(name, None), (name + "Weighted", weight)]:
                fitted = model.fit(values[train], target[train], sample_weight=weights)
                predictions = (predict or fitted.predict)(values[test])
                cases[key] = {
                    "predictions": [float(p) for p in predictions[::STEP]],
                    "loss": float(score(target[test], predictions)),
                }

        case("decisionTree", DecisionTreeRegressor(**tree), label)
        case("exactBoosting", boosted(GradientBoostingRegressor, random_state=0), label)
        case("gradientBoosting", histogram(HistGradientBoostingRegressor), label)
        booster = histogram(HistGradientBoostingClassifier)
        case("gradientBoostingUp", booster, up, probability(booster))
        case("lightgbm", Booster("regression"), label)
        case("lightgbmUp", Booster("binary"), up)
        classifier = DecisionTreeClassifier(**tree)
        case("decisionTreeUp", classifier, up, probability(classifier))
        case("supportVector", SVR(C=1, epsilon=0.1, gamma=0.5 / 3, tol=1e-6), label, scaled=True)
        case("supportVectorLinear", SVR(kernel="linear", C=0.1, epsilon=0.1, tol=1e-6), label, scaled=True)
        machine = SVC(C=1, gamma=0.5 / 3, tol=1e-6)
        for key, weights in [("supportVectorUp", None), ("supportVectorUpWeighted", weight)]:
            decision = machine.fit(z[train], up[train], sample_weight=weights).decision_function(z[test])
            cases[key] = {
                "predictions": [float(p) for p in decision[::STEP]],
                "loss": float(((decision >= 0) != (up[test] > 0)).mean()),
            }
        case("elasticNet", ElasticNet(alpha=0.01, l1_ratio=0.5, tol=1e-14, max_iter=100_000), label, scaled=True)
        logistic = LogisticRegression(C=1 / (0.01 * len(train)), tol=1e-12, solver="newton-cholesky")
        case("logistic", logistic, up, probability(logistic), scaled=True)

        # Trees of the numbers of the bins split as trees in bins do.
        bins = _BinMapper(n_bins=256, subsample=None).fit(x[train]).transform(x).astype(float)
        for name, make, target, score in [
            ("randomForest", lambda seed: RandomForestRegressor(**forest, random_state=seed), label, False),
            ("randomForestUp", lambda seed: RandomForestClassifier(**forest, random_state=seed), up, True),
            ("stochasticBoosting", lambda seed: boosted(GradientBoostingRegressor, subsample=0.5, random_state=seed), label, False),
            ("stochasticBoostingUp", lambda seed: boosted(GradientBoostingClassifier, subsample=0.5, random_state=seed), up, True),
        ]:
            for key, weights in [(name, None), (name + "Weighted", weight)]:
                losses = []
                for seed in range(SEEDS):
                    model = make(seed).fit(bins[train], target[train], sample_weight=weights)
                    predictions = model.predict_proba(bins[test])[:, 1] if score else model.predict(bins[test])
                    losses.append((log_loss if score else mean_squared_error)(target[test], predictions))
                noise[key] = {"mean": float(np.mean(losses)), "deviation": float(np.std(losses, ddof=1))}
        gain = DecisionTreeRegressor(**tree).fit(x[train], label[train]).feature_importances_
        boosted_gain = boosted(GradientBoostingRegressor, random_state=0).fit(bins[train], label[train]).feature_importances_
        written.append(
            {
                "trainRows": len(train),
                "testRows": len(test),
                "cases": cases,
                "noise": noise,
                "treeGain": [float(value) for value in gain],
                "boostedGain": [float(value) for value in boosted_gain],
            }
        )
    content = {"generatedBy": {p: version(p) for p in ["scikit-learn", "lightgbm", "numpy"]}, "folds": written}
    (Path(sys.argv[1]) / "real_bars.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
