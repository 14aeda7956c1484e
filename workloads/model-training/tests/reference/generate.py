"""Writes ../fixtures: what the field's reference code gives for small inputs.

    make reference-drift ONLY=model-training/tests/reference/generate.py WRITE=1

Each file names the versions that wrote it.
"""

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV, calibration_curve
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from skfolio.model_selection import CombinatorialPurgedCV, WalkForward

OUTPUT = Path(sys.argv[1])


def write(name, content, *packages):
    content = {"generatedBy": {package: version(package) for package in packages}, **content}
    (OUTPUT / name).write_text(json.dumps(content, indent=None, separators=(",", ":")) + "\n")


def columns(x):
    return [list(map(float, column)) for column in np.asarray(x).T]


def linear_data(rows):
    random = np.random.default_rng(7)
    x = random.standard_normal((rows, 4))
    x[:, 3] = 0.9 * x[:, 0] + 0.3 * x[:, 3]
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    return random, np.round(x, 6)


def elastic_net():
    random, x = linear_data(80)
    y = np.round(x @ [0.5, -0.3, 0.0, 0.1] + 0.2 + random.standard_normal(80), 6)
    cases = []
    for penalty, l1_ratio in [(0.001, 0.5), (0.1, 0.5), (0.05, 1.0), (0.2, 0.0), (0.3, 0.9), (5.0, 0.5)]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ElasticNet(alpha=penalty, l1_ratio=l1_ratio, tol=1e-15, max_iter=1_000_000).fit(x, y)
        cases.append(
            {
                "penalty": str(penalty),
                "l1Ratio": str(l1_ratio),
                "intercept": float(model.intercept_),
                "coefficients": list(map(float, model.coef_)),
            }
        )
    write("elastic_net.json", {"columns": columns(x), "label": list(map(float, y)), "cases": cases}, "scikit-learn")


def logistic():
    random, x = linear_data(80)
    odds = x @ [1.0, -0.5, 0.0, 0.2] + 0.3
    y = (random.random(80) < 1 / (1 + np.exp(-odds))).astype(float)
    cases = []
    for penalty in [0.001, 0.01, 0.1, 1.0]:
        model = LogisticRegression(C=1 / (80 * penalty), tol=1e-14, max_iter=10_000, solver="newton-cholesky")
        model.fit(x, y)
        cases.append(
            {
                "penalty": str(penalty),
                "intercept": float(model.intercept_[0]),
                "coefficients": list(map(float, model.coef_[0])),
                "firstProbabilities": list(map(float, model.predict_proba(x)[:5, 1])),
            }
        )
    write("logistic.json", {"columns": columns(x), "label": list(map(float, y)), "cases": cases}, "scikit-learn")


class Score(ClassifierMixin, BaseEstimator):
    """A classifier whose score is its only feature."""

    def fit(self, x, y):
        self.classes_ = np.array([0.0, 1.0])
        return self

    def decision_function(self, x):
        return np.asarray(x)[:, 0]

    def predict(self, x):
        return (self.decision_function(x) > 0).astype(float)


def calibration():
    random = np.random.default_rng(19)
    sigmoids = []
    for scale, shift, rows in [(1.0, 0.0, 120), (0.02, 0.4, 60), (500.0, -0.3, 200)]:
        scores = random.standard_normal(rows)
        up = (random.random(rows) < 1 / (1 + np.exp(-(1.5 * scores + shift)))).astype(float)
        scores = np.round(scores * scale, 6)
        frozen = FrozenEstimator(Score().fit(None, None))
        model = CalibratedClassifierCV(frozen, method="sigmoid").fit(scores[:, None], up)
        sigmoids.append(
            {
                "scores": list(map(float, scores)),
                "up": [bool(value) for value in up],
                "probabilities": list(map(float, model.predict_proba(scores[:, None])[:, 1])),
            }
        )
    probabilities = np.round(random.random(300), 3)
    up = random.random(300) < probabilities**2
    frequency, mean = calibration_curve(up, probabilities, n_bins=10, strategy="uniform")
    content = {
        "sigmoids": sigmoids,
        "probabilities": list(map(float, probabilities)),
        "up": [bool(value) for value in up],
        "frequency": list(map(float, frequency)),
        "mean": list(map(float, mean)),
    }
    write("calibration.json", content, "scikit-learn")


