//! Tests of model training against the field's reference code and for what it promises.
//!
//! `tests/fixtures` is written by `tests/reference/generate.py`; each file names the versions that wrote it.

mod algorithms;
mod labels;
mod market_data;
mod matrix;
mod metrics;
mod selection;
mod stage;
mod support;
mod validation;
