//! What a run would do: keys, what the last run left, what changed since.

use std::collections::BTreeMap;

use ats_crds::status::{StageName, StageStatus};
use ats_pipeline::{
    CheckedUniverse, StageInput, StagePlan, check, plan,
    status::{specifications, stages::output},
};
use serde::Serialize;
use serde_json::Value;

use super::Runner;
use crate::{Failure, objects::Objects};

/// One stage of a plan.
#[derive(Debug, Serialize)]
pub(crate) struct PlanRow {
    /// `TradingUniverse/us-large-caps`.
    pub(crate) object: String,
    /// The stage.
    pub(crate) stage: String,
    /// Its key; empty while an earlier stage has no output.
    pub(crate) key: String,
    /// Whether it would be computed.
    pub(crate) state: String,
    /// Against the last run.
    pub(crate) change: String,
}

impl Runner {
    /// Plans everything; reads the store and the last run's status, computes nothing.
    pub(crate) async fn plan(&self, objects: Objects) -> Result<Vec<PlanRow>, Failure> {
        let mut rows = Vec::new();
        let mut universes: BTreeMap<String, (CheckedUniverse, Option<StageInput>)> = BTreeMap::new();
        for (name, universe) in &objects.universes {
            let checked = check::universe(&universe.spec)
                .map_err(|problems| Failure::Input(check::summary(&problems)))?;
            let Some(as_of) = checked.as_of(self.now()) else {
                return Err(Failure::Input(format!(
                    "TradingUniverse/{name}: no session is complete yet between history.start and now"
                )));
            };
            let last = self.last("TradingUniverse", name)?;
            let stages =
                plan::universe(&checked, as_of, &|stage| output(&records(&last), self.store_uri(), stage));
            let stages = stages.map_err(|error| Failure::Failed(error.to_string()))?;
            let dataset = self.rows(&mut rows, "TradingUniverse", name, &stages, &last).await?;
            universes.insert(name.clone(), (checked, dataset));
        }
        let mut models: BTreeMap<String, Option<StageInput>> = BTreeMap::new();
        for (name, model) in &objects.models {
            let Some((universe, dataset)) = universes.get(&model.spec.universe_ref.name) else { continue };
            let checked = check::model(&model.spec, universe)
                .map_err(|problems| Failure::Input(check::summary(&problems)))?;
            let last = self.last("ModelTrainingJob", name)?;
            let stages = match dataset {
                Some(dataset) => {
                    let specification =
                        checked.specification().map_err(|error| Failure::Failed(error.to_string()))?;
                    let earlier = specifications::earlier(&self.specifications(name)?, specification)
                        .map_err(|error| Failure::Failed(error.to_string()))?;
                    plan::model(&checked, dataset, earlier.as_ref(), &|stage| {
                        output(&records(&last), self.store_uri(), stage)
                    })
                    .map_err(|error| Failure::Failed(error.to_string()))?
                }
                None => waiting(&[StageName::Train, StageName::Select]),
            };
            let output = self.rows(&mut rows, "ModelTrainingJob", name, &stages, &last).await?;
            models.insert(name.clone(), output);
        }
        for (name, strategy) in &objects.strategies {
            let Some((universe, dataset)) = universes.get(&strategy.spec.universe_ref.name) else { continue };
            let checked = check::strategy(&strategy.spec, universe)
                .map_err(|problems| Failure::Input(check::summary(&problems)))?;
            let last = self.last("Strategy", name)?;
            let model = match &checked.model {
                Some(model) => models.get(model).cloned().flatten().map(Some),
                None => Some(None),
            };
            let stages = match (dataset, model) {
                (Some(dataset), Some(model)) => plan::strategy(&checked, dataset, model.as_ref(), &|stage| {
                    output(&records(&last), self.store_uri(), stage)
                })
                .map_err(|error| Failure::Failed(error.to_string()))?,
                _ => waiting(&[StageName::Backtest]),
            };
            self.rows(&mut rows, "Strategy", name, &stages, &last).await?;
        }
        Ok(rows)
    }

    /// Adds an object's rows; the output of its last stage, where that is known.
    async fn rows(
        &self,
        rows: &mut Vec<PlanRow>,
        kind: &str,
        name: &str,
        stages: &[StagePlan],
        last: &Value,
    ) -> Result<Option<StageInput>, Failure> {
        for entry in stages {
            let (key, state) = match (&entry.stage, entry.output) {
                (Some(stage), Some(digest)) => {
                    let there = self.has(&stage.as_input(digest)).await?;
                    (stage.key.to_string(), if there { "in store" } else { "to compute: not in this store" })
                }
                (Some(stage), None) => (stage.key.to_string(), "to compute"),
                (None, _) => (String::new(), "after the stage before it"),
            };
            let before = stage_entry(last, entry.name).and_then(|entry| entry["key"].as_str());
            let change = match (before, key.as_str()) {
                (None, _) => "never ran",
                (Some(_), "") => "depends on the stage before it",
                (Some(before), key) if before == key => "same key",
                _ => "new key",
            };
            rows.push(PlanRow {
                object: format!("{kind}/{name}"),
                stage: entry.name.to_string(),
                key,
                state: state.to_owned(),
                change: change.to_owned(),
            });
        }
        Ok(stages.iter().rfind(|entry| entry.name != StageName::Trade).and_then(StagePlan::published))
    }

    fn last(&self, kind: &str, name: &str) -> Result<Value, Failure> {
        Ok(self.state().find(kind, name)?.unwrap_or_default())
    }
}

fn waiting(names: &[StageName]) -> Vec<StagePlan> {
    names.iter().map(|name| StagePlan { name: *name, stage: None, output: None }).collect()
}

fn stage_entry(object: &Value, stage: StageName) -> Option<&Value> {
    object.pointer("/status/stages")?.as_array()?.iter().find(|entry| entry["name"] == stage.as_str())
}

/// The stages that the last run recorded; what another version wrote counts as nothing.
fn records(object: &Value) -> Vec<StageStatus> {
    let stages = object.pointer("/status/stages").cloned().unwrap_or_default();
    serde_json::from_value(stages).unwrap_or_default()
}
