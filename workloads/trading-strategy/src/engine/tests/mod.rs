//! The engine's tests: hand-computed scenarios, then properties.

mod actions;
mod entries;
mod fills;
mod fractional;
mod harness;
mod properties;
mod selection;
mod sizing;
mod terms;
mod untraded;
mod weights;
