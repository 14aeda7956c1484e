//! GitHub's settings of a repository, from files: rulesets, environments, labels, variables.
//!
//! A run reads what is there and writes what differs, so that a second run writes nothing. What the files do not name is
//! left alone. Only [`setup`] and [`pull_request`] talk, through [`Api`].

mod api;
mod desired;
pub mod pull_request;
mod same;
mod setup;

pub use api::{Api, Mode};
pub use desired::{Desired, Environment, Label, Variable};
pub use same::covers;
pub use setup::setup;
