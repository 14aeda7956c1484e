//! The history of the pipeline, on a branch of a bare repository.

use std::path::PathBuf;
use std::process::{Command, Output};

use ats_delivery_tests::{checkout, output};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let remote = folder.path().join("remote.git");
        let _ = output(Command::new("git").args(["init", "--quiet", "--bare"]).arg(remote));
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, what: &[&str], path: &str) -> Output {
        let mut command = Command::new(checkout().join("deployment/metrics.sh"));
        command.args(what).arg(self.path(path)).arg(self.path("remote.git")).output().unwrap()
    }

    fn append(&self, line: &str) -> Output {
        std::fs::write(self.path("run.json"), line).unwrap();
        self.script(&["append", "runs"], "run.json")
    }

    fn read(&self) -> String {
        let output = self.script(&["read"], "out");
        assert!(output.status.success(), "{output:?}");
        std::fs::read_to_string(self.path("out/runs.jsonl")).unwrap()
    }
}

#[test]
fn each_run_is_a_line_once() {
    let place = Place::new();
    assert_eq!(place.read(), "", "there is no history yet");
    let (first, second) = ("{\"version\":1,\"run\":7}\n", "{\"version\":1,\"run\":8}\n");
    for line in [first, second, first] {
        let output = place.append(line);
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(place.read(), format!("{first}{second}"));

    // Measurements are a file of their own.
    let line = "{\"commit\":\"abc\",\"figures\":[]}\n";
    std::fs::write(place.path("measured.json"), line).unwrap();
    assert!(place.script(&["append", "performance"], "measured.json").status.success());
    assert_eq!(place.read(), format!("{first}{second}"));
    assert_eq!(std::fs::read_to_string(place.path("out/performance.jsonl")).unwrap(), line);
    assert_eq!(place.script(&["append", "others"], "measured.json").status.code(), Some(2));
}

#[test]
fn what_is_no_line_is_refused_and_nothing_is_written() {
    let place = Place::new();
    assert!(place.append("{\"version\":1,\"run\":7}\n").status.success());
    let before = place.read();
    for (line, words) in [
        ("", "is not one line"),
        ("{}\n{}\n", "is not one line"),
        ("{\"run\":7}\n", "is no line of runs"),
        ("no JSON\n", "is no line of runs"),
    ] {
        let output = place.append(line);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{line:?}: {told}");
    }
    assert_eq!(place.read(), before);
    std::fs::remove_dir_all(place.path("remote.git")).unwrap();
    let output = place.script(&["read"], "later");
    assert!(!output.status.success(), "a remote that is away is no empty history");
    assert!(!place.path("later").exists());
}
