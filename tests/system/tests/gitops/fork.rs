//! A fork of the project as somebody has it who delivers with it: the source on branch `main`, with the fork's address
//! and fewer tickers, and branch `deployments`, which `deployment/deploy.sh` writes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ats_test_cluster::{install::checkout, tool};
use serde_json::Value;
use tempfile::TempDir;

pub struct Fork {
    folder: TempDir,
}

impl Fork {
    /// A bare repository that holds the source, committed.
    pub fn new() -> Self {
        let fork = Self { folder: tempfile::tempdir().unwrap() };
        let (source, remote) = (fork.source(), fork.remote());
        std::fs::create_dir(&source).unwrap();
        for folder in [".github", "config", "deployment"] {
            let from = checkout().unwrap().join(folder);
            text(Command::new("cp").arg("--archive").arg(from).arg(&source));
        }
        fork.write(".gitignore", ".ats\n");
        text(fork.cosign().arg("generate-key-pair"));
        text(Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch=main"]).arg(&remote));
        fork.git(&["init", "--quiet", "--initial-branch=main"]);
        fork.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
        let upstream = fork.upstream();
        for file in ["project", "cluster", "environments"] {
            fork.replace(&format!("deployment/argocd/{file}.yaml"), &upstream, &fork.address());
        }
        fork
    }

    /// The work tree.
    pub fn source(&self) -> PathBuf {
        self.folder.path().join("source")
    }

    fn remote(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    /// The address that the project's files say, and that a fork replaces.
    fn upstream(&self) -> String {
        let project = std::fs::read_to_string(self.source().join("deployment/argocd/project.yaml")).unwrap();
        let (_, rest) = project.split_once("sourceRepos: [").expect("the project names its repository");
        rest.split_once(']').expect("a list ends").0.to_owned()
    }

    /// What Argo CD is told.
    fn address(&self) -> String {
        format!("file://{}", self.remote().display())
    }

    pub fn write(&self, file: &str, content: &str) {
        std::fs::write(self.source().join(file), content).unwrap();
    }

    /// Replaces a part of a file, which has to be there.
    pub fn replace(&self, file: &str, from: &str, to: &str) {
        let old = std::fs::read_to_string(self.source().join(file)).unwrap();
        assert!(old.contains(from), "{file} does not hold {from:?}");
        self.write(file, &old.replace(from, to));
    }

    /// The universe of the environments with these tickers.
    pub fn tickers(&self, tickers: &str) {
        let file = "deployment/kubernetes/base/objects/universe.yaml";
        let old = std::fs::read_to_string(self.source().join(file)).unwrap();
        let (head, rest) = old.split_once("tickers: [").unwrap();
        let (_, tail) = rest.split_once(']').unwrap();
        self.write(file, &format!("{head}tickers: [{tickers}]{tail}"));
    }

    /// Commits all that has changed to branch `main`; the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.git(&["push", "--quiet", "origin", "main"]);
        git(&self.source(), &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// `deployment/deploy.sh`, of images that the fork has signed; the commit on branch `deployments`, nothing when the
    /// environment is as it was.
    pub fn deploy(&self, environment: &str, images: &Path) -> String {
        text(&mut self.deployment(environment, images)).trim().to_owned()
    }

    /// The same of images that nobody has signed.
    pub fn deploy_unsigned(&self, environment: &str, images: &Path) -> String {
        text(self.deployment(environment, images).env("UNSIGNED", "allowed")).trim().to_owned()
    }

    /// Why a deployment is refused.
    pub fn refused(&self, environment: &str, images: &Path) -> String {
        let Output { status, stderr, .. } = self.deployment(environment, images).output().unwrap();
        assert!(!status.success());
        String::from_utf8_lossy(&stderr).into_owned()
    }

    fn deployment(&self, environment: &str, images: &Path) -> Command {
        let kustomize = tool("kustomize", "kustomize").expect("kustomize is built");
        let mut command = Command::new(self.source().join("deployment/deploy.sh"));
        command.arg(environment).arg(images).arg(self.remote()).env("KUSTOMIZE", kustomize);
        for name in ["SIGNER", "UNSIGNED"] {
            command.env_remove(name);
        }
        command.env("COSIGN", cosign()).env("COSIGN_PUBLIC_KEY", self.folder.path().join("cosign.pub"));
        command
    }

    /// Signs an image in a registry with the fork's key.
    pub fn sign(&self, name: &str, digest: &str) {
        let key = self.folder.path().join("cosign.key");
        let mut command = self.cosign();
        command.args(["sign", "--yes", "--tlog-upload=false", "--key"]).arg(key);
        text(command.arg(format!("{name}@{digest}")));
    }

    fn cosign(&self) -> Command {
        let mut command = Command::new(cosign());
        command.env("COSIGN_PASSWORD", "").env("HOME", self.folder.path()).current_dir(self.folder.path());
        command
    }

    /// `deployment/revert.sh`; the commit on branch `deployments`.
    pub fn revert(&self, environment: &str, commit: &str) -> String {
        let mut command = Command::new(self.source().join("deployment/revert.sh"));
        text(command.args([environment, commit]).arg(self.remote())).trim().to_owned()
    }

    /// A file of the images that run in an environment, as its last deployment noted them.
    pub fn images_of(&self, environment: &str) -> PathBuf {
        let images = self.on_branch(&["show", &format!("deployments:images/{environment}.json")]);
        let file = self.folder.path().join(format!("{environment}.json"));
        std::fs::write(&file, images).unwrap();
        file
    }

    /// A file of images: component, name and digest of each.
    pub fn images(&self, images: &Value) -> PathBuf {
        let file = self.folder.path().join("images.json");
        std::fs::write(&file, images.to_string()).unwrap();
        file
    }

    /// The last commit of branch `deployments`.
    pub fn head(&self) -> String {
        self.on_branch(&["rev-parse", "deployments"]).trim().to_owned()
    }

    /// Commits to branch `deployments` by hand: a change of the work tree there, or `git revert`.
    pub fn by_hand(&self, change: impl Fn(&Path)) -> String {
        let clone = tempfile::tempdir().unwrap();
        let address = self.address();
        text(
            Command::new("git")
                .args(["clone", "--quiet", "--branch=deployments", &address])
                .arg(clone.path()),
        );
        change(clone.path());
        git(clone.path(), &["push", "--quiet", "origin", "deployments"]);
        self.head()
    }

    fn git(&self, arguments: &[&str]) {
        git(&self.source(), arguments);
    }

    fn on_branch(&self, arguments: &[&str]) -> String {
        git(&self.remote(), arguments)
    }
}

fn cosign() -> PathBuf {
    tool("cosign", "cosign").expect("cosign is built")
}

/// git in a folder.
pub fn git(folder: &Path, arguments: &[&str]) -> String {
    let author = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    text(Command::new("git").arg("-C").arg(folder).args(author).args(arguments))
}

/// The standard output of a command that has to end well.
fn text(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{command:?}: {status}\n{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}
