//! Objects of our kinds that are as they say.

use kube::api::DynamicObject;
use serde_json::Value;

use super::Verdict;

/// Reasons of a Ready condition that is not true because somebody wants it so: of no deployment's making.
const ASKED_FOR: [&str; 1] = ["Suspended"];

/// Whether every object's Ready condition is true of its last generation. One that is Stalled has failed: only a change
/// of it helps.
#[must_use]
pub fn conditions(objects: &[DynamicObject]) -> Verdict {
    let (mut waiting, mut failed) = (Vec::new(), Vec::new());
    for object in objects {
        let kind = object.types.as_ref().map_or("", |types| types.kind.as_str());
        let title = format!("{kind}/{}", object.metadata.name.as_deref().unwrap_or_default());
        let told = |condition: &Value| {
            let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
            format!("{title}: {}: {}", text("reason"), text("message"))
        };
        if object.data["status"]["observedGeneration"].as_i64() != object.metadata.generation {
            waiting.push(format!("{title}: its last change has not been looked at"));
            continue;
        }
        let condition = |kind: &str| {
            let conditions = object.data["status"]["conditions"].as_array();
            conditions.into_iter().flatten().find(|condition| condition["type"] == kind)
        };
        if let Some(stalled) = condition("Stalled").filter(|stalled| stalled["status"] == "True") {
            failed.push(told(stalled));
            continue;
        }
        match condition("Ready") {
            Some(ready) if ready["status"] == "True" => {}
            Some(ready) if ASKED_FOR.iter().any(|reason| ready["reason"] == *reason) => {}
            Some(ready) => waiting.push(told(ready)),
            None => waiting.push(format!("{title}: says nothing of itself yet")),
        }
    }
    if failed.is_empty() {
        Verdict::of(&waiting, || format!("objects as they say: {}", objects.len()))
    } else {
        Verdict::Failed(failed.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(observed: i64, conditions: &Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "trading.ats.dev/v1alpha1",
            "kind": "Strategy",
            "metadata": {"name": "dip", "generation": 2},
            "status": {"observedGeneration": observed, "conditions": conditions},
        }))
        .unwrap()
    }

    fn ready(status: &str, reason: &str) -> Value {
        json!([{"type": "Ready", "status": status, "reason": reason, "message": "as told"}])
    }

    #[test]
    fn an_object_is_ready_for_its_last_generation() {
        assert!(matches!(conditions(&[]), Verdict::Passed(_)));
        assert!(matches!(conditions(&[object(2, &ready("True", "Succeeded"))]), Verdict::Passed(_)));
        let verdict = conditions(&[object(1, &ready("True", "Succeeded"))]);
        assert_eq!(verdict, Verdict::Waiting("Strategy/dip: its last change has not been looked at".into()));
        let verdict = conditions(&[object(2, &ready("False", "Progressing"))]);
        assert_eq!(verdict, Verdict::Waiting("Strategy/dip: Progressing: as told".into()));
        assert!(matches!(conditions(&[object(2, &json!([]))]), Verdict::Waiting(_)));
    }

    #[test]
    fn what_somebody_suspended_is_no_failure_and_what_is_stalled_is_one() {
        assert!(matches!(conditions(&[object(2, &ready("False", "Suspended"))]), Verdict::Passed(_)));
        let stalled = json!([
            {"type": "Ready", "status": "False", "reason": "InvalidExpression", "message": ""},
            {"type": "Stalled", "status": "True", "reason": "InvalidExpression", "message": "no function rsy"},
        ]);
        let verdict = conditions(&[object(2, &stalled), object(2, &ready("False", "Progressing"))]);
        assert_eq!(verdict, Verdict::Failed("Strategy/dip: InvalidExpression: no function rsy".into()));
    }
}