def forest():
    """Scores of scikit-learn's forest on the same split over ten seeds: ours must lie within their noise."""
    random = np.random.default_rng(11)
    x = np.round(random.standard_normal((600, 5)), 3)
    signal = np.sin(2 * x[:, 0]) + 0.5 * x[:, 1] * (x[:, 2] > 0)
    y = np.round(signal + 0.5 * random.standard_normal(600), 3)
    up = (signal + random.standard_normal(600) > 0).astype(float)
    train, test = slice(0, 400), slice(400, 600)
    parameters = {"n_estimators": 100, "max_depth": 6, "min_samples_leaf": 5, "max_features": "sqrt"}
    errors, losses = [], []
    for seed in range(10):
        model = RandomForestRegressor(**parameters, random_state=seed).fit(x[train], y[train])
        errors.append(mean_squared_error(y[test], model.predict(x[test])))
        model = RandomForestClassifier(**parameters, random_state=seed).fit(x[train], up[train])
        losses.append(log_loss(up[test], model.predict_proba(x[test])[:, 1]))
    content = {
        "columns": columns(x),
        "label": list(map(float, y)),
        "up": list(map(float, up)),
        "trainRows": 400,
        "meanSquaredError": {"mean": float(np.mean(errors)), "deviation": float(np.std(errors, ddof=1))},
        "logLoss": {"mean": float(np.mean(losses)), "deviation": float(np.std(losses, ddof=1))},
    }
    write("forest.json", content, "scikit-learn")


def statistics():
    random = np.random.default_rng(13)
    pairs = []
    for size in [5, 8, 20]:
        for tied in [False, True]:
            x = random.standard_normal(size)
            y = 0.5 * x + random.standard_normal(size)
            if tied:
                x, y = np.round(x), np.round(y)
            x, y = np.round(x, 6), np.round(y, 6)
            pairs.append(
                {
                    "x": list(map(float, x)),
                    "y": list(map(float, y)),
                    "pearson": float(stats.pearsonr(x, y).statistic),
                    "spearman": float(stats.spearmanr(x, y).statistic),
                    "ranks": list(map(float, stats.rankdata(x))),
                    "zScores": list(map(float, stats.zscore(x, ddof=1))),
                    "skewness": float(stats.skew(y)),
                    "kurtosis": float(stats.kurtosis(y, fisher=False)),
                }
            )
    points = [-8.0, -3.0, -1.0, -0.1, 0.0, 0.5, 2.0, 6.0]
    probabilities = [1e-10, 0.001, 0.025, 0.3, 0.5, 0.75, 0.99, 0.999999]
    content = {
        "pairs": pairs,
        "cumulative": [[p, float(stats.norm.cdf(p))] for p in points],
        "quantile": [[p, float(stats.norm.ppf(p))] for p in probabilities],
    }
    write("statistics.json", content, "scipy")


def walk_forward():
    """skfolio counts the training window after purging, we before: its train_size is ours less the purged sessions.

    One ticker, one row a session, labels of reach `purged`: then both purge the same sessions.
    """
    cases = []
    for sessions, folds, test, train, reach in [(100, 4, 10, None, 6), (60, 3, 5, 20, 2), (43, 4, 10, None, 1)]:
        before = sessions - folds * test
        splitter = WalkForward(
            test_size=test,
            train_size=(before if train is None else train) - reach,
            purged_size=reach,
            expand_train=train is None,
        )
        # skfolio counts from the beginning, we from the end: it is given the sessions that the folds use.
        skipped = 0 if train is None else before - train
        splits = [
            {
                "train": [int(a[0]) + skipped, int(a[-1]) + skipped + 1],
                "test": [int(b[0]) + skipped, int(b[-1]) + skipped + 1],
            }
            for a, b in splitter.split(np.zeros((sessions - skipped, 1)))
        ]
        cases.append(
            {
                "sessions": sessions,
                "folds": folds,
                "testSessions": test,
                "trainSessions": train,
                "reach": reach,
                "splits": splits,
            }
        )
    write("walk_forward.json", {"cases": cases}, "skfolio")


def combinatorial():
    """The splits and paths of skfolio, which purges `reach` sessions on both sides and embargoes behind.

    One ticker, one row a session, labels of that reach. Testing one group at a time (which skfolio's constructor
    leaves to scikit-learn's KFold, that cannot purge) is purged k-fold.
    """
    cases = []
    for sessions, folds, tested, reach, embargo in [
        (100, 6, 2, 3, 2),
        (103, 5, 3, 1, 0),
        (61, 4, 2, 0, 4),
        (200, 10, 8, 5, 5),
        (97, 5, 1, 4, 3),
        (50, 4, 1, 0, 0),
    ]:
        splitter = CombinatorialPurgedCV(
            n_folds=folds, n_test_folds=max(tested, 2), purged_size=reach, embargo_size=embargo
        )
        splitter.n_test_folds = tested
        splits = []
        for train, tests in splitter.split(np.zeros((sessions, 1))):
            splits.append({"train": list(map(int, train)), "tests": [[int(t[0]), int(t[-1]) + 1] for t in tests]})
        cases.append(
            {
                "sessions": sessions,
                "folds": folds,
                "testFolds": tested,
                "reach": reach,
                "embargo": embargo,
                "splits": splits,
                "pathIds": splitter.get_path_ids().tolist(),
            }
        )
    write("combinatorial.json", {"cases": cases}, "skfolio")


if __name__ == "__main__":
    elastic_net()
    logistic()
    calibration()
    forest()
    statistics()
    walk_forward()
    combinatorial()
