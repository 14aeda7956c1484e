//! What is seen, one after the other on one node.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ats_test_cluster::argocd::{NAMESPACE, USER};
use serde_json::{Value, json};

use crate::fork::git;
use crate::shown;
use crate::site::{Site, health, message, namespace};

/// How often Argo CD is asked to look again while nothing changes.
const REFRESHES: u32 = 30;
const KUSTOMIZATION: &str = "deployment/environments/development/kustomization.yaml";
const STRATEGY: &str = "deployment/kubernetes/base/objects/strategy.yaml";

/// Applications and the first deployment: definitions first, then the operator and the objects, until all is Healthy.
pub async fn first_sync(site: &Site) {
    site.store("development").await;
    let commit = site.fork.deploy("development", &site.images);
    let argocd = site.fork.source().join("deployment/argocd");
    site.kubectl(&["apply", "--server-side", "-k", argocd.to_str().unwrap()]).await;
    site.follows("cluster", None, "Healthy").await;
    site.follows("development", Some(&commit), "Healthy").await;
    site.ready("development").await;

    // In order: no object of ours before its definition, and none before the operator that takes care of it.
    let audit = site.cluster.audit().unwrap().by(USER).writes().succeeded();
    let first = |resource: &str| {
        let events = audit.events();
        let event = events.iter().find(|event| event.resource == resource);
        event.unwrap_or_else(|| panic!("Argo CD has applied no {resource}")).at.clone()
    };
    let (definition, operator) = (first("customresourcedefinitions"), first("deployments"));
    assert!(definition < operator, "the operator before the definitions");
    for resource in ["tradinguniverses", "modeltrainingjobs", "strategies"] {
        assert!(operator < first(resource), "{resource} before the operator");
    }
    // What is not deployed yet is not there.
    let namespaces = site.kubectl(&["get", "namespaces", "--output=name"]).await;
    assert!(!namespaces.contains("ats-staging") && !namespaces.contains("ats-production"), "{namespaces}");
}

/// A commit that changes one number reaches the strategy, and only what depends on it is computed.
pub async fn a_number_changes(site: &Site) {
    let (before, mark) = (site.stages("development").await, site.mark());
    site.fork.replace(KUSTOMIZATION, "riskPercentage, value: \"0.01\"", "riskPercentage, value: \"0.015\"");
    let _ = site.fork.commit("More risk");
    let commit = site.fork.deploy("development", &site.images);
    site.follows("development", Some(&commit), "Healthy").await;
    site.ready("development").await;
    assert_eq!(risk(&site.object("development", "strategy/core-dip").await), "0.015");

    let after = site.stages("development").await;
    let changed: Vec<&String> =
        after.iter().filter(|(name, at)| before.get(*name) != Some(at)).map(|(name, _)| name).collect();
    assert_eq!(changed, ["Strategy/core-dip backtest"], "{before:#?}\n{after:#?}");
    let jobs = site.jobs("development", mark).await;
    assert_eq!(jobs.len(), 1, "one Job for one stage: {jobs:?}");
    assert!(jobs[0].starts_with("core-dip-backtest"), "{jobs:?}");
}

