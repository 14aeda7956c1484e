//! A fork, made as docs/delivery.md tells to make one: by its own commands, in a copy of the checkout.

use std::path::PathBuf;
use std::process::{Command, Output};

use ats_delivery_tests::names::Names;
use ats_delivery_tests::{COMPONENTS, checkout, kustomize, output, section, text};
use regex::Regex;
use tempfile::TempDir;

use crate::deploy::{images_of, write_images};

/// The commands that the document gives for the names of a fork.
fn commands() -> String {
    let part = section("Set-up");
    let (_, part) = part.split_once("\n### Names of the fork").expect("the set-up has a part about names");
    let (_, rest) = part.split_once("\n```sh\n").expect("commands are given");
    rest.split_once("\n```").expect("they end").0.to_owned()
}

/// What the commands call the fork.
fn named(commands: &str) -> Names {
    let asked = Regex::new(r"make fork REPO=(\S+) REGISTRY=(\S+)").unwrap();
    let asked = asked.captures(commands).expect("a fork is given its names");
    Names { repository: asked[1].to_owned(), image_prefix: format!("{}/ats", &asked[2]) }
}

/// A copy of what git knows of the checkout, committed, with a bare repository as its origin.
struct Fork {
    folder: TempDir,
}

impl Fork {
    fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(fork.source()).unwrap();
        let copy = "git ls-files -z --cached --others --exclude-standard \
            | xargs -0 cp --archive --parents --target-directory=\"$0\"";
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", copy]).arg(fork.source()).current_dir(checkout());
        let _ = output(&mut command);
        let _ = fork.shell(
            "git init --quiet --initial-branch=main
            git add --all --force
            git commit --quiet --message upstream
            git init --quiet --bare --initial-branch=main ../origin.git
            git remote add origin ../origin.git",
        );
        fork
    }

    /// The work tree.
    fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn origin(&self) -> PathBuf {
        self.folder.path().join("origin.git")
    }

    /// Commands in the work tree, as somebody types them.
    fn shell(&self, commands: &str) -> String {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", commands]).current_dir(self.source());
        for name in ["MAKEFLAGS", "MAKELEVEL", "REPO", "REGISTRY"] {
            command.env_remove(name);
        }
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), "test")
                .env(format!("GIT_{who}_EMAIL"), "test@example.com");
        }
        output(&mut command)
    }

    fn script(&self, path: &str) -> Command {
        let mut command = Command::new(self.source().join(path));
        let key = self.folder.path().join("cosign.pub");
        std::fs::write(&key, "").unwrap();
        for name in ["SIGNER", "UNSIGNED", "TO", "GITHUB_OUTPUT"] {
            command.env_remove(name);
        }
        let kustomize = ats_test_cluster::tool("kustomize", "kustomize").expect("kustomize is built");
        // Who signs is the matter of `signatures`: here everything is taken as signed.
        command.env("KUSTOMIZE", kustomize).env("COSIGN", "true").env("COSIGN_PUBLIC_KEY", key);
        command
    }

    /// Deploys images whose digests are made of a digit; the commit on branch `deployments`.
    fn deploy(&self, environment: &str, digit: char) -> String {
        let images = write_images(self.folder.path(), digit);
        let mut command = self.script("deployment/deploy.sh");
        output(command.arg(environment).arg(images).arg(self.origin())).trim().to_owned()
    }

    /// A file of branch `deployments`.
    fn deployed(&self, path: &str) -> String {
        let mut command = Command::new("git");
        output(command.arg("-C").arg(self.origin()).args(["show", &format!("deployments:{path}")]))
    }

    /// Adds a line to the code owners of the work tree.
    fn own(&self, line: &str) {
        let file = self.source().join(".github/CODEOWNERS");
        let before = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{before}{line}\n")).unwrap();
    }
}

/// Files below the root of a checkout say the same names, so that none is left when they are replaced.
#[test]
fn every_file_names_the_same_owner() {
    assert_eq!(Names::of(&checkout()).disagreements(&checkout()), [""; 0]);
}

