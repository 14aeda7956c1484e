//! The model card, `card.json`: what was tried, on what, and how good it is. No time, path or host stands in it, and
//! no gate: those are judged on the figures, so that another bound computes nothing again.

use std::collections::BTreeMap;

use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights, SearchMetric};
use ats_pipeline::spec::{AlgorithmSpec, PruningSpec, Rung, is_default};
use serde::{Deserialize, Serialize};

use crate::calibration::ReliabilityBin;
use crate::dataset::RowCounts;
use crate::drift::Drift;
use crate::error::TrainingError;
use crate::metric::{Figures, Score};
use crate::model::Training;
use crate::search::InnerScores;
use crate::train::SplitReport;

/// The version of the form of `card.json`.
pub const VERSION: u32 = 1;

/// The model card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// [`VERSION`].
    pub version: u32,
    /// Digest of the dataset.
    pub dataset: String,
    /// The features.
    pub features: Vec<String>,
    /// How they are scaled.
    pub feature_scaling: FeatureScaling,
    /// How the label is scaled.
    pub label_scaling: LabelScaling,
    /// What is predicted, in words.
    pub label: String,
    /// How much each training row counts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sample_weights: SampleWeights,
    /// Mean uniqueness of the labels that the last fit learned from: times the rows, about how many observations they
    /// are worth. 1 where no label shares a bar with another one of its ticker.
    pub average_uniqueness: Option<f64>,
    /// How scores become probabilities.
    #[serde(default, skip_serializing_if = "is_default")]
    pub calibration: Calibration,
    /// Probabilities of the stitched out-of-sample predictions beside what happened; empty for other scores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<ReliabilityBin>,
    /// What a prediction means.
    pub score: Score,
    /// Rows left out of the dataset, and why.
    pub rows: RowCounts,
    /// Decides every random choice.
    pub seed: u64,
    /// By which trials were compared; none without a search.
    pub search_metric: Option<SearchMetric>,
    /// How many distinct specifications were tried under the model's name: N of the deflated Sharpe ratio.
    pub number_of_trials: usize,
    /// How many of them are of earlier specifications of the model, and none of `trials`.
    #[serde(default)]
    pub earlier_trials: usize,
    /// Which trials ran on which folds; none where all ran on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruning: Option<PruningCard>,
    /// The specifications of this run, in canonical order.
    pub trials: Vec<TrialCard>,
    /// The folds, earliest first.
    pub folds: Vec<FoldCard>,
    /// Figures of the stitched out-of-sample predictions; with several paths their means.
    pub figures: Figures,
    /// Figures of the sessions of each year, earliest first.
    #[serde(default)]
    pub years: Vec<YearCard>,
    /// Figures of the last test window by how much was learned from, least first.
    #[serde(default)]
    pub learning_curve: Vec<LearningPoint>,
    /// Figures of each path of a combinatorial validation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<Figures>,
    /// Sharpe ratio, a period, that the best of so many trials without skill is expected to show.
    pub expected_best_sharpe: Option<f64>,
    /// Probability that the Sharpe ratio is above that.
    pub deflated_sharpe: Option<f64>,
    /// The features, most important first.
    pub importance: Vec<FeatureCard>,
    /// The specification that was fitted on everything.
    pub specification: AlgorithmSpec,
    /// What that fit learned from.
    pub training: Training,
    /// Whether every fit that the model and its predictions rest on reached its tolerance.
    pub converged: bool,
    /// What a reader should know about these figures.
    pub notes: Vec<String>,
    /// The formula of each number, by its name ([`crate::formula`]).
    #[serde(default)]
    pub formulas: BTreeMap<String, String>,
}

/// A specification that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TrialCard {
    /// The specification.
    pub specification: AlgorithmSpec,
    /// Its scores inside the folds' training spans; none without a search.
    pub inner_scores: Option<InnerScores>,
    /// Where it was left behind; none: it ran on all folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pruned: Option<PrunedCard>,
    /// Figures of its own stitched test predictions, of the folds that it ran on; nothing was selected by them.
    pub figures: Figures,
}

/// Where a trial was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrunedCard {
    /// The last rung that it ran on, from 1.
    pub rung: usize,
    /// The folds that it ran on.
    pub folds: usize,
}

/// A search that left trials out of later folds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruningCard {
    /// How it was pruned.
    #[serde(flatten)]
    pub specification: PruningSpec,
    /// The rungs, first to last.
    pub rungs: Vec<RungCard>,
    /// Trials that did not run on all folds.
    pub pruned_trials: usize,
    /// Units that were needed: a trial on a fold is one.
    pub units: usize,
    /// Units that the search takes without pruning.
    pub units_without: usize,
}