/// A commit to the documentation deploys nothing; one to the branch that concerns no environment, and looking again and
/// again over that time, make Argo CD write nothing, and the operator neither.
pub async fn nothing_changes(site: &Site, time: Duration) {
    let (head, mark) = (site.fork.head(), site.mark());
    site.fork.write("README.md", "A fork.\n");
    let documentation = site.fork.commit("Documentation");
    assert_eq!(site.fork.deploy("development", &site.images), "", "nothing is committed");
    assert_eq!(site.fork.head(), head);

    let synced = site.application("development").await["status"]["operationState"]["finishedAt"].clone();
    let commit = site.fork.by_hand(|folder| {
        std::fs::write(folder.join("README.md"), "What runs.\n").unwrap();
        git(folder, &["add", "README.md"]);
        git(folder, &["commit", "--quiet", "--message", "Documentation of the branch"]);
    });
    site.follows("cluster", Some(&documentation), "Healthy").await;
    site.follows("development", Some(&commit), "Healthy").await;
    let began = Instant::now();
    for round in 1..=REFRESHES {
        // A hard one renders the manifests anew, too.
        let how = if round % 5 == 0 { "hard" } else { "normal" };
        site.refresh("development", how).await;
        site.refresh("cluster", how).await;
        tokio::time::sleep((time * round / REFRESHES).saturating_sub(began.elapsed())).await;
    }
    site.tell(&format!("{REFRESHES} refreshes in {} s", began.elapsed().as_secs()));
    let application = site.follows("development", Some(&commit), "Healthy").await;
    assert_eq!(application["status"]["operationState"]["finishedAt"], synced, "no sync began");
    let written = site.applied(mark);
    assert!(written.is_empty(), "Argo CD has written {:#?}", written.events());
    let written = site.operated("development", mark);
    assert!(written.is_empty(), "the operator has written {:#?}", written.events());
}

/// What somebody changes in the cluster is changed back, and what somebody deletes comes back.
pub async fn edits_are_healed(site: &Site) {
    let before = site.stages("development").await;
    let generation = |object: &Value| object["metadata"]["generation"].as_i64().unwrap();
    let old = site.object("development", "strategy/core-dip").await;
    let edit = json!({"spec": {"risk": {"riskPercentage": "0.5"}}}).to_string();
    let namespace = namespace("development");
    site.kubectl(&[
        "patch",
        "strategy",
        "core-dip",
        "--namespace",
        &namespace,
        "--type=merge",
        "--patch",
        &edit,
    ])
    .await;
    site.kubectl(&["delete", "networkpolicy", "default-deny", "--namespace", &namespace]).await;
    site.until("development: a manual edit healed", async || {
        let now = site.object("development", "strategy/core-dip").await;
        if risk(&now) == "0.015" && generation(&now) >= generation(&old) + 2 {
            Ok(())
        } else {
            Err(risk(&now))
        }
    })
    .await;
    site.follows("development", None, "Healthy").await;
    site.ready("development").await;
    site.object("development", "networkpolicy/default-deny").await;
    assert_eq!(site.stages("development").await, before, "the same results stand");
}

/// A rule that names a function that is not there: Argo CD says it in our words. A revert on the branch brings back what
/// was before, without a Job.
pub async fn a_mistake_shows_and_is_reverted(site: &Site) {
    let before = site.stages("development").await;
    site.fork.replace(STRATEGY, "rsi(close, 2) < 10", "rsy(close, 2) < 10");
    site.fork.commit("A mistake");
    let commit = site.fork.deploy("development", &site.images);
    let application = site.follows("development", Some(&commit), "Degraded").await;
    let words = message(&site.object("development", "strategy/core-dip").await, "Stalled");
    assert!(words.contains("rsy"), "{words}");
    assert_eq!(health(&application, "Strategy"), &json!({"status": "Degraded", "message": words}));
    shown::a_mistake(site, &words).await;

    let mark = site.mark();
    let commit = site.fork.by_hand(|folder| {
        git(folder, &["revert", "--no-edit", "HEAD"]);
    });
    site.follows("development", Some(&commit), "Healthy").await;
    site.ready("development").await;
    assert_eq!(site.stages("development").await, before, "what was before");
    assert_eq!(site.jobs("development", mark).await, Vec::<String>::new(), "it was there still");
    site.fork.replace(STRATEGY, "rsy(close, 2) < 10", "rsi(close, 2) < 10");
    site.fork.commit("Revert \"A mistake\"");
}

