//! `ats run`.

use std::process::ExitCode;

use serde_json::Value;
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
    let all_ready = finished.iter().all(|one| one.ready);
    let unready: Vec<String> = finished.iter().filter(|one| !one.ready).map(why).collect();
    let listed: Vec<Listed> = finished
        .into_iter()
        .map(|one| Listed { kind: one.kind, name: one.name, object: one.object })
        .collect();
    super::write(output::objects(&listed, arguments.output)?.as_bytes())?;
    say(&unready);
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Why an object is not Ready, in full: a table cuts long messages.
fn why(one: &Finished) -> String {
    let conditions = one.object.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    let text = |name: &str| ready.and_then(|ready| ready[name].as_str()).unwrap_or_default();
    format!("{}/{} is not Ready: {}: {}", one.kind, one.name, text("reason"), text("message"))
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
