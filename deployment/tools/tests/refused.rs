//! Bad input: every program says what is wrong with what, exits with 1, tells nothing on standard output, and changes no
//! file.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use tempfile::TempDir;

/// A folder with inputs, most of them bad.
struct Desk {
    folder: TempDir,
    shown: String,
}

impl Desk {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self { folder, shown: String::new() }
    }

    /// Every file with its content.
    fn files(&self) -> BTreeMap<String, String> {
        fn collect(folder: &Path, found: &mut BTreeMap<String, String>) {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    collect(&path, found);
                } else {
                    found.insert(path.display().to_string(), std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        collect(self.folder.path(), &mut found);
        found
    }

    /// Runs a program in the folder, which has to refuse.
    async fn refuses(&mut self, line: &str, settings: &[(&str, &str)]) {
        let before = self.files();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ats-delivery"));
        command.args(line.split(' ')).current_dir(self.folder.path()).env_clear();
        command.env("HOME", self.folder.path()).env("ATS_RETRY_MILLISECONDS", "1");
        command.envs(support::counters()).envs(settings.iter().copied());
        let output = command.output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{line} {settings:?} is taken");
        assert!(output.stdout.is_empty(), "{line} {settings:?}: {}", String::from_utf8_lossy(&output.stdout));
        assert_eq!(self.files(), before, "{line} {settings:?}");
        let settings: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let settings = settings.join(" ");
        let line = [settings.as_str(), line].join(" ");
        self.shown.push_str(&format!("$ {}\n{told}", line.trim()));
    }

    fn shown(&self) -> String {
        self.shown.replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smoke_test() {
    let mut desk = Desk::new(&[
        ("broken.json", "{"),
        ("nothing.json", "[]"),
        ("tag.json", r#"[{"component": "operator", "name": "r/ats/operator", "digest": "latest"}]"#),
        ("broken.kubeconfig", "clusters: ["),
        ("empty.kubeconfig", "apiVersion: v1\nkind: Config\n"),
    ]);
    desk.refuses("smoke", &[]).await;
    let development = ("ENVIRONMENT", "development");
    for more in [
        ("ENVIRONMENT", "testing"),
        ("TIMEOUT_SECONDS", "soon"),
        ("IMAGES_JSON", "missing.json"),
        ("IMAGES_JSON", "broken.json"),
        ("IMAGES_JSON", "nothing.json"),
        ("IMAGES_JSON", "tag.json"),
        ("KUBECONFIG", "missing.kubeconfig"),
        ("KUBECONFIG", "broken.kubeconfig"),
        ("KUBECONFIG", "empty.kubeconfig"),
    ] {
        desk.refuses("smoke", &[development, more]).await;
    }
    insta::assert_snapshot!(desk.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_of_github() {
    let mut desk = Desk::new(&[]);
    let token = ("GITHUB_TOKEN", "t");
    desk.refuses("github-setup", &[token]).await;
    let repository = ("REPO", "example/ats");
    desk.refuses("github-setup", &[repository]).await;
    desk.refuses("github-setup", &[repository, token]).await;
    for (file, text) in [("settings.json", "{"), ("settings.json", "{\"environment\": []}")] {
        std::fs::create_dir_all(desk.folder.path().join(".github/rulesets")).unwrap();
        std::fs::write(desk.folder.path().join(".github").join(file), text).unwrap();
        desk.refuses("github-setup", &[repository, token]).await;
    }
    desk.refuses("pull-request", &[]).await;
    desk.refuses("pull-request", &[("PULL_REQUEST_HEAD", "deploy/staging"), token]).await;
    desk.refuses("notify", &[]).await;
    desk.refuses("notify", &[("NEEDS", "{")]).await;
    desk.refuses("notify", &[("NEEDS", "{}"), ("GITHUB_REPOSITORY", "ats")]).await;
    insta::assert_snapshot!(desk.shown());
}

/// A measurement that is one.
const MEASURED: &str = r#"{"machine": {"at": "2026-08-02T00:00:00Z", "commit": "abc", "processor": "CPU", "cores": 2, "profile": "release"},
    "figures": [{"part": "Runs", "name": "empty", "unit": "seconds", "min": 1.0, "median": 1.5, "max": 2.0}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_reports() {
    let mut desk = Desk::new(&[
        ("line.jsonl", "nothing\n"),
        ("version.jsonl", r#"{"version": 2}"#),
        ("measured.json", MEASURED),
        ("no_measurement.json", "{\"machine\": {}}"),
        ("page.html", "the page before"),
        ("empty.jsonl", ""),
        ("parts/parts.jsonl", "nothing\n"),
        ("document.md", "# No section\n"),
        ("thresholds.json", "{}"),
    ]);
    for line in [
        "weekly-report --runs missing.jsonl --output page.html",
        "weekly-report --runs line.jsonl --output page.html",
        "weekly-report --runs version.jsonl --output page.html",
        "weekly-report --runs empty.jsonl --output missing/page.html",
        "weekly-report --runs empty.jsonl --until yesterday --output page.html",
        "performance-report --measured missing.json --history empty.jsonl --output page.html",
        "performance-report --measured no_measurement.json --history empty.jsonl --output page.html",
        "performance-report --measured measured.json --history line.jsonl --output page.html",
        "performance-report --measured measured.json --history missing/history.jsonl --output page.html",
        "performance-report --measured measured.json --history empty.jsonl --output missing/page.html",
        "metrics-serve --runs missing.jsonl",
        "metrics-serve --runs empty.jsonl --address 192.0.2.1:1",
        "metrics-serve --runs empty.jsonl --address here",
        "metrics-line",
        "coverage --summary missing.json --checkout /c",
        "coverage --summary no_measurement.json --thresholds thresholds.json --checkout /c",
        "full-run --folder missing --commit abc --document document.md",
        "full-run --folder parts --commit abc --document document.md",
    ] {
        desk.refuses(line, &[]).await;
    }
    insta::assert_snapshot!(desk.shown());
}