/// The images that one environment runs reach the next by a commit. In production that waits while the project's window
/// is closed, as the fork has it at all times, until somebody asks for it.
pub async fn promotion(site: &Site, from: &str, to: &str) {
    site.store(to).await;
    let commit = site.fork.deploy(to, &site.fork.images_of(from));
    if to == "production" {
        for _ in 0..3 {
            site.refresh(to, "normal").await;
        }
        let application = site.application(to).await;
        let status = &application["status"];
        assert_eq!(
            (&status["sync"]["status"], &status["sync"]["revision"]),
            (&json!("OutOfSync"), &json!(commit))
        );
        assert!(application["operation"].is_null() && status["operationState"].is_null(), "{application:#}");
        let options = &application["spec"]["syncPolicy"]["syncOptions"];
        let operation = json!({"operation": {"sync": {"revision": commit, "syncOptions": options}}});
        let line =
            ["patch", "application", "ats-production", "--namespace", NAMESPACE, "--type=merge", "--patch"];
        site.kubectl(&line.into_iter().chain([operation.to_string().as_str()]).collect::<Vec<_>>()).await;
    }
    site.ask(to, "normal").await;
    site.ledger(to).await;
    site.follows(to, Some(&commit), "Healthy").await;
    site.ready(to).await;
    let images = async |environment: &str| {
        let pods = ["pods", "--selector=app.kubernetes.io/component", "--namespace", &namespace(environment)];
        let pods = site.get(&pods).await;
        let pods = pods["items"].as_array().unwrap().iter();
        pods.map(|pod| text(&pod["spec"]["containers"][0]["image"])).collect::<BTreeSet<String>>()
    };
    let (of_from, of_to) = (images(from).await, images(to).await);
    assert!(of_to.iter().all(|image| image.contains("@sha256:")), "by digest: {of_to:?}");
    assert!(of_from.is_subset(&of_to) || of_to.is_subset(&of_from), "{of_from:?}\n{of_to:?}");
    site.follows(from, None, "Healthy").await;
}

/// A halt, by its action, is an annotation that no file has: Argo CD leaves it, and shows it.
pub async fn a_halt_stays(site: &Site, environment: &str) {
    shown::run(site, environment, "halt").await;
    let mark = site.mark();
    let words = site
        .until(&format!("{environment}: halted"), async || {
            let strategy = site.object(environment, "strategy/core-dip").await;
            let id = &strategy["status"]["halt"]["id"];
            if id.is_string() {
                Ok(text(&strategy["status"]["halt"]["reason"]))
            } else {
                Err("not yet".to_owned())
            }
        })
        .await;
    site.refresh(environment, "normal").await;
    site.until(&format!("{environment}: Argo CD shows the halt"), async || {
        let application = site.application(environment).await;
        let health = health(&application, "Strategy");
        let said = health["message"].as_str().unwrap_or_default();
        if said.starts_with(&format!("halted: {words}")) { Ok(()) } else { Err(health.to_string()) }
    })
    .await;
    site.follows(environment, None, "Healthy").await;
    let strategy = site.object(environment, "strategy/core-dip").await;
    let halt = text(&strategy["metadata"]["annotations"]["trading.ats.dev/halt"]);
    assert!(halt.starts_with("by Argo CD, "), "{halt}");
    assert!(site.applied(mark).is_empty(), "{:#?}", site.applied(mark).events());
}

/// All of them stand side by side, each with an operator of its own.
pub async fn side_by_side(site: &Site) {
    for environment in ["development", "staging", "production"] {
        site.follows(environment, None, "Healthy").await;
        let operator = site.object(environment, "deployment/ats-operator").await;
        assert_eq!(operator["status"]["readyReplicas"], 2, "{environment}");
        let strategy = site.object(environment, "strategy/core-dip").await;
        let mode = if environment == "development" { "Backtest" } else { "Paper" };
        assert_eq!(strategy["spec"]["mode"], mode, "{environment}");
    }
}

