//! Deployment by git, against a bare repository. Who has signed the images is the matter of `signatures`: here everything is
//! taken as signed.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ats_delivery_tests::names::{Owned, owners};
use ats_delivery_tests::{COMPONENTS, checkout, documents, output, text};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A bare repository and a folder for files.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let _ = output(
            Command::new("git").args(["init", "--quiet", "--bare"]).arg(folder.path().join("remote.git")),
        );
        Self { folder }
    }

    fn remote(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    /// A file of images whose digests are made of this digit.
    fn images(&self, digit: char) -> PathBuf {
        write_images(self.folder.path(), digit)
    }

    fn deploy(&self, environment: &str, images: &Path) -> Output {
        let mut command = Command::new(checkout().join("deployment/deploy.sh"));
        let kustomize = ats_test_cluster::tool("kustomize", "kustomize").expect("kustomize is built");
        command.arg(environment).arg(images).arg(self.remote()).env("KUSTOMIZE", kustomize);
        self.trusting(&mut command).output().unwrap()
    }

    /// A verifier that says yes, and a key for it.
    fn trusting<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let key = self.folder.path().join("cosign.pub");
        std::fs::write(&key, "").unwrap();
        for name in ["SIGNER", "UNSIGNED"] {
            command.env_remove(name);
        }
        command.env("COSIGN", "true").env("COSIGN_PUBLIC_KEY", key)
    }

    fn deployed(&self, environment: &str, images: &Path) -> String {
        let output = self.deploy(environment, images);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{environment}: {errors}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn git(&self, arguments: &[&str]) -> String {
        output(Command::new("git").arg("-C").arg(self.remote()).args(arguments))
    }

    fn show(&self, path: &str) -> String {
        self.git(&["show", &format!("deployments:{path}")])
    }

    fn commits(&self) -> usize {
        self.git(&["rev-list", "--count", "deployments"]).trim().parse().unwrap()
    }
}

/// Writes a file of images whose digests are made of this digit to a folder.
pub fn write_images(folder: &Path, digit: char) -> PathBuf {
    let file = folder.join(format!("{digit}.json"));
    let image = |component: &&str| {
        let digest = format!("sha256:{}", digit.to_string().repeat(64));
        json!({"component": component, "name": format!("registry.example:5000/ats/{component}:1.2.3"), "digest": digest})
    };
    let images: Vec<_> = COMPONENTS.iter().map(image).collect();
    std::fs::write(&file, json!(images).to_string()).unwrap();
    file
}

