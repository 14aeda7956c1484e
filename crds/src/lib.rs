//! API types of group `trading.ats.dev`, version `v1alpha1`: three custom resources, their status, conditions and
//! reasons. No I/O: the operator, the workloads and the command line all read these types, and `crdgen` writes
//! `config/crd` from them.
//!
//! A union is a struct of optional members with a rule that exactly one is set: the API server then answers with our
//! message and the field's path, where a schema `oneOf` would answer with the schema's words.

pub mod children;
pub mod common;
pub mod condition;
pub mod decimal;
pub mod manifests;
pub mod model;
pub mod reference;
pub mod status;
pub mod strategy;
pub mod universe;

pub use common::*;
pub use condition::{ConditionType, Reason};
pub use decimal::{AnyDecimal, NonNegativeDecimal, PositiveDecimal, PositiveFraction, UnitFraction};
pub use model::{ModelTrainingJob, ModelTrainingJobSpec};
pub use strategy::{Strategy, StrategySpec};
pub use universe::{TradingUniverse, TradingUniverseSpec};

/// The API group of all kinds.
pub const GROUP: &str = "trading.ats.dev";
/// The only version served.
pub const VERSION: &str = "v1alpha1";
/// Longest `metadata.name`, so that the names of children (52 characters for a Job) can carry it.
pub const MAX_NAME_LENGTH: usize = 40;
/// Longest ticker: the bound of the schema and of the expression language.
pub const MAX_TICKER_LENGTH: usize = 16;
/// Longest expression: the bound of the schema and of the expression language, which holds canonical forms to it too.
pub const MAX_EXPRESSION_LENGTH: usize = 4096;

/// Annotation: a new value gives every failed stage of the object one more attempt.
pub const ANNOTATION_RETRY: &str = "trading.ats.dev/retry";
/// Annotation: present and not `"false"`, it halts a strategy as `spec.killSwitch` does. GitOps tools leave it alone.
pub const ANNOTATION_HALT: &str = "trading.ats.dev/halt";
/// Annotation: the id in `status.halt.id`; resets that halt once.
pub const ANNOTATION_RESET_HALT: &str = "trading.ats.dev/reset-halt";
