//! An algorithm with all of its parameters: one trial of a model.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Most rows that a support vector machine learns from: its time grows with the square of their number and more.
pub const MOST_SUPPORT_VECTOR_ROWS: usize = 20_000;

/// An algorithm with all of its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum AlgorithmSpec {
    /// Elastic net.
    ElasticNet {
        /// Overall strength.
        penalty: Decimal,
        /// Share of the L1 part.
        l1_ratio: Decimal,
    },
    /// Logistic regression.
    Logistic {
        /// Strength of the L2 penalty.
        penalty: Decimal,
    },
    /// One tree.
    DecisionTree {
        /// Most splits from the root to a leaf.
        max_depth: u32,
        /// Fewest rows in a leaf.
        min_samples_leaf: u32,
    },
    /// Random forest.
    RandomForest {
        /// Number of trees.
        trees: u32,
        /// Most splits from the root to a leaf.
        max_depth: u32,
        /// Fewest rows in a leaf.
        min_samples_leaf: u32,
    },
    /// Gradient boosting.
    GradientBoosting {
        /// Number of trees.
        trees: u32,
        /// Share of each tree that is added.
        learning_rate: Decimal,
        /// Most splits from the root to a leaf.
        max_depth: u32,
        /// Fewest rows in a leaf.
        min_samples_leaf: u32,
        /// Share of the rows that each tree learns from.
        subsample: Decimal,
    },
    /// Support vector machine.
    SupportVector {
        /// Cost of a row on the wrong side of its margin.
        cost: Decimal,
        /// Half the width of a regression's tube; none for a classification.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epsilon: Option<Decimal>,
        /// Narrowness of the Gaussian kernel; none for the linear one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gamma: Option<Decimal>,
    },
}

impl AlgorithmSpec {
    /// The API's name of the algorithm.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ElasticNet { .. } => "elasticNet",
            Self::Logistic { .. } => "logistic",
            Self::DecisionTree { .. } => "decisionTree",
            Self::RandomForest { .. } => "randomForest",
            Self::GradientBoosting { .. } => "gradientBoosting",
            Self::SupportVector { .. } => "supportVector",
        }
    }

    /// Whether another seed may learn something else from the same rows: forests and boosting draw rows or features.
    pub fn draws(&self) -> bool {
        matches!(self, Self::RandomForest { .. } | Self::GradientBoosting { .. })
    }

    /// The parameters by name, as text.
    pub fn parameters(&self) -> BTreeMap<&'static str, String> {
        match self {
            Self::ElasticNet { penalty, l1_ratio } => {
                BTreeMap::from([("penalty", penalty.to_string()), ("l1Ratio", l1_ratio.to_string())])
            }
            Self::Logistic { penalty } => BTreeMap::from([("penalty", penalty.to_string())]),
            Self::DecisionTree { max_depth, min_samples_leaf } => BTreeMap::from([
                ("maxDepth", max_depth.to_string()),
                ("minSamplesLeaf", min_samples_leaf.to_string()),
            ]),
            Self::RandomForest { trees, max_depth, min_samples_leaf } => BTreeMap::from([
                ("trees", trees.to_string()),
                ("maxDepth", max_depth.to_string()),
                ("minSamplesLeaf", min_samples_leaf.to_string()),
            ]),
            Self::GradientBoosting { trees, learning_rate, max_depth, min_samples_leaf, subsample } => {
                BTreeMap::from([
                    ("trees", trees.to_string()),
                    ("learningRate", learning_rate.to_string()),
                    ("maxDepth", max_depth.to_string()),
                    ("minSamplesLeaf", min_samples_leaf.to_string()),
                    ("subsample", subsample.to_string()),
                ])
            }
            Self::SupportVector { cost, epsilon, gamma } => {
                let optional = [("epsilon", epsilon), ("gamma", gamma)];
                let mut parameters = BTreeMap::from([("cost", cost.to_string())]);
                parameters.extend(
                    optional
                        .into_iter()
                        .filter_map(|(name, value)| Some((name, value.as_ref()?.to_string()))),
                );
                parameters
            }
        }
    }
}
