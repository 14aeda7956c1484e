//! What was learned, as plain data.
//!
//! Numbers are written as the shortest decimal text that reads back to the same bits: many JSON readers round
//! numbers differently in their last digit, text they leave alone.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::exponential::{exp, logistic};
use crate::error::TrainingError;

/// Rows that are walked through the trees together.
const BLOCK: usize = 256;

/// Predicts from columns that are scaled as the training rows were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Estimator {
    /// `intercept + sum of coefficient x feature`.
    Linear(Linear),
    /// The logistic function of a linear predictor, less one half.
    Logistic(Linear),
    /// The mean over trees, plus `offset`.
    Forest(Forest),
    /// `start` and the sum over trees; for directions the logistic function of that, plus `offset`.
    Boosted(Boosted),
    /// `intercept + sum of coefficient x exp(-gamma |x - vector|^2)`.
    SupportVectors(SupportVectors),
}

/// A linear predictor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// The value where all features are 0.
    #[serde(with = "exact")]
    pub intercept: f64,
    /// One for each feature.
    #[serde(with = "exact_list")]
    pub coefficients: Vec<f64>,
}

/// A forest of binary trees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forest {
    /// Added to the mean of the trees: -0.5 for probabilities.
    #[serde(with = "exact")]
    pub offset: f64,
    /// The trees.
    pub trees: Vec<Tree>,
}

/// Trees that are added up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boosted {
    /// The value before the first tree.
    #[serde(with = "exact")]
    pub start: f64,
    /// For directions -0.5, added to the probability; 0 for values, which pass no logistic function.
    #[serde(with = "exact")]
    pub offset: f64,
    /// The trees, their leaves multiplied by the learning rate.
    pub trees: Vec<Tree>,
}

/// The rows that a support vector machine rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupportVectors {
    /// What multiplies the squared distance.
    #[serde(with = "exact")]
    pub gamma: f64,
    /// The value far from every vector.
    #[serde(with = "exact")]
    pub intercept: f64,
    /// One for each vector.
    #[serde(with = "exact_list")]
    pub coefficients: Vec<f64>,
    /// A column for each feature, with a value for each vector.
    #[serde(with = "exact_lists")]
    pub vectors: Vec<Vec<f64>>,
}

/// A binary tree, one entry a node; node 0 is the root.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Tree {
    /// The feature that a node splits on; -1 for a leaf.
    pub feature: Vec<i32>,
    /// A row goes left when its feature is at most this; 0 for a leaf.
    #[serde(with = "exact_list")]
    pub threshold: Vec<f64>,
    /// The left child; 0 for a leaf.
    pub left: Vec<u32>,
    /// The right child; 0 for a leaf.
    pub right: Vec<u32>,
    /// The mean label of a leaf's training rows; 0 for a split.
    #[serde(with = "exact_list")]
    pub value: Vec<f64>,
}

impl Estimator {
    /// Checks an estimator that was read from a file, so that predicting cannot fail.
    ///
    /// # Errors
    /// Another number of coefficients than features, trees that refer outside themselves or go round in circles.
    pub fn check(&self, features: usize) -> Result<(), TrainingError> {
        match self {
            Self::Linear(linear) | Self::Logistic(linear) if linear.coefficients.len() != features => {
                let found = linear.coefficients.len();
                Err(TrainingError::Model(format!("{found} coefficients for {features} features")))
            }
            Self::Linear(_) | Self::Logistic(_) => Ok(()),
            Self::Forest(Forest { trees, .. }) | Self::Boosted(Boosted { trees, .. }) if trees.is_empty() => {
                Err(TrainingError::Model("a forest without trees".to_owned()))
            }
            Self::Forest(Forest { trees, .. }) | Self::Boosted(Boosted { trees, .. }) => {
                trees.iter().enumerate().try_for_each(|(place, tree)| {
                    tree.check(features)
                        .map_err(|problem| TrainingError::Model(format!("tree {place}: {problem}")))
                })
            }
            Self::SupportVectors(machine) => machine.check(features).map_err(TrainingError::Model),
        }
    }

