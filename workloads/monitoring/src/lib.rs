//! Monitoring of one namespace: `/metrics` for Prometheus on port 9090, a web page on port 3000 with the state of every
//! object, its chart and its last failures. Reads the API server and, where there is one, the ledger; writes nothing.

mod arguments;
mod curves;
mod error;
mod metrics;
mod objects;
mod page;
mod server;
mod watch;

pub use arguments::Arguments;
pub use curves::{Curve, Curves};
pub use error::MonitoringError;
pub use metrics::text as metrics_text;
pub use objects::{Objects, Summary};
pub use page::{index, object};
pub use server::run;