#[test]
fn what_the_set_up_tells_makes_a_repository_of_its_own() {
    let (ours, commands) = (Names::of(&checkout()), commands());
    let theirs = named(&commands);
    assert_ne!(ours.owner(), theirs.owner(), "an example is nobody's");
    let fork = Fork::new();
    let _ = fork.shell(&commands);
    let source = fork.source();
    assert_eq!(Names::of(&source), theirs);
    assert_eq!(theirs.disagreements(&source), [""; 0]);

    // Nothing is left of whom it was forked from, and nothing to be committed.
    let traces = [ours.repository.clone(), ours.image_prefix.clone(), format!("@{}/", ours.owner())];
    let mut read = 0;
    for file in fork.shell("git ls-files -z").split('\0').filter(|file| !file.is_empty()) {
        // Pictures are no text, links lead to folders.
        let Ok(text) = std::fs::read_to_string(source.join(file)) else { continue };
        for trace in &traces {
            assert!(!text.contains(trace.as_str()), "{file} still names {trace}");
        }
        read += 1;
    }
    assert!(read > 500, "the files are read");
    assert_eq!(fork.shell("git status --porcelain"), "");
    let branches = fork.shell("git ls-remote --heads origin");
    for branch in ["main", "develop"] {
        assert!(branches.contains(&format!("refs/heads/{branch}\n")), "{branches}");
    }
    // Links are links, programs are programs.
    assert_eq!(fork.shell("git diff --summary HEAD~1 HEAD"), "");
    let formatted =
        fork.shell("git diff --name-only HEAD~1 HEAD -- '*.rs' | xargs rustfmt --edition 2024 --check");
    assert_eq!(formatted, "");
    let manifests = kustomize(source.join("deployment/kubernetes/default-store").to_str().unwrap());
    assert!(manifests.contains(&format!("image: {}/operator:", theirs.image_prefix)));

    // A second run changes nothing; a file that says something else is told.
    let again = commands.lines().find(|line| line.starts_with("make fork ")).unwrap();
    let _ = fork.shell(again);
    assert_eq!(fork.shell("git status --porcelain"), "");
    let file = "deployment/argocd/cluster.yaml";
    std::fs::write(source.join(file), text(file)).unwrap();
    let told = theirs.disagreements(&source);
    assert_eq!(told, [format!("{file} names {}, not {}", ours.address(), theirs.address())]);
}

#[test]
fn what_is_no_name_is_refused_and_nothing_is_changed() {
    let fork = Fork::new();
    for (repository, registry, words) in [
        ("fork", "ghcr.io/example", "'fork' is not owner/name"),
        ("example/fork/x", "ghcr.io/example", "is not owner/name"),
        ("example/fork", "ghcr.io/Example", "is no address of a registry"),
        ("example/fork#x", "ghcr.io/example", "is not owner/name"),
        ("example/fork", "", "is no address of a registry"),
    ] {
        let Output { status, stderr, .. } =
            fork.script("deployment/fork.sh").args([repository, registry]).output().unwrap();
        let told = String::from_utf8_lossy(&stderr).into_owned();
        assert!(!status.success() && told.contains(words), "{told}");
    }
    assert_eq!(fork.shell("git status --porcelain"), "");
}

/// The fork's own image is the one that is replaced by digest, and its own teams are asked.
#[test]
fn a_fork_deploys() {
    let fork = Fork::new();
    let commands = commands();
    let theirs = named(&commands);
    let _ = fork.shell(&commands);
    let first = fork.deploy("development", '1');
    assert_eq!(first.len(), 40, "{first}");
    let manifests = fork.deployed("development/manifests.yaml");
    let digest = format!("@sha256:{}", "1".repeat(64));
    let images = images_of(&manifests);
    assert_eq!(images.len(), COMPONENTS.len());
    assert!(images.iter().all(|image| image.ends_with(&digest)), "{images:?}");
    let approving = fork.deployed("CODEOWNERS");
    assert!(!approving.contains(&format!("@{}/", Names::of(&checkout()).owner())), "{approving}");

    // Who approves changes with production, which comes from main.
    let others = format!("@{}/others", theirs.owner());
    fork.own(&format!("/deployment/environments/production/ {others}"));
    let _ = fork.deploy("development", '2');
    assert_eq!(fork.deployed("CODEOWNERS"), approving);
    let _ = fork.deploy("production", '2');
    let changed = fork.deployed("CODEOWNERS");
    assert!(changed.lines().any(|line| line.starts_with("/production/") && line.ends_with(&others)));

    // What is taken back is the deployment, not who approves it.
    let before = fork.deployed("production/manifests.yaml");
    fork.own(&format!("/deployment/environments/production/ {others}-more"));
    let bad = fork.deploy("production", '3');
    let _ = output(fork.script("deployment/revert.sh").args(["production", &bad]).arg(fork.origin()));
    assert_eq!(fork.deployed("production/manifests.yaml"), before);
    assert!(fork.deployed("CODEOWNERS").contains(&format!("{others}-more\n")));
}

/// Without the file nobody can be named: it is said, and deployment goes on.
#[test]
fn without_code_owners_it_is_said_that_nobody_has_to_be_asked() {
    let fork = Fork::new();
    std::fs::remove_file(fork.source().join(".github/CODEOWNERS")).unwrap();
    let images = write_images(fork.folder.path(), '1');
    let mut command = fork.script("deployment/deploy.sh");
    let output = command.arg("development").arg(images).arg(fork.origin()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("there is no .github/CODEOWNERS"), "{told}");
    let mut files = Command::new("git");
    let files = files.arg("-C").arg(fork.origin()).args(["ls-tree", "--name-only", "deployments"]);
    assert!(!ats_delivery_tests::output(files).contains("CODEOWNERS"));
}
