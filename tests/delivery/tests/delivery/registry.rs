//! Publication, to Debian's registry on this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ats_delivery_tests::{COMPONENTS, checkout};
use ats_test_cluster::{Image, binary};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// A registry and a folder of images.
pub struct Place {
    pub folder: TempDir,
    port: u16,
    registry: Child,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = json!({
            "version": "0.1",
            "log": {"level": "error"},
            "storage": {"filesystem": {"rootdirectory": folder.path().join("registry")}},
            "http": {"addr": format!("127.0.0.1:{port}")},
        });
        fs::write(folder.path().join("registry.yml"), settings.to_string()).unwrap();
        // Without TLS, which skopeo asks for otherwise.
        let insecure = format!("[[registry]]\nlocation = \"127.0.0.1:{port}\"\ninsecure = true\n");
        let containers = folder.path().join(".config/containers");
        fs::create_dir_all(&containers).unwrap();
        fs::write(containers.join("registries.conf"), insecure).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(folder.path().join("registry.yml"));
        let registry = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let registry = registry.expect("docker-registry is installed: make cluster-tools");
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        let place = Self { folder, port, registry };
        place.images("one");
        place
    }

    pub fn images_folder(&self) -> PathBuf {
        self.folder.path().join("images")
    }

    /// Six small images, which another word makes others.
    pub fn images(&self, word: &str) -> Vec<Value> {
        let folder = self.images_folder();
        fs::create_dir_all(&folder).unwrap();
        let program = binary("ats-test-cluster", "pause").unwrap();
        let image = |component: &&str| {
            let name = format!("ghcr.io/example/ats/{component}:{}", env!("CARGO_PKG_VERSION"));
            let image = Image::new(&name).executable(&program, &format!("/{word}-{component}"));
            let digest = image.write(&folder.join(format!("{component}.tar"))).unwrap();
            // What `make images` says of each; here it is of its image and no more.
            let document = json!({"bomFormat": "CycloneDX", "metadata": {"component": {"version": digest}}});
            fs::write(folder.join(format!("{component}.cdx.json")), document.to_string()).unwrap();
            json!({"component": component, "name": name, "digest": digest})
        };
        let images: Vec<Value> = COMPONENTS.iter().map(image).collect();
        fs::write(folder.join("images.json"), json!(images).to_string()).unwrap();
        images
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn push(&self, settings: &[(&str, &str)]) -> Output {
        let mut command = Command::new(checkout().join("deployment/docker/push.sh"));
        command.arg(self.images_folder()).arg(self.address());
        command.env("HOME", self.folder.path()).env_remove("XDG_CONFIG_HOME");
        command.env("COMMIT", COMMIT).env("BRANCH", "feature/ATS-1-more_of+it").env_remove("ENVIRONMENT");
        command.envs(settings.iter().copied()).output().unwrap()
    }

    fn skopeo(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("skopeo");
        command.env("HOME", self.folder.path()).env_remove("XDG_CONFIG_HOME");
        ats_delivery_tests::output(command.args(arguments))
    }

    fn tags(&self, component: &str) -> Vec<String> {
        let repository = format!("docker://{}/ats/{component}", self.address());
        let answer: Value = serde_json::from_str(&self.skopeo(&["list-tags", &repository])).unwrap();
        let mut tags: Vec<String> =
            answer["Tags"].as_array().unwrap().iter().map(|tag| tag.as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    }

    fn digest(&self, component: &str, tag: &str) -> String {
        let reference = format!("docker://{}/ats/{component}:{tag}", self.address());
        self.skopeo(&["inspect", "--no-tags", "--format", "{{.Digest}}", &reference]).trim().to_owned()
    }

    pub fn pushed(&self) -> PathBuf {
        self.images_folder().join("pushed.json")
    }
}

#[test]
fn images_have_their_tags_and_the_digests_of_their_archives() {
    let place = Place::new();
    let output = place.push(&[("ENVIRONMENT", "development")]);
    assert!(output.status.success(), "{output:?}");
    let images: Vec<Value> =
        serde_json::from_slice(&fs::read(place.images_folder().join("images.json")).unwrap()).unwrap();
    let pushed: Vec<Value> = serde_json::from_slice(&fs::read(place.pushed()).unwrap()).unwrap();
    assert_eq!(pushed.len(), COMPONENTS.len());
    for (made, pushed) in images.iter().zip(&pushed) {
        let component = made["component"].as_str().unwrap();
        let tags = [COMMIT, "development", "feature-ATS-1-more_of-it", "feature-ATS-1-more_of-it-latest"];
        assert_eq!(place.tags(component), tags);
        for tag in tags {
            assert_eq!(place.digest(component, tag), made["digest"], "{component}:{tag}");
        }
        let name = format!("{}/ats/{component}", place.address());
        assert_eq!(*pushed, json!({"component": component, "name": name, "digest": made["digest"]}));
    }

    // Again, from a later commit of the branch with the same images: a new tag, nothing else.
    let (before, later) = (fs::read(place.pushed()).unwrap(), "f".repeat(40));
    assert!(place.push(&[("COMMIT", &later)]).status.success());
    assert_eq!(fs::read(place.pushed()).unwrap(), before);
    assert_eq!(place.tags("operator").len(), 5);

    // Other images move the branch's tags, not those of the commit before.
    let others = place.images("two");
    let third = "e".repeat(40);
    assert!(place.push(&[("COMMIT", &third)]).status.success());
    assert_eq!(place.digest("operator", "feature-ATS-1-more_of-it-latest"), others[0]["digest"]);
    assert_eq!(place.digest("operator", COMMIT), images[0]["digest"]);
}

#[test]
fn what_cannot_be_published_is_told_and_nothing_is_written() {
    let mut place = Place::new();
    let refused = |place: &Place, settings: &[(&str, &str)], words: &str| {
        let output = place.push(settings);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(words), "{told}");
        assert!(!place.pushed().exists(), "nothing is written");
    };
    refused(&place, &[("COMMIT", "HEAD")], "'HEAD' is no commit");
    refused(&place, &[("BRANCH", "/x")], "cannot be a tag");
    let archive = place.images_folder().join("monitoring.tar");
    fs::rename(&archive, archive.with_extension("away")).unwrap();
    refused(&place, &[], "monitoring.tar is missing");
    fs::rename(archive.with_extension("away"), &archive).unwrap();
    assert!(place.push(&[]).status.success());
    fs::remove_file(place.pushed()).unwrap();

    // A second build of the commit that differs.
    place.images("two");
    refused(&place, &[], "two builds of one commit differ");
    place.images("one");
    place.registry.kill().unwrap();
    place.registry.wait().unwrap();
    refused(&place, &[], "connection refused");
    let rest: Vec<_> =
        fs::read_dir(place.images_folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(rest.iter().all(|name| !name.to_string_lossy().starts_with(".pushed")), "{rest:?}");
}
