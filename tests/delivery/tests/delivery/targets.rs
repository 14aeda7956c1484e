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
    // The machine's own kind, which no version pins, is not asked.
    program("kind", format!("#!/bin/sh\necho 'not the pinned one' >>{}\nexit 1\n", asked.display()));
    program("pinned", format!("#!/bin/sh\necho \"kind $*\" >>{}\n", asked.display()));
    let pinned = folder.path().join("pinned").display().to_string();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    for code in [0, 1] {
        let words =
            format!("echo \"cargo $* $ATS_TEST_KUBECONFIG $ATS_TEST_LOAD_IMAGE\" >>{}", asked.display());
        program("cargo", format!("#!/bin/sh\n{words}\nexit {code}\n"));
        let settings = [("PATH", path.as_str()), ("KIND", pinned.as_str()), ("KUBERNETES", "1.36")];
        let run = make("kind", &settings);
        assert_eq!(run.status.success(), code == 0, "{}", told(&run));
        let text = std::fs::read_to_string(&asked).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("kind create cluster --name ats-"), "{text}");
        assert!(lines[0].contains(" --image docker.io/kindest/node:v1.36.1@sha256:3489c767"), "{text}");
        assert!(lines[1].starts_with("cargo test --locked --workspace --test documents /"), "{text}");
        assert!(lines[1].contains("/pinned load image-archive --name ats-"), "{text}");
        assert!(lines[2].starts_with("kind delete cluster --name ats-") && lines.len() == 3, "{text}");
        std::fs::remove_file(&asked).unwrap();
    }
    refused(
        &make("kind", &[("PATH", path.as_str()), ("KUBERNETES", "1.12")]),
        "there is no image of Kubernetes 1.12",
    );
}

/// A repository with `gate.sh`, whose program is a script, and a compiler that copies it to where binaries lie. In the
/// place of what measures and judges is a program that keeps what it is asked and judges as it is told: what a clock says
/// is a matter of `make gate-proof`, which runs the real one.
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
        let real = ats_test_cluster::binary("ats-deployment-tools", "ats-delivery").unwrap();
        // TARGET/PLATFORM/PROFILE/program
        let platform = real.ancestors().nth(2).and_then(Path::file_name).expect("Cargo is told a platform");
        let binaries = format!("target/{}/debug", platform.to_string_lossy());
        std::fs::create_dir_all(fork.path(&binaries)).unwrap();
        // gate --base PROGRAM --head PROGRAM ...: the last line of each is its body.
        let (judged, verdict) = (fork.path("judged"), fork.path("verdict"));
        let gate = format!(
            "#!/bin/sh\n{{ tail -n 1 \"$3\"; tail -n 1 \"$5\"; echo \"$@\"; }} >{}\nexit \"$(cat {})\"\n",
            judged.display(),
            verdict.display()
        );
        fork.program(&format!("{binaries}/ats-delivery"), &gate);
        let (asked, binaries) = (fork.path("asked"), fork.path(&binaries).display().to_string());
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

    /// What the script says when the judge ends with this code, and where the compiler was run for it.
    fn compare(&self, base: &str, verdict: i32) -> (Output, Vec<String>) {
        std::fs::write(self.path("verdict"), verdict.to_string()).unwrap();
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

/// Where HEAD left its base is judged against HEAD, the verdict is the script's, and what cannot be slower is not compiled.
#[test]
fn a_change_is_compared_with_where_it_left_its_base() {
    let fork = Fork::new();
    let head = fork.path("fork").display().to_string();
    fork.commit("echo before");
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
        let (output, compiled) = fork.compare(base, 1);
        assert_eq!(output.status.code(), Some(0), "{base}: {}", told(&output));
        assert!(told(&output).contains("nothing that ats is made of has changed since"), "{}", told(&output));
        assert_eq!(compiled, [""; 0], "{base}");
        assert!(!fork.path("judged").exists(), "{base}");
    }

    for (body, verdict) in [("echo after", 0), ("echo later", 1)] {
        fork.commit(body);
        let (output, compiled) = fork.compare("main", verdict);
        assert_eq!(output.status.code(), Some(verdict), "{}", told(&output));
        assert!(compiled.len() == 2 && compiled[0].ends_with("/base") && compiled[1] == head, "{compiled:?}");
        let judged = std::fs::read_to_string(fork.path("judged")).unwrap();
        let judged: Vec<&str> = judged.lines().collect();
        assert_eq!(judged[..2], ["echo before", body], "{judged:?}");
        assert!(judged[2].starts_with("gate --base ") && judged[2].contains(" --pairs 9 -- run --file "));
        assert_eq!(fork.git(&["worktree", "list"]).lines().count(), 1, "the other checkout is gone");
    }

    let (output, compiled) = fork.compare("nowhere", 0);
    assert_eq!((output.status.code(), compiled.len()), (Some(2), 0), "{}", told(&output));
    refused(&make("gate", &[("BASE", "nowhere")]), "nowhere is no commit with a common past");
}

/// `make bench-quick` measures all that `make bench` knows, also what has to be asked for by name.
#[test]
fn every_measurement_runs_at_its_smallest_size() {
    let makefile = ats_delivery_tests::text("Makefile");
    let parts = makefile.lines().find_map(|line| line.strip_prefix("MEASURED_PARTS := ")).expect("the parts");
    let mut parts: Vec<&str> = parts.split(',').collect();
    let program = ats_delivery_tests::text("tests/performance/src/main.rs");
    let (_, known) = program.split_once("enum Part {\n").expect("the program has parts");
    let variants = known.lines().map(str::trim).take_while(|line| *line != "}");
    let mut known: Vec<String> = variants
        .filter(|line| !line.starts_with("///"))
        .map(|line| line.trim_end_matches(',').to_lowercase())
        .collect();
    parts.sort_unstable();
    known.sort();
    assert_eq!(parts, known);
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
