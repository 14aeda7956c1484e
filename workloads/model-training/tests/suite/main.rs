//! Tests of model training against the field's reference code and for what it promises.
//!
//! `tests/fixtures` is written by the programs in `tests/reference`; each file names the versions that wrote it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::type_complexity,
    clippy::single_range_in_vec_init,
    reason = "a failed test is told by a panic, an absent data set by a line; ranges are values here"
)]

mod algorithms;
mod audit;
mod by_hand;
mod calibration;
mod evidence;
mod formulas;
mod importance;
mod labels;
mod market_data;
mod matrix;
mod metrics;
mod paths;
mod pruning;
mod real_bars;
mod selection;
mod stage;
mod support;
mod validation;
