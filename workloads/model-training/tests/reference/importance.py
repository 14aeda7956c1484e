"""Writes ../fixtures/importance.json: permutation importance and gain of features by scikit-learn.

    make reference-drift ONLY=importance.py WRITE=1

Models that both fit alike learn from the first rows; on the others each feature is shuffled by
`sklearn.inspection.permutation_importance`. A shuffle is random: the mean of many and their deviation are written, and what
is compared is a mean, too. Features are multiples of 1/256, so that they are exact in 32 bits, as scikit-learn's trees want
them; linear models and support vectors learn from them scaled by the training rows.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS, TRAIN, REPEATS, FOREST_SEEDS = 600, 400, 200, 24


def gain_of(forest):
    """Shares of what all splits of a forest gain. `feature_importances_` is the mean of each tree's shares, in which a tree
    that gains little counts as much as one that gains much; LightGBM, scikit-learn's boosting and ATS sum over trees."""
    gain = sum(tree.tree_.compute_feature_importances(normalize=False) for tree in forest.estimators_)
    return gain / gain.sum()


def main():
    random = np.random.default_rng(23)
    x = np.round(random.standard_normal((ROWS, 4)) * 256) / 256
    signal = x @ [1.0, -0.6, 0.3, 0.0]
    label = np.round(signal + 0.4 * random.standard_normal(ROWS), 4)
    up = (signal + 0.4 * random.standard_normal(ROWS) > 0).astype(float)
    train, test = slice(0, TRAIN), slice(TRAIN, ROWS)
    z = (x - x[train].mean(axis=0)) / x[train].std(axis=0, ddof=1)
    cases = {}

    def case(name, model, values, target, scoring):
        fitted = model.fit(values[train], target[train])
        found = permutation_importance(
            fitted, values[test], target[test], scoring=scoring, n_repeats=REPEATS, random_state=0
        )
        cases[name] = {
            "mean": [float(value) for value in found.importances_mean],
            "deviation": [float(value) for value in found.importances_std],
        }
        return fitted

    error, brier = "neg_mean_squared_error", "neg_brier_score"
    tree = {"max_depth": 4, "min_samples_leaf": 20, "random_state": 0}
    case("elasticNet", ElasticNet(alpha=0.01, l1_ratio=0.5, tol=1e-14, max_iter=100_000), z, label, error)
    case("logistic", LogisticRegression(C=1 / (0.01 * TRAIN), tol=1e-12, solver="newton-cholesky"), z, up, brier)
    case("supportVectorUp", SVC(C=1, gamma=0.5 / 4, tol=1e-6), z, up, "accuracy")
    grown = case("decisionTree", DecisionTreeRegressor(**tree), x, label, error)
    chosen = case("decisionTreeUp", DecisionTreeClassifier(**tree), x, up, brier)
    boosting = HistGradientBoostingRegressor(
        max_iter=50, learning_rate=0.1, max_depth=3, min_samples_leaf=20, max_leaf_nodes=None, early_stopping=False
    )
    case("gradientBoosting", boosting, x, label, error)
    weight = 0.5 + 0.25 * (np.arange(TRAIN) % 5)
    weight *= TRAIN / weight.sum()
    weighted = DecisionTreeRegressor(**tree).fit(x[train], label[train], sample_weight=weight)
    forests = [
        RandomForestRegressor(
            n_estimators=50, max_depth=4, min_samples_leaf=20, max_features="sqrt", random_state=seed
        ).fit(x[train], label[train])
        for seed in range(FOREST_SEEDS)
    ]
    content = {
        "generatedBy": {package: version(package) for package in ["scikit-learn", "numpy"]},
        "trainRows": TRAIN,
        "repeats": REPEATS,
        "columns": [[float(value) for value in column] for column in x.T],
        "label": [float(value) for value in label],
        "up": [float(value) for value in up],
        "weight": [float(value) for value in weight],
        "permutation": cases,
        "gain": {
            "decisionTree": [float(value) for value in grown.feature_importances_],
            "decisionTreeWeighted": [float(value) for value in weighted.feature_importances_],
            "decisionTreeUp": [float(value) for value in chosen.feature_importances_],
            "randomForest": [float(value) for value in np.mean([gain_of(forest) for forest in forests], axis=0)],
        },
    }
    (Path(sys.argv[1]) / "importance.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


main()
