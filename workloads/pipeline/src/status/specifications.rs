//! The specifications that a model has had, as far as its status has to know them for the trials of all to be counted.
//!
//! Each output of stage `select` lists every trial under the model's name up to it: its own, and those that the output of
//! the specification before it lists. A status therefore keeps two specifications, the newest first. What the present one
//! counts on is the newest of another specification, so that to record the present one changes no key of it, and new data
//! under the same specification counts on what it counted on before.

use ats_crds::status::{MAX_SPECIFICATIONS, SpecificationStatus, StageName};

use crate::{Digest, DigestError, StageInput};

/// A status that something else than the operator or `ats run` has written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "status.specifications cannot be read: {0}; the trials before this specification are not known without it: restore \
     the status, or make the object anew, which begins a new count of trials"
)]
pub struct SpecificationsError(#[from] DigestError);

/// What stage `select` gave for the last specification that is another one than the present.
///
/// # Errors
/// When its entry holds no digests.
pub fn earlier(
    kept: &[SpecificationStatus],
    present: Digest,
) -> Result<Option<StageInput>, SpecificationsError> {
    let present = present.to_string();
    let Some(entry) = kept.iter().find(|entry| entry.specification != present) else { return Ok(None) };
    Ok(Some(StageInput { stage: StageName::Select, key: entry.key.parse()?, digest: entry.digest.parse()? }))
}

/// Records what stage `select` gave for the present specification.
pub fn record(kept: &mut Vec<SpecificationStatus>, present: Digest, output: &StageInput) {
    let entry = SpecificationStatus {
        specification: present.to_string(),
        key: output.key.to_string(),
        digest: output.digest.to_string(),
    };
    kept.retain(|other| other.specification != entry.specification);
    kept.insert(0, entry);
    kept.truncate(MAX_SPECIFICATIONS);
}
