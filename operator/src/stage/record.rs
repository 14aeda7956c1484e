//! The record of stages in an object's status, as the operator goes on from it.

use ats_crds::status::{StageState, StageStatus};

/// The records with every failed stage ready for one more attempt: after a change of the spec, or of the retry
/// annotation. Called twice on one record it gives one result, so that a stale read counts no attempt twice.
pub fn renewed(records: &[StageStatus]) -> Vec<StageStatus> {
    let renew = |record: &StageStatus| match record.state {
        StageState::Failed => StageStatus {
            key: record.key.clone(),
            source_digest: record.source_digest.clone(),
            attempt: record.attempt.saturating_add(1),
            ..StageStatus::pending(record.name)
        },
        _ => record.clone(),
    };
    records.iter().map(renew).collect()
}
