//! What a user is told when the ledger cannot be opened.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use ats_ledger::{Ledger, LedgerOptions};
use std::{net::TcpListener, time::Duration};
use support::{PASSWORD, postgres_url, write_file};

async fn refused(url: &str) -> String {
    let options = LedgerOptions { acquire_timeout: Duration::from_secs(2), ..LedgerOptions::default() };
    let error = Ledger::open_with(url, options).await.expect_err("it opened");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("s3cret") && !shown.contains(PASSWORD), "{shown}");
    error.to_string()
}

#[tokio::test]
async fn nothing_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let shown = refused(&format!("postgres://ats:s3cret@127.0.0.1:{port}/ats")).await;
    let start = format!("cannot reach the ledger at 127.0.0.1:{port}, database ats: ");
    assert!(shown.starts_with(&start), "{shown}");
    assert!(shown.contains("check host and port of the URL"), "{shown}");
}

#[tokio::test]
async fn nothing_answers() {
    // Accepts connections and never speaks.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let shown = refused(&format!("postgres://ats:s3cret@127.0.0.1:{port}/ats")).await;
    assert!(shown.contains("timed out") && shown.contains("check host and port"), "{shown}");
}

#[tokio::test]
async fn wrong_password_and_database() {
    let shown = refused(&postgres_url("s3cret", "postgres")).await;
    assert!(shown.contains("check the user and password"), "{shown}");
    let shown = refused(&postgres_url(PASSWORD, "absent")).await;
    assert!(shown.contains("database absent") && shown.contains("create the database"), "{shown}");
}

#[tokio::test]
async fn not_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    write_file(&file, &[7; 4096]);
    let shown = refused(&format!("sqlite://{}", file.display())).await;
    assert!(shown.contains("ledger.db") && shown.contains("is a SQLite database"), "{shown}");
    let below = file.join("ledger.db");
    let shown = refused(&format!("sqlite://{}", below.display())).await;
    assert!(shown.contains("check that the folder exists"), "{shown}");
}

#[tokio::test]
async fn any_path_is_a_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("A b%20c#d/ledger é.db");
    Ledger::open(&format!("sqlite://{}", file.display())).await.unwrap();
    assert!(file.is_file());
    // A relative one is found from the working folder, whatever its first part looks like.
    let relative = format!("target-{}/My Ledger.db", std::process::id());
    Ledger::open(&format!("sqlite://{relative}")).await.unwrap();
    let made = std::env::current_dir().unwrap().join(&relative);
    assert!(made.is_file());
    std::fs::remove_dir_all(made.parent().unwrap()).unwrap();
}
