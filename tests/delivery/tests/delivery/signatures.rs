//! Images are signed and attested, and a deployment asks by whom: with cosign, Debian's registry and keys of the tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ats_delivery_tests::{COMPONENTS, checkout, output};
use regex::Regex;
use serde_json::{Value, json};

use crate::registry::Place;

fn cosign() -> PathBuf {
    ats_test_cluster::tool("cosign", "cosign").expect("cosign is built")
}

/// Published images, a bare repository and two pairs of keys: `ours` and `other`.
struct Site {
    place: Place,
}

impl Site {
    fn new() -> Self {
        let site = Self { place: Place::new() };
        let pushed = site.place.push(&[]);
        assert!(pushed.status.success(), "{pushed:?}");
        let _ = output(Command::new("git").args(["init", "--quiet", "--bare"]).arg(site.path("remote.git")));
        for name in ["ours", "other"] {
            let mut command = site.cosign();
            command
                .args(["generate-key-pair", "--output-key-prefix", name])
                .current_dir(site.place.folder.path());
            let made = command.output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.folder.path().join(name)
    }

    fn key(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn cosign(&self) -> Command {
        let mut command = Command::new(cosign());
        command.env("HOME", self.place.folder.path()).env("COSIGN_PASSWORD", "secret");
        command
    }

    /// A script of the checkout, without what the machine may be set to.
    fn script(&self, path: &str) -> Command {
        let mut command = Command::new(checkout().join(path));
        command
            .env("HOME", self.place.folder.path())
            .env("COSIGN_PASSWORD", "secret")
            .env("COSIGN", cosign());
        let settings = ["COSIGN_KEY", "COSIGN_PUBLIC_KEY", "SIGNER", "UNSIGNED", "TO", "GITHUB_OUTPUT"];
        for name in settings.into_iter().chain(["ACTIONS_ID_TOKEN_REQUEST_URL"]) {
            command.env_remove(name);
        }
        command
    }

    fn sign(&self, key: Option<&str>) -> Output {
        let mut command = self.script("deployment/docker/sign.sh");
        if let Some(key) = key {
            command.env("COSIGN_KEY", self.key(key));
        }
        command.arg(self.place.images_folder()).output().unwrap()
    }

    fn deploy(&self, environment: &str, images: &Path, settings: &[(&str, &str)]) -> Output {
        let kustomize = ats_test_cluster::tool("kustomize", "kustomize").expect("kustomize is built");
        let mut command = self.script("deployment/deploy.sh");
        command.arg(environment).arg(images).arg(self.path("remote.git")).env("KUSTOMIZE", kustomize);
        command.envs(settings.iter().copied()).output().unwrap()
    }

    /// What the repository holds.
    fn branches(&self) -> String {
        output(Command::new("git").arg("-C").arg(self.path("remote.git")).args([
            "branch",
            "--list",
            "--verbose",
        ]))
    }

    #[track_caller]
    fn refused(&self, environment: &str, images: &Path, settings: &[(&str, &str)], words: &[&str]) {
        let before = self.branches();
        let output = self.deploy(environment, images, settings);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{told}");
        for words in words.iter().chain(&["nothing is deployed"]) {
            assert!(told.contains(words), "{words:?} is not in {told}");
        }
        assert_eq!(self.branches(), before, "nothing is written");
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_deployment_takes_images_that_we_have_signed_and_no_others() {
    let site = Site::new();
    let pushed = site.place.pushed();
    let (ours, other) = (site.key("ours.pub"), site.key("other.pub"));
    let by_us = [("COSIGN_PUBLIC_KEY", ours.as_str())];
    let images: Vec<Value> = serde_json::from_slice(&fs::read(&pushed).unwrap()).unwrap();
    let reference =
        |image: &Value| format!("{}@{}", image["name"].as_str().unwrap(), image["digest"].as_str().unwrap());

    let first = reference(&images[0]);
    let words = format!("{first} is not signed by whom we trust");
    site.refused("development", &pushed, &by_us, &[&words, "no signatures found"]);

    let signed = site.sign(Some("ours.key"));
    assert!(signed.status.success(), "{}", told(&signed));
    let deployed = site.deploy("production", &pushed, &by_us);
    assert!(deployed.status.success(), "{}", told(&deployed));
    assert!(site.branches().contains("production: "), "{}", site.branches());

    // Another's key; and by ours, with one image among the six that was exchanged, and one that is nowhere.
    let by_other = [("COSIGN_PUBLIC_KEY", other.as_str())];
    site.refused("development", &pushed, &by_other, &[&words]);
    let others = site.place.images("two");
    assert!(site.place.push(&[("COMMIT", &"f".repeat(40))]).status.success());
    let changed = |position: usize, digest: &Value| {
        let mut images = images.clone();
        images[position]["digest"] = digest.clone();
        fs::write(site.path("changed.json"), json!(images).to_string()).unwrap();
        (site.path("changed.json"), reference(&images[position]))
    };
    for digest in [others[3]["digest"].clone(), json!(format!("sha256:{}", "0".repeat(64)))] {
        let (changed, exchanged) = changed(3, &digest);
        site.refused("development", &changed, &by_us, &[&exchanged, "is not signed by whom we trust"]);
    }
}

#[test]
fn what_is_in_an_image_is_attested() {
    let site = Site::new();
    let signed = site.sign(Some("ours.key"));
    assert!(signed.status.success(), "{}", told(&signed));
    let images: Vec<Value> = serde_json::from_slice(&fs::read(site.place.pushed()).unwrap()).unwrap();
    for (component, image) in COMPONENTS.iter().zip(&images) {
        let reference = format!("{}@{}", image["name"].as_str().unwrap(), image["digest"].as_str().unwrap());
        let verify = |key: &str| {
            let mut command = site.cosign();
            command.args([
                "verify-attestation",
                "--type",
                "cyclonedx",
                "--insecure-ignore-tlog=true",
                "--key",
            ]);
            command.arg(site.path(key)).arg(&reference).output().unwrap()
        };
        assert!(!verify("other.pub").status.success());
        let attested = verify("ours.pub");
        assert!(attested.status.success(), "{}", told(&attested));
        fs::write(site.path("attested.json"), &attested.stdout).unwrap();
        let statement =
            output(Command::new("jq").arg(".payload | @base64d | fromjson").arg(site.path("attested.json")));
        let statement: Value = serde_json::from_str(&statement).unwrap();
        assert_eq!(statement["predicateType"], "https://cyclonedx.org/bom");
        let digest = image["digest"].as_str().unwrap().trim_start_matches("sha256:");
        assert_eq!(statement["subject"][0]["digest"]["sha256"], digest);
        let document = site.place.images_folder().join(format!("{component}.cdx.json"));
        let document: Value = serde_json::from_slice(&fs::read(document).unwrap()).unwrap();
        assert_eq!(statement["predicate"], document, "{component}");
    }
}

#[test]
fn who_is_trusted_has_to_be_said() {
    let site = Site::new();
    let pushed = site.place.pushed();
    site.refused("development", &pushed, &[], &["it is not said who may have signed the images"]);
    site.refused("production", &pushed, &[("UNSIGNED", "allowed")], &["is not for production"]);
    site.refused(
        "staging",
        &pushed,
        &[("UNSIGNED", "yes")],
        &["UNSIGNED is 'allowed' or not set, not 'yes'"],
    );
    site.refused(
        "staging",
        &pushed,
        &[("COSIGN_PUBLIC_KEY", "/nowhere.pub")],
        &["there is no file /nowhere.pub"],
    );
    site.refused(
        "staging",
        &pushed,
        &[("SIGNER", "https://example.com/.*")],
        &["is no address of a workflow"],
    );
    let ours = site.key("ours.pub");
    let both = [("COSIGN_PUBLIC_KEY", ours.as_str()), ("SIGNER", "https://example.com/x.yml")];
    site.refused("staging", &pushed, &both, &["are both set"]);

    // The way out, where it is one, is told.
    let deployed = site.deploy("development", &pushed, &[("UNSIGNED", "allowed")]);
    assert!(deployed.status.success(), "{}", told(&deployed));
    assert!(told(&deployed).contains("nobody has verified who made the images of development"));
}

/// Without a key cosign is asked for the word of GitHub: for this workflow, on the branches that deploy. A program in the
/// place of cosign keeps what it is asked.
#[test]
fn a_workflow_is_trusted_on_the_branches_that_deploy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("cosign"), format!("#!/bin/sh\nprintf '%s\\n' \"$@\" >{}\n", path("asked").display()))
        .unwrap();
    let _ = output(Command::new("chmod").arg("+x").arg(path("cosign")));
    let digest = format!("sha256:{}", "1".repeat(64));
    let images =
        json!([{"component": "operator", "name": "ghcr.io/example/ats/operator:1", "digest": digest}]);
    fs::write(path("images.json"), images.to_string()).unwrap();
    let mut command = Command::new(checkout().join("deployment/verify-images.sh"));
    command.env_remove("COSIGN_PUBLIC_KEY").env_remove("UNSIGNED").env("COSIGN", path("cosign"));
    command.env("SIGNER", "https://github.com/example/ats/.github/workflows/deploy.yml");
    let _ = output(command.arg("production").arg(path("images.json")));
    let asked = fs::read_to_string(path("asked")).unwrap();
    let asked: Vec<&str> = asked.lines().collect();
    let issuer = "https://token.actions.githubusercontent.com";
    let reference = format!("ghcr.io/example/ats/operator@{digest}");
    assert_eq!(asked[..2], ["verify", "--certificate-identity-regexp"]);
    assert_eq!(asked[3..], ["--certificate-oidc-issuer", issuer, &reference]);
    let identity = Regex::new(asked[2]).unwrap();
    let of = |branch: &str| {
        format!("https://github.com/example/ats/.github/workflows/deploy.yml@refs/heads/{branch}")
    };
    for branch in ["develop", "main", "release/v1.2.3"] {
        assert!(identity.is_match(&of(branch)), "{branch}");
    }
    for branch in ["feature/ATS-1-x", "main-2", "release/v1.2.3-x", "develop/main"] {
        assert!(!identity.is_match(&of(branch)), "{branch}");
    }
    assert!(!identity.is_match(&of("main").replace("deploy.yml", "other.yml")));
    assert!(!identity.is_match(&of("main").replace("github.com/example", "github.com/x/github.com/example")));
}

#[test]
fn what_cannot_be_signed_is_told() {
    let site = Site::new();
    let refused = |key: Option<&str>, words: &str| {
        let output = site.sign(key);
        assert!(!output.status.success() && told(&output).contains(words), "{}", told(&output));
    };
    refused(None, "there is nothing to sign with: set COSIGN_KEY");
    let document = site.place.images_folder().join("operator.cdx.json");
    let text = fs::read_to_string(&document).unwrap();
    fs::write(&document, text.replace("sha256:", "sha256:0")).unwrap();
    refused(Some("ours.key"), "operator.cdx.json is not of ");
    fs::remove_file(&document).unwrap();
    refused(Some("ours.key"), "operator.cdx.json is missing");
    fs::write(&document, text).unwrap();
    refused(Some("absent.key"), "was not signed");
    fs::remove_file(site.place.pushed()).unwrap();
    refused(Some("ours.key"), "pushed.json is missing: make push");
}
