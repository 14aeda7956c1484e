//! What the system tests share: the node with the project's images and operator on it, and namespaces with data.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "a failed test is told by a panic")]

mod local;
mod node;
mod objects;
mod place;

pub use local::{ats, run_samples};
pub use node::{OPERATOR, calm, installed, storm};
pub use objects::{condition, digests, is_ready, stage, title};
pub use place::{LIMIT, Place, place};
