//! The engine's tests: hand-computed scenarios, then properties.

mod actions;
mod fills;
mod harness;
mod properties;
mod selection;
mod sizing;
mod terms;
