//! The local shell: what the operator does with pods, done in this process, or written down for others.

mod elsewhere;
mod object;
mod planning;
mod progress;
mod runner;
mod stages;

pub(crate) use elsewhere::StageFolder;
use progress::Bars;
pub(crate) use runner::{Finished, Runner, store_uri};
