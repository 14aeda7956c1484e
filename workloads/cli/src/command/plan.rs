//! `ats plan`: which stages are in the store, and what changed since the last run.

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::{Failure, OutputFormat, RunArguments, local::Runner, output};

pub(super) fn plan(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let objects = super::run::valid_objects(&arguments.input.files)?;
    let state = &arguments.state;
    let rows = super::runtime()?.block_on(async {
        let runner = Runner::new(state, arguments.jobs, arguments.maps.clone(), CancellationToken::new())?;
        runner.plan(objects).await
    })?;
    if arguments.output != OutputFormat::Table {
        let value = serde_json::to_value(&rows).map_err(|error| Failure::Failed(error.to_string()))?;
        super::write(output::value(&value, arguments.output)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = ["OBJECT", "STAGE", "KEY", "STATE", "SINCE THE LAST RUN"].map(str::to_owned);
    let body = rows
        .into_iter()
        .map(|row| vec![row.object, row.stage, row.key.chars().take(12).collect(), row.state, row.change]);
    super::write(output::rows(&header, body).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
