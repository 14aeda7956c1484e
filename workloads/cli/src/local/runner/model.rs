//! A model in this process.

use ats_crds::{
    ModelTrainingJob,
    status::{CommonStatus, SpecificationStatus},
};
use ats_pipeline::{
    CheckedModel, StageInput, check, plan,
    status::{
        input,
        model::{algorithm, conclude, judge},
        reference::{self, Hindrance},
        specifications,
    },
};
use kube::ResourceExt;
use serde::Deserialize;

use super::{Done, Runner};
use crate::{Failure, local::object::Object};

const KIND: &str = "ModelTrainingJob";

impl Runner {
    pub(super) async fn model(&self, object: &mut ModelTrainingJob, done: &Done) -> Result<(), Failure> {
        let before = self.begin(object)?;
        object.status_mut().specifications = self.specifications(&object.name_any())?;
        object.status_mut().algorithm = Some(algorithm(&object.spec.algorithm).to_owned());
        let (checked, dataset) = match prepare(object, done) {
            Ok(ready) => ready,
            Err(hindrance) => {
                judge(object.common_mut(), &before, &hindrance.into_situation(), None);
                return Ok(());
            }
        };
        let specification = checked.specification().map_err(|error| Failure::Failed(error.to_string()))?;
        let earlier = specifications::earlier(&object.status_mut().specifications, specification)
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let progress =
            self.stages(object, |known| plan::model(&checked, &dataset, earlier.as_ref(), known)).await?;
        let trained_on = input("TradingUniverse", &object.spec.universe_ref.name, &dataset);
        let status = object.status_mut();
        progress.put_into(status);
        conclude(status, &before, progress.way(), &checked.gates, specification, trained_on);
        Ok(())
    }

    /// The specifications of a model that earlier runs have tried.
    pub(in crate::local) fn specifications(&self, name: &str) -> Result<Vec<SpecificationStatus>, Failure> {
        let last = self.state().find(KIND, name)?.unwrap_or_default();
        let Some(kept) = last.pointer("/status/specifications") else { return Ok(Vec::new()) };
        Vec::<SpecificationStatus>::deserialize(kept).map_err(|error| {
            Failure::Failed(format!(
                "the last status of {KIND}/{name} is damaged: specifications: {error}; delete its file below --state and \
                 run again, which begins a new count of trials"
            ))
        })
    }
}

/// Checks a model with the universe that it refers to.
fn prepare(object: &ModelTrainingJob, done: &Done) -> Result<(CheckedModel, StageInput), Hindrance> {
    let name = &object.spec.universe_ref.name;
    let universe = reference::there(done.universes.get(name), name)?;
    let checked = reference::checked_universe(universe)?;
    let model = check::model(&object.spec, &checked).map_err(Hindrance::Refused)?;
    let dataset = reference::dataset(universe)?;
    // No result of an earlier run stands: this run tells what it found.
    reference::pinned(&model, name, &dataset, &CommonStatus::default())?;
    Ok((model, dataset))
}
