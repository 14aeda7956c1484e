//! A release: what is in its folder, that it is the same each time, and what its publication needs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ats_delivery_tests::{COMPONENTS, checkout, documents, files, output, text};
use ats_test_cluster::tool;

use crate::registry::Place;

const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));

/// Images of a release, a registry and a pair of keys.
struct Site {
    place: Place,
}

impl Site {
    fn new() -> Self {
        let site = Self { place: Place::new() };
        let mut command = Command::new(tool("cosign", "cosign").expect("cosign is built"));
        command.args(["generate-key-pair", "--output-key-prefix", "ours"]).env("COSIGN_PASSWORD", "secret");
        let _ = output(command.current_dir(site.place.folder.path()));
        // What a machine may have of the programs that versions are pinned of: a release that ran one would fail.
        fs::create_dir(site.path("bin")).unwrap();
        for name in ["cosign", "helm"] {
            site.program(name, "echo \"$0 is not the pinned one\" >&2; exit 1");
        }
        site
    }

    fn program(&self, name: &str, body: &str) {
        let program = self.path("bin").join(name);
        fs::write(&program, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.folder.path().join(name)
    }

    /// A folder for a release with its images in it.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let _ = output(Command::new("cp").arg("--recursive").arg(self.place.images_folder()).arg(&folder));
        folder
    }

    fn release(&self, arguments: &[&str], folder: &Path, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(checkout().join("deployment/release.sh"));
        for name in ["COSIGN", "COSIGN_KEY", "ACTIONS_ID_TOKEN_REQUEST_URL", "REGISTRY", "ENVIRONMENT"] {
            command.env_remove(name);
        }
        for name in ["XDG_CONFIG_HOME", "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
            command.env_remove(name);
        }
        // CACHE/tools/FAMILY/program: the tools are built, and found there whatever HOME is.
        let tools = [tool("cosign", "cosign").unwrap(), tool("helm", "helm").unwrap()];
        let cache = tools[0].ancestors().nth(3).expect("tools lie in the cache");
        command
            .env("ATS_CACHE_DIR", cache)
            .env("PATH", format!("{}:{}", self.key("bin"), std::env::var("PATH").unwrap()))
            .env("HOME", self.place.folder.path())
            .env("COSIGN_PASSWORD", "secret");
        command.env("COMMIT", crate::registry::COMMIT).env("BRANCH", "main");
        command.args(arguments).arg(folder).envs(settings.iter().copied()).output().unwrap()
    }

    fn key(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn made(&self, name: &str, settings: &[(&str, &str)]) -> PathBuf {
        let folder = self.folder(name);
        let made = self.release(&["make", VERSION], &folder, settings);
        assert!(made.status.success(), "{}", told(&made));
        folder
    }

    /// A program in the place of GitHub's, which keeps what it was asked.
    fn gh(&self) -> PathBuf {
        let asked = self.path("asked");
        self.program("gh", &format!("printf '%s\\n' \"$@\" >{}", asked.display()));
        asked
    }
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The files below a folder and what they hold.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let list = output(Command::new("find").arg(folder).args(["-type", "f", "-printf", "%P\n"]));
    list.lines().map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap())).collect()
}

#[test]
fn a_release_is_one_folder_and_the_same_each_time() {
    let site = Site::new();
    let key = site.key("ours.key");
    let signed = [("COSIGN_KEY", key.as_str())];
    let (first, second) = (site.made("first", &signed), site.made("second", &signed));
    let (mut one, mut other) = (content(&first), content(&second));
    let names: Vec<&str> = one.keys().map(String::as_str).collect();
    insta::assert_snapshot!("files_of_a_release", names.join("\n"));
    // Each signature has a random number in it.
    assert_ne!(one.remove("SHA256SUMS.sig"), other.remove("SHA256SUMS.sig"));
    assert!(one == other, "two runs differ");

    let check =
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&first).output();
    assert!(check.unwrap().status.success());
    let listed = String::from_utf8(one["SHA256SUMS"].clone()).unwrap().lines().count();
    assert_eq!(listed, one.len() - 1, "every file but the list and its signature");
    let verify = || {
        let mut command = Command::new(tool("cosign", "cosign").unwrap());
        command.args(["verify-blob", "--insecure-ignore-tlog=true", "--key", &site.key("ours.pub")]);
        command.args(["--signature", "SHA256SUMS.sig", "SHA256SUMS"]).current_dir(&first).output().unwrap()
    };
    assert!(verify().status.success(), "{}", told(&verify()));
    fs::write(first.join("SHA256SUMS"), "").unwrap();
    assert!(!verify().status.success(), "another list");
}