/// The images that manifests name, the operator's and those of its settings.
pub fn images_of(manifests: &str) -> Vec<String> {
    let mut images = Vec::new();
    for object in documents("manifests", manifests) {
        let containers = object["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten();
        images.extend(containers.map(|container| container["image"].as_str().unwrap().to_owned()));
        let settings = object["data"].as_object().into_iter().flatten();
        let own = settings.filter(|(name, _)| name.starts_with("ATS_IMAGE_"));
        images.extend(own.map(|(_, value)| value.as_str().unwrap().to_owned()));
    }
    images.sort();
    images
}

#[test]
fn an_environment_is_committed_by_digest_and_once() {
    let place = Place::new();
    let first = place.deployed("development", &place.images('1'));
    assert_eq!(place.git(&["rev-parse", "deployments"]).trim(), first);
    let manifests = place.show("development/manifests.yaml");
    let mut wanted: Vec<_> = COMPONENTS
        .iter()
        .map(|component| format!("registry.example:5000/ats/{component}@sha256:{}", "1".repeat(64)))
        .collect();
    wanted.sort();
    assert_eq!(images_of(&manifests), wanted);
    assert!(manifests.contains("namespace: ats-development"));
    // Argo CD reads every YAML and JSON file of the folder that it follows.
    assert_eq!(place.git(&["ls-tree", "--name-only", "-r", "deployments:development"]), "manifests.yaml\n");

    assert_eq!(place.deployed("development", &place.images('1')), "", "nothing new, no commit");
    assert_eq!(place.commits(), 1);

    place.deployed("staging", &place.images('2'));
    assert_eq!(place.commits(), 2);
    assert_eq!(place.show("development/manifests.yaml"), manifests, "the other environment is as it was");
}

/// GitHub asks the owners whom the branch names that a pull request is merged into, so a deployment writes them there: of
/// an environment those of its folder on main.
#[test]
fn the_branch_says_who_approves_a_deployment() {
    let place = Place::new();
    place.deployed("development", &place.images('1'));
    let (main, branch) = (owners(&text(".github/CODEOWNERS")), owners(&place.show("CODEOWNERS")));
    let of = |owned: &[Owned], pattern: &str| {
        let found = owned.iter().rfind(|one| one.pattern == pattern);
        found.unwrap_or_else(|| panic!("{owned:?} have no line of {pattern}")).owners.clone()
    };
    for environment in ["staging", "production"] {
        let wanted = of(&main, &format!("/deployment/environments/{environment}/"));
        for pattern in [format!("/{environment}/"), format!("/images/{environment}.*")] {
            assert_eq!(of(&branch, &pattern), wanted, "{pattern}");
        }
    }
    assert_eq!(of(&branch, "/CODEOWNERS"), of(&main, "/.github/"), "who may change who approves");
    assert!(branch.iter().all(|one| !one.owners.is_empty()), "{branch:?}");
    // Every file of the branch is below one of the patterns that are named, not of `*` alone.
    let named: Vec<&str> = branch.iter().map(|one| one.pattern.trim_end_matches('*')).collect();
    for file in place.git(&["ls-tree", "--name-only", "-r", "deployments"]).lines() {
        let below = |pattern: &&str| !pattern.is_empty() && format!("/{file}").starts_with(*pattern);
        assert!(named.iter().any(below), "{file} belongs to nobody in particular");
    }
}

/// Patterns as GitHub documents them, each with who owns production's manifests by them.
#[test]
fn owners_are_found_as_github_finds_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("CODEOWNERS");
    for (lines, wanted) in [
        ("* @all", "@all"),
        ("* @all @more # everybody", "@all @more"),
        ("* @all\n*.yaml @yaml", "@yaml"),
        ("* @all\n*.rs @rust", "@all"),
        ("* @all\n/deployment/ @below", "@below"),
        ("* @all\n/deployment @below", "@below"),
        ("/deployment/ @below\n* @all", "@all"),
        // Files right below a folder, no deeper.
        ("* @all\ndeployment/* @right-below", "@all"),
        ("* @all\n/deployment/environments/production/* @right-below", "@right-below"),
        // A folder of that name, wherever it is; with a slash within, from the root.
        ("* @all\nproduction/ @anywhere", "@anywhere"),
        ("* @all\n**/production @anywhere", "@anywhere"),
        ("* @all\nenvironments/production/ @root", "@all"),
        ("* @all\n/deployment/**/kustomization.yaml @deep", "@deep"),
        ("* @all\n/deployment/environments/prod @other", "@all"),
        // Without owners it belongs to nobody.
        ("* @all\n/deployment/environments/production/", ""),
    ] {
        std::fs::write(&file, format!("{lines}\n")).unwrap();
        let printed = output(Command::new(checkout().join("deployment/owners.sh")).arg(&file));
        let found = owners(&printed).into_iter().find(|one| one.pattern == "/production/").unwrap();
        assert_eq!(found.owners.join(" "), wanted, "{lines}");
    }
}

