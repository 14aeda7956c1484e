//! What every stage agrees on, and nothing that touches the world: checked specs, keys, manifests, the planner, the
//! pod contract. The operator and the command line plan with the same functions, so that keys and digests are equal
//! on a laptop and in a cluster.
//!
//! The way through: `check` turns a custom resource's spec into checked types, [`plan`] turns those and the digests
//! that are already known into stages with keys, a shell (operator or command line) runs each stage from its
//! [`contract::StageFile`] and hands the [`contract::Outcome`]'s digest back to the planner.

pub mod check;
pub mod contract;
pub mod digest;
pub mod figures;
pub mod gate;
pub mod key;
pub mod manifest;
pub mod merkle;
pub mod plan;
pub mod schedule;
pub mod shard;
pub mod spec;
pub mod status;

pub use ats_crds::status::StageName;
pub use check::{CheckedModel, CheckedStrategy, CheckedUniverse, Problem};
pub use contract::{Category, ExitCode, Outcome, StageFile, StageFileError, StageInput, StoreLocation};
pub use digest::{Digest, DigestError};
pub use key::{KeyError, StageKey};
pub use manifest::{DatasetManifest, FileEntry, UnitManifest, UnitOutcome};
pub use plan::{PlannedStage, StagePlan};
pub use spec::StageSpec;