#[test]
fn its_chart_and_definitions_are_those_of_the_checkout() {
    let site = Site::new();
    let folder = site.made("release", &[]);
    let number = VERSION.trim_start_matches('v');
    let template = |chart: &Path| {
        let mut helm = Command::new(tool("helm", "helm").unwrap());
        helm.env("HOME", site.place.folder.path()).args(["template", "ats", "--include-crds"]);
        output(helm.args(["--kube-version", "1.33.0"]).arg(chart))
    };
    let packed = template(&folder.join(format!("ats-{number}.tgz")));
    assert_eq!(packed, template(&checkout().join("deployment/helm/ats")));
    let definitions = fs::read_to_string(folder.join("crds.yaml")).unwrap();
    let of_checkout: Vec<_> =
        files("config/crd/bases", ".yaml").iter().flat_map(|path| documents(path, &text(path))).collect();
    assert_eq!(documents("crds.yaml", &definitions), of_checkout);
    let changes = fs::read_to_string(folder.join("CHANGELOG.md")).unwrap();
    assert!(changes.starts_with(&format!("# {VERSION}\n")), "{changes}");
    assert!(changes.lines().any(|line| line.starts_with("- ")), "{changes}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let site = Site::new();
    let folder = site.folder("release");
    let refused = |version: &str, words: &str| {
        let output = site.release(&["make", version], &folder, &[]);
        assert!(!output.status.success() && told(&output).contains(words), "{}", told(&output));
        assert!(!folder.join("SHA256SUMS").exists(), "nothing is written");
    };
    refused("0.1.0", "'0.1.0' is no version");
    refused("v01.1.0", "is no version");
    refused("v99.0.0", &format!("Cargo.toml says {}, not 99.0.0", env!("CARGO_PKG_VERSION")));
    let list = folder.join("images/images.json");
    let images = fs::read_to_string(&list).unwrap();
    fs::write(&list, images.replace(env!("CARGO_PKG_VERSION"), "0.0.9")).unwrap();
    refused(VERSION, "has other images than");
    fs::remove_file(&list).unwrap();
    refused(VERSION, "images.json is missing: make release");
}

/// The operator's archive has 15 MiB at most, any other 40.
#[test]
fn an_image_that_weighs_too_much_is_not_released() {
    let site = Site::new();
    for (component, most) in [("operator", 15_u64 << 20), ("monitoring", 40_u64 << 20)] {
        let folder = site.folder(component);
        let archive = folder.join(format!("images/{component}.tar"));
        let archive = fs::File::options().write(true).open(archive).unwrap();
        let make = |bytes: u64| {
            archive.set_len(bytes).unwrap();
            site.release(&["make", VERSION], &folder, &[])
        };
        let made = make(most);
        assert!(made.status.success(), "{}", told(&made));
        assert!(told(&made).contains(&format!("{component}: {}.0 MiB", most >> 20)), "{}", told(&made));
        let refused = make(most + 1);
        let words = format!("the image of {component} has {} bytes", most + 1);
        assert!(!refused.status.success() && told(&refused).contains(&words), "{}", told(&refused));
    }
}

/// The recipe of a make target.
fn recipe(target: &str) -> String {
    let makefile = text("Makefile");
    let (_, below) = makefile.split_once(&format!("\n{target}:")).expect("there is such a rule");
    below.lines().skip(1).take_while(|line| line.starts_with('\t')).collect::<Vec<_>>().join("\n")
}

/// There is one way to make images.
#[test]
fn images_of_a_release_are_those_of_make_images() {
    let release = recipe("release");
    let images = "ATS_IMAGE_TAG=$${VERSION#v} $(MAKE) --no-print-directory images IMAGES='$(RELEASE)/images'";
    assert!(release.contains(images), "{release}");
    assert!(recipe("release-dry-run").contains("$(MAKE) --no-print-directory release "));
    assert!(recipe("images").contains("deployment/docker/images.sh"));
    assert_eq!(text("Makefile").matches("images.sh").count(), 1, "another way");
}

#[test]
fn publication_takes_what_is_signed_and_whole() {
    let site = Site::new();
    let asked = site.gh();
    let address = site.place.address();
    let (key, registry) = (site.key("ours.key"), [("REGISTRY", address.as_str())]);
    let refused = |folder: &Path, words: &str| {
        let output = site.release(&["publish", VERSION], folder, &registry);
        assert!(!output.status.success() && told(&output).contains(words), "{}", told(&output));
        assert!(!asked.exists() && !folder.join("images/pushed.json").exists(), "nothing is published");
    };
    refused(&site.made("unsigned", &[]), "the checksums are not signed");
    let signed = [("COSIGN_KEY", key.as_str())];
    let changed = site.made("changed", &signed);
    fs::write(changed.join("crds.yaml"), "").unwrap();
    refused(&changed, "is not what its checksums say");

    let folder = site.made("release", &signed);
    let published = site.release(&["publish", VERSION], &folder, &[registry[0], signed[0]]);
    assert!(published.status.success(), "{}", told(&published));
    let number = VERSION.trim_start_matches('v');
    for component in COMPONENTS {
        let reference = format!("{address}/ats/{component}:{number}");
        let mut cosign = Command::new(tool("cosign", "cosign").unwrap());
        cosign.args(["verify", "--insecure-ignore-tlog=true", "--key", &site.key("ours.pub"), &reference]);
        let _ = output(cosign.env("HOME", site.place.folder.path()));
    }
    let mut helm = Command::new(tool("helm", "helm").unwrap());
    helm.env("HOME", site.place.folder.path()).args(["pull", "--plain-http", "--version", number]);
    helm.arg(format!("oci://{address}/ats/charts/ats")).current_dir(site.place.folder.path());
    let _ = output(&mut helm);
    let chart = format!("ats-{number}.tgz");
    assert_eq!(fs::read(site.path(&chart)).unwrap(), fs::read(folder.join(&chart)).unwrap());
    let asked = fs::read_to_string(asked).unwrap();
    assert!(asked.starts_with(&format!("release\ncreate\n{VERSION}\n--target\n")), "{asked}");
    for name in [chart.as_str(), "crds.yaml", "SHA256SUMS", "SHA256SUMS.sig", "operator.cdx.json"] {
        assert!(asked.lines().any(|line| line.ends_with(&format!("/{name}"))), "{name}: {asked}");
    }
}