    /// Predictions, one a row; `columns` has a column for each feature, all of `rows` values.
    #[must_use]
    pub fn predict(&self, columns: &[Vec<f64>], rows: usize) -> Vec<f64> {
        match self {
            Self::Linear(linear) => linear.predict(columns, rows),
            Self::Logistic(linear) => {
                linear.predict(columns, rows).into_iter().map(|x| logistic(x) - 0.5).collect()
            }
            Self::Forest(forest) => forest.predict(columns, rows),
            Self::Boosted(boosted) => boosted.predict(columns, rows),
            Self::SupportVectors(machine) => {
                (0..rows).into_par_iter().map(|row| machine.predict(columns, row)).collect()
            }
        }
    }

    /// The coefficients of a linear predictor, in the order of the features.
    #[must_use]
    pub fn coefficients(&self) -> Option<&[f64]> {
        match self {
            Self::Linear(linear) | Self::Logistic(linear) => Some(&linear.coefficients),
            Self::Forest(_) | Self::Boosted(_) | Self::SupportVectors(_) => None,
        }
    }
}

impl Linear {
    /// The linear predictor, features added in their order.
    #[must_use]
    pub fn predict(&self, columns: &[Vec<f64>], rows: usize) -> Vec<f64> {
        let mut predictions = vec![self.intercept; rows];
        for (coefficient, column) in self.coefficients.iter().zip(columns) {
            for (prediction, value) in predictions.iter_mut().zip(column) {
                *prediction += coefficient * value;
            }
        }
        predictions
    }
}

impl Forest {
    fn predict(&self, columns: &[Vec<f64>], rows: usize) -> Vec<f64> {
        let trees = self.trees.len() as f64;
        add_trees(&self.trees, 0.0, columns, rows, |total| total / trees + self.offset)
    }
}

impl Boosted {
    fn predict(&self, columns: &[Vec<f64>], rows: usize) -> Vec<f64> {
        let finish = |margin| if self.offset == 0.0 { margin } else { logistic(margin) + self.offset };
        add_trees(&self.trees, self.start, columns, rows, finish)
    }
}

/// For each row `finish` of the start and the trees' values, added in the order of the trees.
fn add_trees(
    trees: &[Tree],
    start: f64,
    columns: &[Vec<f64>],
    rows: usize,
    finish: impl Fn(f64) -> f64 + Sync,
) -> Vec<f64> {
    let trees: Vec<Vec<Step>> = trees.iter().map(Tree::steps).collect();
    let width = columns.len();
    let mut predictions = vec![start; rows];
    predictions.par_chunks_mut(BLOCK).enumerate().for_each(|(block, predictions)| {
        let first = block * BLOCK;
        let mut values = vec![0.0; predictions.len() * width];
        for (feature, column) in columns.iter().enumerate() {
            for (row, value) in column[first..first + predictions.len()].iter().enumerate() {
                values[row * width + feature] = *value;
            }
        }
        for tree in &trees {
            for (prediction, row) in predictions.iter_mut().zip(values.chunks_exact(width)) {
                *prediction += walk(tree, row);
            }
        }
        predictions.iter_mut().for_each(|prediction| *prediction = finish(*prediction));
    });
    predictions
}

/// A node as a walk reads it, in one place.
#[derive(Clone, Copy)]
struct Step {
    /// The threshold; of a leaf the value.
    number: f64,
    /// The feature; [`LEAF`] of a leaf.
    feature: u32,
    /// Where to go when the feature is above the threshold, and when it is not.
    next: [u32; 2],
}

const LEAF: u32 = u32::MAX;

fn walk(tree: &[Step], row: &[f64]) -> f64 {
    let mut step = tree[0];
    while step.feature != LEAF {
        let within = usize::from(row[step.feature as usize] <= step.number);
        step = tree[step.next[within] as usize];
    }
    step.number
}

impl SupportVectors {
    fn predict(&self, columns: &[Vec<f64>], row: usize) -> f64 {
        // Feature by feature, so that several vectors are at work at once.
        let mut distances = vec![0.0; self.coefficients.len()];
        for (column, vectors) in columns.iter().zip(&self.vectors) {
            let own = column[row];
            distances.iter_mut().zip(vectors).for_each(|(sum, other)| *sum += (own - other) * (own - other));
        }
        distances.iter_mut().for_each(|distance| *distance = exp(-self.gamma * *distance));
        distances.iter().zip(&self.coefficients).fold(self.intercept, |sum, (kernel, c)| sum + c * kernel)
    }

