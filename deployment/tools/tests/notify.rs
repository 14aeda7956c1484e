//! Notification, from the variables of a job to what a server receives.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod support;

use std::process::Output;

use ats_deployment_tools::notify::{Results, Run, payload};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Server, program};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn needs() -> Value {
    let job = |result: &str| json!({"result": result, "outputs": {"digest": "sha256:0"}});
    json!({
        "branch": job("success"), "check": job("success"), "unit": job("success"), "images": job("success"),
        "ci-ok": job("success"), "test": job("success"), "coverage": job("success"),
        "deploy": job("failure"), "verify": job("skipped"),
    })
}

fn run_of(branch: &str) -> Run {
    Run::new("https://github.com", "example/ats", branch, COMMIT, "42").unwrap()
}

async fn notify(webhook: &str, branch: &str) -> Output {
    let settings = [
        ("SLACK_WEBHOOK_URL", webhook),
        ("GITHUB_REPOSITORY", "example/ats"),
        ("BRANCH", branch),
        ("COMMIT", COMMIT),
        ("GITHUB_RUN_ID", "42"),
        ("ATS_RETRY_MILLISECONDS", "1"),
    ];
    program(&["notify"], &settings, &[("NEEDS", needs().to_string())]).await
}

#[test]
fn a_message_has_the_fields_of_the_specification() {
    let message = payload(&run_of("release/v1.2.3"), &Results::from_needs(&needs().to_string()).unwrap());
    assert_eq!(
        message["text"],
        "GitHub Action example/ats: failure (CI Pipeline success, Test Pipeline success, Deploy Pipeline failure, Verify Deployment skipped)"
    );
    let heading = message["blocks"][0]["text"]["text"].as_str().unwrap();
    assert!(heading.ends_with("\n<https://github.com/example/ats/actions/runs/42>"), "{heading}");
    let fields: Vec<_> =
        message["blocks"][1]["fields"].as_array().unwrap().iter().map(|one| one["text"].clone()).collect();
    assert_eq!(
        fields,
        [
            "*Repository:*\n`example/ats`".to_owned(),
            "*Branch:*\n`release/v1.2.3`".to_owned(),
            format!("*Commit:*\n`{COMMIT}`"),
            "*Status:*\nCI Pipeline success\nTest Pipeline success\nDeploy Pipeline failure\nVerify Deployment skipped"
                .to_owned(),
        ]
    );
}

#[test]
fn a_workflow_is_as_bad_as_its_worst_job() {
    let told = |check: &str, unit: &str| {
        let needs = json!({"check": {"result": check}, "unit": {"result": unit}});
        Results::from_needs(&needs.to_string()).map(|results| results.overall().to_string()).ok()
    };
    assert_eq!(told("success", "skipped").as_deref(), Some("success"));
    assert_eq!(told("success", "cancelled").as_deref(), Some("cancelled"));
    assert_eq!(told("failure", "cancelled").as_deref(), Some("failure"));
    assert_eq!(told("success", "fine"), None, "what GitHub does not say is refused");
    assert!(Results::from_needs("{}").is_err());
    assert!(Results::from_needs(r#"{"other": {"result": "success"}}"#).is_err());
}

#[test]
fn what_a_link_is_made_of_is_checked() {
    let refused = [
        ("example/ats|evil> <!channel", COMMIT, "42"),
        ("ats", COMMIT, "42"),
        ("a/b/c", COMMIT, "42"),
        ("example/ats", "main", "42"),
        ("example/ats", COMMIT, "42|x"),
        ("example/ats", COMMIT, ""),
    ];
    for (repository, commit, number) in refused {
        let run = Run::new("https://github.com", repository, "main", commit, number);
        assert!(run.is_err(), "{repository} {commit} {number}");
    }
    assert!(Run::new("http://github.example", "a/b", "main", COMMIT, "1").is_err(), "no TLS");
}

proptest! {
    /// Whatever a branch is called, its field is one line of code in which nothing is a mention, a link or formatting,
    /// and the rest of the message stays as it is.
    #[test]
    fn no_branch_changes_more_than_its_field(branch in ".*|.*[`<>&!\\n\u{202e}\"].*[<@|`].*") {
        let results = Results::from_needs(&needs().to_string()).unwrap();
        let mut message = payload(&run_of(&branch), &results);
        let shown = message["blocks"][1]["fields"][1]["text"].take();
        let shown = shown.as_str().unwrap().strip_prefix("*Branch:*\n`").unwrap().strip_suffix('`').unwrap().to_owned();
        prop_assert!(!shown.contains(['<', '>', '`', '\n', '\r', '\u{202e}']), "{:?}", shown);
        let unescaped = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        prop_assert!(!unescaped.contains('&'), "{:?}", shown);
        let mut plain = payload(&run_of("main"), &results);
        plain["blocks"][1]["fields"][1]["text"].take();
        prop_assert_eq!(message, plain);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_arrives_as_it_was_built() {
    let server = Server::start(vec![200]).await;
    let branch = r#"feature/ATS-1-x", "text": "<!channel>"#;
    let output = notify(&server.url("/services/T0/B0/hook"), branch).await;
    assert!(output.status.success(), "{output:?}");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/services/T0/B0/hook"));
    let expected = payload(&run_of(branch), &Results::from_needs(&needs().to_string()).unwrap());
    assert_eq!(requests[0].body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_and_a_refusal_is_an_error_without_the_secret() {
    let server = Server::start(vec![503, 429, 200]).await;
    assert!(notify(&server.url("/hook"), "main").await.status.success());
    assert_eq!(server.requests().len(), 3);

    let server = Server::start(vec![403]).await;
    let output = notify(&server.url("/very-secret"), "main").await;
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success());
    assert!(told.contains("403") && !told.contains("very-secret"), "{told}");
    assert_eq!(server.requests().len(), 1, "a refusal stays one");

    // Nobody listens on the discard port; another machine without TLS is refused before anything is sent.
    for webhook in ["http://127.0.0.1:9/very-secret", "http://hooks.example/very-secret"] {
        let output = notify(webhook, "main").await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && !told.contains("very-secret"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_secret_nothing_is_sent_and_nothing_fails() {
    let output = notify("", "main").await;
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.starts_with("SLACK_WEBHOOK_URL is not set"), "{told}");
}
