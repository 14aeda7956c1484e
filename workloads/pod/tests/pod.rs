//! A workload's process from outside: `stage.json`, signals, ports, last words.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ats_pipeline::{Category, Digest, Outcome, contract::TERMINATION_MESSAGE_BYTES};
use ats_pod::{Arguments, Run, run_with};
use ats_store::StageError;
use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;

const ARGUMENTS: &str = "TRIAL_ARGUMENTS";
const WORK: &str = "TRIAL_WORK";
/// Longer than anything here takes, shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(30);

/// The workload: this test's own executable, started with arguments in its environment.
#[test]
#[ignore = "the process that the other tests start"]
fn workload() {
    let arguments = std::env::var(ARGUMENTS).unwrap();
    let arguments = Arguments::parse_from(std::iter::once("workload").chain(arguments.lines()));
    std::process::exit(run_with(&arguments, stage).into());
}

async fn stage(run: Run) -> Result<Outcome, StageError> {
    let Run { file, context, .. } = run;
    let mut outcome = Outcome::failed(Category::Done, "worked");
    outcome.digest = Some(Digest::of(b"output"));
    outcome.notes.insert("shard".to_owned(), context.shard.to_string());
    outcome.notes.insert("jobs".to_owned(), context.jobs.to_string());
    outcome.notes.extend(context.source_settings.clone());
    match std::env::var(WORK).unwrap().as_str() {
        "end" => Ok(outcome),
        "wait" => {
            context.progress.unit_done(file.stage(), "AAPL", 1, 3, false);
            context.progress.unit_done(file.stage(), "MSFT", 2, 3, true);
            context.cancel.cancelled().await;
            context.check_cancelled().map(|()| outcome)
        }
        "linger" => {
            // A unit that takes its time after the signal.
            context.cancel.cancelled().await;
            tokio::time::sleep(Duration::from_secs(2)).await;
            Ok(outcome)
        }
        "block" => {
            drop(tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_secs(600))));
            tokio::time::sleep(Duration::from_millis(100)).await;
            Err(StageError::data_refused("x".repeat(10_000)))
        }
        "panic" => panic!("index out of bounds"),
        other => panic!("no such work: {other}"),
    }
}

struct Pod {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Pod {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder, port, arguments: vec![], environment: vec![] }
    }

    /// A pod with a sound `stage.json`.
    fn with_stage() -> Self {
        let pod = Self::new();
        pod.write(&pod.document());
        pod
    }

    fn document(&self) -> Value {
        json!({
            "version": 1,
            "owner": {"kind": "TradingUniverse", "namespace": "default", "name": "trial"},
            "key": Digest::of(b"key"),
            "spec": {"stage": "features", "spec": {"features": [], "adjustment": "None", "interval": "1d", "calendar": "XNYS"}},
            "inputs": [],
            "seed": 0,
            "shards": 4,
            "run": "trial-features-0",
            "store": {"uri": format!("file://{}/artifacts", self.folder.path().display())},
        })
    }

    fn write(&self, document: &Value) {
        std::fs::write(self.stage_file(), document.to_string()).unwrap();
    }

    fn stage_file(&self) -> PathBuf {
        self.folder.path().join("stage.json")
    }

    fn start(&self, work: &str) -> Child {
        let mut arguments = vec![
            format!("--stage-file={}", self.stage_file().display()),
            format!("--termination-message={}", self.folder.path().join("termination-log").display()),
            format!("--metrics-port={}", self.port),
        ];
        let name = |argument: &String| argument.split('=').next().map(str::to_owned);
        arguments.retain(|argument| !self.arguments.iter().any(|own| name(own) == name(argument)));
        arguments.extend(self.arguments.iter().cloned());
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "workload", "--nocapture"])
            .env(ARGUMENTS, arguments.join("\n"))
            .env(WORK, work)
            .envs(self.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Exit code, termination message and log of a process that ends by itself.
    fn end(&self, mut child: Child) -> (i32, String, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("the process did not end");
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        let words = std::fs::read_to_string(self.folder.path().join("termination-log")).unwrap_or_default();
        (status.code().unwrap(), words, log)
    }

    fn outcome(&self, child: Child) -> (i32, Outcome, String) {
        let (code, words, log) = self.end(child);
        let outcome =
            serde_json::from_str(&words).unwrap_or_else(|error| panic!("{error} in {words:?}\n{log}"));
        (code, outcome, log)
    }

    /// The body of an answer, once the process answers.
    fn get(&self, path: &str) -> (String, String) {
        let begun = Instant::now();
        let mut stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }
}

