//! References to other objects, as a model or a strategy reads them. A missing one is waited for: the order of apply
//! does not matter.

use ats_crds::{
    ModelTrainingJob, Reason, Strategy, TradingUniverse,
    status::{CommonStatus, HasCommonStatus},
};

use super::{Situation, is_published, published_input};
use crate::{CheckedModel, CheckedUniverse, Problem, StageInput, check};

/// Why a reference cannot be used yet, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotReady(pub String);

/// What keeps an object from being planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// Its own spec.
    Refused(Vec<Problem>),
    /// What it refers to.
    Waiting(String),
}

impl From<NotReady> for Hindrance {
    fn from(NotReady(message): NotReady) -> Self {
        Self::Waiting(message)
    }
}

impl Hindrance {
    /// As the object's situation.
    pub fn into_situation(self) -> Situation {
        match self {
            Self::Refused(problems) => Situation::Refused(problems),
            Self::Waiting(message) => Situation::Waiting(Reason::WaitingForReference, message),
        }
    }
}

/// A universe that is there and stays.
///
/// # Errors
/// When it is missing or being deleted.
pub fn there<'a>(universe: Option<&'a TradingUniverse>, name: &str) -> Result<&'a TradingUniverse, NotReady> {
    let universe = universe.ok_or_else(|| {
        NotReady(format!("TradingUniverse {name} is not there: apply it, or change spec.universeRef.name"))
    })?;
    if universe.metadata.deletion_timestamp.is_some() {
        return Err(NotReady(format!("TradingUniverse {name} is being deleted")));
    }
    Ok(universe)
}

fn name(universe: &TradingUniverse) -> &str {
    universe.metadata.name.as_deref().unwrap_or_default()
}

/// The spec of a universe that is sound.
///
/// # Errors
/// What is wrong with it.
pub fn checked_universe(universe: &TradingUniverse) -> Result<CheckedUniverse, NotReady> {
    check::universe(&universe.spec).map_err(|problems| {
        NotReady(format!("TradingUniverse {} is refused: {}", name(universe), check::summary(&problems)))
    })
}

/// The dataset that a universe has published for the spec that it has now.
///
/// # Errors
/// Why not yet.
pub fn dataset(universe: &TradingUniverse) -> Result<StageInput, NotReady> {
    let common = universe.status.as_ref().map(HasCommonStatus::common);
    let current =
        common.filter(|common| is_published(common, universe.metadata.generation.unwrap_or_default()));
    current.and_then(published_input).ok_or_else(|| {
        NotReady(format!(
            "TradingUniverse {} has not published a dataset of its present spec: see its own status",
            name(universe)
        ))
    })
}

/// That a model which stays with one dataset is given that one. `before`: the model's status, whose result may stand.
///
/// # Errors
/// When the universe publishes another.
pub fn pinned(
    model: &CheckedModel,
    universe: &str,
    dataset: &StageInput,
    before: &CommonStatus,
) -> Result<(), NotReady> {
    let Some(pinned) = model.pinned.filter(|pinned| *pinned != dataset.digest) else { return Ok(()) };
    // What it was trained on stands; a new one is not trained on another dataset.
    let has = before.inputs.iter().any(|input| input.digest == pinned.to_string());
    let stands = if has { "; the model that was trained on it stays published" } else { "" };
    Err(NotReady(format!(
        "TradingUniverse {universe} publishes dataset {}, not the pinned {}{stands}",
        dataset.digest.short(),
        pinned.short()
    )))
}

/// The model that a strategy may use: the last one whose gates held.
///
/// # Errors
/// Why there is none yet.
pub fn model(model: Option<&ModelTrainingJob>, name: &str) -> Result<StageInput, NotReady> {
    let model = model.ok_or_else(|| {
        NotReady(format!("ModelTrainingJob {name} is not there: apply it, or change spec.signal.model.name"))
    })?;
    model.status.as_ref().map(HasCommonStatus::common).and_then(published_input).ok_or_else(|| {
        NotReady(format!("ModelTrainingJob {name} has not published a model: see its own status"))
    })
}

/// A strategy trades on a model of its own universe.
///
/// # Errors
/// When the model learns from another.
pub fn same_universe(model: &ModelTrainingJob, strategy: &Strategy) -> Result<(), Hindrance> {
    let (theirs, ours) = (&model.spec.universe_ref.name, &strategy.spec.universe_ref.name);
    if theirs == ours {
        return Ok(());
    }
    let name = model.metadata.name.as_deref().unwrap_or_default();
    Err(Hindrance::Refused(vec![Problem {
        path: "spec.signal.model.name".to_owned(),
        reason: Reason::InvalidSpec,
        message: another_universe(name, theirs, ours),
    }]))
}

/// What is said of a model that learns from another universe than the strategy trades.
pub fn another_universe(model: &str, theirs: &str, ours: &str) -> String {
    format!(
        "the model {model} learns from universe {theirs} and the strategy trades {ours}: both must use one universe"
    )
}
