//! What the operator tells about itself: logs, metrics, health.

mod logging;
mod metrics;
mod server;

pub use logging::start_logging;
pub use metrics::Metrics;
pub use server::{Health, healthcheck, serve};
