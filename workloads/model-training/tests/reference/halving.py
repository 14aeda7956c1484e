"""Writes ../fixtures/halving.json: which trials scikit-learn's HalvingGridSearchCV leaves, folds being its resource.

    make reference-drift ONLY=halving.py WRITE=1

A trial is an estimator whose score is the mean of its inner scores on so many folds: what our search compares by.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import HalvingGridSearchCV

OUTPUT = Path(sys.argv[1])


class Trial(BaseEstimator):
    def __init__(self, trial=0, folds=1, scores=None):
        self.trial = trial
        self.folds = folds
        self.scores = scores

    def fit(self, x, y):
        return self

    def score(self, x, y):
        return float(np.mean(self.scores[self.trial][: self.folds]))


def case(seed, trials, folds, factor, minimum, undefined=0):
    random = np.random.default_rng(seed)
    # A trial is good or not, and a fold shows that with noise.
    scores = np.round(random.standard_normal((trials, 1)) + 2 * random.standard_normal((trials, folds)), 4)
    for trial in random.choice(trials, undefined, replace=False):
        scores[trial, random.integers(minimum)] = np.nan
    search = HalvingGridSearchCV(
        Trial(scores=scores),
        {"trial": list(range(trials))},
        resource="folds",
        factor=factor,
        min_resources=minimum,
        max_resources=folds,
        cv=[([0], [1])],
        refit=False,
        error_score="raise",
    ).fit(np.zeros((2, 1)), np.zeros(2))
    iteration = np.asarray(search.cv_results_["iter"])
    tried = np.asarray(search.cv_results_["param_trial"], dtype=int)
    return {
        "factor": factor,
        "minimumFolds": minimum,
        "scores": [[None if np.isnan(score) else float(score) for score in trial] for trial in scores],
        "rungs": [
            {"folds": int(folds), "trials": sorted(map(int, tried[iteration == number]))}
            for number, folds in enumerate(search.n_resources_)
        ],
        "best": int(tried[search.best_index_]),
    }


CASES = [
    case(1, 27, 10, 3, 1),
    case(2, 20, 6, 3, 1),
    case(3, 20, 12, 2, 1),
    case(4, 40, 25, 3, 2),
    case(5, 9, 9, 3, 1),
    case(6, 4, 10, 3, 1),
    case(7, 2, 6, 3, 1),
    case(8, 60, 30, 4, 2),
    case(9, 33, 17, 2, 2, undefined=5),
    case(10, 32, 40, 2, 1),
    case(11, 7, 8, 5, 2),
    case(12, 30, 5, 3, 4),
]

if __name__ == "__main__":
    content = {"generatedBy": {name: version(name) for name in ["scikit-learn", "numpy"]}, "cases": CASES}
    (OUTPUT / "halving.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")
