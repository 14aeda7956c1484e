//! The make targets that workflows call reach their programs, with their settings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ats_delivery_tests::checkout;
use serde_json::json;

/// Runs a target with these settings and what has been compiled.
pub(crate) fn make(target: &str, settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new("make");
    run(command.args(["--silent", "--no-print-directory", target]), settings)
}

fn run(command: &mut Command, settings: &[(&str, &str)]) -> Output {
    let program = std::env::current_exe().unwrap();
    // TARGET/PLATFORM/PROFILE/deps/program
    let folder = program.ancestors().nth(4).expect("a test lies in Cargo's target folder");
    command.current_dir(checkout());
    for name in [
        "GITHUB_TOKEN",
        "SLACK_WEBHOOK_URL",
        "GITHUB_OUTPUT",
        "MAKEFLAGS",
        "MAKELEVEL",
        "TO",
        "IMAGES",
        "VOLUMES",
        "OBJECTS",
    ] {
        command.env_remove(name);
    }
    command.env("CARGO_TARGET_DIR", folder).env("ATS_TEST_PREBUILT", "1").envs(settings.iter().copied());
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn refused(output: &Output, words: &str) {
    assert!(!output.status.success() && told(output).contains(words), "{}", told(output));
}

#[test]
fn checks_of_the_pipeline() {
    assert!(make("branch-name", &[("BRANCH", "develop")]).status.success());
    refused(&make("branch-name", &[("BRANCH", "nonsense")]), "is not named as this project names them");
    assert!(make("ci-ok", &[("RESULTS", "success success")]).status.success());
    refused(&make("ci-ok", &[("RESULTS", "success failure")]), "a job did not succeed");
}

#[test]
fn notification_and_github() {
    let run = [
        ("NEEDS", "{\"verify\": {\"result\": \"failure\", \"outputs\": {}}}"),
        ("GITHUB_REPOSITORY", "example/ats"),
        ("BRANCH", "develop"),
        ("COMMIT", "0123456789abcdef0123456789abcdef01234567"),
        ("GITHUB_RUN_ID", "1"),
    ];
    let output = make("notify", &run);
    assert!(output.status.success() && told(&output).contains("Verify Deployment"), "{}", told(&output));
    refused(&make("github-setup", &[("REPO", "ats")]), "GITHUB_TOKEN");
    refused(&make("pull-request", &[]), "PULL_REQUEST_HEAD");
    refused(&make("smoke", &[("ENVIRONMENT", "testing")]), "there is no \"testing\"");
}

#[test]
fn deployment_and_its_way_back() {
    refused(
        &make("deploy", &[("ENVIRONMENT", "testing"), ("IMAGES_JSON", "x"), ("REMOTE", "y")]),
        "there is no environment",
    );
    refused(
        &make("registry-login", &[("REGISTRY", "127.0.0.1:1/x"), ("REGISTRY_USER", "u")]),
        "REGISTRY_PASSWORD",
    );
    refused(
        &make("push", &[("IMAGES", "/nowhere"), ("REGISTRY", "127.0.0.1:1")]),
        "/nowhere/images.json is missing",
    );
    refused(&make("sign", &[("IMAGES", "/nowhere")]), "/nowhere/pushed.json is missing");
    refused(&make("release", &[("VERSION", "v9.9.9")]), "Cargo.toml says");
    let settings = [("VERSION", "v0.1.0"), ("RELEASE", "/nowhere")];
    refused(&make("publish-release", &settings), "/nowhere is no folder: make release VERSION=v0.1.0");
    let zeros = "0".repeat(40);
    let settings = [("ENVIRONMENT", "staging"), ("COMMIT", zeros.as_str()), ("REMOTE", "/nowhere")];
    refused(&make("revert", &settings), "/nowhere");
    refused(&make("revert", &settings[..1]), "COMMIT");
}

/// A program in the place of AWS's, which keeps what it was asked.
#[test]
fn access_to_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (program, asked) = (folder.path().join("aws"), folder.path().join("asked"));
    std::fs::write(&program, format!("#!/bin/sh\necho \"$@\" >{}\n", asked.display())).unwrap();
    let mut command = Command::new("chmod");
    assert!(command.arg("+x").arg(&program).status().unwrap().success());
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    assert!(make("kubeconfig", &[("PATH", path.as_str()), ("KUBECONFIG", "/k")]).status.success());
    let asked = std::fs::read_to_string(asked).unwrap();
    assert_eq!(asked, "eks update-kubeconfig --name ats-cluster --region us-east-1 --kubeconfig /k\n");
}

