//! Stages `train` and `select` of a `ModelTrainingJob`: from a dataset of features to a validated model.
//!
//! | module | question |
//! | --- | --- |
//! | [`label`] | what is predicted, and which sessions does it depend on |
//! | [`dataset`] | which rows are there, and how are their features scaled |
//! | [`validation`] | which rows may train, which are tested |
//! | [`uniqueness`] | how much a training row counts |
//! | [`algorithm`] | how is it learned |
//! | [`calibration`] | what is a score's probability |
//! | [`model`] | what was learned, as a file |
//! | [`metric`], [`importance`] | how good is it, and on what does it rest |
//! | [`formula`] | what does a number of the card mean |
//! | [`drift`] | do features still look like those learned from |
//! | [`audit`] | does a feature know what it should not |
//! | [`search`] | which specifications are tried, and which wins |
//! | [`trials`] | which specifications were tried before |
//! | [`train`], [`select`], [`card`] | the two stages and what they report |
//! | [`spec`] | from the stage's spec to the values computed with |
//! | [`stage`] | what the stages read from the store and leave in it |
//!
//! All but [`stage`] is pure: same arguments, same bytes, whatever the number of threads.

pub mod algorithm;
pub mod audit;
pub mod calibration;
pub mod card;
pub mod dataset;
pub mod drift;
pub mod error;
mod evidence;
pub mod formula;
pub mod importance;
pub mod label;
pub mod metric;
pub mod model;
pub mod random;
pub mod search;
pub mod select;
pub mod spec;
pub mod stage;
pub mod train;
pub mod trials;
pub mod uniqueness;
pub mod validation;

pub use error::TrainingError;
pub use stage::run;
