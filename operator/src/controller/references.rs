//! What only a cluster asks of references: that the pods of both objects reach one store.

use ats_crds::Reason;
use ats_pipeline::Problem;
pub use ats_pipeline::status::reference::{
    Hindrance, checked_universe, dataset, model, pinned, same_universe, there,
};

use super::frame::problem;
use crate::{
    kind::Managed,
    options::Options,
    world::{self, StorePlace},
};

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
