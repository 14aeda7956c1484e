//! The Dockerfiles agree with what the operator and the manifests expect of an image, and an image is what its
//! Dockerfile says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use ats_delivery_tests::{COMPONENTS, checkout, document, documents, files, output, text};
use ats_pipeline::contract::METRICS_PORT;
use ats_test_cluster::Image;
use regex::Regex;
use serde_json::Value;

/// User and group of the process, in images and in pods.
const USER: &str = "65532";

/// One instruction of a Dockerfile: its name and the rest, continued lines joined.
fn instructions(component: &str) -> Vec<(String, String)> {
    let text = text(&format!("deployment/docker/{component}.Dockerfile"));
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let split = |line: &str| {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line, ""));
        (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    joined.lines().filter(|line| !line.trim().is_empty()).map(split).collect()
}

/// The instructions of the stage that becomes the image.
fn runtime(component: &str) -> Vec<(String, String)> {
    let instructions = instructions(component);
    let from = instructions.iter().rposition(|(name, _)| name == "FROM").expect("a stage");
    instructions[from..].to_vec()
}

fn the<'a>(instructions: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    instructions.iter().filter(|(known, _)| known == name).map(|(_, rest)| rest.as_str()).collect()
}

#[test]
fn each_component_has_a_dockerfile_and_nothing_else_has() {
    let mut wanted: Vec<_> =
        COMPONENTS.iter().map(|component| format!("deployment/docker/{component}.Dockerfile")).collect();
    wanted.sort();
    assert_eq!(files("deployment/docker", "Dockerfile"), wanted);
    // The operator's names of the components are these.
    let components = text("workloads/pipeline/src/contract/component.rs");
    let name = Regex::new(r#"Self::[A-Za-z]+ => "([a-z-]+)","#).unwrap();
    let names: Vec<_> = name.captures_iter(&components).map(|found| found[1].to_owned()).collect();
    assert_eq!(names, COMPONENTS[1..]);
}

#[test]
fn the_runtime_is_empty_but_for_the_binary_and_the_authorities() {
    for component in COMPONENTS {
        let runtime = runtime(component);
        assert_eq!(the(&runtime, "FROM"), ["scratch"], "{component}");
        assert_eq!(
            the(&runtime, "COPY"),
            [
                "--from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt".to_owned(),
                format!("--from=build /out/{component} /{component}"),
            ],
            "{component}"
        );
        assert_eq!(the(&runtime, "ENTRYPOINT"), [format!("[\"/{component}\"]")], "{component}");
        assert_eq!(the(&runtime, "USER"), [format!("{USER}:{USER}")], "{component}");
        for refused in ["RUN", "ADD", "ENV", "CMD", "SHELL"] {
            assert!(the(&runtime, refused).is_empty(), "{component}: {refused} in an empty image");
        }
    }
}

#[test]
fn the_build_stage_is_pinned_and_compiles_the_right_binary() {
    let version =
        Regex::new(r"^RUST=docker\.io/library/rust:(\d+\.\d+\.\d+)-bookworm@sha256:[0-9a-f]{64}$").unwrap();
    let root = document_of_toml("Cargo.toml", "rust-version");
    let mut bases = Vec::new();
    for component in COMPONENTS {
        let instructions = instructions(component);
        let base = the(&instructions, "ARG")[0].to_owned();
        let toolchain =
            version.captures(&base).unwrap_or_else(|| panic!("{component}: {base} is not pinned"))[1]
                .to_owned();
        assert_eq!(the(&instructions, "FROM")[0], "${RUST} AS build", "{component}");
        assert_eq!(the(&instructions, "ENV"), [format!("RUSTUP_TOOLCHAIN={toolchain}")], "{component}");
        assert!(
            minor(&toolchain) >= minor(&root),
            "{component}: rust {toolchain} is older than rust-version {root}"
        );
        let run = the(&instructions, "RUN")[0];
        let folder =
            if component == "operator" { "operator".to_owned() } else { format!("workloads/{component}") };
        let package = document_of_toml(&format!("{folder}/Cargo.toml"), "name");
        assert!(
            run.contains(&format!("--locked --package {package} --bin {component} ")),
            "{component}: {run}"
        );
        bases.push(base);
    }
    bases.dedup();
    assert_eq!(bases.len(), 1, "one compiler for all images");
}

/// A string of a TOML file, by its key.
fn document_of_toml(path: &str, key: &str) -> String {
    let pattern = Regex::new(&format!(r#"(?m)^{key} = "([^"]+)""#)).unwrap();
    let text = text(path);
    pattern.captures(&text).unwrap_or_else(|| panic!("{path} has {key}"))[1].to_owned()
}

fn minor(version: &str) -> u32 {
    version.split('.').nth(1).expect("a minor version").parse().expect("a number")
}

#[test]
fn labels_say_what_and_whence() {
    let source = document_of_toml("Cargo.toml", "repository");
    let licence = document_of_toml("Cargo.toml", "license");
    let version = document_of_toml("Cargo.toml", "version");
    for component in COMPONENTS {
        let runtime = runtime(component);
        assert_eq!(
            the(&runtime, "ARG"),
            [format!("VERSION={version}").as_str(), "REVISION=unknown"],
            "{component}"
        );
        let labels = the(&runtime, "LABEL").join(" ");
        let label = |name: &str| {
            let pattern = Regex::new(&format!(r#"org\.opencontainers\.image\.{name}="([^"]+)""#)).unwrap();
            pattern.captures(&labels).unwrap_or_else(|| panic!("{component}: label {name}"))[1].to_owned()
        };
        assert_eq!(label("title"), format!("ats/{component}"));
        assert_eq!(label("source"), source);
        assert_eq!(label("licenses"), licence);
        assert_eq!(label("version"), "${VERSION}");
        assert_eq!(label("revision"), "${REVISION}");
        assert!(!label("description").is_empty());
    }
}

/// The container of config/operator, and the port and user that the operator gives its pods.
#[test]
fn manifests_and_operator_expect_what_the_images_have() {
    let deployment = document("config/operator/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(pod["securityContext"]["runAsGroup"], 65532);
    let container = &pod["containers"][0];
    for overridden in ["command", "workingDir"] {
        assert!(container.get(overridden).is_none(), "the image's own entry point is run");
    }
    let version = document_of_toml("Cargo.toml", "version");
    let prefix = default_prefix();
    assert_eq!(container["image"], format!("{prefix}/operator:{version}"));

    let metrics = METRICS_PORT.to_string();
    assert_eq!(container["ports"][0]["containerPort"].to_string(), metrics);
    for component in COMPONENTS {
        let page = component == "monitoring";
        let ports = if page { format!("{metrics} 3000") } else { metrics.clone() };
        assert_eq!(the(&runtime(component), "EXPOSE"), [ports], "{component}");
    }
    let user = format!("const NOBODY: i64 = {USER};");
    assert!(text("operator/src/build/pod.rs").contains(&user), "pods run as the images' user");
    assert!(text("operator/src/build/monitoring.rs").contains("const PAGE_PORT: u16 = 3000;"));
}

/// Where the operator looks for images when it is told nothing.
fn default_prefix() -> String {
    let options = text("operator/src/options.rs");
    assert!(options.contains("default_value = IMAGE_PREFIX)]\n    pub image_prefix:"), "it is the default");
    let pattern = Regex::new(r#"const IMAGE_PREFIX: &str = "([^"]+)";"#).unwrap();
    pattern.captures(&options).expect("the default prefix")[1].to_owned()
}

#[test]
fn an_image_is_what_its_dockerfile_says_and_the_same_each_time() {
    if Command::new("buildah").arg("--version").output().is_err() {
        panic!("buildah is missing: tests/cluster/tools/install-node.sh installs it");
    }
    let component = "monitoring";
    let binary = ats_test_cluster::binary("ats-monitoring", component).expect("the binary is compiled");
    let folder = tempfile::tempdir().unwrap();
    let mut digests = Vec::new();
    let mut documents = Vec::new();
    for run in ["first", "second"] {
        let target = folder.path().join(run);
        let mut script = Command::new(checkout().join("deployment/docker/images.sh"));
        script.arg(binary.parent().unwrap()).arg(&target).arg(component).env("ATS_IMAGE_ENGINE", "buildah");
        for inherited in ["ATS_IMAGE_PREFIX", "ATS_IMAGE_TAG"] {
            script.env_remove(inherited);
        }
        let summary: Value = serde_json::from_str(&output(&mut script)).expect("a summary");
        let image = &summary.as_array().expect("a list")[0];
        let version = document_of_toml("Cargo.toml", "version");
        assert_eq!(image["name"], format!("{}/{component}:{version}", default_prefix()));
        // Small enough to be pulled in seconds: the limits of the images, for a binary with little optimisation.
        assert!(image["archiveBytes"].as_u64().unwrap() < 20 << 20, "{image}");
        digests.push(image["digest"].clone());
        let digest = image["digest"].as_str().unwrap();
        let binary = inspect(component, &target.join(format!("{component}.tar")), digest);
        let document = target.join(format!("{component}.cdx.json"));
        let program = target.join(component);
        std::fs::write(&program, binary).unwrap();
        let audited = audit_data(&program);
        lists_what_is_linked(component, &audited);
        let bill: Value = serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap();
        bill_of_materials(&bill, &audited, digest);
        documents.push(document);
        // The system tests take it as it is, where CI has made it.
        let ready = Image::ready(&target, component).expect("the list has it");
        let copy = folder.path().join("copy.tar");
        assert_eq!(image["digest"], ready.write(&copy).expect("the archive is whole"));
        inspect(component, &copy, digest);
    }
    assert_eq!(digests[0], digests[1], "the same binary gives the same image");
    let [first, second] = [&documents[0], &documents[1]].map(|path| std::fs::read(path).unwrap());
    assert!(first == second, "the same image has the same bill of materials");
    validate(&documents[0]);
}

/// What a tool of `cargo auditable`'s authors reads in a program.
fn audit_data(program: &Path) -> Value {
    let folder = output(Command::new(checkout().join("deployment/cargo-tool.sh")).arg("rust-audit-info"));
    let read = output(Command::new(Path::new(folder.trim()).join("rust-audit-info")).arg(program));
    serde_json::from_str(&read).expect("audit data are JSON")
}

fn titles<'a>(packages: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let title = |package: &Value| {
        format!("{} v{}", package["name"].as_str().unwrap(), package["version"].as_str().unwrap())
    };
    packages.map(title).collect()
}

/// The list's root is the component; it has at least what cargo says that the component alone links.
fn lists_what_is_linked(component: &str, audited: &Value) {
    let packages = audited["packages"].as_array().unwrap();
    let roots: Vec<&Value> = packages.iter().filter(|package| package["root"] == true).collect();
    assert_eq!(roots.len(), 1);
    let package = format!("ats-{component}");
    assert_eq!(roots[0]["name"], package);
    let tree =
        ["tree", "--quiet", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--package"];
    let tree = output(Command::new("cargo").args(tree).arg(&package).current_dir(checkout()));
    let linked: BTreeSet<String> =
        tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert!(linked.len() > 50, "cargo lists {}", linked.len());
    let listed = titles(packages.iter().filter(|package| package["kind"] != "build"));
    let missing: Vec<_> = linked.difference(&listed).collect();
    assert!(missing.is_empty(), "not in the audit data: {missing:?}");
}

/// A bill of materials is of the image, names each crate of the audit data once, with licence and, if it is from
/// crates.io, checksum; nothing tells where and when it was made.
fn bill_of_materials(bill: &Value, audited: &Value, digest: &str) {
    assert_eq!(bill["metadata"]["component"]["version"], digest);
    let components = bill["components"].as_array().unwrap();
    let crates: Vec<&Value> = components
        .iter()
        .filter(|one| one["name"] != "rust-std" && one["name"] != "glibc" && one["type"] != "file")
        .collect();
    let packages = audited["packages"].as_array().unwrap();
    assert_eq!(titles(crates.iter().copied()), titles(packages.iter()));
    assert_eq!(
        crates.len() + 3,
        components.len(),
        "and the standard library, the C library, the authorities"
    );
    for one in crates {
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
        let ours = one["name"].as_str().unwrap().starts_with("ats-");
        assert_eq!(one["hashes"][0]["content"].is_string(), !ours, "{one}");
        assert_eq!(one["purl"].is_string(), !ours, "{one}");
    }
    for absent in ["serialNumber", "timestamp"] {
        assert!(!bill.to_string().contains(absent), "{absent}");
    }
    assert!(!bill.to_string().contains(checkout().to_str().unwrap()), "the checkout's path");
}

/// By the schema that CycloneDX publishes.
fn validate(document: &Path) {
    let mut script = Command::new(checkout().join("tests/python-packages.sh"));
    let packages = output(script.args(["sbom", "tests/delivery/requirements.txt"]).current_dir(checkout()));
    let mut validator = Command::new("python3");
    validator.arg(checkout().join("tests/delivery/validate_sbom.py")).env("PYTHONPATH", packages.trim());
    let valid = validator.arg(document).output().unwrap();
    assert!(valid.status.success(), "{}", String::from_utf8_lossy(&valid.stderr));
    // It finds what is wrong.
    let broken = document.with_extension("broken");
    let text = std::fs::read_to_string(document).unwrap();
    std::fs::write(&broken, text.replacen("\"CycloneDX\"", "\"Cyclone\"", 1)).unwrap();
    assert!(!validator.arg(&broken).output().unwrap().status.success(), "a broken document is refused");
}

/// A container engine that compiles by itself embeds the list by the same program at the same version: that of the one
/// script that names it.
#[test]
fn the_build_stage_embeds_what_is_linked() {
    let script = "deployment/cargo-tool.sh";
    assert!(text(script).contains("  cargo-auditable) version="), "{script} knows a version");
    assert!(
        text(".dockerignore").lines().any(|line| line == format!("!{script}")),
        "{script} is sent to the engine"
    );
    let program =
        format!("PATH=\"$({script} cargo-auditable):$PATH\" cargo auditable build --release --locked ");
    for component in COMPONENTS {
        let instructions = instructions(component);
        let run = the(&instructions, "RUN")[0];
        assert!(run.starts_with(&program), "{component}: {run}");
        assert!(!run.contains("--version"), "{component}: a version of its own");
    }
}

/// Reads an OCI archive by hand; the component's binary.
fn inspect(component: &str, archive: &Path, digest: &str) -> Vec<u8> {
    let mut blobs = BTreeMap::new();
    let mut tar = tar::Archive::new(std::fs::File::open(archive).unwrap());
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        blobs.insert(name, bytes);
    }
    let json = |digest: &str| -> Value {
        let bytes = &blobs[&format!("blobs/{}", digest.replace(':', "/"))];
        serde_json::from_slice(bytes).unwrap()
    };
    let manifest = json(digest);
    let configuration = json(manifest["config"]["digest"].as_str().unwrap());
    let config = &configuration["config"];
    assert_eq!(configuration["os"], "linux");
    assert_eq!(configuration["created"], "1970-01-01T00:00:00Z");
    assert_eq!(config["User"], format!("{USER}:{USER}"));
    assert_eq!(config["Entrypoint"], serde_json::json!([format!("/{component}")]));
    assert!(config["ExposedPorts"].get(format!("{METRICS_PORT}/tcp")).is_some());
    let labels = &config["Labels"];
    assert_eq!(labels["org.opencontainers.image.title"], format!("ats/{component}"));
    let revision = labels["org.opencontainers.image.revision"].as_str().unwrap();
    assert!(Regex::new("^([0-9a-f]{40}|unknown)$").unwrap().is_match(revision), "{revision}");

    let (mut found, mut binary) = (Vec::new(), Vec::new());
    for layer in manifest["layers"].as_array().unwrap() {
        let bytes = &blobs[&format!("blobs/{}", layer["digest"].as_str().unwrap().replace(':', "/"))];
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                if entry.path().unwrap() == Path::new(component) {
                    entry.read_to_end(&mut binary).unwrap();
                }
                found.push((
                    entry.path().unwrap().display().to_string(),
                    entry.header().mode().unwrap() & 0o777,
                ));
            }
        }
    }
    found.sort();
    assert_eq!(
        found,
        [("etc/ssl/certs/ca-certificates.crt".to_owned(), 0o644), (component.to_owned(), 0o755)]
    );
    binary
}

/// The names of images in documents for users are those of the Dockerfiles.
#[test]
fn the_runbook_names_the_images() {
    let runbook = text("docs/runbook.md");
    let version = document_of_toml("Cargo.toml", "version");
    for component in COMPONENTS {
        let image = format!("{}/{component}:{version}", default_prefix());
        assert!(runbook.contains(&image), "docs/runbook.md does not name {image}");
    }
    // An image is named whole wherever a manifest names one.
    for file in files("config", ".yaml") {
        for document in documents(&file, &text(&file)) {
            for container in
                document["spec"]["template"]["spec"]["containers"].as_array().into_iter().flatten()
            {
                let image = container["image"].as_str().unwrap();
                assert!(
                    !image.ends_with(":latest") && image.contains('/') && image.contains(':'),
                    "{file}: {image}"
                );
            }
        }
    }
}

/// A container engine that compiles by itself is sent every member of the workspace.
#[test]
fn the_build_context_holds_the_workspace() {
    let ignored = ats_delivery_tests::text(".dockerignore");
    let sent = |folder: &str| {
        let mut sent = true;
        for line in ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (pattern, add) = line.strip_prefix('!').map_or((line, false), |pattern| (pattern, true));
            if folder == pattern || folder.starts_with(&format!("{pattern}/")) {
                sent = add;
            }
        }
        sent
    };
    assert!(!sent("docs"), "the rule knows what is left out");
    for manifest in ats_delivery_tests::files(".", "/Cargo.toml") {
        let folder = manifest.trim_start_matches("./").trim_end_matches("Cargo.toml").trim_end_matches('/');
        assert!(folder.starts_with("target") || sent(folder), "{folder} is not sent to the container engine");
    }
}
