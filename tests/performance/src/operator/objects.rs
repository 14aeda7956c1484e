//! The objects that are applied, for each of the systems that are compared.

use kube::core::{ApiResource, GroupVersionKind};
use serde::Serialize;
use serde_json::{Value, json};

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum System {
    /// This project's operator: a universe, three Jobs one after the other.
    Ats,
    /// JobSet: two Jobs at once, which is its usual way.
    #[value(name = "jobset")]
    #[serde(rename = "jobset")]
    JobSet,
    /// JobSet: three Jobs one after the other, the same work as a universe.
    #[value(name = "jobset-chain")]
    #[serde(rename = "jobset-chain")]
    JobSetChain,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ats, Self::JobSet, Self::JobSetChain];

    /// In words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Ats => "ATS universe, 3 Jobs in a row",
            Self::JobSet => "JobSet, 2 Jobs at once",
            Self::JobSetChain => "JobSet, 3 Jobs in a row",
        }
    }

    /// How many Jobs an object has.
    #[must_use]
    pub fn jobs(self) -> usize {
        match self {
            Self::JobSet => 2,
            Self::Ats | Self::JobSetChain => 3,
        }
    }

    /// The condition that is true when an object is done.
    #[must_use]
    pub fn condition(self) -> &'static str {
        match self {
            Self::Ats => "Ready",
            Self::JobSet | Self::JobSetChain => "Completed",
        }
    }

    /// The kind of an object.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Ats => ("trading.ats.dev", "v1alpha1", "TradingUniverse", "tradinguniverses"),
            Self::JobSet | Self::JobSetChain => ("jobset.x-k8s.io", "v1alpha2", "JobSet", "jobsets"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// An object.
    #[must_use]
    pub fn object(self, name: &str) -> Value {
        match self {
            Self::Ats => universe(name),
            Self::JobSet => job_set(name, 2, false),
            Self::JobSetChain => job_set(name, 3, true),
        }
    }

    /// Whether an object is done.
    #[must_use]
    pub fn is_done(self, object: &Value) -> bool {
        let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
        conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == self.condition() && condition["status"] == "True")
    }
}

fn universe(name: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": name},
        "spec": {
            "tickers": ["AAPL", "IBM", "GE"],
            "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02", "end": "2021-03-31"},
            "features": [{"name": "momentum", "expression": "close / delay(close, 21) - 1"}],
        },
    })
}

/// A JobSet with what its webhook would fill in written out: it is not called here.
fn job_set(name: &str, jobs: usize, chained: bool) -> Value {
    let job = |number: usize| {
        let mut job = json!({
            "name": format!("s{number}"),
            "replicas": 1,
            "template": {"spec": {
                "completionMode": "Indexed", "parallelism": 1, "completions": 1, "backoffLimit": 0,
                "template": {"spec": pod()},
            }},
        });
        if chained && number > 0 {
            job["dependsOn"] = json!([{"name": format!("s{}", number - 1), "status": "Complete"}]);
        }
        job
    };
    json!({
        "apiVersion": "jobset.x-k8s.io/v1alpha2", "kind": "JobSet", "metadata": {"name": name},
        "spec": {
            "replicatedJobs": (0..jobs).map(job).collect::<Vec<_>>(),
            "successPolicy": {"operator": "All"},
            "startupPolicy": {"startupPolicyOrder": "AnyOrder"},
            "network": {"enableDNSHostnames": true, "publishNotReadyAddresses": true},
        },
    })
}

/// A pod that Pod Security `restricted` admits, as those of our Jobs are.
fn pod() -> Value {
    json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "workload", "image": "workload:1",
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_the_jobs_that_are_said() {
        for system in [System::JobSet, System::JobSetChain] {
            let object = system.object("x");
            assert_eq!(object["spec"]["replicatedJobs"].as_array().unwrap().len(), system.jobs());
        }
        let chained = System::JobSetChain.object("x");
        assert_eq!(chained["spec"]["replicatedJobs"][2]["dependsOn"][0]["name"], "s1");
        let stages = ["acquire", "features", "publish"];
        assert_eq!(System::Ats.jobs(), stages.len());
    }

    #[test]
    fn an_object_is_done_by_its_own_condition() {
        let status = |condition: &str, value: &str| json!({"status": {"conditions": [{"type": condition, "status": value}]}});
        assert!(System::Ats.is_done(&status("Ready", "True")));
        assert!(!System::Ats.is_done(&status("Ready", "False")));
        assert!(!System::JobSet.is_done(&status("Ready", "True")));
        assert!(System::JobSetChain.is_done(&status("Completed", "True")));
        assert!(!System::Ats.is_done(&json!({})));
    }
}
