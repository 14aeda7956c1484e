//! A run's line from GitHub's API, and the programs that read lines.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod support;

use std::path::Path;
use std::process::{Output, Stdio};

use axum::Router;
use axum::http::Uri;
use serde_json::{Value, json};
use support::program;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};

/// A server that has the jobs of run 7.
async fn github(jobs: Value) -> String {
    let answer = move |uri: Uri| {
        assert_eq!(uri.path(), "/repos/example/ats/actions/runs/7/jobs");
        std::future::ready(json!({"total_count": 1, "jobs": jobs}).to_string())
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    format!("http://{address}")
}

async fn line(server: &str, left: &Path) -> Output {
    let settings = [
        ("GITHUB_API_URL", server),
        ("GITHUB_TOKEN", "token-of-tests"),
        ("GITHUB_REPOSITORY", "example/ats"),
        ("GITHUB_RUN_ID", "7"),
        ("COMMIT", "0123456789abcdef0123456789abcdef01234567"),
        ("BRANCH", "develop"),
        ("ATS_RETRY_MILLISECONDS", "1"),
    ];
    let file = |name: &str| left.join(name).display().to_string();
    let more = [
        ("TESTS", file("tests.txt")),
        ("COVERAGE_JSON", file("coverage.json")),
        ("IMAGES_JSON", file("pushed.json")),
    ];
    program(&["metrics-line"], &settings, &more).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_becomes_a_line_of_what_its_jobs_left() {
    let folder = tempfile::tempdir().unwrap();
    let job = |name: &str, from: &str, to: &str| json!({"name": name, "started_at": from, "completed_at": to, "conclusion": "success", "steps": []});
    let jobs = json!([
        job("ci-ok", "2026-08-03T10:00:00Z", "2026-08-03T10:20:00Z"),
        job("Deploy Pipeline / development", "2026-08-03T10:21:00Z", "2026-08-03T10:22:30Z"),
    ]);
    let server = github(jobs).await;

    // A run whose jobs left nothing is a line, too.
    let output = line(&server, folder.path()).await;
    assert!(output.status.success(), "{output:?}");
    let bare: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(bare["buildSeconds"], 1200.0);
    assert_eq!(
        bare["deployment"],
        json!({"environment": "development", "result": "success", "seconds": 90.0})
    );
    assert!(bare.get("tests").is_none() && bare.get("coverage").is_none() && bare.get("images").is_none());

    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let digest = format!("sha256:{}", "1".repeat(64));
    write("tests.txt", "test result: ok. 41 passed; 1 failed; 0 ignored; 0 measured\n".to_owned());
    write("coverage.json", json!({"data": [{"files": [], "totals": {"lines": {"count": 200, "covered": 180, "percent": 90.0}}}]}).to_string());
    write(
        "pushed.json",
        json!([{"component": "operator", "name": "r/ats/operator", "digest": digest}]).to_string(),
    );
    let output = line(&server, folder.path()).await;
    let whole: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(whole["tests"], json!({"count": 42, "failures": 1}));
    assert_eq!((&whole["coverage"], &whole["images"]), (&json!(90.0), &json!({"operator": digest})));

    write("coverage.json", "[]".to_owned());
    let output = line(&server, folder.path()).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("COVERAGE_JSON: "), "{told}");
    assert!(output.stdout.is_empty(), "nothing half-written");
    write("coverage.json", String::new());
    let output = line(&github(json!([])).await, folder.path()).await;
    assert!(!output.status.success(), "{output:?}");
}

/// The text that a scrape gets.
async fn scrape(address: &str) -> String {
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_served_as_they_are_now() {
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs.jsonl");
    let run = |number: u32, seconds: f64| {
        json!({"version": 1, "at": format!("2026-08-03T10:0{number}:00Z"), "run": number, "commit": "abc", "branch": "develop", "result": "success", "buildSeconds": seconds}).to_string() + "\n"
    };
    std::fs::write(&runs, run(1, 60.0)).unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ats-delivery"));
    command.args(["metrics-serve", "--address", "127.0.0.1:0", "--runs"]).arg(&runs).kill_on_drop(true);
    let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut told).await.unwrap();
    let address = told.trim().trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
    assert!(scrape(&address).await.contains("ats_pipeline_build_seconds{branch=\"develop\"} 60"));
    std::fs::write(&runs, run(1, 60.0) + &run(2, 90.0)).unwrap();
    let text = scrape(&address).await;
    assert!(text.contains("ats_pipeline_build_seconds{branch=\"develop\"} 90"), "{text}");
    assert!(text.contains("ats_pipeline_runs_total{branch=\"develop\",result=\"success\"} 2"), "{text}");
    std::fs::write(&runs, "nothing\n").unwrap();
    let text = scrape(&address).await;
    assert!(text.starts_with("HTTP/1.1 500") && text.contains("metrics, line 1: "), "{text}");
    server.kill().await.unwrap();

    let path = runs.display().to_string();
    let output = program(&["metrics-serve", "--address", "127.0.0.1:0", "--runs", &path], &[], &[]).await;
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("metrics, line 1: ")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_week_is_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = json!({"version": 1, "at": "2026-08-05T10:00:00Z", "run": 1, "commit": "abc", "branch": "develop", "result": "failure", "buildSeconds": 600.0, "tests": {"count": 900, "failures": 2}});
    std::fs::write(path("runs.jsonl"), run.to_string()).unwrap();
    let (runs, page) = (path("runs.jsonl"), path("page.html"));
    let arguments = ["weekly-report", "--runs", &runs, "--until", "2026-08-10T06:00:00Z", "--output", &page];
    assert!(program(&arguments, &[], &[]).await.status.success());
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(
        text.contains("2026-08-03 to 2026-08-10") && text.contains("10.0 min") && text.contains(">900<"),
        "{text}"
    );
    std::fs::write(&runs, "{}").unwrap();
    let output = program(&arguments, &[], &[]).await;
    assert!(
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("metrics, line 1: ")
    );
    assert_eq!(std::fs::read_to_string(&page).unwrap(), text, "nothing half-written");
}