/// Programs in the place of kind and cargo: the cluster is made of the right image, handed on, and always removed.
#[test]
fn a_kubernetes_by_kind_is_always_removed() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let program = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(&path).status().unwrap().success());
    };
    program("kind", format!("#!/bin/sh\necho \"kind $*\" >>{}\n", asked.display()));
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for code in [0, 1] {
        let words =
            format!("echo \"cargo $* $ATS_TEST_KUBECONFIG $ATS_TEST_LOAD_IMAGE\" >>{}", asked.display());
        program("cargo", format!("#!/bin/sh\n{words}\nexit {code}\n"));
        let run = make("kind", &[("PATH", path.as_str()), ("KUBERNETES", "1.36")]);
        assert_eq!(run.status.success(), code == 0, "{}", told(&run));
        let text = std::fs::read_to_string(&asked).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("kind create cluster --name ats-"), "{text}");
        assert!(lines[0].contains(" --image docker.io/kindest/node:v1.36.1@sha256:3489c767"), "{text}");
        assert!(lines[1].starts_with("cargo test --locked --workspace --test documents /"), "{text}");
        assert!(lines[1].contains("/kind load image-archive --name ats-"), "{text}");
        assert!(lines[2].starts_with("kind delete cluster --name ats-") && lines.len() == 3, "{text}");
        std::fs::remove_file(&asked).unwrap();
    }
    refused(
        &make("kind", &[("PATH", path.as_str()), ("KUBERNETES", "1.12")]),
        "there is no image of Kubernetes 1.12",
    );
}

/// A repository with `gate.sh`, whose program is a script, and a compiler that copies it to where binaries lie.
/// What measures and judges is the real program.
struct Fork {
    folder: tempfile::TempDir,
}

impl Fork {
    fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["fork/tests/performance", "fork/workloads", "bin"] {
            std::fs::create_dir_all(fork.path(name)).unwrap();
        }
        for name in ["tests/performance/gate.sh", "rust-toolchain.toml"] {
            std::fs::copy(checkout().join(name), fork.path("fork").join(name)).unwrap();
        }
        let gate = ats_test_cluster::binary("ats-deployment-tools", "ats-delivery").unwrap();
        // TARGET/PLATFORM/PROFILE/program
        let platform = gate.ancestors().nth(2).and_then(Path::file_name).expect("Cargo is told a platform");
        let binaries = fork.path("target").join(platform).join("debug");
        std::fs::create_dir_all(&binaries).unwrap();
        std::os::unix::fs::symlink(gate, binaries.join("ats-delivery")).unwrap();
        let (asked, binaries) = (fork.path("asked"), binaries.display().to_string());
        let compiler =
            format!("#!/bin/sh\npwd >>{}\nexec cp workloads/ats {binaries}/ats\n", asked.display());
        fork.program("bin/cargo", &compiler);
        let _ = fork.git(&["init", "--quiet", "--initial-branch=main"]);
        fork
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(self.path(name)).status().unwrap().success());
    }

    fn git(&self, arguments: &[&str]) -> String {
        let author = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
        let mut command = Command::new("git");
        ats_delivery_tests::output(command.arg("-C").arg(self.path("fork")).args(author).args(arguments))
    }

    /// Commits the program `ats` with this body.
    fn commit(&self, body: &str) {
        self.program("fork/workloads/ats", &format!("#!/bin/sh\n{body}\n"));
        let _ = self.git(&["add", "--all"]);
        let _ = self.git(&["commit", "--quiet", "--message", body]);
    }

    /// What the script says, and where the compiler was run for it.
    fn compare(&self, base: &str) -> (Output, Vec<String>) {
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let target = self.path("target").display().to_string();
        let settings = [("PATH", path.as_str()), ("CARGO_TARGET_DIR", target.as_str()), ("PAIRS", "9")];
        let mut command = Command::new(self.path("fork/tests/performance/gate.sh"));
        let output = run(command.args(["compare", base]), &settings);
        let asked = std::fs::read_to_string(self.path("asked")).unwrap_or_default();
        let _ = std::fs::remove_file(self.path("asked"));
        (output, asked.lines().map(str::to_owned).collect())
    }
}

