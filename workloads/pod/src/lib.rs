//! The edge that the workload binaries share: `stage.json` in, exit code and termination message out, `/metrics` and
//! `/healthz` on port 9090 while the stage runs, a clean stop on SIGTERM. A binary's `main` is one call of [`run`].

mod arguments;
mod health;
mod logging;
mod metrics;
mod rotation;
mod signal;
mod workload;

pub use arguments::{Arguments, Command};
pub use health::healthcheck;
pub use logging::{LogFormat, start as start_logging};
pub use metrics::StageMetrics;
pub use signal::stop_token;
pub use workload::{Run, run, run_with};