fn terminate(child: &Child) {
    rustix::process::kill_process(rustix::process::Pid::from_child(child), rustix::process::Signal::TERM)
        .unwrap();
}

#[test]
fn a_stage_ends_with_its_outcome() {
    let mut pod = Pod::with_stage();
    pod.arguments = vec!["--jobs=3".to_owned()];
    pod.environment = vec![("JOB_COMPLETION_INDEX", "2"), ("ATS_SOURCE_AWS_REGION", "eu-west-1\n")];
    let (code, outcome, _) = pod.outcome(pod.start("end"));
    assert_eq!((code, outcome.category, outcome.message.as_str()), (0, Category::Done, "worked"));
    assert_eq!(outcome.digest, Some(Digest::of(b"output")));
    let notes = [("AWS_REGION", "eu-west-1"), ("jobs", "3"), ("shard", "2")];
    assert_eq!(outcome.notes, notes.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert!(pod.folder.path().join("artifacts").is_dir());
}

#[test]
fn a_stage_file_that_cannot_be_used_is_a_bad_spec_and_says_why() {
    let told = |pod: &Pod| {
        let (code, outcome, log) = pod.outcome(pod.start("end"));
        assert_eq!((code, outcome.category), (2, Category::BadSpec), "{log}");
        assert!(log.contains("\"level\":\"ERROR\""), "{log}");
        let message = outcome.message.replace(&pod.folder.path().display().to_string(), "[folder]");
        // Where in the line depends on the length of the folder's name.
        match message.rsplit_once("column ") {
            Some((before, column)) if column.len() > 1 => format!("{before}column [n]"),
            _ => message,
        }
    };
    let mut messages = Vec::new();
    let pod = Pod::new();
    messages.push(told(&pod));
    std::fs::write(pod.stage_file(), "version: 1").unwrap();
    messages.push(told(&pod));
    let change = |member: &str, value: Value| {
        let mut document = pod.document();
        document[member] = value;
        pod.write(&document);
    };
    // Another version may have any other members.
    pod.write(&json!({"version": 2, "stages": []}));
    messages.push(told(&pod));
    change("spec", json!({"stage": "dream", "spec": {}}));
    messages.push(told(&pod));
    change("shards", json!("four"));
    messages.push(told(&pod));
    change("shards", json!(0));
    messages.push(told(&pod));
    change("store", json!({"uri": "ftp://host"}));
    messages.push(told(&pod));
    insta::assert_snapshot!(messages.join("\n"), @r#"
    [folder]/stage.json cannot be read: No such file or directory (os error 2)
    [folder]/stage.json is not a stage file: expected value at line 1 column 1
    [folder]/stage.json has version 2, this image reads version 1: use images of one release
    [folder]/stage.json is not a stage file: unknown variant `dream`, expected one of `acquire`, `features`, `publish`, `train`, `select`, `backtest`, `trade` at line 1 column [n]
    [folder]/stage.json is not a stage file: invalid type: string "four", expected u32 at line 1 column [n]
    there is no shard 0: [folder]/stage.json divides the stage into 0
    the store "ftp://host" cannot be opened: the scheme "ftp" is not known; write file://, s3://, gs:// or az://
    "#);
}

#[test]
fn a_stage_that_waits_answers_and_stops_on_a_signal() {
    let pod = Pod::with_stage();
    let child = pod.start("wait");
    let (status, body) = pod.get("/healthz");
    assert_eq!((status.as_str(), body.as_str()), ("HTTP/1.0 200 OK", "ok\n"));
    let metrics = pod.get("/metrics").1;
    for line in ["ats_stage_units_computed_total 1", "ats_stage_units_reused_total 1", "ats_stage_units 3"] {
        assert!(metrics.lines().any(|found| found == line), "{line:?} is not in {metrics}");
    }
    assert!(metrics.contains("ats_stage_running_seconds "), "{metrics}");
    assert_eq!(pod.get("/other").0, "HTTP/1.0 404 Not Found");
    ats_pod::healthcheck(pod.port).unwrap();
    let mut asker = Pod { port: pod.port, ..Pod::new() };
    asker.arguments = vec!["healthcheck".to_owned()];
    assert_eq!(asker.end(asker.start("end")).0, 0);

    terminate(&child);
    let (code, outcome, log) = pod.outcome(child);
    assert_eq!((code, outcome.category), (75, Category::Unavailable));
    assert_eq!(outcome.message, "stopped on request; what is finished is kept");
    assert!(log.contains("stopping on SIGTERM"), "{log}");
    let (code, words, log) = asker.end(asker.start("end"));
    assert_eq!((code, words.as_str()), (1, ""));
    assert!(log.contains(&format!("port {}: ", pod.port)) && log.contains("refused"), "{log}");
}

#[test]
fn health_answers_until_the_last_unit_is_done() {
    let pod = Pod::with_stage();
    let child = pod.start("linger");
    pod.get("/healthz");
    terminate(&child);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(pod.get("/healthz").1, "ok\n", "health went before the stage did");
    assert_eq!(pod.outcome(child).0, 0);
}

#[test]
fn a_client_that_stops_in_mid_request_does_not_hold_the_process() {
    let pod = Pod::with_stage();
    let child = pod.start("wait");
    pod.get("/healthz");
    let mut silent = TcpStream::connect(("127.0.0.1", pod.port)).unwrap();
    silent.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    terminate(&child);
    assert_eq!(pod.outcome(child).0, 75);
    assert!(begun.elapsed() < Duration::from_secs(5), "the process ended only after {:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_taken_port_is_only_a_warning() {
    let pod = Pod::with_stage();
    let _taken = TcpListener::bind(("0.0.0.0", pod.port)).unwrap();
    let (code, outcome, log) = pod.outcome(pod.start("end"));
    assert_eq!((code, outcome.message.as_str()), (0, "worked"));
    let warning = log
        .lines()
        .position(|line| line.contains("\"level\":\"WARN\"") && line.contains("not served on port"));
    let begins = log.lines().position(|line| line.contains("stage begins"));
    assert!(warning.is_some() && warning < begins, "no warning before the stage began: {log}");
}

#[test]
fn given_up_work_is_not_waited_for_and_long_words_are_cut() {
    let pod = Pod::with_stage();
    let (code, words, _) = pod.end(pod.start("block"));
    assert_eq!(code, 2);
    assert!(words.len() <= TERMINATION_MESSAGE_BYTES, "{} bytes", words.len());
    let outcome: Outcome = serde_json::from_str(&words).unwrap();
    assert!(outcome.message.len() > 1000 && outcome.message.starts_with("xxx"));
}

#[test]
fn a_panic_has_last_words() {
    let pod = Pod::with_stage();
    let (code, outcome, _) = pod.outcome(pod.start("panic"));
    assert_eq!((code, outcome.category), (75, Category::Internal));
    assert!(outcome.message.contains("index out of bounds"), "{}", outcome.message);
}

#[test]
fn an_unwritable_termination_message_is_only_a_warning() {
    let mut pod = Pod::with_stage();
    pod.arguments =
        vec!["--termination-message=/proc/version/none".to_owned(), "--log-format=text".to_owned()];
    let (code, words, log) = pod.end(pod.start("end"));
    assert_eq!((code, words.as_str()), (0, ""));
    assert!(log.contains("WARN the termination message cannot be written"), "{log}");
}

#[test]
fn a_log_level_that_is_none_is_a_bad_spec() {
    let mut pod = Pod::with_stage();
    pod.arguments = vec!["--log-level=ats=loud".to_owned()];
    let (code, outcome, _) = pod.outcome(pod.start("end"));
    assert_eq!((code, outcome.category), (2, Category::BadSpec));
    assert!(outcome.message.contains("\"ats=loud\""), "{}", outcome.message);
}
