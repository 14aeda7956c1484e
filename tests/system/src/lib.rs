//! What the system tests share: the node with the project's images and operator on it, and namespaces with data.

#![allow(clippy::expect_used, reason = "a failed test is told by a panic")]

mod data;
mod install;
mod local;

pub use data::{Folders, apply_samples, namespace_with_data};
pub use install::{COMPONENTS, installed};
pub use local::{ats, run_samples};

use std::path::PathBuf;

/// The checkout.
///
/// # Panics
/// When the crate does not lie two folders below it.
pub fn checkout() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .canonicalize()
        .expect("the checkout is there")
}