/// What leaves the files leaves the cluster, with all that the operator made for it, and nothing else does.
pub async fn what_leaves_the_files_is_pruned(site: &Site) {
    let (before, mark) = (site.stages("development").await, site.mark());
    let base = "deployment/kubernetes/base/kustomization.yaml";
    site.fork.replace(base, "  - objects/strategy.yaml\n", "");
    site.fork.commit("Without the strategy");
    let commit = site.fork.deploy("development", &site.images);
    site.follows("development", Some(&commit), "Healthy").await;
    let left = ["jobs,configmaps,strategies", "--namespace", &namespace("development"), "--output=name"];
    site.until("development: nothing of the strategy is left", async || {
        let line = ["get"].into_iter().chain(left);
        let left = site.kubectl(&line.collect::<Vec<_>>()).await;
        if left.contains("core-dip") { Err(left) } else { Ok(()) }
    })
    .await;
    let wanted: Vec<_> = before.into_iter().filter(|(name, _)| !name.starts_with("Strategy/")).collect();
    assert_eq!(site.stages("development").await.into_iter().collect::<Vec<_>>(), wanted);
    let elsewhere = site.applied(mark).filter(|event| event.namespace != namespace("development"));
    assert!(elsewhere.is_empty(), "in other environments: {:#?}", elsewhere.events());
}

/// A strategy that trades is not deleted because its file is gone: Argo CD tells the difference and leaves it.
pub async fn what_trades_is_not_pruned(site: &Site, environment: &str) {
    let (before, mark) = (site.object(environment, "strategy/core-dip").await, site.mark());
    let commit = site.fork.deploy(environment, &site.fork.images_of(environment));
    site.ask(environment, "normal").await;
    site.until(&format!("{environment}: a strategy without a file"), async || {
        let application = site.application(environment).await;
        let status = &application["status"];
        let there = status["sync"]["status"] == "OutOfSync"
            && status["sync"]["revision"] == commit
            && status["operationState"]["phase"] == "Succeeded"
            && status["operationState"]["syncResult"]["revision"] == commit;
        if there { Ok(()) } else { Err(status["operationState"]["message"].to_string()) }
    })
    .await;
    let after = site.object(environment, "strategy/core-dip").await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert!(after["metadata"]["deletionTimestamp"].is_null(), "{after:#}");
    let deleted = site.applied(mark).verb("delete");
    assert!(deleted.is_empty(), "{:#?}", deleted.events());
}

/// Somebody deletes the Application of the definitions with all that it made: the definitions stay, and so do the
/// objects.
pub async fn definitions_outlive_their_application(site: &Site, environments: &[&str]) {
    let finalizer =
        json!({"metadata": {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}}).to_string();
    let application = ["application", "ats-cluster", "--namespace", NAMESPACE];
    let patch = ["patch"].into_iter().chain(application).chain(["--type=merge", "--patch", &finalizer]);
    site.kubectl(&patch.collect::<Vec<_>>()).await;
    let before = site.definitions().await;
    assert_eq!(before.len(), 3, "{before:?}");
    site.kubectl(&["delete"].into_iter().chain(application).collect::<Vec<_>>()).await;
    assert_eq!(site.definitions().await, before);
    for environment in environments {
        site.ready(environment).await;
    }
}

/// When the set goes, its Applications go, and what they made stays.
pub async fn objects_outlive_the_set(site: &Site, environments: &[&str]) {
    let mark = site.mark();
    site.kubectl(&["delete", "applicationset", "ats-environments", "--namespace", NAMESPACE]).await;
    site.until("the Applications are gone", async || {
        let left = site.kubectl(&["get", "applications", "--namespace", NAMESPACE, "--output=name"]).await;
        if left.trim() == "application.argoproj.io/ats-cluster" { Ok(()) } else { Err(left) }
    })
    .await;
    assert!(site.applied(mark).is_empty(), "{:#?}", site.applied(mark).events());
    for environment in environments {
        site.ready(environment).await;
    }
}

fn risk(strategy: &Value) -> String {
    text(&strategy["spec"]["risk"]["riskPercentage"])
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
