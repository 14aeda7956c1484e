//! One patch of the status, and only if something but time changed.

use std::time::{Duration, Instant};

use ats_crds::{
    ConditionType, GROUP, VERSION,
    status::{CommonStatus, HasCommonStatus, StageStatus},
};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::memory::Written;
use crate::{
    api::{Act, STATUS_MANAGER},
    context::Context,
    error::Error,
    kind::Managed,
};

/// What became of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It says so already.
    Unchanged,
    /// It was written.
    Written,
    /// Only progress changed, and the last write of it is too fresh: look again after this time.
    Held(Duration),
}

/// Writes a status, if it says anything new.
///
/// # Errors
/// When the API server refuses.
pub async fn update_status<K: Managed>(
    context: &Context,
    object: &K,
    status: &K::Status,
) -> Result<Update, Error> {
    let before = object.status();
    if before == Some(status) {
        return Ok(Update::Unchanged);
    }
    let key = object.key();
    if let Some(before) = before
        && is_progress(before, status)
    {
        let interval = Duration::from_secs(context.options.progress_seconds);
        if let Some(left) = context.memory.hold_progress(&key, interval, Instant::now()) {
            return Ok(Update::Held(left));
        }
    }
    let value = serde_json::to_value(status)?;
    let version =
        patch::<K>(context, &key.namespace, &key.name, object.resource_version().as_deref(), &value).await?;
    let on = object.resource_version().unwrap_or_default();
    context.memory.wrote(&key, Written { on, version, status: value }, Instant::now());
    Ok(Update::Written)
}

/// Server-side apply of a status under a field manager of its own, on the version that was read. Returns the new one.
///
/// # Errors
/// When the API server refuses.
pub async fn patch<K: Managed>(
    context: &Context,
    namespace: &str,
    name: &str,
    version: Option<&str>,
    status: &Value,
) -> Result<String, Error> {
    let document = json!({
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "kind": K::KIND.as_str(),
        "metadata": {"name": name, "namespace": namespace, "resourceVersion": version},
        "status": status,
    });
    // Only the version of the answer is read: an object that does not decode can be told so, too.
    let resource = kube::core::ApiResource::erase::<K>(&());
    let api: Api<kube::core::DynamicObject> =
        Api::namespaced_with(context.writer.client.clone(), namespace, &resource);
    let parameters = PatchParams::apply(STATUS_MANAGER).force();
    let patch = Patch::Apply(&document);
    let request = api.patch_status(name, &parameters, &patch);
    let written = context.writer.send(Act { verb: "apply", resource: "status", name }, request).await?;
    Ok(written.resource_version().unwrap_or_default())
}

/// Whether two statuses differ in counts, figures and the start of a stage alone: no state, reason or result.
fn is_progress<S: HasCommonStatus + Clone + PartialEq>(before: &S, after: &S) -> bool {
    let plain = |status: &S| {
        let mut status = status.clone();
        let common: &mut CommonStatus = status.common_mut();
        common.metrics.clear();
        common.summary.clear();
        common.failures.clear();
        for stage in &mut common.stages {
            *stage = StageStatus {
                progress: None,
                computed: None,
                reused: None,
                message: None,
                started_at: None,
                ..stage.clone()
            };
        }
        for condition in &mut common.conditions {
            let is_ready = condition.type_ == ConditionType::Ready.as_str();
            // The words of a condition may count shards; its status and reason do not.
            if !is_ready || condition.status != "True" {
                condition.message.clear();
            }
        }
        status
    };
    plain(before) == plain(after)
}

#[cfg(test)]
mod tests {
    use ats_crds::status::{StageName, StageState, UniverseStatus};

    use super::*;

    fn status(progress: &str, state: StageState) -> UniverseStatus {
        let stage = StageStatus {
            progress: Some(progress.into()),
            state,
            ..StageStatus::pending(StageName::Acquire)
        };
        UniverseStatus {
            common: CommonStatus { stages: vec![stage], ..Default::default() },
            ..Default::default()
        }
    }

    #[test]
    fn counts_are_progress_and_states_are_not() {
        let before = status("1/3", StageState::Running);
        assert!(is_progress(&before, &status("2/3", StageState::Running)));
        assert!(!is_progress(&before, &status("3/3", StageState::Succeeded)));
    }
}
