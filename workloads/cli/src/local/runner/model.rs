//! A model in this process.

use ats_crds::{ModelTrainingJob, status::CommonStatus};
use ats_pipeline::{
    CheckedModel, StageInput, check, plan,
    status::{
        input,
        model::{algorithm, conclude, judge},
        reference::{self, Hindrance},
    },
};

use super::{Done, Runner};
use crate::{Failure, local::object::Object};

impl Runner {
    pub(super) async fn model(&self, object: &mut ModelTrainingJob, done: &Done) -> Result<(), Failure> {
        let before = self.begin(object)?;
        object.status_mut().algorithm = Some(algorithm(&object.spec.algorithm).to_owned());
        let (checked, dataset) = match prepare(object, done) {
            Ok(ready) => ready,
            Err(hindrance) => {
                judge(object.common_mut(), &before, &hindrance.into_situation(), None);
                return Ok(());
            }
        };
        let progress = self.stages(object, |known| plan::model(&checked, &dataset, known)).await?;
        let trained_on = input("TradingUniverse", &object.spec.universe_ref.name, &dataset);
        let status = object.status_mut();
        progress.put_into(status);
        conclude(status, &before, progress.way(), &checked.gates, trained_on);
        Ok(())
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
