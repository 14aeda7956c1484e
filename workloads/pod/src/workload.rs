//! From `stage.json` to last words.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use ats_pipeline::{
    Category, Outcome, StageFile,
    contract::{SECRETS_FOLDER, SOURCE_PREFIX, STORE_PREFIX},
};
use ats_store::{StageContext, StageError, Store, settings_from_environment};
use clap::Parser;
use tokio_util::sync::CancellationToken;

use crate::{Arguments, Command, StageMetrics, health, healthcheck, logging, rotation, stop_token};

/// How long a scrape under way may take after the stage's end. A client that stopped in the middle of a request would
/// hold the process for ever.
const LAST_SCRAPE: Duration = Duration::from_secs(1);

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
    ExitCode::from(run_with(&Arguments::parse(), stage))
}

/// [`run`] with arguments that are read already; the process's exit code.
pub fn run_with<F, Fut>(arguments: &Arguments, stage: F) -> u8
where
    F: FnOnce(Run) -> Fut,
    Fut: Future<Output = Result<Outcome, StageError>>,
{
    if arguments.command == Some(Command::Healthcheck) {
        return match healthcheck(arguments.metrics_port) {
            Ok(()) => 0,
            Err(error) => {
                tell(&format!("port {}: {error}", arguments.metrics_port));
                1
            }
        };
    }
    if let Err(message) = logging::start(&arguments.log_level, arguments.log_format) {
        tell(&message);
        return end(arguments, &Outcome::failed(Category::BadSpec, message));
    }
    let outcome = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            // A panic is a defect; the pod's last words say so, instead of an exit code that means nothing.
            let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(outcome(arguments, stage))));
            // Work on blocking threads that was given up is not waited for.
            runtime.shutdown_background();
            result
                .unwrap_or_else(|panic| Err(StageError::internal(panicked(panic.as_ref()))))
                .unwrap_or_else(|error| error.to_outcome())
        }
        Err(error) => Outcome::failed(Category::Unavailable, format!("no runtime can be started: {error}")),
    };
    end(arguments, &outcome)
}

/// The last words: in the log, in the termination message, in the exit code.
fn end(arguments: &Arguments, outcome: &Outcome) -> u8 {
    if outcome.is_done() {
        tracing::info!(category = ?outcome.category, digest = ?outcome.digest, "{}", outcome.message);
    } else {
        tracing::error!(category = ?outcome.category, "{}", outcome.message);
    }
    if let Err(error) = std::fs::write(&arguments.termination_message, outcome.to_termination_message()) {
        tracing::warn!(
            "the termination message cannot be written to {}: {error}",
            arguments.termination_message.display()
        );
    }
    outcome.category.exit_code().code()
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let words =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "the stage panicked, which is a defect of this program; please report it: {}",
        words.unwrap_or("without words")
    )
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
    let stop =
        stop_token().map_err(|error| StageError::internal(format!("signals cannot be heard: {error}")))?;
    tokio::spawn(rotation::stop_when_changed(SECRETS_FOLDER.into(), rotation::LOOK, stop.clone()));
    let metrics = StageMetrics::new().map_err(|error| StageError::internal(error.to_string()))?;
    let store = Store::open(&file.store, &settings_from_environment(STORE_PREFIX))?;
    let mut context = StageContext::new(store);
    context.source_settings = settings_from_environment(SOURCE_PREFIX);
    context.shard = arguments.shard;
    if arguments.jobs > 0 {
        context.jobs = arguments.jobs;
    }
    context.progress = Arc::new(metrics.clone());
    context.cancel = stop;
    let ended = CancellationToken::new();
    let serving = match health::listen(arguments.metrics_port).await {
        Ok(listener) => Some(tokio::spawn(health::serve(listener, metrics.clone(), ended.clone()))),
        Err(error) => {
            tracing::warn!(
                "metrics and health are not served on port {}: {error}; the stage runs without",
                arguments.metrics_port
            );
            None
        }
    };
    tracing::info!(stage = %file.stage(), key = %file.key, owner = %file.owner.name, namespace = %file.owner.namespace, shard = arguments.shard, "stage begins");
    let result = stage(Run { file, context, metrics }).await;
    ended.cancel();
    if let Some(serving) = serving
        && let Ok(Ok(Err(error))) = tokio::time::timeout(LAST_SCRAPE, serving).await
    {
        tracing::warn!(
            "metrics and health were no longer served on port {}: {error}",
            arguments.metrics_port
        );
    }
    result
}

fn read(arguments: &Arguments) -> Result<StageFile, StageError> {
    let path = arguments.stage_file.display();
    let text = std::fs::read(&arguments.stage_file)
        .map_err(|error| StageError::bad_spec(format!("{path} cannot be read: {error}")))?;
    let file =
        StageFile::read(&path.to_string(), &text).map_err(|error| StageError::bad_spec(error.to_string()))?;
    if arguments.shard >= file.shards {
        return Err(StageError::bad_spec(format!(
            "there is no shard {}: {path} divides the stage into {}",
            arguments.shard, file.shards
        )));
    }
    Ok(file)
}
