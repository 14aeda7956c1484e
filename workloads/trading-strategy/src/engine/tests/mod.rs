//! The engine's tests: hand-computed scenarios, then properties.

mod golden;
mod harness;
mod properties;
