//! `ModelTrainingJob`: `train`, `select`, gates, published model.

mod conditions;

use ats_crds::{
    ModelTrainingJob, Reason, TradingUniverse,
    model::Algorithm,
    status::{HasCommonStatus, InputStatus, ModelStatus},
};
use ats_pipeline::{CheckedModel, StageInput, check, gate, plan};

use super::{
    conditions::Situation,
    frame::{Decide, Decision, Frame, figures, last_output},
    references::{self, Hindrance, NotReady},
    write::Write,
};
use crate::{
    cache::Caches,
    error::Error,
    options::Options,
    stage::{Current, advance},
    world::{self, Place, SourcePlace, World},
};
use conditions::judge;

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
                judge(&mut status.common, &frame, &situation, None, &[]);
                return Ok(Decision { status, writes: Vec::new(), requeue: None });
            }
        };
        let warnings = |kind: &str, name: &str| world.children.warnings_of(kind, name);
        let setting = frame.setting(world, &place.store.location.uri, self.spec.run.suspend, &warnings);
        let progress = advance(&setting, &|known| plan::model(&model, &dataset, known))?;
        frame.take(&mut status.common, &progress);
        let mut situation = Situation::of(&progress.current, "the model is published");
        let mut failed = Vec::new();
        if progress.current == Current::Done
            && let Some(output) = last_output(&progress.plan)
        {
            failed = gate::failures(&model.gates, &figures(&status.common.metrics));
            if failed.is_empty() {
                let name = format!("TradingUniverse/{}", self.spec.universe_ref.name);
                let input = InputStatus { name, digest: dataset.digest.to_string() };
                frame.publish(&mut status.common, &output, vec![input]);
            } else {
                situation = Situation::Failed(crate::stage::Trouble {
                    reason: Reason::GateFailed,
                    message: format!("the model is kept and not published: {}", failed.join("; ")),
                });
            }
        }
        judge(&mut status.common, &frame, &situation, Some(&progress), &failed);
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
    if let Some(pinned) = model.pinned
        && pinned != dataset.digest
    {
        // What it was trained on stands; a new one is not trained on another dataset.
        let has = frame.previous.inputs.iter().any(|input| input.digest == pinned.to_string());
        let stands = if has { "; the model that was trained on it stays published" } else { "" };
        return Err(Hindrance::Waiting(format!(
            "TradingUniverse {name} publishes dataset {}, not the pinned {}{stands}",
            dataset.digest.short(),
            pinned.short()
        )));
    }
    Ok((model, dataset, Place { store, source: SourcePlace::default() }))
}

/// The column `Algorithm`.
fn algorithm(algorithm: &Algorithm) -> &'static str {
    match algorithm {
        Algorithm { elastic_net: Some(_), .. } => "elasticNet",
        Algorithm { logistic: Some(_), .. } => "logistic",
        Algorithm { random_forest: Some(_), .. } => "randomForest",
        _ => "none",
    }
}

/// The model that a strategy may use: the last one whose gates held.
///
/// # Errors
/// Why there is none yet.
pub fn published(model: Option<&ModelTrainingJob>, name: &str) -> Result<StageInput, NotReady> {
    let model = model.ok_or_else(|| NotReady(format!("ModelTrainingJob {name} is not there")))?;
    model
        .status
        .as_ref()
        .map(HasCommonStatus::common)
        .and_then(super::frame::published_input)
        .ok_or_else(|| NotReady(format!("ModelTrainingJob {name} has not published a model")))
}
