//! `ats plan`: which stages are in the store, and what changed since the last run; documents for other processes.

use std::{path::Path, process::ExitCode};

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::{
    Failure, OutputFormat, PlanArguments, RunArguments,
    local::{Runner, StageFolder},
    output,
};

pub(super) fn plan(arguments: &PlanArguments) -> Result<ExitCode, Failure> {
    match &arguments.write_stages {
        None => show(&arguments.run),
        Some(folder) => write_stages(&arguments.run, folder),
    }
}

fn runner(arguments: &RunArguments) -> Result<Runner, Failure> {
    Runner::new(&arguments.state, arguments.jobs, arguments.maps.clone(), CancellationToken::new())
}

fn show(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let objects = super::run::valid_objects(&arguments.input.files)?;
    let rows = super::runtime()?.block_on(async { runner(arguments)?.plan(objects).await })?;
    let header = ["OBJECT", "STAGE", "KEY", "STATE", "SINCE THE LAST RUN"];
    tell(arguments.output, header, &rows, |row| {
        [row.object.as_str(), &row.stage, short(&row.key), &row.state, &row.change].map(str::to_owned)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the documents of what can run; keeps the objects' status, as a run does.
fn write_stages(arguments: &RunArguments, folder: &Path) -> Result<ExitCode, Failure> {
    let objects = super::run::valid_objects(&arguments.input.files)?;
    crate::state::State::new(&arguments.state.state).prepare()?;
    let stages = StageFolder::new(folder)?;
    let finished = super::runtime()?
        .block_on(async { runner(arguments)?.elsewhere(StageFolder::new(folder)?).run(objects).await })?;
    let rows = stages.rows(&finished);
    tell(arguments.output, ["OBJECT", "STAGE", "KEY", "STATE", "FOLDER"], &rows, |row| {
        [row.object.as_str(), &row.stage, short(&row.key), &row.state, &row.folder].map(str::to_owned)
    })?;
    if rows.iter().any(|row| row.state == "to run") {
        return Ok(ExitCode::SUCCESS);
    }
    Ok(super::run::conclude(&super::run::unready(&finished)))
}

fn short(key: &str) -> &str {
    key.get(..12).unwrap_or(key)
}

/// Rows as a table, or whole for programs.
fn tell<R: Serialize>(
    form: OutputFormat,
    header: [&str; 5],
    rows: &[R],
    cells: impl Fn(&R) -> [String; 5],
) -> Result<(), Failure> {
    if form == OutputFormat::Table {
        let body = rows.iter().map(|row| cells(row).to_vec());
        return super::write(output::rows(&header.map(str::to_owned), body).as_bytes());
    }
    let value = serde_json::to_value(rows).map_err(|error| Failure::Failed(error.to_string()))?;
    super::write(output::value(&value, form)?.as_bytes())
}
