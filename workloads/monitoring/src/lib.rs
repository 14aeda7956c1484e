//! Monitoring of one namespace: `/metrics` for Prometheus on port 9090, a web page on port 3000 with the state of every
//! object, its charts and its last failures. Reads the API server (or the folder that `ats` keeps without one) and the
//! ledgers that strategies use; writes nothing.
//!
//! What is shown is a pure function of a [`View`]: [`metrics_text`] for Prometheus, [`page`] for people.

mod arguments;
mod book;
mod error;
mod folder;
mod format;
mod ledgers;
mod metrics;
mod objects;
pub mod page;
mod server;
mod view;
mod watch;

pub use arguments::Arguments;
pub use book::{Book, BookView, Books, LedgerName, LedgerState, key_of};
pub use error::MonitoringError;
pub use metrics::{METRICS, Metric, MetricType, text as metrics_text};
pub use objects::{ConditionView, KINDS, Objects, State, Summary};
pub use server::run;
pub use view::View;
pub use watch::{Interruption, Interruptions};
