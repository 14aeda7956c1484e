//! What a decision is made on: plain values, read from the caches.

use std::sync::Arc;

use ats_crds::{ArtifactStore, Reason, RunSettings};
use ats_pipeline::{
    Problem, StoreLocation,
    check::{self, Volume, is_local},
};
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        batch::v1::Job,
        core::v1::{ConfigMap, Pod},
    },
    jiff::Timestamp,
};

use crate::{options::Options, stage::Warning};

/// ServiceAccounts of workloads.
pub mod accounts {
    /// Of stages: it may do nothing.
    pub const STAGE: &str = "ats-stage";
    /// Of trading pods.
    pub const TRADING: &str = "ats-trading";
    /// Of monitoring.
    pub const MONITORING: &str = "ats-monitoring";
}

/// An artifact store, or a source's files, as a pod reaches them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorePlace {
    /// The URI.
    pub location: StoreLocation,
    /// The claim to mount.
    pub volume: Option<Volume>,
    /// The Secret with settings.
    pub secret: Option<String>,
}

/// Where a source's files come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePlace {
    /// The claim to mount.
    pub volume: Option<Volume>,
    /// The Secret with settings.
    pub secret: Option<String>,
}

/// Both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Where artifacts go.
    pub store: StorePlace,
    /// Where a source's files come from.
    pub source: SourcePlace,
}

/// The artifact store of an object: its own, or the operator's default.
///
/// # Errors
/// When there is none, or it lies on no volume.
pub fn store(run: &RunSettings, options: &Options) -> Result<StorePlace, Problem> {
    let problem = |path: &str, reason: Reason, message: &str| Problem {
        path: path.to_owned(),
        reason,
        message: message.to_owned(),
    };
    if let Some(ArtifactStore { uri, credentials_secret_ref, .. }) = &run.artifact_store {
        let secret = credentials_secret_ref.as_ref().map(|secret| secret.name.clone());
        return match (uri, check::store_volume(run)?) {
            (None, Some(volume)) => Ok(on_volume(volume, secret)),
            (Some(uri), None) if is_local(uri) => Err(problem(
                "spec.artifactStore.uri",
                Reason::VolumeRequired,
                "a file:// store in a cluster lies on a volume: write volumeClaim in place of uri",
            )),
            (Some(uri), None) => Ok(StorePlace {
                location: StoreLocation { uri: uri.trim_end_matches('/').to_owned() },
                volume: None,
                secret,
            }),
            _ => Err(problem(
                "spec.artifactStore",
                Reason::InvalidSpec,
                "set exactly one of uri and volumeClaim",
            )),
        };
    }
    let secret = options.default_store_secret.clone();
    if let Some(claim) = &options.default_store_claim {
        let volume =
            Volume { claim_name: claim.0.claim_name.clone(), mount_path: claim.0.mount_path.clone() };
        return Ok(on_volume(volume, secret));
    }
    match &options.default_store {
        Some(uri) if !is_local(uri) => Ok(StorePlace {
            location: StoreLocation { uri: uri.trim_end_matches('/').to_owned() },
            volume: None,
            secret,
        }),
        Some(_) => Err(problem(
            "spec.artifactStore",
            Reason::VolumeRequired,
            "the operator's default store is a file:// URI, which needs a volume: start it with --default-store-claim",
        )),
        None => Err(problem(
            "spec.artifactStore",
            Reason::StoreRequired,
            "no artifact store is set and the operator has no default: set uri or volumeClaim",
        )),
    }
}

fn on_volume(volume: Volume, secret: Option<String>) -> StorePlace {
    let location = StoreLocation { uri: format!("file://{}", volume.mount_path) };
    StorePlace { location, volume: Some(volume), secret }
}

/// What was read for one object.
#[derive(Debug, Clone, Default)]
pub struct Children {
    /// Its Jobs, none of an earlier object of its name.
    pub jobs: Vec<Arc<Job>>,
    /// Names of Jobs of an earlier object of its name that are still there.
    pub leftovers: Vec<String>,
    /// Its pods.
    pub pods: Vec<Arc<Pod>>,
    /// Names of the ConfigMaps that are there.
    pub documents: Vec<String>,
    /// The Deployment of a strategy that trades.
    pub deployment: Option<Arc<Deployment>>,
    /// The ConfigMap in which a trading pod writes its state.
    pub state: Option<Arc<ConfigMap>>,
    /// ServiceAccounts of the namespace that the operator has made.
    pub accounts: Vec<String>,
    /// Warnings about these children: kind, name, warning.
    pub warnings: Vec<(String, String, Warning)>,
}

impl Children {
    /// Warnings about one child.
    pub fn warnings_of(&self, kind: &str, name: &str) -> Vec<Warning> {
        let of = |entry: &&(String, String, Warning)| entry.0 == kind && entry.1 == name;
        self.warnings.iter().filter(of).map(|entry| entry.2.clone()).collect()
    }
}

/// What every decision is made on, beside the object and what it refers to.
#[derive(Debug, Clone)]
pub struct World<'a> {
    /// The children.
    pub children: Children,
    /// The operator's options.
    pub options: &'a Options,
    /// Now.
    pub now: Timestamp,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::options::parsed;

    fn of(artifact_store: Value, line: &[&str]) -> Result<StorePlace, Problem> {
        let run = RunSettings {
            artifact_store: serde_json::from_value(artifact_store).unwrap(),
            ..Default::default()
        };
        store(&run, &parsed(line))
    }

    fn refused(artifact_store: Value, line: &[&str]) -> (Reason, String) {
        let problem = of(artifact_store, line).unwrap_err();
        (problem.reason, problem.path)
    }

    #[test]
    fn an_object_has_its_own_store_or_the_default() {
        let own = of(json!({"uri": "s3://own/ats/"}), &["--default-store", "s3://default"]).unwrap();
        assert_eq!((own.location.uri.as_str(), own.volume), ("s3://own/ats", None));
        let default =
            of(Value::Null, &["--default-store", "s3://default", "--default-store-secret", "keys"]).unwrap();
        assert_eq!(
            (default.location.uri.as_str(), default.secret.as_deref()),
            ("s3://default", Some("keys"))
        );
        let claim = of(json!({"volumeClaim": {"claimName": "artifacts"}}), &[]).unwrap();
        assert_eq!(
            (claim.location.uri.as_str(), claim.volume.unwrap().claim_name.as_str()),
            ("file:///store", "artifacts")
        );
        let claim = of(Value::Null, &["--default-store-claim", "artifacts:/store"]).unwrap();
        assert_eq!(claim.location.uri, "file:///store");
    }

    #[test]
    fn no_store_and_a_store_on_no_volume_are_refused() {
        assert_eq!(refused(Value::Null, &[]), (Reason::StoreRequired, "spec.artifactStore".to_owned()));
        let local = json!({"uri": "file:///tmp/store"});
        assert_eq!(refused(local, &[]), (Reason::VolumeRequired, "spec.artifactStore.uri".to_owned()));
        assert_eq!(refused(Value::Null, &["--default-store", "file:///tmp"]).0, Reason::VolumeRequired);
        let both = json!({"uri": "s3://a/b", "volumeClaim": {"claimName": "c"}});
        assert_eq!(refused(both, &[]).0, Reason::InvalidSpec);
    }
}
