//! Frames, Parquet, and the evaluation of expressions over columns.
//!
//! - [`Bars`] and [`Actions`]: one ticker's raw history, checked on construction, to and from Parquet.
//! - [`parquet`]: the one writer and reader of Parquet files, with pinned settings, so that equal frames give
//!   equal bytes.
//! - [`adjust`]: forward-adjusted columns; [`segments`]: where a history breaks.
//! - [`kernels`]: the functions of the expression language; [`cross_section`]: those across tickers.
//! - [`evaluate`]: checked expressions over one ticker's columns; [`stream`]: the same, bar by bar.
//!
//! Everything is a pure function of its arguments. Transcendental maths comes from `libm` and reductions have a
//! fixed order, so results are equal bit for bit between runs, thread counts and machines of one architecture.

pub mod actions;
pub mod adjust;
pub mod bars;
mod coarse;
pub mod column;
pub mod cross_section;
pub mod error;
pub mod evaluate;
pub mod kernels;
pub mod kleene;
pub mod own;
pub mod parquet;
pub mod segments;
pub mod stream;

pub use actions::{Action, ActionKind, Actions};
pub use adjust::{Adjustment, Prices};
pub use bars::{BarColumns, Bars};
pub use error::ColumnsError;
pub use evaluate::{EvaluateError, Inputs, evaluate, evaluate_all};
pub use parquet::{ParquetSink, expect_columns, read_parquet, write_parquet};
pub use stream::{Bar, Stream};

/// The column and frame types that Parquet files are read into and written from.
pub use polars_core::prelude::{Column, DataFrame, DataType};
