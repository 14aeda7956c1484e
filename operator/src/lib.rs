//! The controller: reconciles universes, models and strategies.
//!
//! A reconcile is a row of typed steps: read the caches, check the spec, plan the stages, build objects, write them,
//! write the status. All but reading and writing is pure. See [`controller`].

pub mod api;
pub mod build;
pub mod cache;
pub mod context;
pub mod controller;
pub mod error;
pub mod kind;
pub mod leader;
pub mod monitoring;
mod operator;
pub mod options;
pub mod stage;
pub mod telemetry;
pub mod world;

pub use context::Probe;
pub use error::RunError;
pub use operator::{run, run_with};
pub use options::Options;
