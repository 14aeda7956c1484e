//! `ModelTrainingJob`: `train`, `select`, gates, published model.

use ats_crds::{ModelTrainingJob, TradingUniverse, status::ModelStatus};
use ats_pipeline::{
    CheckedModel, StageInput, check, plan,
    status::{
        input,
        model::{algorithm, conclude, judge},
        specifications,
    },
};

use super::{
    frame::{Decide, Decision, Frame},
    references::{self, Hindrance},
    write::Write,
};
use crate::{
    cache::Caches,
    error::Error,
    options::Options,
    stage::advance,
    world::{self, Place, SourcePlace, World},
};

impl Decide for ModelTrainingJob {
    type References = Option<TradingUniverse>;

    fn dereference(&self, caches: &Caches) -> Self::References {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        caches.universe(namespace, &self.spec.universe_ref.name)
    }

    fn decide(&self, universe: &Self::References, world: &World<'_>) -> Result<Decision<ModelStatus>, Error> {
        let frame = Frame::new(self, world.now);
        let mut status = self.status.clone().unwrap_or_default();
        status.common = frame.status();
        status.algorithm = Some(algorithm(&self.spec.algorithm).to_owned());
        let (model, dataset, place) = match prepare(self, universe.as_ref(), &frame, world.options) {
            Ok(ready) => ready,
            Err(hindrance) => {
                let situation = hindrance.into_situation();
                judge(&mut status.common, &frame.before(), &situation, None);
                return Ok(Decision { status, writes: Vec::new(), requeue: None });
            }
        };
        let warnings = |kind: &str, name: &str| world.children.warnings_of(kind, name);
        let setting = frame.setting(world, &place.store.location.uri, self.spec.run.suspend, &warnings);
        let specification = model.specification()?;
        let earlier = specifications::earlier(&status.specifications, specification)?;
        let progress = advance(&setting, &|known| plan::model(&model, &dataset, earlier.as_ref(), known))?;
        frame.take(&mut status.common, &progress);
        let trained_on = input("TradingUniverse", &self.spec.universe_ref.name, &dataset);
        conclude(&mut status, &frame.before(), progress.way(), &model.gates, specification, trained_on);
        let writes = frame.writes(self, world, &place, &progress);
        Ok(Decision { status, writes, requeue: progress.requeue })
    }

    fn farewell(&self, _: &World<'_>) -> Vec<Write> {
        // Jobs are owned: the garbage collector takes them.
        Vec::new()
    }
}

/// Checks a model with the universe that it refers to.
fn prepare(
    object: &ModelTrainingJob,
    universe: Option<&TradingUniverse>,
    frame: &Frame,
    options: &Options,
) -> Result<(CheckedModel, StageInput, Place), Hindrance> {
    let refused = |problem| Hindrance::Refused(vec![problem]);
    let store = world::store(&object.spec.run, options).map_err(refused)?;
    let name = &object.spec.universe_ref.name;
    let universe = references::there(universe, name)?;
    let checked = references::checked_universe(universe)?;
    let model = check::model(&object.spec, &checked).map_err(Hindrance::Refused)?;
    references::same_store(&store, universe, options).map_err(refused)?;
    let dataset = references::dataset(universe)?;
    references::pinned(&model, name, &dataset, &frame.previous)?;
    Ok((model, dataset, Place { store, source: SourcePlace::default() }))
}
