//! Tests of model training against the field's reference code and for what it promises.
//!
//! `tests/fixtures` is written by the programs in `tests/reference`; each file names the versions that wrote it.

#![allow(
    clippy::unwrap_used,
    clippy::type_complexity,
    clippy::single_range_in_vec_init,
    reason = "a failed test is told by a panic; ranges are values here"
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
#[path = "../../../../tests/market_folder.rs"]
mod market_folder;
mod matrix;
mod metrics;
mod paths;
mod pruning;
mod real_bars;
mod reference_labels;
mod selection;
mod stage;
mod support;
mod tried;
mod validation;
