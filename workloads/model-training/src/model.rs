//! A trained model: how features are scaled, what was learned, what a prediction means. As a file it is
//! `model.json`.

use ats_calendar::Session;
use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights};
use ats_pipeline::spec::AlgorithmSpec;
use serde::{Deserialize, Serialize};

use crate::algorithm::estimator::{exact, exact_list, exact_list_option};
use crate::algorithm::{Estimator, TrainingRows, build};
use crate::calibration::Sigmoid;
use crate::dataset::{Matrix, pick, z_score};
use crate::error::TrainingError;
use crate::metric::{Score, deviation, mean};
use crate::uniqueness;
use crate::validation::Split;

/// What tells a model file from other JSON.
pub const KIND: &str = "ats.model";
/// The version of the form of `model.json`; another one is refused.
pub const VERSION: u32 = 1;

/// Everything that decides a fit beside the rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The algorithm and its parameters.
    pub trial: AlgorithmSpec,
    /// Scaling of the features; the matrix has applied the one across tickers already.
    pub features: FeatureScaling,
    /// Scaling of the label; predictions are scaled back, a classifier's label is never scaled.
    pub label: LabelScaling,
    /// How much each row counts. Means and deviations count all rows alike.
    pub weights: SampleWeights,
    /// How scores become probabilities.
    pub calibration: Calibration,
    /// Whether the label is a direction.
    pub label_is_direction: bool,
    /// Decides every random choice.
    pub seed: u64,
}

/// Means and deviations of the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardization {
    /// One for each feature.
    #[serde(with = "exact_list")]
    pub mean: Vec<f64>,
    /// One for each feature; never 0.
    #[serde(with = "exact_list")]
    pub deviation: Vec<f64>,
}

/// What a fit learned: from columns as they stand in a [`Matrix`] to predictions in the label's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// With `Standardize`, what is taken from and divides each feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standardization: Option<Standardization>,
    /// What multiplies the estimator's predictions: the label's deviation, or 1.
    #[serde(with = "exact")]
    pub label_scale: f64,
    /// What a prediction means.
    pub score: Score,
    /// What makes the estimator's scores probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Sigmoid>,
    /// What predicts.
    pub estimator: Estimator,
    /// False when the solver stopped at its limit of iterations.
    pub converged: bool,
    /// For trees, each feature's share of what their splits lower the weighted squared error by.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact_list_option")]
    pub gain: Option<Vec<f64>>,
}

impl Pipeline {
    /// Learns from some rows of a matrix.
    ///
    /// # Errors
    /// A feature or label without deviation where one is needed, and whatever the algorithm refuses.
    pub fn fit(matrix: &Matrix, rows: &[usize], recipe: &Recipe) -> Result<Self, TrainingError> {
        let algorithm = build(&recipe.trial)?;
        let score = algorithm.score(recipe.label_is_direction)?;
        let mut columns = matrix.gather(rows);
        let standardization = match recipe.features {
            FeatureScaling::Standardize => Some(Standardization::learn(&matrix.features, &columns)?),
            FeatureScaling::CrossSectionalZScore | FeatureScaling::None => None,
        };
        if let Some(standardization) = &standardization {
            standardization.apply(&mut columns);
        }
        let mut label = pick(&matrix.label, rows);
        let label_scale = match (score, recipe.label) {
            (Score::Value, LabelScaling::UnitVariance) => match deviation(&label) {
                Some(deviation) if deviation > 0.0 => deviation,
                _ => {
                    let message = format!("the labels of {} training rows have no deviation", rows.len());
                    return Err(TrainingError::Fit { algorithm: algorithm.name(), message });
                }
            },
            _ => 1.0,
        };
        for value in &mut label {
            *value = match score {
                Score::Value => *value / label_scale,
                Score::ProbabilityMinusHalf | Score::Margin if *value > 0.0 => 1.0,
                Score::ProbabilityMinusHalf | Score::Margin => 0.0,
            };
        }
        let weights = match recipe.weights {
            SampleWeights::Equal => None,
            SampleWeights::Uniqueness => Some(uniqueness::weights(matrix, rows)),
        };
        let weights = weights.as_deref();
        let training =
            TrainingRows { names: &matrix.features, columns: &columns, label: &label, weights, score };
        let fitted = algorithm.fit(&training, recipe.seed)?;
        Ok(Self {
            standardization,
            label_scale,
            score,
            calibration: None,
            estimator: fitted.estimator,
            converged: fitted.converged,
            gain: fitted.gain,
        })
    }

