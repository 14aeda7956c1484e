//! `ats run`.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::{
    Failure, RunArguments,
    local::{Finished, Runner},
    objects::Objects,
    output::{self, Listed},
};

pub(super) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let objects = valid_objects(&arguments.input.files)?;
    let state = &arguments.state;
    let finished = super::runtime()?.block_on(async {
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.cancel();
            }
        });
        crate::state::State::new(&state.state).prepare()?;
        let runner = Runner::new(state, arguments.jobs, arguments.maps.clone(), cancel)?;
        runner.run(objects).await
    })?;
    let unready = unready(&finished);
    let listed: Vec<Listed> = finished
        .into_iter()
        .map(|one| Listed { kind: one.kind, name: one.name, object: one.object })
        .collect();
    super::write(output::objects(&listed, arguments.output)?.as_bytes())?;
    Ok(conclude(&unready))
}

/// Why objects are not Ready.
pub(super) fn unready(finished: &[Finished]) -> Vec<String> {
    finished.iter().filter(|one| !one.ready).map(why).collect()
}

/// Says what is not Ready; 0 when all is.
pub(super) fn conclude(unready: &[String]) -> ExitCode {
    say(unready);
    if unready.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Why an object is not Ready, in full: a table cuts long messages.
fn why(one: &Finished) -> String {
    format!("{}/{} is not Ready: {}: {}", one.kind, one.name, one.of_ready("reason"), one.why())
}

#[allow(clippy::print_stderr, reason = "this is where the command line speaks")]
fn say(lines: &[String]) {
    for line in lines {
        eprintln!("{line}");
    }
}

/// The objects of the input, or every problem with them.
pub(super) fn valid_objects(files: &[std::path::PathBuf]) -> Result<Objects, Failure> {
    let report = crate::validate::validate_paths(files);
    if report.has_errors() {
        let text = report.to_text();
        return Err(Failure::Input(format!("the input is not valid; nothing was run\n{}", text.trim_end())));
    }
    let mut objects = Objects::default();
    for document in report.into_documents() {
        objects.add(document).map_err(Failure::Input)?;
    }
    Ok(objects)
}