/// What main has and staging has not rehearsed: production does not get staging's images for it.
#[test]
fn production_is_refused_what_was_made_of_another_source() {
    let place = Place::new();
    place.deployed("staging", &place.images('1'));
    let noted = place.show("images/staging.source");
    assert!(noted.trim().len() == 64 && noted.trim().bytes().all(|one| one.is_ascii_hexdigit()), "{noted}");
    let passed = place.folder.path().join("passed.json");
    std::fs::write(&passed, place.show("images/staging.json")).unwrap();
    let beside = passed.with_extension("source");
    let head = place.git(&["rev-parse", "deployments"]);
    let zeros = format!("{}\n", "0".repeat(64));
    for (source, words) in [
        (zeros.as_str(), "is made of another source than this commit"),
        ("main\n", "is no digest of a source"),
    ] {
        std::fs::write(&beside, source).unwrap();
        let output = place.deploy("production", &passed);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{told}");
        assert_eq!(place.git(&["rev-parse", "deployments"]), head, "nothing is written");
    }
    std::fs::write(&beside, &noted).unwrap();
    place.deployed("production", &passed);
    assert_eq!(place.show("images/production.source"), noted);

    // Elsewhere it is noted: images of an earlier commit may go to staging again.
    std::fs::write(&beside, &zeros).unwrap();
    place.deployed("staging", &passed);
    assert_eq!(place.show("images/staging.source"), zeros);
}

#[test]
fn promotion_takes_the_digests_and_a_revert_brings_back() {
    let place = Place::new();
    place.deployed("staging", &place.images('1'));
    let passed = place.folder.path().join("passed.json");
    std::fs::write(&passed, place.show("images/staging.json")).unwrap();
    place.deployed("production", &passed);
    let production = place.show("production/manifests.yaml");
    assert_eq!(images_of(&production), images_of(&place.show("staging/manifests.yaml")));

    place.deployed("production", &place.images('2'));
    assert_ne!(place.show("production/manifests.yaml"), production);
    let clone = place.folder.path().join("clone");
    let branch = ["clone", "--quiet", "--branch", "deployments"];
    let _ = output(Command::new("git").args(branch).arg(place.remote()).arg(&clone));
    let author = ["-c", "user.name=test", "-c", "user.email=test@example.com"];
    let git =
        |arguments: &[&str]| output(Command::new("git").arg("-C").arg(&clone).args(author).args(arguments));
    let _ = git(&["revert", "--no-edit", "HEAD"]);
    let _ = git(&["push", "--quiet", "origin", "deployments"]);
    assert_eq!(place.show("production/manifests.yaml"), production);
    let images: Value = serde_json::from_str(&place.show("images/production.json")).unwrap();
    assert!(
        images.as_array().unwrap().iter().all(|image| image["digest"].as_str().unwrap().contains("1111"))
    );
}

#[test]
fn what_is_not_whole_is_refused_and_nothing_is_written() {
    let place = Place::new();
    place.deployed("development", &place.images('1'));
    let head = place.git(&["rev-parse", "deployments"]);
    let changed = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut images: Value = serde_json::from_slice(&std::fs::read(place.images('2')).unwrap()).unwrap();
        change(&mut images);
        let file = place.folder.path().join(name);
        std::fs::write(&file, images.to_string()).unwrap();
        file
    };
    let files = [
        changed("five.json", &|images| {
            images.as_array_mut().unwrap().pop();
        }),
        changed("no-digest.json", &|images| images[0]["digest"] = json!("latest")),
        changed("short-digest.json", &|images| images[0]["digest"] = json!("sha256:12")),
        changed("injected.json", &|images| images[0]["name"] = json!("x}\n  - {name: y")),
        changed("no-list.json", &|images| *images = json!({"component": "operator"})),
    ];
    let empty = place.folder.path().join("empty.json");
    std::fs::write(&empty, "").unwrap();
    for file in files.into_iter().chain([empty]) {
        let output = place.deploy("development", &file);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{}", file.display());
        assert!(errors.contains("does not name all six images by digest"), "{errors}");
    }
    let output = place.deploy("testing", &place.images('2'));
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no environment 'testing'"));
    assert_eq!(place.git(&["rev-parse", "deployments"]), head);
}

