//! The algorithms and their parameters.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{NonNegativeDecimal, PositiveDecimal, PositiveFraction, UnitFraction};

/// How the model learns: exactly one member is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.elasticNet), has(self.logistic), has(self.decisionTree), has(self.randomForest), has(self.gradientBoosting), has(self.supportVector)].filter(x, x).size() == 1")
    .message("set exactly one of elasticNet, logistic, decisionTree, randomForest, gradientBoosting and supportVector"))]
pub struct Algorithm {
    /// Linear regression with L1 and L2 penalties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elastic_net: Option<ElasticNet>,
    /// Logistic regression with an L2 penalty; for `forwardDirection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logistic: Option<Logistic>,
    /// One tree; regression, or classification for `forwardDirection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision_tree: Option<DecisionTree>,
    /// A forest of randomised trees; regression, or classification for `forwardDirection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub random_forest: Option<RandomForest>,
    /// Trees that each mend what those before them leave; regression, or classification for `forwardDirection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gradient_boosting: Option<GradientBoosting>,
    /// A support vector machine; regression, or classification for `forwardDirection`. For at most 20000 rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_vector: Option<SupportVector>,
}

/// Elastic net, minimising `1/(2n) |y - Xw|^2 + penalty (l1Ratio |w|_1 + (1 - l1Ratio)/2 |w|^2)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ElasticNet {
    /// Overall strength (scikit-learn's `alpha`).
    #[serde(default = "default_penalty")]
    pub penalty: NonNegativeDecimal,
    /// Share of the L1 part.
    #[serde(default = "default_l1_ratio")]
    pub l1_ratio: UnitFraction,
}

fn default_penalty() -> NonNegativeDecimal {
    NonNegativeDecimal::new("0.001")
}

fn default_l1_ratio() -> UnitFraction {
    UnitFraction::new("0.5")
}

/// Logistic regression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Logistic {
    /// Strength of the L2 penalty.
    #[serde(default = "default_penalty")]
    pub penalty: NonNegativeDecimal,
}

/// Random forest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RandomForest {
    /// Number of trees.
    #[serde(default = "default_trees")]
    #[schemars(range(min = 1, max = 2000))]
    pub trees: i32,
    /// Most splits from the root of a tree to a leaf.
    #[serde(default = "default_max_depth")]
    #[schemars(range(min = 1, max = 32))]
    pub max_depth: i32,
    /// Fewest rows in a leaf.
    #[serde(default = "default_min_samples_leaf")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_samples_leaf: i32,
}

fn default_trees() -> i32 {
    100
}

fn default_max_depth() -> i32 {
    6
}

fn default_min_samples_leaf() -> i32 {
    20
}

/// One binary tree of least squares.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionTree {
    /// Most splits from the root to a leaf.
    #[serde(default = "default_tree_depth")]
    #[schemars(range(min = 1, max = 32))]
    pub max_depth: i32,
    /// Fewest rows in a leaf.
    #[serde(default = "default_min_samples_leaf")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_samples_leaf: i32,
}

fn default_tree_depth() -> i32 {
    4
}

/// Gradient boosting with Newton steps: of the squared error, or of the log loss for `forwardDirection`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GradientBoosting {
    /// Number of trees.
    #[serde(default = "default_trees")]
    #[schemars(range(min = 1, max = 2000))]
    pub trees: i32,
    /// Share of each tree that is added.
    #[serde(default = "default_learning_rate")]
    pub learning_rate: PositiveFraction,
    /// Most splits from the root of a tree to a leaf.
    #[serde(default = "default_boosted_depth")]
    #[schemars(range(min = 1, max = 32))]
    pub max_depth: i32,
    /// Fewest rows in a leaf.
    #[serde(default = "default_min_samples_leaf")]
    #[schemars(range(min = 1, max = 100_000))]
    pub min_samples_leaf: i32,
    /// Share of the rows, drawn without replacement, that each tree learns from.
    #[serde(default = "default_subsample")]
    pub subsample: PositiveFraction,
}

fn default_learning_rate() -> PositiveFraction {
    PositiveFraction::new("0.1")
}

fn default_boosted_depth() -> i32 {
    3
}

fn default_subsample() -> PositiveFraction {
    PositiveFraction::new("1")
}

/// Support vector machine: epsilon-insensitive regression, or classification with the hinge loss.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.gamma) || self.kernel == 'Gaussian'")
    .message("gamma belongs to kernel Gaussian"))]
pub struct SupportVector {
    /// How alike two rows are.
    #[serde(default)]
    pub kernel: Kernel,
    /// Cost of a row on the wrong side of its margin (scikit-learn's `C`).
    #[serde(default = "default_cost")]
    pub cost: PositiveDecimal,
    /// Half the width of the tube in which errors of a regression cost nothing, in units of the scaled label; left out:
    /// 0.1. Not for `forwardDirection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<NonNegativeDecimal>,
    /// Narrowness of the Gaussian kernel `exp(-gamma |x - z|^2 / number of features)`; left out: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gamma: Option<PositiveDecimal>,
}

fn default_cost() -> PositiveDecimal {
    PositiveDecimal::new("1")
}

/// How alike two rows are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Kernel {
    /// By their distance: fits curves.
    #[default]
    Gaussian,
    /// By their scalar product: fits a plane.
    Linear,
}
