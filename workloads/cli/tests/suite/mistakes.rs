//! What a user who slipped is told, by the real binary: each case of `tests/integration/fixtures/mistakes` with a
//! sound universe and strategy beside it. The same cases are applied to a cluster in
//! `tests/integration/tests/operator/mistakes.rs`; the first lines of a case say what both must tell.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/integration/fixtures/mistakes"))
}

/// A folder with a case's files in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        fs::copy(fixtures().join("healthy.yaml"), desk.path().join("healthy.yaml")).unwrap();
        copy(&fixtures().join("data"), &desk.path().join("data/healthy"));
        desk
    }

    fn of(case: &str) -> Self {
        let desk = Self::new();
        let folder = fixtures().join(case);
        fs::copy(folder.join("objects.yaml"), desk.path().join("objects.yaml")).unwrap();
        let own = folder.join("data");
        let own = if own.is_dir() { own } else { fixtures().join("data") };
        copy(&own, &desk.path().join("data/mistake"));
        desk
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.path().join(file), text).unwrap();
    }

    fn ats(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ats"));
        command.current_dir(self.path()).args(arguments);
        command
    }

    /// What the user sees of a command: how it ends, what stands on standard error, then on standard output.
    fn seen(&self, arguments: &[&str]) -> (i32, String) {
        self.told(arguments, self.ats(arguments))
    }

    fn told(&self, arguments: &[&str], output: Output) -> (i32, String) {
        let code = output.status.code().expect("no signal ends it");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (errors, result) = (text(output.stderr), text(output.stdout));
        let shown = format!("$ ats {}\n{errors}{result}(exit code {code})\n", arguments.join(" "));
        let folder = self.path().display().to_string();
        // Digests and figures belong to other tests, and where a table cuts a path to the machine.
        let shown = shown.replace(&folder, "<folder>");
        let plain = [
            ("[0-9a-f]{12,64}", "<digest>"),
            (r"-?\d+\.\d{6}", "<figure>"),
            (r"(?m)(<figure>  )\d+(  False)", "${1}<figure>${2}"),
            ("<folder>[^\n]*…", "<folder>…"),
        ];
        let shown = plain.iter().fold(shown, |shown, (pattern, instead)| {
            Regex::new(pattern).unwrap().replace_all(&shown, *instead).into_owned()
        });
        (code, shown)
    }

    /// The object as the last run left it, if it ran.
    fn object(&self, kind: &str, name: &str) -> Option<Value> {
        let file = self.path().join(".ats/state").join(kind.to_lowercase()).join(format!("{name}.json"));
        fs::read(file).ok().map(|bytes| serde_json::from_slice(&bytes).unwrap())
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

fn ready(object: &Value) -> (String, String, String) {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready").unwrap();
    let text = |name: &str| ready[name].as_str().unwrap().to_owned();
    (text("status"), text("reason"), text("message"))
}

const RUN: [&str; 6] = ["run", "-f", "objects.yaml", "healthy.yaml", "--map", "/data=data"];
const VALIDATE: [&str; 4] = ["validate", "-f", "objects.yaml", "healthy.yaml"];

/// The head of a case: what is told, by which way, in which words.
struct Case {
    name: String,
    /// `ready`, `told`, `invalid`, `waits`, `refused`.
    way: String,
    kind: String,
    reason: String,
    words: String,
}

fn cases() -> Vec<Case> {
    let mut names: Vec<PathBuf> =
        fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.join("objects.yaml").is_file());
    names.sort();
    let cases = names.into_iter().map(|folder| {
        let text = fs::read_to_string(folder.join("objects.yaml")).unwrap();
        let head = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("# {key}: ")));
        let ways = ["ready", "told", "invalid", "waits", "refused"];
        let (way, rest) = ways.iter().find_map(|way| Some((*way, head(way)?))).expect("a case says its way");
        let (kind, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let words = head("here").or_else(|| head("words")).expect("a case has words");
        Case {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            way: way.to_owned(),
            kind: kind.to_owned(),
            reason: reason.to_owned(),
            words: words.to_owned(),
        }
    });
    cases.collect()
}