    /// Learns from some rows, calibrated by what a fit on a part of them, `inner.train`, predicts for another part,
    /// `inner.test`.
    ///
    /// # Errors
    /// As [`Pipeline::fit`] and [`Sigmoid::fit`].
    pub fn fit_calibrated(
        matrix: &Matrix,
        rows: &[usize],
        inner: &Split,
        recipe: &Recipe,
    ) -> Result<Self, TrainingError> {
        let fitted = Self::fit(matrix, rows, recipe)?;
        if recipe.calibration == Calibration::None {
            return Ok(fitted);
        }
        fitted.calibrate(matrix, &Self::fit(matrix, &inner.train, recipe)?, &inner.test)
    }

    /// Makes this one's scores probabilities, by those that `inner` gives to rows that it has not learned from.
    ///
    /// # Errors
    /// As [`Sigmoid::fit`].
    pub fn calibrate(mut self, matrix: &Matrix, inner: &Self, rows: &[usize]) -> Result<Self, TrainingError> {
        let known: Vec<usize> = rows.iter().copied().filter(|row| matrix.label_end[*row].is_some()).collect();
        let scores = inner.predict(matrix.gather(&known), known.len());
        let up: Vec<bool> = known.iter().map(|row| matrix.label[*row] > 0.0).collect();
        self.calibration = Some(Sigmoid::fit(&scores, &up)?);
        self.score = Score::ProbabilityMinusHalf;
        Ok(self)
    }

    /// Predictions for columns as they stand in a matrix, each of `rows` values.
    #[must_use]
    pub fn predict(&self, mut columns: Vec<Vec<f64>>, rows: usize) -> Vec<f64> {
        if let Some(standardization) = &self.standardization {
            standardization.apply(&mut columns);
        }
        let mut predictions = self.estimator.predict(&columns, rows);
        if self.score == Score::Value {
            predictions.iter_mut().for_each(|value| *value *= self.label_scale);
        }
        if let Some(sigmoid) = &self.calibration {
            predictions.iter_mut().for_each(|value| *value = sigmoid.probability(*value) - 0.5);
        }
        predictions
    }
}

impl Standardization {
    fn learn(names: &[String], columns: &[Vec<f64>]) -> Result<Self, TrainingError> {
        let mut learned = Self { mean: Vec::new(), deviation: Vec::new() };
        for (name, column) in names.iter().zip(columns) {
            match (mean(column), deviation(column)) {
                (Some(mean), Some(deviation)) if deviation > 0.0 => {
                    learned.mean.push(mean);
                    learned.deviation.push(deviation);
                }
                _ => {
                    return Err(TrainingError::Data(format!(
                        "feature {name} has one value on all {} training rows; leave it out",
                        column.len()
                    )));
                }
            }
        }
        Ok(learned)
    }

    fn apply(&self, columns: &mut [Vec<f64>]) {
        for ((column, mean), deviation) in columns.iter_mut().zip(&self.mean).zip(&self.deviation) {
            column.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
        }
    }
}

/// What the model learned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Training {
    /// Digest of the dataset.
    pub dataset: String,
    /// Training rows.
    pub rows: usize,
    /// Session of the first training row.
    pub first_session: Session,
    /// Session of the last training row.
    pub last_session: Session,
    /// Last session that a training label depends on: the model predicts later ones only.
    pub last_label_end: Session,
    /// Decided every random choice.
    pub seed: u64,
}