/// Where HEAD left its base against HEAD: a quicker build passes, a slower one does not, and what cannot be slower is
/// not compiled. They take a fourth and four times as long, so that a busy machine decides nothing: how fine the gate
/// judges is shown by `make gate-proof`.
#[test]
fn a_change_is_compared_with_where_it_left_its_base() {
    let fork = Fork::new();
    let head = fork.path("fork").display().to_string();
    fork.commit("test \"$1\" = run && sleep 0.2");
    let _ = fork.git(&["branch", "change"]);
    // What came to the base since then does not run at all, and is not what the change is compared with.
    fork.commit("exit 3");
    let _ = fork.git(&["checkout", "--quiet", "change"]);

    std::fs::write(fork.path("fork/README.md"), "Words.\n").unwrap();
    let _ = fork.git(&["add", "--all"]);
    let _ = fork.git(&["commit", "--quiet", "--message", "words"]);
    // A branch that was pushed for the first time was at no commit before: its last commit counts.
    let zeros = "0".repeat(40);
    for base in ["main", zeros.as_str()] {
        let (output, compiled) = fork.compare(base);
        assert_eq!(output.status.code(), Some(0), "{base}: {}", told(&output));
        assert!(told(&output).contains("nothing that ats is made of has changed since"), "{}", told(&output));
        assert_eq!(compiled, [""; 0], "{base}");
    }

    fork.commit("sleep 0.05");
    let (output, compiled) = fork.compare("main");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("head / base: "), "{}", told(&output));
    assert!(compiled.len() == 2 && compiled[0].ends_with("/base") && compiled[1] == head, "{compiled:?}");

    fork.commit("sleep 0.8");
    let (output, compiled) = fork.compare("main");
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("slower: the whole interval lies above"), "{}", told(&output));
    assert_eq!(compiled.len(), 2, "{compiled:?}");
    assert_eq!(fork.git(&["worktree", "list"]).lines().count(), 1, "the other checkout is gone");

    let (output, compiled) = fork.compare("nowhere");
    assert_eq!((output.status.code(), compiled.len()), (Some(2), 0), "{}", told(&output));
    refused(&make("gate", &[("BASE", "nowhere")]), "nowhere is no commit with a common past");
}

#[test]
fn the_history_of_the_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let (output, remote) =
        (folder.path().join("out").display().to_string(), folder.path().join("remote.git"));
    let _ = ats_delivery_tests::output(Command::new("git").args(["init", "--quiet", "--bare"]).arg(&remote));
    let remote = remote.display().to_string();
    let settings = [("OUTPUT", output.as_str()), ("REMOTE", remote.as_str())];
    let read = make("metrics-read", &settings);
    assert!(read.status.success(), "{}", told(&read));
    assert!(make("weekly-report", &settings).status.success());
    let page = std::fs::read_to_string(folder.path().join("out/weekly-report.html")).unwrap();
    assert!(page.contains("has not run on a branch"), "{page}");
    refused(&make("metrics-append", &settings), "GITHUB_RUN_ID");
}