#[test]
fn every_mistake_is_told_and_harms_nothing_else() {
    let cases = cases();
    assert!(cases.len() > 15, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for Case { name, way, kind, reason, words } in &cases {
        let desk = Desk::of(name);
        let mut expect = |holds: bool, what: &str, seen: &str| {
            if !holds {
                wrong.push(format!("{name}: {what}\n{seen}"));
            }
        };
        let (checked, validated) = desk.seen(&VALIDATE);
        let (ran, run) = desk.seen(&RUN);
        insta::assert_snapshot!(format!("mistake_{name}"), format!("{validated}\n{run}"));
        if ["invalid", "waits", "refused"].contains(&way.as_str()) {
            expect((checked, ran) == (2, 2), "the exit codes are not 2", &run);
            expect(validated.contains(words), "validate does not say it", &validated);
            expect(run.contains(words), "run does not say it", &run);
            // Nothing was run: what other objects have stays as it is.
            expect(!desk.path().join(".ats").exists(), "something was run", &run);
            continue;
        }
        expect(checked == 0, "only the data can tell it", &validated);
        expect(ran == i32::from(way == "told"), "the exit code", &run);
        let object = desk.object(kind, "mistake").expect("it has a status");
        let told = ready(&object);
        let status = if way == "told" { "False" } else { "True" };
        expect((told.0.as_str(), &told.1) == (status, reason), "another condition", &format!("{told:?}"));
        expect(told.2.contains(words), "other words on the object", &told.2);
        for kind in ["TradingUniverse", "Strategy"] {
            let healthy = ready(&desk.object(kind, "healthy").expect("it ran"));
            expect(healthy.0 == "True", "came to harm", &format!("{kind}/healthy {healthy:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What an earlier run left is not touched by input that is refused.
#[test]
fn a_refused_input_leaves_what_was_there() {
    let desk = Desk::of("unknown-feature");
    assert_eq!(desk.ats(&["run", "-f", "healthy.yaml", "--map", "/data=data"]).status.code(), Some(0));
    let before = desk.object("Strategy", "healthy").unwrap();
    assert_eq!(desk.ats(&RUN).status.code(), Some(2));
    assert_eq!(desk.object("Strategy", "healthy").unwrap(), before);
}

/// A universe of made-up bars, with a part of its YAML of the caller's.
fn universe(metadata: &str, tickers: &str, features: &str) -> String {
    format!(
        "apiVersion: trading.ats.dev/v1alpha1\nkind: TradingUniverse\nmetadata:\n  name: large\n{metadata}spec:\n  \
         tickers: [{tickers}]\n  source: {{synthetic: {{seed: 7}}}}\n  history: {{start: 2020-01-02, end: 2020-03-31}}\n\
         {features}"
    )
}

#[test]
fn too_large_is_told_at_once() {
    let tickers: Vec<String> = (0..5001).map(|n| format!("T{n}")).collect();
    let megabyte = "x".repeat(1 << 20);
    let feature = |n: usize| format!("    - {{name: f{n}, expression: \"close / {}\"}}\n", "1".repeat(1000));
    let features: String = (0..1000).map(feature).collect();
    let cases = [
        (
            "5001 tickers",
            universe("", &tickers.join(", "), ""),
            "spec.tickers: Too many: 5001: must have at most 5000 items",
        ),
        (
            "an annotation of 1 MiB",
            universe(&format!("  annotations: {{note: {megabyte}}}\n"), "AAA", ""),
            "metadata.annotations: Too long: may not be more than 262144 bytes",
        ),
        (
            "an expression of 1 MiB",
            universe("", "AAA", &format!("  features:\n    - {{name: f, expression: {megabyte}}}\n")),
            "spec.features[0].expression: Too long: may not be more than 4096 bytes",
        ),
        (
            "1 MB of features",
            universe("", "AAA", &format!("  features:\n{features}")),
            "spec.features: Too many: 1000: must have at most 200 items",
        ),
    ];
    let desk = Desk::new();
    for (name, text, words) in cases {
        desk.write("objects.yaml", &text);
        for arguments in [VALIDATE.as_slice(), RUN.as_slice()] {
            let since = Instant::now();
            let (code, seen) = desk.seen(arguments);
            assert_eq!(code, 2, "{name}: {seen}");
            assert!(seen.contains(words), "{name}: {seen}");
            // A message is for a terminal, whatever the size of the mistake.
            assert!(seen.len() < 3000, "{name}: {} bytes are shown", seen.len());
            assert!(since.elapsed() < Duration::from_secs(20), "{name}: {:?}", since.elapsed());
        }
        assert!(!desk.path().join(".ats").exists());
    }
}

#[test]
fn a_store_that_does_not_answer_is_told() {
    let desk = Desk::new();
    let arguments = ["run", "-f", "healthy.yaml", "--map", "/data=data", "--store", "s3://bucket/ats"];
    let mut command = desk.command(&arguments);
    // Nothing listens on port 1.
    command.envs([
        ("AWS_ENDPOINT", "http://127.0.0.1:1"),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
    ]);
    let (code, _) = desk.told(&arguments, command.output().unwrap());
    assert_eq!(code, 1);
    let (status, reason, message) = ready(&desk.object("TradingUniverse", "healthy").unwrap());
    assert_eq!((status.as_str(), reason.as_str()), ("False", "StageFailed"));
    for words in ["s3://bucket/ats", "refused", "check that it is reachable and that the credentials"] {
        assert!(message.contains(words), "{message}");
    }
    let (_, reason, message) = ready(&desk.object("Strategy", "healthy").unwrap());
    assert_eq!(reason, "WaitingForReference");
    assert!(message.contains("TradingUniverse healthy has not published a dataset"), "{message}");
}

/// The README's quickstart as it goes wrong for a newcomer.
#[test]
fn a_newcomer_is_helped() {
    let mut shown = String::new();
    let mut see = |desk: &Desk, what: &str, arguments: &[&str], expected: i32| {
        let (code, seen) = desk.seen(arguments);
        assert_eq!(code, expected, "{what}: {seen}");
        shown.push_str(&format!("# {what}\n{seen}\n"));
    };
    let desk = Desk::new();
    see(&desk, "a path that is not there", &["run", "-f", "helthy.yaml"], 2);
    see(&desk, "a folder without YAML", &["validate", "-f", "data"], 2);
    see(&desk, "no -f", &["run"], 2);
    see(&desk, "the data lies elsewhere", &["run", "-f", "healthy.yaml"], 1);
    see(&desk, "a map to nowhere", &["run", "-f", "healthy.yaml", "--map", "/data=dta"], 1);
    see(&desk, "a map that is none", &["run", "-f", "healthy.yaml", "--map", "data"], 2);
    see(&desk, "an object that never ran", &["get", "trades", "helthy"], 2);
    see(&desk, "a report of a universe", &["report", "tu/healthy"], 2);

    let text = fs::read_to_string(desk.path().join("healthy.yaml")).unwrap();
    let mut change = |what: &str, from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        desk.write("changed.yaml", &text.replacen(from, to, 1));
        see(&desk, what, &["validate", "-f", "changed.yaml"], 2);
    };
    change("a typo in a key", "tickers:", "tikers:");
    change("a key of another place", "  features:", "features:");
    change("a key one level too high", "  history:", "history:");
    change("an indentation that is no YAML", "  source:", " source:");
    change("a tab", "  source:", "\tsource:");
    change("a typo in the kind", "kind: TradingUniverse", "kind: TradingUnivers");
    change("no kind", "kind: TradingUniverse\n", "");
    change("a rule that is a number", "momentum > 0", "0.5");
    change("no such date", "2020-01-02", "2020-02-31");

    // Root may write everywhere; a file where a folder should be stops everybody.
    let desk = Desk::new();
    desk.write(".ats", "");
    see(&desk, "a .ats that cannot be written", &["run", "-f", "healthy.yaml", "--map", "/data=data"], 2);
    desk.write("file", "");
    let run =
        ["run", "-f", "healthy.yaml", "--map", "/data=data", "--state", "state", "--store", "file/store"];
    see(&desk, "a store that cannot be written", &run, 2);
    insta::assert_snapshot!(shown);
}
