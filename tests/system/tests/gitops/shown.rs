//! What Argo CD's own command line shows, and the actions that it runs.

use serde_json::Value;

use crate::site::{Site, namespace};

/// The strategy is Degraded, in our words.
pub async fn a_mistake(site: &Site, words: &str) {
    let application = namespace("development");
    let shown = site.argocd(&["app", "get", &application]).await;
    println!("{shown}");
    let line = |start: &str| shown.lines().find(|line| line.starts_with(start)).unwrap_or_default();
    assert!(line("Health Status:").ends_with("Degraded"), "{shown}");
    let of_strategy = shown.lines().find(|line| line.contains("Strategy") && line.contains("core-dip"));
    assert!(of_strategy.is_some_and(|line| line.contains("Degraded")), "{shown}");
    let tree = site.argocd(&["app", "get", &application, "--output", "tree=detailed"]).await;
    let line = tree.lines().find(|line| line.contains("Strategy/core-dip")).unwrap_or_default();
    println!("{line}");
    assert!(line.contains("Degraded") && line.contains(words), "{words}\n{tree}");
}

/// Runs an action of the strategy of an environment.
pub async fn run(site: &Site, environment: &str, action: &str) {
    let application = namespace(environment);
    let strategy = ["--kind", "Strategy", "--resource-name", "core-dip"];
    let line = ["app", "actions", "run", &application, action].into_iter().chain(strategy);
    site.argocd(&line.collect::<Vec<_>>()).await;
    site.tell(&format!("{environment}: action {action}"));
}

/// Actions do what they say to the object, Argo CD shows it, and no sync takes it back.
pub async fn actions_are_run(site: &Site) {
    let environment = "development";
    let application = namespace(environment);
    let list = site.argocd(&["app", "actions", "list", &application, "--kind", "Strategy"]).await;
    let offered: Vec<&str> = list
        .lines()
        .filter_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "Strategy", "core-dip", action, "false"] => Some(action),
            _ => None,
        })
        .collect();
    assert_eq!(offered.len(), 2, "{list}");
    assert!(offered.contains(&"refresh") && offered.contains(&"suspend"), "{list}");
    let strategy = async || site.object(environment, "strategy/core-dip").await;
    let before = site.stages(environment).await;

    run(site, environment, "suspend").await;
    site.follows(environment, None, "Suspended").await;
    site.refresh(environment, "hard").await;
    site.follows(environment, None, "Suspended").await;
    assert_eq!(strategy().await["spec"]["suspend"], true);
    run(site, environment, "resume").await;
    site.follows(environment, None, "Healthy").await;
    site.ready(environment).await;
    assert_eq!(strategy().await["spec"]["suspend"], Value::Null);
    assert_eq!(site.stages(environment).await, before, "the same results stand");

    let (metrics, mark) = (strategy().await["status"]["metrics"].clone(), site.mark());
    run(site, environment, "refresh").await;
    site.until(&format!("{environment}: computed again"), async || {
        let jobs = site.jobs(environment, mark).await;
        if jobs.iter().any(|job| job.starts_with("core-dip-backtest")) {
            Ok(())
        } else {
            Err(format!("{jobs:?}"))
        }
    })
    .await;
    site.ready(environment).await;
    // A key of its own, which is in the orders' ids, and the same figures.
    let after = site.stages(environment).await;
    let computed = |name: &String| before.get(name) != after.get(name);
    assert_eq!(
        after.keys().filter(|name| computed(name)).collect::<Vec<_>>(),
        ["Strategy/core-dip backtest"]
    );
    let refreshed = strategy().await;
    assert!(metrics["sharpe"].is_string() && refreshed["status"]["metrics"] == metrics, "{refreshed:#}");
    assert!(refreshed["spec"]["rerunNonce"].is_string());
    site.follows(environment, None, "Healthy").await;
}
