//! The formula of each number of a model card, by the number's name in `card.json`: the one place that has the text.

use std::collections::BTreeMap;

/// Names and formulas, ascending by name. `Phi` is the normal distribution's, a row is a prediction with its outcome,
/// a date an instant. With several paths of a validation a figure is the mean over the paths.
pub const FORMULAS: [(&str, &str); 30] = [
    (
        "accuracy",
        "rows where (P(up) >= 0.5, of margins margin >= 0) = (outcome > 0) / rows; classifiers only",
    ),
    (
        "averageUniqueness",
        "mean over labels of mean over the label's bars of 1 / labels of the ticker on the bar (Lopez de Prado 2018, 4.4)",
    ),
    ("byFold", "the search metric on the inner test window of each fold, an error with its sign turned"),
    (
        "coefficient",
        "coefficient of the scaled feature in the model fitted on everything; linear models only",
    ),
    ("dates", "number of instants with predictions and outcomes"),
    ("datesUndefined", "dates of five names or more on which all predictions or all outcomes are equal"),
    ("datesWithFewNames", "dates of fewer than five names"),
    (
        "deflatedSharpe",
        "Phi((SR - SR*) sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)), SR = sharpePerPeriod, n = periods, g3 and g4 over n, SR* = expectedBestSharpe (Bailey and Lopez de Prado 2014)",
    ),
    (
        "earlierTrials",
        "distinct specifications tried under the model's name before this one that are none of its trials",
    ),
    (
        "expectedBestSharpe",
        "s ((1 - g) Phi^-1(1 - 1 / N) + g Phi^-1(1 - 1 / (N e))), s = sample std of the trials' sharpePerPeriod (of an earlier trial x sqrt(its periods a year / those of this run)), g = 0.5772..., N = numberOfTrials; 0 for one trial",
    ),
    ("frequency", "rows of the bin with an outcome above 0 / rows of the bin"),
    ("gain", "what the splits by the feature lower the training error by / what all splits do; trees only"),
    ("hitRate", "rows where sign(prediction) = sign(outcome) / rows with an outcome other than 0"),
    (
        "ic",
        "mean over dates of five names or more of the Pearson correlation of prediction and outcome across names",
    ),
    ("icir", "mean / sample std of the rank ICs of every h-th date, h = horizonBars"),
    ("ks", "max |F(x) - G(x)|, F and G: distribution functions of the recent and the training values"),
    (
        "logLoss",
        "mean(-ln p), p: the probability given to what happened, at least 2.2e-16; probabilities only",
    ),
    ("mean", "mean(byFold) over the folds where it is defined"),
    (
        "meanSquaredError",
        "mean((prediction - outcome)^2), of probabilities mean((P(up) - 1 or 0)^2), 1 where the outcome is above 0; none of margins",
    ),
    (
        "numberOfTrials",
        "N: distinct specifications tried under the model's name: those of this run + earlierTrials",
    ),
    ("periods", "number of every h-th dates of five names or more, h = horizonBars"),
    (
        "permutation",
        "mean over five shuffles of the feature of (error shuffled - error) on test rows, error = meanSquaredError, of margins the share of wrong signs",
    ),
    (
        "probabilisticSharpe",
        "Phi(SR sqrt(n - 1) / sqrt(1 - g3 SR + (g4 - 1) / 4 SR^2)), SR = sharpePerPeriod, n = periods, g3 and g4 over n (Bailey and Lopez de Prado 2012)",
    ),
    ("probability", "mean P(up) of the bin, one of ten of equal width"),
    (
        "psi",
        "sum over deciles of the training values of (p - q) ln(p / q), p and q: shares of the recent and the training values in it, at least 0.0001",
    ),
    (
        "rankIc",
        "mean over dates of five names or more of the Spearman correlation of prediction and outcome across names",
    ),
    ("rows", "number of predictions with an outcome"),
    ("sharpe", "sharpePerPeriod x sqrt(252 x bars a session / h), h = horizonBars"),
    (
        "sharpePerPeriod",
        "mean / sample std of the return of the top less the bottom fifth by prediction, equal weights, every h-th date, h = horizonBars, without costs",
    ),
    (
        "turnover",
        "mean over dates of names in the top fifth by prediction that were not in it h dates before / names in it, h = horizonBars (alphalens quantile_turnover)",
    ),
];

/// All of them.
#[must_use]
pub fn all() -> BTreeMap<String, String> {
    FORMULAS.iter().map(|(name, formula)| ((*name).to_owned(), (*formula).to_owned())).collect()
}
