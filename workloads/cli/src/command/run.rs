//! `ats run`.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::{
    Failure, RunArguments,
    local::Runner,
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
        let runner = Runner::new(state, arguments.jobs, arguments.maps.clone(), cancel)?;
        runner.run(objects).await
    })?;
    let all_ready = finished.iter().all(|one| one.ready);
    let listed: Vec<Listed> = finished
        .into_iter()
        .map(|one| Listed { kind: one.kind, name: one.name, object: one.object })
        .collect();
    super::write(output::objects(&listed, arguments.output)?.as_bytes())?;
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The objects of the input, or every problem with them.
pub(super) fn valid_objects(files: &[std::path::PathBuf]) -> Result<Objects, Failure> {
    let report = crate::validate::validate_paths(files);
    if report.has_errors() {
        return Err(Failure::Input(format!("the input is not valid; nothing was run\n{}", report.to_text())));
    }
    let mut objects = Objects::default();
    for document in report.into_documents() {
        objects.add(document).map_err(Failure::Input)?;
    }
    Ok(objects)
}