#[test]
fn a_push_that_is_refused_is_tried_again_and_told_at_last() {
    let place = Place::new();
    let hook = place.remote().join("hooks/pre-receive");
    let refuse = |times: u32| {
        let count = place.folder.path().join("count");
        std::fs::write(&count, "").unwrap();
        let count = count.display();
        let text = format!(
            "#!/bin/sh\necho x >> {count}\ntest $(wc -l < {count}) -gt {times} || {{ echo busy; exit 1; }}\n"
        );
        std::fs::write(&hook, text).unwrap();
        std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    refuse(1);
    place.deployed("development", &place.images('1'));
    assert_eq!(place.commits(), 1);
    refuse(9);
    let output = place.deploy("development", &place.images('2'));
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("busy"));
    assert_eq!(place.commits(), 1);
}

impl Place {
    fn revert(&self, environment: &str, commit: &str) -> Output {
        let mut command = Command::new(checkout().join("deployment/revert.sh"));
        command.env_remove("TO").args([environment, commit]).arg(self.remote()).output().unwrap()
    }
}

#[test]
fn a_deployment_is_taken_back_but_not_one_that_another_followed() {
    let place = Place::new();
    let first = place.deployed("development", &place.images('1'));
    let before = place.show("development/manifests.yaml");
    let bad = place.deployed("development", &place.images('2'));
    // Another environment goes on meanwhile.
    place.deployed("staging", &place.images('1'));
    let output = place.revert("development", &bad);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        place.git(&["rev-parse", "deployments"]).trim()
    );
    assert_eq!(place.show("development/manifests.yaml"), before);
    assert!(place.show("images/development.json").contains(&"1".repeat(64)));
    assert!(place.show("staging/manifests.yaml").contains(&"1".repeat(64)));

    let head = place.git(&["rev-parse", "deployments"]);
    let refused = |environment: &str, commit: &str, words: &str| {
        let output = place.revert(environment, commit);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{told}");
    };
    refused("development", &bad, "has been deployed again since");
    refused("staging", &first, "has been deployed again since");
    refused("development", &"0".repeat(40), "is not on branch deployments");
    refused("development", "HEAD", "is no commit");
    refused("testing", &bad, "there is no environment 'testing'");
    assert_eq!(place.git(&["rev-parse", "deployments"]), head, "nothing is written");

    let alone = Place::new();
    let first = alone.deployed("development", &alone.images('1'));
    let output = alone.revert("development", &first);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is the first deployment"), "{output:?}");
}

#[test]
fn what_has_to_be_approved_goes_to_a_branch_of_its_own() {
    let place = Place::new();
    place.deployed("production", &place.images('1'));
    let head = place.git(&["rev-parse", "deployments"]);
    let notes = place.folder.path().join("output");
    // The second replaces the first: one question at a time.
    for digit in ['2', '3'] {
        let mut command = Command::new(checkout().join("deployment/deploy.sh"));
        let kustomize = ats_test_cluster::tool("kustomize", "kustomize").expect("kustomize is built");
        command.arg("production").arg(place.images(digit)).arg(place.remote());
        command.env("KUSTOMIZE", kustomize).env("TO", "deploy/production").env("GITHUB_OUTPUT", &notes);
        let output = place.trusting(&mut command).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    assert_eq!(place.git(&["rev-parse", "deployments"]), head);
    assert_eq!(place.git(&["rev-parse", "deploy/production^"]), head, "it begins where the branch is");
    let asked = place.git(&["show", "deploy/production:images/production.json"]);
    assert!(asked.contains(&"3".repeat(64)) && !asked.contains(&"2".repeat(64)));
    let commit = place.git(&["rev-parse", "deploy/production"]);
    let notes = std::fs::read_to_string(notes).unwrap();
    assert_eq!(notes.lines().last().unwrap(), format!("commit={}", commit.trim()));
}
