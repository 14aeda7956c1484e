//! The algorithms, behind one trait.
//!
//! [`Algorithm::fit`] learns an [`Estimator`] from columns that are scaled already. An estimator is plain data: it is
//! written into `model.json` and predicts without the library that learned it.

pub mod decision_tree;
pub mod dual;
pub mod elastic_net;
pub mod estimator;
pub mod exponential;
pub mod gradient_boosting;
pub mod logistic;
pub mod moments;
pub mod random_forest;
pub mod support_vector;
pub mod tree;

use std::fmt::Display;

use ats_pipeline::spec::AlgorithmSpec;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::error::TrainingError;
use crate::metric::Score;

pub use estimator::Estimator;

/// Rows to learn from: a column for each feature, and the label.
#[derive(Debug, Clone, Copy)]
pub struct TrainingRows<'a> {
    /// Names of the features, for messages.
    pub names: &'a [String],
    /// A column for each feature, all of the label's length.
    pub columns: &'a [Vec<f64>],
    /// What is learned: for a classifier 1 (up) and 0.
    pub label: &'a [f64],
    /// How much each row counts, 1 on average; none: all alike.
    pub weights: Option<&'a [f64]>,
    /// What the estimator's predictions shall mean: what [`Algorithm::score`] answered.
    pub score: Score,
}

/// What was learned, and whether the solver reached its tolerance.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// What predicts.
    pub estimator: Estimator,
    /// False when the solver stopped at its limit of iterations: the estimator is usable and not exact.
    pub converged: bool,
    /// For trees, each feature's share of what their splits lower the weighted squared error by.
    pub gain: Option<Vec<f64>>,
}

/// A way to learn.
pub trait Algorithm: Send + Sync {
    /// The name in the API.
    fn name(&self) -> &'static str;

    /// What the estimator's predictions mean when the label is, or is not, a direction.
    ///
    /// # Errors
    /// When the algorithm cannot learn that sort of label.
    fn score(&self, label_is_direction: bool) -> Result<Score, TrainingError>;

