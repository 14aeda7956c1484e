//! The record of stages in an object's status. It decides what is done: processes come and go.

use ats_crds::status::{StageState, StageStatus};

use crate::{Digest, PlannedStage};

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

/// A new record of a planned stage.
pub fn begun(store: &str, stage: &PlannedStage, attempt: i32) -> StageStatus {
    StageStatus {
        key: Some(stage.key.to_string()),
        source_digest: Some(place(store, stage)),
        attempt,
        ..StageStatus::pending(stage.stage())
    }
}

/// The state of a stage that is done.
pub fn done_state(computed: u64, reused: u64) -> StageState {
    if computed == 0 && reused > 0 { StageState::CacheHit } else { StageState::Succeeded }
}

/// Counts of units, as a status holds them.
pub fn count(units: u64) -> Option<i64> {
    Some(units.try_into().unwrap_or(i64::MAX))
}