#[test]
fn the_page_of_performance() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let machine = json!({"at": "2026-08-02T00:00:00Z", "commit": "abc", "processor": "CPU", "cores": 2, "profile": "release"});
    let figure =
        json!({"part": "Runs", "name": "empty", "unit": "seconds", "min": 1.0, "median": 1.5, "max": 2.0});
    std::fs::write(path("measured.json"), json!({"machine": machine, "figures": [figure]}).to_string())
        .unwrap();
    let (measured, output) =
        (path("measured.json").display().to_string(), folder.path().display().to_string());
    let made = make("performance-report", &[("MEASURED", measured.as_str()), ("OUTPUT", output.as_str())]);
    assert!(made.status.success(), "{}", told(&made));
    assert!(std::fs::read_to_string(path("performance-report.html")).unwrap().contains("1.50 s"));
    let remote = path("remote.git");
    let _ = ats_delivery_tests::output(Command::new("git").args(["init", "--quiet", "--bare"]).arg(&remote));
    let remote = remote.display().to_string();
    let settings = [("OUTPUT", output.as_str()), ("REMOTE", remote.as_str())];
    assert!(make("performance-append", &settings).status.success());
    std::fs::remove_file(path("performance.jsonl")).unwrap();
    assert!(make("metrics-read", &settings).status.success());
    let kept = std::fs::read_to_string(path("performance.jsonl")).unwrap();
    assert!(kept.contains("\"commit\":\"abc\"") && kept.lines().count() == 1, "{kept}");
}

/// Two quick targets in the place of the parts of `make test-all`, of which one fails.
#[test]
fn a_full_run_is_written_whatever_becomes_of_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let program = ats_test_cluster::binary("ats-deployment-tools", "ats-delivery").unwrap();
    let (document, logs, program) = (path("document.md"), path("logs"), program.display().to_string());
    let full = |commit: &str, parts: &[&str], results: &str| {
        std::fs::write(&document, "# D\n\n## Last full run\nNone.\n\n## Next\nn\n").unwrap();
        let settings = [
            ("TEST_ALL_DOCUMENT", document.as_str()),
            ("TEST_ALL_FOLDER", logs.as_str()),
            ("TEST_ALL_COMMIT", commit),
            ("DELIVERY", program.as_str()),
            ("BRANCH", "develop"),
            ("RESULTS", results),
        ];
        let output = run(Command::new(".ci/test-all").args(parts), &settings);
        (output, std::fs::read_to_string(&document).unwrap())
    };
    let (output, text) = full("0123", &["ci-ok", "branch-name"], "success failure");
    assert!(!output.status.success(), "{}", told(&output));
    assert!(text.contains("; one part failed.") && text.ends_with("\n\n## Next\nn\n"), "{text}");
    let row = |part: &str| text.lines().find(|line| line.starts_with(&format!("| {part} |"))).unwrap();
    assert!(row("ci-ok").starts_with("| ci-ok | FAILED | 0."), "{text}");
    assert!(row("ci-ok").contains("a job did not succeed"), "{text}");
    assert!(row("branch-name").starts_with("| branch-name | passed | 0."), "{text}");

    // It goes on with what has not passed on this commit, and begins anew on another one.
    let (output, text) = full("0123", &["branch-name", "ci-ok"], "success");
    assert!(output.status.success() && text.contains("; every part passed."), "{}{text}", told(&output));
    assert!(told(&output).contains("==> branch-name has passed on this commit"), "{}", told(&output));
    assert_eq!(text.matches("| ci-ok |").count() + text.matches("| branch-name |").count(), 2, "{text}");
    for commit in ["4567", "4567-dirty", "4567-dirty"] {
        let (output, text) = full(commit, &["ci-ok"], "success");
        assert!(output.status.success() && !told(&output).contains("has passed on"), "{}", told(&output));
        assert!(!text.contains("| branch-name |"), "{text}");
    }
}