    /// Learns. The same rows and seed give the same estimator bit for bit, whatever the number of threads.
    ///
    /// # Errors
    /// When there is nothing to learn from, or no solution.
    fn fit(&self, rows: &TrainingRows<'_>, seed: u64) -> Result<Fitted, TrainingError>;
}

/// The algorithm that a specification names, with its parameters.
///
/// # Errors
/// A parameter out of its range.
pub fn build(specification: &AlgorithmSpec) -> Result<Box<dyn Algorithm>, TrainingError> {
    let number = |name: &str, value: Decimal, most: f64| match value.to_f64() {
        Some(number) if (0.0..=most).contains(&number) => Ok(number),
        _ => Err(invalid(specification, name, &value, &format!("between 0 and {most}"))),
    };
    let count = |name: &str, value: u32, most: u32| {
        if (1..=most).contains(&value) {
            Ok(value)
        } else {
            Err(invalid(specification, name, &value, &format!("a whole number from 1 to {most}")))
        }
    };
    let above_zero = |name: &str, value: Decimal, most: f64| match value.to_f64() {
        Some(number) if number > 0.0 && number <= most => Ok(number),
        _ => Err(invalid(specification, name, &value, &format!("above 0 and at most {most}"))),
    };
    let growth = |max_depth: u32, min_samples_leaf: u32| {
        Ok::<_, TrainingError>(tree::Growth {
            max_depth: count("maxDepth", max_depth, 32)?,
            min_samples_leaf: count("minSamplesLeaf", min_samples_leaf, 100_000)?,
        })
    };
    Ok(match specification {
        AlgorithmSpec::ElasticNet { penalty, l1_ratio } => Box::new(elastic_net::ElasticNet {
            penalty: number("penalty", *penalty, f64::MAX)?,
            l1_ratio: number("l1Ratio", *l1_ratio, 1.0)?,
        }),
        AlgorithmSpec::Logistic { penalty } => {
            Box::new(logistic::Logistic { penalty: number("penalty", *penalty, f64::MAX)? })
        }
        AlgorithmSpec::DecisionTree { max_depth, min_samples_leaf } => {
            Box::new(decision_tree::DecisionTree { growth: growth(*max_depth, *min_samples_leaf)? })
        }
        AlgorithmSpec::RandomForest { trees, max_depth, min_samples_leaf } => {
            Box::new(random_forest::RandomForest {
                trees: count("trees", *trees, 2000)?,
                growth: growth(*max_depth, *min_samples_leaf)?,
            })
        }
        AlgorithmSpec::GradientBoosting { trees, learning_rate, max_depth, min_samples_leaf, subsample } => {
            Box::new(gradient_boosting::GradientBoosting {
                trees: count("trees", *trees, 2000)?,
                learning_rate: above_zero("learningRate", *learning_rate, 1.0)?,
                growth: growth(*max_depth, *min_samples_leaf)?,
                subsample: above_zero("subsample", *subsample, 1.0)?,
            })
        }
        AlgorithmSpec::SupportVector { cost, epsilon, gamma } => Box::new(support_vector::SupportVector {
            cost: above_zero("cost", *cost, f64::MAX)?,
            epsilon: epsilon.map_or(Ok(0.0), |epsilon| number("epsilon", epsilon, f64::MAX))?,
            gamma: gamma.map(|gamma| above_zero("gamma", gamma, f64::MAX)).transpose()?,
        }),
    })
}

fn invalid(specification: &AlgorithmSpec, name: &str, value: &dyn Display, expected: &str) -> TrainingError {
    let algorithm = specification.name();
    TrainingError::Specification(format!("algorithm.{algorithm}.{name} is {value}; it must be {expected}"))
}

/// What is added to a mean of labels so that it means what a score says.
fn offset(score: Score) -> f64 {
    if score == Score::ProbabilityMinusHalf { -0.5 } else { 0.0 }
}

/// Checks that there are rows of both directions.
fn check_directions(algorithm: &'static str, rows: &TrainingRows<'_>) -> Result<(), TrainingError> {
    let up = rows.label.iter().filter(|value| **value > 0.0).count();
    if up == 0 || up == rows.label.len() {
        let message = "all training rows have one direction; lengthen the training span".to_owned();
        return Err(TrainingError::Fit { algorithm, message });
    }
    Ok(())
}

/// Checks what every algorithm needs: rows, columns of one length, finite values.
fn check_rows(algorithm: &'static str, rows: &TrainingRows<'_>) -> Result<(), TrainingError> {
    let fail = |message: String| Err(TrainingError::Fit { algorithm, message });
    if rows.label.len() < 2 {
        return fail(format!("{} training rows; at least 2 are needed", rows.label.len()));
    }
    if rows.columns.is_empty() || rows.columns.len() != rows.names.len() {
        return fail(format!("{} columns for {} features", rows.columns.len(), rows.names.len()));
    }
    for (name, column) in rows.names.iter().zip(rows.columns) {
        if column.len() != rows.label.len() || column.iter().any(|value| !value.is_finite()) {
            return fail(format!("feature {name} is not a number on every training row"));
        }
    }
    if rows.label.iter().any(|value| !value.is_finite()) {
        return fail("the label is not a number on every training row".to_owned());
    }
    if let Some(weights) = rows.weights
        && (weights.len() != rows.label.len()
            || weights.iter().any(|weight| !(*weight > 0.0 && weight.is_finite())))
    {
        return fail("the weights are not numbers above 0, one a training row".to_owned());
    }
    Ok(())
}

/// The weighted mean of a column; without weights the mean.
fn weighted_mean(column: &[f64], weights: Option<&[f64]>) -> f64 {
    match weights {
        None => crate::metric::mean(column).unwrap_or(0.0),
        Some(weights) => {
            let products: f64 = column.iter().zip(weights).map(|(value, weight)| value * weight).sum();
            products / weights.iter().sum::<f64>()
        }
    }
}

/// Checks that a penalty treats the features alike: it says little when their scales differ by many orders.
fn check_scales(algorithm: &'static str, rows: &TrainingRows<'_>) -> Result<(), TrainingError> {
    for (name, column) in rows.names.iter().zip(rows.columns) {
        let deviation = crate::metric::deviation(column).unwrap_or(0.0);
        if deviation != 0.0 && !(1e-6..=1e6).contains(&deviation) {
            return Err(TrainingError::Fit {
                algorithm,
                message: format!(
                    "feature {name} has a standard deviation of {deviation:e} on the training rows, for which a \
                     penalty means nothing; set preprocess.features to CrossSectionalZScore or Standardize"
                ),
            });
        }
    }
    Ok(())
}
