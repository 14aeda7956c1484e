//! From `stage.json` to last words.

use std::{future::Future, process::ExitCode, sync::Arc};

use ats_pipeline::{
    Category, Outcome, StageFile,
    contract::{SOURCE_PREFIX, STORE_PREFIX, VERSION},
};
use ats_store::{StageContext, StageError, Store, settings_from_environment};
use clap::Parser;

use crate::{Arguments, Command, StageMetrics, health, healthcheck, logging, stop_token};

/// What a workload is given.
#[derive(Debug)]
pub struct Run {
    /// What to do.
    pub file: StageFile,
    /// What to do it in.
    pub context: StageContext,
    /// Where a workload adds metrics of its own.
    pub metrics: StageMetrics,
}

/// A workload binary's `main`: reads arguments and `stage.json`, runs `stage`, writes the termination message.
pub fn run<F, Fut>(stage: F) -> ExitCode
where
    F: FnOnce(Run) -> Fut,
    Fut: Future<Output = Result<Outcome, StageError>>,
{
    let arguments = Arguments::parse();
    if arguments.command == Some(Command::Healthcheck) {
        return match healthcheck(arguments.metrics_port) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tell(&error.to_string());
                ExitCode::FAILURE
            }
        };
    }
    if let Err(message) = logging::start(&arguments.log_level, arguments.log_format) {
        tell(&message);
        return ExitCode::from(ats_pipeline::ExitCode::BadSpec.code());
    }
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(outcome(&arguments, stage)).unwrap_or_else(|error| error.to_outcome()),
        Err(error) => Outcome::failed(Category::Unavailable, format!("no runtime can be started: {error}")),
    };
    if outcome.is_done() {
        tracing::info!(category = ?outcome.category, digest = ?outcome.digest, "{}", outcome.message);
    } else {
        tracing::error!(category = ?outcome.category, "{}", outcome.message);
    }
    if let Err(error) = std::fs::write(&arguments.termination_message, outcome.to_termination_message()) {
        tracing::warn!("the termination message cannot be written to {}: {error}", arguments.termination_message.display());
    }
    ExitCode::from(outcome.category.exit_code().code())
}

#[allow(clippy::print_stderr, reason = "said before logging is there")]
fn tell(message: &str) {
    eprintln!("{message}");
}

async fn outcome<F, Fut>(arguments: &Arguments, stage: F) -> Result<Outcome, StageError>
where
    F: FnOnce(Run) -> Fut,
    Fut: Future<Output = Result<Outcome, StageError>>,
{
    let file = read(arguments)?;
    let stop = stop_token().map_err(|error| StageError::internal(format!("signals cannot be heard: {error}")))?;
    let metrics = StageMetrics::new().map_err(|error| StageError::internal(error.to_string()))?;
    let store = Store::open(&file.store, &settings_from_environment(STORE_PREFIX))?;
    let mut context = StageContext::new(store);
    context.source_settings = settings_from_environment(SOURCE_PREFIX);
    context.shard = arguments.shard;
    if arguments.jobs > 0 {
        context.jobs = arguments.jobs;
    }
    context.progress = Arc::new(metrics.clone());
    context.cancel = stop.clone();
    let serving = tokio::spawn(health::serve(arguments.metrics_port, metrics.clone(), stop.clone()));
    tracing::info!(stage = %file.stage(), key = %file.key, owner = %file.owner.name, namespace = %file.owner.namespace, shard = arguments.shard, "stage begins");
    let result = stage(Run { file, context, metrics }).await;
    stop.cancel();
    if let Ok(Err(error)) = serving.await {
        tracing::warn!("metrics were not served on port {}: {error}", arguments.metrics_port);
    }
    result
}

fn read(arguments: &Arguments) -> Result<StageFile, StageError> {
    let path = arguments.stage_file.display();
    let text = std::fs::read(&arguments.stage_file)
        .map_err(|error| StageError::bad_spec(format!("{path} cannot be read: {error}")))?;
    let file: StageFile = serde_json::from_slice(&text)
        .map_err(|error| StageError::bad_spec(format!("{path} is not a stage file of this version: {error}")))?;
    if file.version != VERSION {
        return Err(StageError::bad_spec(format!("{path} has version {}, this image reads version {VERSION}: use images of one release", file.version)));
    }
    Ok(file)
}