/// A rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungCard {
    /// How many folds a trial has run on at its end.
    pub folds: usize,
    /// Trials that ran on it.
    pub trials: usize,
}

impl PruningCard {
    /// Of a search of so many trials.
    #[must_use]
    pub fn new(specification: PruningSpec, trials: usize, folds: usize) -> Self {
        let rungs = Rung::all(Some(specification), trials, folds);
        Self {
            specification,
            pruned_trials: trials - rungs.last().map_or(trials, |last| last.trials),
            units: rungs.iter().map(Rung::units).sum(),
            units_without: trials * folds,
            rungs: rungs.iter().map(|rung| RungCard { folds: rung.to, trials: rung.trials }).collect(),
        }
    }
}

/// A fold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FoldCard {
    /// From 1.
    pub fold: usize,
    /// Place in `trials` of the one that predicted the test window.
    pub trial: usize,
    /// The split.
    pub split: SplitReport,
    /// The split inside the training span, by which trials are compared.
    pub inner_split: SplitReport,
    /// Figures of the test window.
    pub figures: Figures,
    /// Whether the fold's fits reached their tolerance.
    pub converged: bool,
}

/// A year of the stitched out-of-sample predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct YearCard {
    /// The calendar year of the sessions.
    pub year: i16,
    /// Their figures; with several paths the means.
    pub figures: Figures,
}

/// A fit on a part of the last fold's training rows: the latest sessions of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LearningPoint {
    /// Sessions learned from.
    pub train_sessions: usize,
    /// Rows learned from.
    pub train_rows: usize,
    /// Figures of the fold's test window; none when the fit failed.
    pub figures: Option<Figures>,
    /// Why the fit failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A feature's weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureCard {
    /// The feature.
    pub feature: String,
    /// Mean rise of the out-of-sample mean squared error when the feature is shuffled; for a margin, which has none, of
    /// the share of wrong signs.
    pub permutation: Option<f64>,
    /// The coefficient of the model fitted on everything, for scaled features; none for trees and curves.
    pub coefficient: Option<f64>,
    /// For trees, the feature's share of what all splits of the model fitted on everything lower its training error by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain: Option<f64>,
    /// How far its values of the last test window lie from those that the window's model learned from.
    #[serde(default)]
    pub drift: Option<Drift>,
}

impl Card {
    /// The file's bytes, indented for readers.
    ///
    /// # Errors
    /// When it does not serialise, which is a defect.
    pub fn to_json(&self) -> Result<Vec<u8>, TrainingError> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| TrainingError::Data(error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The figures by the names that a status and gates know; none: not defined.
    ///
    /// A constant prediction has no figures, so that every gate on it fails.
    #[must_use]
    pub fn metrics(&self) -> BTreeMap<String, Option<f64>> {
        let figures = &self.figures;
        let mut metrics = BTreeMap::from([
            ("deflatedSharpe".to_owned(), self.deflated_sharpe),
            ("hitRate".to_owned(), figures.hit_rate),
            ("ic".to_owned(), figures.ic),
            ("icir".to_owned(), figures.icir),
            ("meanSquaredError".to_owned(), figures.mean_squared_error),
            ("probabilisticSharpe".to_owned(), figures.probabilistic_sharpe),
            ("rankIc".to_owned(), figures.rank_ic),
            ("sharpe".to_owned(), figures.sharpe),
            ("turnover".to_owned(), figures.turnover),
        ]);
        if self.score != Score::Value {
            metrics.insert("accuracy".to_owned(), figures.accuracy);
        }
        if self.score == Score::ProbabilityMinusHalf {
            metrics.insert("logLoss".to_owned(), figures.log_loss);
        }
        if figures.constant_prediction {
            metrics.values_mut().for_each(|value| *value = None);
        }
        metrics.insert("trials".to_owned(), Some(self.number_of_trials as f64));
        if let Some(pruning) = &self.pruning {
            metrics.insert("prunedTrials".to_owned(), Some(pruning.pruned_trials as f64));
        }
        metrics
    }
}

/// Why the figures across names are missing.
#[must_use]
pub fn why_undefined(figures: &Figures) -> String {
    if figures.rows == 0 {
        return "no prediction has an outcome yet".to_owned();
    }
    format!(
        "of {} dates {} have fewer than five names, on {} all predictions or all outcomes are equal; \
         {} periods of the quintile spread",
        figures.dates, figures.dates_with_few_names, figures.dates_undefined, figures.periods
    )
}
