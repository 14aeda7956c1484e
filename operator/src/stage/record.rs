//! The record of stages in an object's status. It decides what is done: Jobs come and go.

use ats_crds::status::{StageState, StageStatus};
use ats_pipeline::{Digest, PlannedStage};

/// Digest of the places that a record speaks of: the store that holds the output and the place of the source's files.
/// Neither is in a key; an output in another store is no output here.
pub fn place(store: &str, stage: &PlannedStage) -> String {
    let source = stage.source_digest.map(|digest| digest.to_string()).unwrap_or_default();
    Digest::of_parts([store.as_bytes(), b"\n", source.as_bytes()]).to_string()
}

/// Whether a record speaks of a planned stage.
pub fn matches(record: &StageStatus, store: &str, stage: &PlannedStage) -> bool {
    record.name == stage.stage()
        && record.key.as_deref() == Some(stage.key.to_string().as_str())
        && record.source_digest.as_deref() == Some(place(store, stage).as_str())
}

/// The recorded output of a planned stage.
pub fn output(records: &[StageStatus], store: &str, stage: &PlannedStage) -> Option<Digest> {
    let record = records.iter().find(|record| matches(record, store, stage))?;
    if !record.state.is_done() {
        return None;
    }
    record.digest.as_deref()?.parse().ok()
}

/// The records with every failed stage ready for one more attempt: after a change of the spec, or of the retry
/// annotation. Called twice on one record it gives one result, so that a stale read counts no attempt twice.
pub fn renewed(records: &[StageStatus]) -> Vec<StageStatus> {
    let renew = |record: &StageStatus| match record.state {
        StageState::Failed => StageStatus {
            state: StageState::Pending,
            attempt: record.attempt.saturating_add(1),
            job_name: None,
            progress: None,
            computed: None,
            reused: None,
            digest: None,
            message: None,
            started_at: None,
            finished_at: None,
            ..record.clone()
        },
        _ => record.clone(),
    };
    records.iter().map(renew).collect()
}
