//! The local shell: what the operator does with pods, done in this process.

mod object;
mod planning;
mod progress;
mod runner;
mod stages;

use progress::Bars;
pub(crate) use runner::{Finished, Runner, store_uri};
