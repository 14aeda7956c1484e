//! References to other objects, as a model or a strategy reads them. A missing one is waited for: the order of apply
//! does not matter.

use ats_crds::{Reason, TradingUniverse, status::HasCommonStatus};
use ats_pipeline::{CheckedUniverse, Problem, StageInput, check};

use super::{
    conditions::Situation,
    frame::{is_published, problem, published_input},
};
use crate::{
    kind::Managed,
    options::Options,
    world::{self, StorePlace},
};

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
    let universe = universe.ok_or_else(|| NotReady(format!("TradingUniverse {name} is not there")))?;
    if universe.metadata.deletion_timestamp.is_some() {
        return Err(NotReady(format!("TradingUniverse {name} is being deleted")));
    }
    Ok(universe)
}

/// The spec of a universe that is sound.
///
/// # Errors
/// What is wrong with it.
pub fn checked_universe(universe: &TradingUniverse) -> Result<CheckedUniverse, NotReady> {
    check::universe(&universe.spec).map_err(|problems| {
        NotReady(format!("TradingUniverse {} is refused: {}", universe.key().name, check::summary(&problems)))
    })
}

/// The dataset that a universe has published for the spec that it has now.
///
/// # Errors
/// Why not yet.
pub fn dataset(universe: &TradingUniverse) -> Result<StageInput, NotReady> {
    let name = &universe.key().name;
    let common = universe.status().map(HasCommonStatus::common);
    let current =
        common.filter(|common| is_published(common, universe.metadata.generation.unwrap_or_default()));
    current.and_then(published_input).ok_or_else(|| {
        NotReady(format!("TradingUniverse {name} has not published a dataset of its present spec"))
    })
}

/// What an object refers to lies in one store with it: its pods read the other's artifacts.
///
/// # Errors
/// When the stores differ.
pub fn same_store<K: Managed>(own: &StorePlace, other: &K, options: &Options) -> Result<(), Problem> {
    let Ok(theirs) = world::store(other.run(), options) else { return Ok(()) };
    let same = theirs.location == own.location
        && theirs.volume.as_ref().map(|volume| &volume.claim_name)
            == own.volume.as_ref().map(|volume| &volume.claim_name);
    if same {
        return Ok(());
    }
    let (key, ours, theirs) = (other.key(), &own.location.uri, &theirs.location.uri);
    Err(problem(
        "spec.artifactStore",
        Reason::InvalidSpec,
        format!(
            "artifacts go to {ours}, those of {} {} to {theirs}: write the same store in both",
            key.kind, key.name
        ),
    ))
}
