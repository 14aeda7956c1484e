//! What the pipeline needs beside `make` and `git`: notification, the set-up of GitHub, metrics and reports.
//!
//! Modules decide, as functions of values; [`http`] and the binary `ats-delivery` read, write and send.

pub mod chart;
pub mod coverage;
pub mod error;
pub mod full_run;
pub mod gate;
pub mod github;
pub mod http;
pub mod images;
pub mod metrics;
pub mod notify;
pub mod performance;
pub mod smoke;

pub use error::{Error, Result};
