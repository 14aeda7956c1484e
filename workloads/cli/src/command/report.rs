//! `ats report`.

use std::process::ExitCode;

use ats_pipeline::{StageName, StoreLocation};
use ats_store::{Settings, Store};
use serde_json::Value;

use crate::{Failure, ReportArguments, local::store_uri, state::State};

pub(super) fn report(arguments: &ReportArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let (_, object) = state.resolve(&arguments.name, &["Strategy"])?;
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    let html = super::runtime()?.block_on(file_of(&store, &object, StageName::Backtest, "report.html"))?;
    match &arguments.output {
        Some(path) => std::fs::write(path, &html)
            .map_err(|error| Failure::Failed(format!("{} cannot be written: {error}", path.display())))?,
        None => super::write(&html)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A file that a one-unit stage of an object left.
pub(super) async fn file_of(
    store: &Store,
    object: &Value,
    stage: StageName,
    name: &str,
) -> Result<Vec<u8>, Failure> {
    let key = stage_key(object, stage).ok_or_else(|| {
        Failure::Failed(format!("stage {stage} of the object has no output: see `ats get stages`"))
    })?;
    let folder = store.unit(stage, key);
    let Some(stored) = folder.manifest().await? else {
        return Err(Failure::Failed(format!(
            "stage {stage} with key {key} is not in the store at {}: name its store with --store",
            store.uri()
        )));
    };
    Ok(folder.named(&stored.manifest, name).await?.to_vec())
}

/// The key of a stage that has its output.
pub(super) fn stage_key(object: &Value, stage: StageName) -> Option<ats_pipeline::StageKey> {
    let stages = object.pointer("/status/stages")?.as_array()?;
    let entry =
        stages.iter().find(|entry| entry["name"] == stage.as_str() && entry.get("digest").is_some())?;
    entry["key"].as_str()?.parse().ok()
}