/// A model as a file: `model.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Model {
    /// [`KIND`].
    pub kind: String,
    /// [`VERSION`].
    pub version: u32,
    /// The features in the order of the columns that [`Model::predict`] wants.
    pub features: Vec<String>,
    /// How the features of a date are scaled before anything else.
    pub feature_scaling: FeatureScaling,
    /// The algorithm and its parameters.
    pub specification: AlgorithmSpec,
    /// What it learned from.
    pub training: Training,
    /// What it learned.
    pub pipeline: Pipeline,
}

#[derive(Deserialize)]
struct Header {
    kind: Option<String>,
    version: Option<u32>,
}

impl Model {
    /// The file's bytes; the same model gives the same bytes.
    ///
    /// # Errors
    /// When it does not serialise, which is a defect.
    pub fn to_json(&self) -> Result<Vec<u8>, TrainingError> {
        serde_json::to_vec(self).map_err(|error| TrainingError::Model(error.to_string()))
    }

    /// Reads and checks a file, so that predicting cannot fail on it.
    ///
    /// # Errors
    /// Other JSON, another version, or parts that do not fit each other.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrainingError> {
        let refuse = |message: String| Err(TrainingError::Model(message));
        let header: Header = serde_json::from_slice(bytes)
            .map_err(|error| TrainingError::Model(format!("not JSON: {error}")))?;
        if header.kind.as_deref() != Some(KIND) {
            return refuse(format!("not a model: field kind is not {KIND:?}"));
        }
        if header.version != Some(VERSION) {
            let found = header.version.map_or("none".to_owned(), |version| version.to_string());
            return refuse(format!(
                "form version {found}, this program reads {VERSION}; train the model again"
            ));
        }
        let model: Self =
            serde_json::from_slice(bytes).map_err(|error| TrainingError::Model(error.to_string()))?;
        let features = model.features.len();
        if features == 0 {
            return refuse("it has no features".to_owned());
        }
        if let Some(standardization) = &model.pipeline.standardization {
            let lengths = [standardization.mean.len(), standardization.deviation.len()];
            if lengths != [features; 2] || standardization.deviation.iter().any(|value| *value <= 0.0) {
                return refuse("its standardization does not fit its features".to_owned());
            }
        }
        model.pipeline.estimator.check(features)?;
        Ok(model)
    }

    /// Scores of one instant's active tickers, one each; NaN where a feature is null.
    ///
    /// `columns` has a column for each of `features`, one value a ticker, NaN for null. All active tickers of the
    /// instant belong in it: features may be scaled across them.
    ///
    /// # Errors
    /// A session that a training label depends on, or columns that do not fit.
    pub fn predict(&self, session: Session, mut columns: Vec<Vec<f64>>) -> Result<Vec<f64>, TrainingError> {
        if session <= self.training.last_label_end {
            return Err(TrainingError::Data(format!(
                "the model learned from prices up to {}; it cannot predict session {session} out of sample",
                self.training.last_label_end
            )));
        }
        let tickers = columns.first().map_or(0, Vec::len);
        if columns.len() != self.features.len() || columns.iter().any(|column| column.len() != tickers) {
            return Err(TrainingError::Data(format!(
                "the model wants {} columns of one length, in the order {}",
                self.features.len(),
                self.features.join(", ")
            )));
        }
        if self.feature_scaling == FeatureScaling::CrossSectionalZScore {
            columns.iter_mut().for_each(|column| z_score(column));
        }
        let complete: Vec<usize> =
            (0..tickers).filter(|ticker| columns.iter().all(|column| column[*ticker].is_finite())).collect();
        let chosen = columns.iter().map(|column| pick(column, &complete)).collect();
        let mut scores = vec![f64::NAN; tickers];
        for (ticker, score) in complete.iter().zip(self.pipeline.predict(chosen, complete.len())) {
            scores[*ticker] = score;
        }
        Ok(scores)
    }
}
