//! Stages backtest and trade: signals, sizing, fills, statistics, the report and paper trading.
//!
//! - [`engine`]: the state machine that backtests and paper trading share; one [`engine::Slice`] a step.
//! - [`market`], [`signals`], [`slices`]: from a universe's files to slices.
//! - [`convert`]: from a stage's spec to the engine's settings.
//! - [`record`]: from the engine's events to rows.
//! - [`backtest`]: all of these over a span, with [`statistics`], [`tables`] and the [`report`].

pub mod backtest;
pub mod convert;
mod describe;
pub mod engine;
pub mod market;
pub mod record;
pub mod report;
pub mod signals;
pub mod slices;
pub mod statistics;
pub mod tables;
