//! Arguments of every workload binary.

use std::path::PathBuf;

use ats_pipeline::contract::{METRICS_PORT, SHARD_VARIABLE, STAGE_FILE, STAGE_FOLDER, TERMINATION_MESSAGE};
use clap::{Parser, Subcommand};

use crate::LogFormat;

/// One stage of a pipeline, as a pod runs it.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Arguments {
    /// The document that says what to do.
    #[arg(long, env = "ATS_STAGE_FILE", default_value_os_t = PathBuf::from(STAGE_FOLDER).join(STAGE_FILE))]
    pub stage_file: PathBuf,
    /// This shard, from 0; an Indexed Job sets it.
    #[arg(long, env = SHARD_VARIABLE, default_value_t = 0)]
    pub shard: u32,
    /// Units at work at once; 0: one for each core.
    #[arg(long, env = "ATS_JOBS", default_value_t = 0)]
    pub jobs: usize,
    /// Where the last words go.
    #[arg(long, env = "ATS_TERMINATION_MESSAGE", default_value = TERMINATION_MESSAGE)]
    pub termination_message: PathBuf,
    /// Port of /metrics and /healthz.
    #[arg(long, env = "ATS_METRICS_PORT", default_value_t = METRICS_PORT)]
    pub metrics_port: u16,
    /// Which messages are logged, as the tracing crate filters them.
    #[arg(long, env = "ATS_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// How messages are logged.
    #[arg(long, env = "ATS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Json)]
    pub log_format: LogFormat,
    /// Another thing to do than the stage.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Another thing to do than the stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Asks the running process for its health; exits with 0 when it is well. For images without a shell.
    Healthcheck,
}
