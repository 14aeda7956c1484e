//! From a universe's spec to checked types, in a cluster: what `ats validate` says, and what only a cluster asks for.

use ats_crds::{Reason, TradingUniverseSpec};
use ats_pipeline::{CheckedUniverse, Problem, check};

use crate::{
    controller::frame::problem,
    options::Options,
    world::{self, Place, SourcePlace},
};

/// Checks a universe.
///
/// # Errors
/// Every problem found.
pub fn validate(
    spec: &TradingUniverseSpec,
    options: &Options,
) -> Result<(CheckedUniverse, Place), Vec<Problem>> {
    let checked = check::universe(spec)?;
    let store = world::store(&spec.run, options).map_err(|problem| vec![problem])?;
    let local = checked.location.as_ref().is_some_and(|location| check::is_local(&location.uri));
    if local && checked.volume.is_none() {
        return Err(vec![problem(
            "spec.source.files.volumeClaim",
            Reason::VolumeRequired,
            "a file:// source in a cluster lies on a volume: set volumeClaim {claimName, mountPath} beside uri",
        )]);
    }
    let source = SourcePlace { volume: checked.volume.clone(), secret: checked.credentials_secret.clone() };
    // The store may be the operator's default, which the check of the spec does not know.
    check::mounts_agree(store.volume.as_ref(), source.volume.as_ref()).map_err(|problem| vec![problem])?;
    Ok((checked, Place { store, source }))
}
