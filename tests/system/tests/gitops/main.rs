//! Delivery by git: a real Argo CD keeps environments as branch `deployments` has them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]
#![allow(clippy::print_stdout, reason = "what is measured is told")]

mod fork;
mod rehearsal;
mod shown;
mod site;
mod steps;

use std::time::Duration;

use site::Site;

/// Tickers of the fork's universe: enough for the model, few enough for a test.
const TICKERS: &str = "S001, S002, S003, S004, S005, S006, S007, S008, S009, S010, S011, S012";

/// How long nothing is watched to change; `make soak` asks for that and for nothing after it.
fn soak() -> Option<Duration> {
    let seconds: u64 = std::env::var("ATS_TEST_SOAK_SECONDS").ok()?.parse().expect("a number of seconds");
    assert!((1..=7200).contains(&seconds), "ATS_TEST_SOAK_SECONDS: from 1 to 7200");
    Some(Duration::from_secs(seconds))
}

#[tokio::test]
async fn argo_cd_keeps_an_environment_as_its_branch_has_it() {
    let site = Site::new().await;
    site.fork.tickers(TICKERS);
    site.fork.replace(
        "deployment/argocd/project.yaml",
        "schedule: \"30 9 * * 1-5\"\n      duration: 6h30m",
        "schedule: \"0 0 * * *\"\n      duration: 24h",
    );
    site.fork.commit("A universe of our own; production is never synced by itself");
    steps::first_sync(&site).await;
    steps::a_number_changes(&site).await;
    let soak = soak();
    steps::nothing_changes(&site, soak.unwrap_or_default()).await;
    if soak.is_some() {
        return;
    }
    steps::edits_are_healed(&site).await;
    shown::actions_are_run(&site).await;
    rehearsal::deployments_are_verified_and_taken_back(&site, "development").await;
    steps::a_mistake_shows_and_is_reverted(&site).await;
    steps::promotion(&site, "development", "staging").await;
    steps::a_halt_stays(&site, "staging").await;
    steps::promotion(&site, "staging", "production").await;
    steps::side_by_side(&site).await;
    steps::what_leaves_the_files_is_pruned(&site).await;
    steps::what_trades_is_not_pruned(&site, "staging").await;
    let environments = ["development", "staging", "production"];
    steps::objects_outlive_the_set(&site, &environments).await;
    steps::definitions_outlive_their_application(&site, &environments).await;
}