    fn check(&self, features: usize) -> Result<(), String> {
        if self.vectors.len() != features {
            return Err(format!("support vectors of {} features for {features}", self.vectors.len()));
        }
        if self.vectors.iter().any(|column| column.len() != self.coefficients.len()) {
            return Err(format!(
                "its {} coefficients do not fit its support vectors",
                self.coefficients.len()
            ));
        }
        Ok(())
    }
}

impl Tree {
    /// Adds to the value of every leaf.
    pub(crate) fn raise_leaves(&mut self, by: f64) {
        self.change_leaves(|value| value + by);
    }

    /// Multiplies the value of every leaf.
    pub(crate) fn multiply_leaves(&mut self, by: f64) {
        self.change_leaves(|value| value * by);
    }

    fn change_leaves(&mut self, change: impl Fn(f64) -> f64) {
        for (value, feature) in self.value.iter_mut().zip(&self.feature) {
            if *feature < 0 {
                *value = change(*value);
            }
        }
    }

    fn steps(&self) -> Vec<Step> {
        let step = |node: usize| match u32::try_from(self.feature[node]) {
            Ok(feature) => {
                Step { number: self.threshold[node], feature, next: [self.right[node], self.left[node]] }
            }
            Err(_) => Step { number: self.value[node], feature: LEAF, next: [0; 2] },
        };
        (0..self.feature.len()).map(step).collect()
    }

    /// The value of the leaf that a row falls into.
    #[must_use]
    pub fn predict(&self, columns: &[Vec<f64>], row: usize) -> f64 {
        let mut node = 0;
        while let Ok(feature) = usize::try_from(self.feature[node]) {
            let left = columns[feature][row] <= self.threshold[node];
            node = if left { self.left[node] } else { self.right[node] } as usize;
        }
        self.value[node]
    }

    fn check(&self, features: usize) -> Result<(), String> {
        let nodes = self.feature.len();
        let lengths = [self.threshold.len(), self.left.len(), self.right.len(), self.value.len()];
        if nodes == 0 || lengths.iter().any(|length| *length != nodes) {
            return Err("its columns are empty or differ in length".to_owned());
        }
        for node in 0..nodes {
            let Ok(feature) = usize::try_from(self.feature[node]) else { continue };
            if feature >= features {
                return Err(format!("node {node} splits on feature {feature} of {features}"));
            }
            // Children come after their parent, so a walk ends.
            for child in [self.left[node], self.right[node]] {
                if child as usize <= node || child as usize >= nodes {
                    return Err(format!("node {node} has child {child}; it must lie after its parent"));
                }
            }
        }
        Ok(())
    }
}

/// A number as its shortest exact text.
pub mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the number.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{value:?}"))
    }

    /// Reads the number.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }

    /// A finite number from text.
    pub(super) fn parse(text: &str) -> Result<f64, String> {
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(format!("{text:?} is not a finite number")),
        }
    }
}

/// A list of numbers as their shortest exact texts.
pub mod exact_list {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes the numbers.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|value| format!("{value:?}")))
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| super::exact::parse(text).map_err(D::Error::custom)).collect()
    }
}

/// A list of numbers, or none, as their shortest exact texts.
pub mod exact_list_option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct List(#[serde(with = "super::exact_list")] Vec<f64>);

    /// Writes the numbers.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn serialize<S: Serializer>(list: &Option<Vec<f64>>, serializer: S) -> Result<S::Ok, S::Error> {
        list.clone().map(List).serialize(serializer)
    }

    /// Reads the numbers.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f64>>, D::Error> {
        Ok(Option::<List>::deserialize(deserializer)?.map(|list| list.0))
    }
}

/// Lists of numbers as their shortest exact texts.
pub mod exact_lists {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct List(#[serde(with = "super::exact_list")] Vec<f64>);

    /// Writes the lists.
    ///
    /// # Errors
    /// The serialiser's.
    pub fn serialize<S: Serializer>(lists: &[Vec<f64>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(lists.iter().map(|list| List(list.clone())))
    }

    /// Reads the lists.
    ///
    /// # Errors
    /// Text that is not a finite number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<f64>>, D::Error> {
        Ok(Vec::<List>::deserialize(deserializer)?.into_iter().map(|list| list.0).collect())
    }
}
