//! Arguments of the monitoring pod.

use std::path::PathBuf;

use ats_pipeline::contract::{LEDGER_VARIABLE, METRICS_PORT};
use ats_pod::{Command, LogFormat};
use clap::Parser;

/// Shows the objects of one namespace, or those of a folder that `ats` keeps: metrics on one port, a web page on another.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Arguments {
    /// The namespace; left out: the pod's own.
    #[arg(long, env = "ATS_NAMESPACE")]
    pub namespace: Option<String>,
    /// A folder of objects with their status, as `ats run` keeps one by its `--state`, in place of an API server.
    #[arg(long, env = "ATS_OBJECTS", value_name = "DIR")]
    pub objects: Option<PathBuf>,
    /// The ledger of strategies that name none, in place of file `default` of the folder.
    #[arg(long, env = LEDGER_VARIABLE, hide_env_values = true)]
    pub ledger: Option<String>,
    /// A folder with URLs of ledgers: `default`, and `secrets/NAME/KEY` for a strategy's own.
    #[arg(long, env = "ATS_LEDGERS", default_value = "/etc/ats/ledgers")]
    pub ledgers: PathBuf,
    /// Seconds between two readings of the ledgers.
    #[arg(long, env = "ATS_LEDGER_SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub ledger_seconds: u64,
    /// Port of the web page.
    #[arg(long, env = "ATS_PAGE_PORT", default_value_t = 3000)]
    pub page_port: u16,
    /// Port of /metrics, /healthz and /readyz.
    #[arg(long, env = "ATS_METRICS_PORT", default_value_t = METRICS_PORT)]
    pub metrics_port: u16,
    /// Which messages are logged, as the tracing crate filters them.
    #[arg(long, env = "ATS_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// How messages are logged.
    #[arg(long, env = "ATS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Another thing to do than to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Arguments {
    /// Whether the process only asks a running one for its health.
    pub fn healthcheck(&self) -> bool {
        self.command == Some(Command::Healthcheck)
    }
}
