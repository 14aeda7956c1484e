//! The compose files: what they name is there, what runs has the least rights, and the documents that `ats` writes are
//! what the components run, from the first bar to a paper trade.
//!
//! There is no container engine here. Files are loaded by the loader of Docker Compose itself; the components run as
//! plain processes in the environment that their service gives them, with the store of the file (at its version) and a
//! PostgreSQL beside them. That `up --wait` comes to an end is not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use ats_delivery_tests::names::Names;
use ats_delivery_tests::{COMPONENTS, checkout, document, output, text};
use ats_pipeline::contract::{METRICS_PORT, STAGE_FILE, STAGE_FOLDER, TERMINATION_MESSAGE};
use ats_test_cluster::{Image, Postgres, binary};
use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::prometheus::exporter_port;
use crate::targets::make;

/// The environments and their files.
const FILES: [(&str, &str); 3] =
    [("development", "compose.yaml"), ("test", "compose.test.yaml"), ("performance", "compose.perf.yaml")];

/// Services that run once for each stage.
const STAGES: [&str; 4] = ["data-acquisition", "feature-engineering", "model-training", "trading-strategy"];

/// This machine, as a container sees it.
const HOST: &str = "host.docker.internal";

/// Settings that a file has no default for, as stages.sh gives them.
const SECRETS: [(&str, &str); 4] = [
    ("ATS_S3_ACCESS_KEY", "access"),
    ("ATS_S3_SECRET_KEY", "secret"),
    ("ATS_LEDGER_PASSWORD", "password"),
    ("ATS_GRAFANA_PASSWORD", "grafana"),
];

fn load(file: &str, settings: &[(&str, &str)]) -> Output {
    let program = ats_test_cluster::tool("compose-model", "compose-model").expect("compose-model is built");
    let mut command = Command::new(program);
    command.arg(checkout().join("deployment/compose").join(file)).env_clear().envs(settings.iter().copied());
    command.output().unwrap()
}

/// The model of a file, with a stage to run.
fn model(file: &str, stage: &Path) -> Value {
    let (stage, objects) = (stage.display().to_string(), stage.display().to_string());
    let settings =
        [&SECRETS[..], &[("ATS_STAGE", stage.as_str()), ("ATS_OBJECTS", objects.as_str())]].concat();
    let output = load(file, &settings);
    assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A stage's folder as it is when its container starts.
fn stage_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["stage.json", "outcome.json"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    folder
}

fn services(model: &Value) -> &serde_json::Map<String, Value> {
    model["services"].as_object().unwrap()
}

fn program(component: &str) -> PathBuf {
    binary(&format!("ats-{component}"), component).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().map(|one| one.as_str().unwrap()).collect()
}

#[test]
fn an_environment_has_the_five_components_and_what_they_need() {
    let folder = stage_folder();
    for (environment, file) in FILES {
        let model = model(file, folder.path());
        assert_eq!(model["name"], format!("ats-{environment}"));
        let names: BTreeSet<_> = services(&model).keys().map(String::as_str).collect();
        let mut wanted = BTreeSet::from_iter(COMPONENTS[1..].iter().copied());
        wanted.extend(["postgres", "s3", "prometheus", "grafana"]);
        // Only a volume that stays has to be given to somebody.
        wanted.extend((environment == "development").then_some("s3-folder"));
        assert_eq!(names, wanted, "{file}");
        let of_stages: Vec<_> = services(&model)
            .iter()
            .filter(|(_, service)| strings(&service["profiles"]) == ["stages"])
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(of_stages, STAGES, "{file}: what `up` leaves to `run`");
    }
}

#[test]
fn services_have_the_least_rights() {
    let folder = stage_folder();
    for (environment, file) in FILES {
        let model = model(file, folder.path());
        for (name, service) in services(&model) {
            let told = format!("{file}: {name}");
            assert_eq!(service["read_only"], true, "{told}");
            assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{told}");
            assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{told}");
            for refused in ["privileged", "devices", "pid", "ipc", "userns_mode", "group_add", "env_file"] {
                assert!(service.get(refused).is_none_or(|value| *value == json!(false)), "{told}: {refused}");
            }
            let user = service["user"].as_str().unwrap_or_else(|| panic!("{told}: no user"));
            if name == "s3-folder" {
                // It gives a folder away, and reaches nothing.
                assert_eq!(
                    (strings(&service["cap_add"]), &service["network_mode"]),
                    (vec!["CHOWN"], &json!("none"))
                );
            } else {
                assert!(!user.starts_with("0:") && user.contains(':'), "{told}: {user}");
                assert!(service.get("cap_add").is_none() && service.get("network_mode").is_none(), "{told}");
                assert!(service["networks"].as_object().unwrap().contains_key("inside"), "{told}");
            }
            let limits = &service["deploy"]["resources"]["limits"];
            for limit in ["cpus", "memory", "pids"] {
                assert!(limits.get(limit).is_some(), "{told}: {limit}");
            }
            for port in service["ports"].as_array().into_iter().flatten() {
                assert_eq!(port["host_ip"], "127.0.0.1", "{told}: {port}");
            }
            if STAGES.contains(&name.as_str()) {
                assert_eq!(service["networks"], json!({"inside": null}), "{told}");
            }
            // The exporter of the pipeline runs on this machine, which nobody else looks for.
            let hosts = match environment == "development" && name == "prometheus" {
                true => vec![format!("{HOST}=host-gateway")],
                false => Vec::new(),
            };
            assert_eq!(strings(&service["extra_hosts"]), hosts, "{told}");
            if environment != "development" {
                assert_eq!(service["restart"], "no", "{told}: a crash is a failure");
                let kept = service["volumes"].as_array().into_iter().flatten();
                assert!(kept.clone().all(|mount| mount["type"] == "bind"), "{told}: something is kept");
            }
        }
        assert_eq!(model["networks"]["inside"]["internal"], true, "{file}");
        assert_eq!(model["networks"].get("outside").is_none(), environment == "test", "{file}");
    }
}

#[test]
fn what_services_name_is_there() {
    let folder = stage_folder();
    let prefix = Names::of(&checkout()).image_prefix;
    let pinned = Regex::new(r"^[a-z.]+/[a-z/]+:v?\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$").unwrap();
    for (_, file) in FILES {
        let model = model(file, folder.path());
        for (name, service) in services(&model) {
            let told = format!("{file}: {name}");
            for mount in
                service["volumes"].as_array().into_iter().flatten().filter(|mount| mount["type"] == "bind")
            {
                let source = Path::new(mount["source"].as_str().unwrap());
                assert!(source.exists(), "{told}: {} is not there", source.display());
                assert_eq!(mount["bind"]["create_host_path"], false, "{told}: a missing file is an error");
                let writable = mount["target"] == TERMINATION_MESSAGE;
                assert_eq!(mount.get("read_only") == Some(&json!(true)), !writable, "{told}: {mount}");
            }
            for (needed, condition) in service["depends_on"].as_object().into_iter().flatten() {
                let needed = services(&model).get(needed).unwrap_or_else(|| panic!("{told}: no {needed}"));
                match condition["condition"].as_str().unwrap() {
                    "service_healthy" => {
                        assert!(!strings(&needed["healthcheck"]["test"]).is_empty(), "{told}: never healthy");
                    }
                    "service_completed_successfully" => assert_eq!(needed["restart"], "no", "{told}"),
                    other => panic!("{told}: {other}"),
                }
            }
            let image = service["image"].as_str().unwrap();
            if COMPONENTS.contains(&name.as_str()) {
                let version = env!("CARGO_PKG_VERSION");
                assert_eq!(image, format!("{prefix}/{name}:{version}"), "{told}");
                let dockerfile = format!("deployment/docker/{name}.Dockerfile");
                assert_eq!(service["build"]["dockerfile"], dockerfile, "{told}");
                assert_eq!(Path::new(service["build"]["context"].as_str().unwrap()), checkout(), "{told}");
                assert!(
                    service["entrypoint"].is_null() && service["command"].is_null(),
                    "{told}: the image's own"
                );
            } else {
                assert!(pinned.is_match(image), "{told}: {image} is not pinned");
            }
        }
    }
}

/// A component's flags, variables and health check are its program's.
#[test]
fn components_are_asked_what_they_know() {
    let folder = stage_folder();
    for (_, file) in FILES {
        let model = model(file, folder.path());
        for (name, service) in services(&model).iter().filter(|(name, _)| COMPONENTS.contains(&name.as_str()))
        {
            let help = output(Command::new(program(name)).arg("--help"));
            let test = strings(&service["healthcheck"]["test"]);
            assert_eq!(test, ["CMD", &format!("/{name}"), "healthcheck"], "{file}: {name}");
            assert!(help.contains("\n  healthcheck "), "{name} has no healthcheck: {help}");
            for variable in service["environment"].as_object().unwrap().keys() {
                let known = help.contains(&format!("[env: {variable}="))
                    // Whose value is a secret is told without it.
                    || help.contains(&format!("[env: {variable}]"))
                    // What `ats_store::settings_from_environment` reads; the store refuses an unknown name.
                    || variable.starts_with("ATS_STORE_AWS_")
                    || (name == "trading-strategy" && variable == "ATS_LEDGER_URL");
                assert!(known, "{file}: {name} does not know {variable}: {help}");
            }
            if STAGES.contains(&name.as_str()) {
                let targets: Vec<_> =
                    service["volumes"].as_array().unwrap().iter().map(|one| &one["target"]).collect();
                let document = format!("{STAGE_FOLDER}/{STAGE_FILE}");
                assert!(
                    targets.contains(&&json!(document)) && targets.contains(&&json!(TERMINATION_MESSAGE))
                );
            }
        }
        // Nobody answers: the check of a process that is not there fails.
        let mut check = Command::new(program("monitoring"));
        let check = check.arg("healthcheck").env("ATS_METRICS_PORT", "1").output().unwrap();
        assert_eq!(check.status.code(), Some(1));
    }
}

#[test]
fn variables_have_a_value_and_are_told() {
    let variable = Regex::new(r"\$\{([A-Z0-9_]+)(:[-?][^}]*)?\}").unwrap();
    let (guide, script) = (text("docs/delivery.md"), text("deployment/compose/stages.sh"));
    for (environment, file) in FILES {
        for found in variable.captures_iter(&text(&format!("deployment/compose/{file}"))) {
            let (name, rest) = (&found[1], found.get(2).map_or("", |rest| rest.as_str()));
            let given = script.contains(name);
            assert!(rest.starts_with(":-") || (rest.starts_with(":?") && given), "{file}: {name}");
            assert!(given || guide.contains(&format!("`{name}`")), "{file}: {name} is told nowhere");
        }
        // Without what stages.sh gives, a file says what is missing.
        let refused = load(file, &[]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains("ATS_LEDGER_PASSWORD"), "{environment}: {told}");
    }
}

/// The loader holds files to the schema of the specification.
#[test]
fn a_file_that_is_none_of_the_specification_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("compose.yaml");
    for (text, words) in [
        ("name: x\nservices: {a: {image: b, imagge: c}}\n", "services.a.imagge"),
        ("name: x\nservices: {a: {image: b, depends_on: [c]}}\n", "depends on undefined service"),
    ] {
        fs::write(&file, text).unwrap();
        let refused = load(file.to_str().unwrap(), &[]);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && told.contains(words), "{told}");
    }
}

/// What a job of Prometheus asks, with the ports. One that finds its targets in a way that is not looked at here
/// fails.
fn targets(job: &Value) -> BTreeMap<&str, u64> {
    let known = ["static_configs", "dns_sd_configs", "relabel_configs"];
    for field in job.as_object().unwrap().keys().filter(|field| field.ends_with("_configs")) {
        assert!(known.contains(&field.as_str()), "{}: {field}", job["job_name"]);
    }
    let mut asked = BTreeMap::new();
    for one in job["static_configs"].as_array().into_iter().flatten() {
        for target in strings(&one["targets"]) {
            let (name, port) = target.split_once(':').unwrap();
            asked.insert(name, port.parse::<u64>().unwrap());
        }
    }
    for names in job["dns_sd_configs"].as_array().into_iter().flatten() {
        let port = names["port"].as_u64().unwrap();
        asked.extend(strings(&names["names"]).into_iter().map(|name| (name, port)));
    }
    asked
}

/// The ports of Prometheus and Grafana, what is scraped, and where Grafana finds its files.
#[test]
fn prometheus_and_grafana_find_what_they_show() {
    let folder = stage_folder();
    let model = model("compose.yaml", folder.path());
    let published = |name: &str| -> Vec<(String, u64)> {
        let ports = services(&model)[name]["ports"].as_array().unwrap().iter();
        ports
            .map(|port| (port["published"].as_str().unwrap().to_owned(), port["target"].as_u64().unwrap()))
            .collect()
    };
    assert_eq!(published("grafana"), [("3000".to_owned(), 3000)]);
    assert_eq!(published("prometheus"), [("9090".to_owned(), 9090)]);
    assert_eq!(published("monitoring"), [("3001".to_owned(), 3000)]);

    let settings = document("deployment/prometheus/compose.yml");
    let rules = settings["rule_files"].as_array().unwrap();
    assert_eq!(rules, &[json!("alerts.yml")]);
    let jobs = settings["scrape_configs"].as_array().unwrap().iter();
    let asked: BTreeMap<_, _> = jobs.map(|job| (job["job_name"].as_str().unwrap(), targets(job))).collect();
    let metrics = u64::from(METRICS_PORT);
    let components: BTreeMap<&str, u64> = COMPONENTS[1..].iter().map(|name| (*name, metrics)).collect();
    // Prometheus asks itself as localhost, and the exporter of the pipeline is a program on the machine.
    let wanted = BTreeMap::from([
        ("ats", components),
        ("pipeline", BTreeMap::from([(HOST, exporter_port())])),
        ("prometheus", BTreeMap::from([("localhost", 9090)])),
        ("grafana", BTreeMap::from([("grafana", 3000)])),
    ]);
    assert_eq!(asked, wanted, "everything that has metrics is asked");
    for name in asked.values().flat_map(BTreeMap::keys).filter(|name| ![HOST, "localhost"].contains(name)) {
        assert!(services(&model).contains_key(*name), "{name} is no service");
    }
    let _ = output(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(checkout().join("deployment/prometheus/compose.yml")),
    );

    let grafana = &services(&model)["grafana"];
    let datasource = text("deployment/grafana/provisioning/datasources/prometheus.yml");
    let set: Vec<_> = Regex::new(r"\$\{?([A-Z_]+)")
        .unwrap()
        .captures_iter(&datasource)
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(set, ["PROMETHEUS_URL"]);
    assert_eq!(grafana["environment"]["PROMETHEUS_URL"], "http://prometheus:9090");
    let provider = document("deployment/grafana/provisioning/dashboards/ats.yml");
    let path = &provider["providers"][0]["options"]["path"];
    assert!(grafana["volumes"].as_array().unwrap().iter().any(|mount| mount["target"] == *path), "{path}");
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The store of the file, with its own command but for place and port; the folder of a bucket is the bucket.
fn store(service: &Value, folder: &Path) -> (Process, String) {
    let program = ats_test_cluster::tool("versitygw", "versitygw").expect("versitygw is built");
    let buckets = folder.join("buckets");
    fs::create_dir_all(buckets.join("ats")).unwrap();
    let port = free_port();
    let command = strings(&service["command"]);
    let arguments = command.iter().map(|argument| match *argument {
        ":7070" => format!("127.0.0.1:{port}"),
        "/buckets" => buckets.display().to_string(),
        other => other.to_owned(),
    });
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment(service))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let process = Process(command.spawn().unwrap());
    let end = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "the store does not listen");
        std::thread::sleep(Duration::from_millis(20));
    }
    (process, format!("http://127.0.0.1:{port}"))
}

fn environment(service: &Value) -> Vec<(String, String)> {
    let variables = service["environment"].as_object().unwrap().iter();
    variables.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

fn write_program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// A `docker` that runs a service as a plain process, in its environment, with the mounts' files where they lie.
fn engine(folder: &Path, model: &Value, endpoint: &str, ledger: &str) {
    for component in STAGES {
        let service = &services(model)[component];
        let lines = environment(service).into_iter().map(|(name, value)| match name.as_str() {
            "ATS_STORE_AWS_ENDPOINT" => format!("{name}={endpoint}\n"),
            "ATS_LEDGER_URL" => format!("{name}={ledger}\n"),
            _ => format!("{name}={value}\n"),
        });
        fs::write(folder.join(format!("{component}.env")), lines.collect::<String>()).unwrap();
        std::os::unix::fs::symlink(program(component), folder.join(component)).unwrap();
    }
    let script = format!(
        r#"#!/bin/bash
set -euo pipefail
echo "$*" >>{folder}/asked
[[ "$*" == *' run '* ]] || exit 0
component=${{!#}}
mapfile -t environment <{folder}/$component.env
exec env --ignore-environment "${{environment[@]}}" ATS_METRICS_PORT=0 ATS_STAGE_FILE="$ATS_STAGE/stage.json" \
  ATS_TERMINATION_MESSAGE="$ATS_STAGE/outcome.json" {folder}/$component
"#,
        folder = folder.display()
    );
    write_program(&folder.join("docker"), &script);
}

/// A folder with a `docker`, first on PATH.
struct Desk {
    folder: TempDir,
    path: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        Self { folder, path }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn make(&self, target: &str, settings: &[(&str, &str)]) -> Output {
        let state = self.at("state").display().to_string();
        let own = [("PATH", self.path.as_str()), ("STATE", state.as_str())];
        match target {
            "compose-up" => make("compose-up", &[&own, settings].concat()),
            "compose-run" => make("compose-run", &[&own, settings].concat()),
            _ => make("compose-down", &[&own, settings].concat()),
        }
    }

    fn asked(&self) -> String {
        fs::read_to_string(self.at("asked")).unwrap_or_default()
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|condition| condition["type"] == kind).unwrap()
}

/// The account of a paper strategy.
fn equity(object: &Value) -> f64 {
    object["status"]["metrics"]["equity"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_pipeline_runs_from_its_documents_to_paper_trading() {
    let desk = Desk::new();
    let stage = stage_folder();
    let model = model("compose.test.yaml", stage.path());
    let (_store, endpoint) = store(&services(&model)["s3"], desk.folder.path());
    let postgres = Postgres::start().await.unwrap();
    let ledger = postgres.url("postgres");
    engine(desk.folder.path(), &model, &endpoint, &ledger);

    // The samples, one of which trades on paper.
    let mut objects = Vec::new();
    for name in ["universe.yaml", "models.yaml", "strategies.yaml"] {
        let mut yaml = text(&format!("config/samples/{name}"));
        if name == "strategies.yaml" {
            let from = "mode: Backtest\n  backtest: {start: \"2001-03-01\"";
            assert!(yaml.contains(from));
            yaml = yaml.replacen(from, "mode: Paper\n  backtest: {start: \"2012-03-01\"", 1);
        }
        fs::write(desk.at(name), yaml).unwrap();
        objects.push(desk.at(name).display().to_string());
    }
    let (objects, map) =
        (objects.join(" "), format!("/data={}", checkout().join("config/samples/data").display()));
    let settings = [("COMPOSE", "test"), ("OBJECTS", objects.as_str()), ("ATS_MAP", map.as_str())];
    let run = desk.make("compose-run", &settings);
    assert!(run.status.success(), "{}", told(&run));
    let stages = fs::read_to_string(desk.at("state/stages.tsv")).unwrap();
    let names: Vec<_> =
        stages.lines().map(|line| line.split('\t').next().unwrap().rsplit_once('-').unwrap().0).collect();
    assert_eq!(
        names[..3],
        [
            "data-acquisition/us-large-caps-acquire",
            "feature-engineering/us-large-caps-features",
            "feature-engineering/us-large-caps-publish"
        ]
    );
    assert_eq!(names.len(), 3 + 2 * 2 + 2 + 1, "{stages}");
    let place = |name: &str| names.iter().position(|one| *one == name).expect(name);
    let (trade, backtest) =
        (place("trading-strategy/dip-buyer-trade"), place("trading-strategy/dip-buyer-backtest"));
    assert!(trade > backtest, "{stages}");

    let object = |kind: &str, name: &str| -> Value {
        let path = desk.at("state/objects").join(kind).join(format!("{name}.json"));
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let paper = object("strategy", "dip-buyer");
    assert_eq!(condition(&paper, "Running")["reason"], "Trading", "{paper:#}");

    // The operator's promise, by other hands: a run in one process computes nothing of it again.
    let local = |arguments: &[&str]| {
        let mut command = Command::new(binary("ats-cli", "ats").unwrap());
        command.current_dir(desk.folder.path()).args(arguments);
        command.args(["--store", "s3://ats", "--state", "local", "--ledger", &ledger]);
        command.env("AWS_ENDPOINT", &endpoint).env("AWS_ALLOW_HTTP", "true").env("AWS_REGION", "us-east-1");
        command.env("AWS_ACCESS_KEY_ID", "access").env("AWS_SECRET_ACCESS_KEY", "secret");
        output(&mut command)
    };
    let files: Vec<&str> = objects.split(' ').collect();
    let mut arguments = vec!["run", "--map", &map, "--output", "json", "--file"];
    arguments.extend(&files);
    let listed: Value = serde_json::from_str(&local(&arguments)).unwrap();
    for local in listed["items"].as_array().unwrap() {
        let kind = local["kind"].as_str().unwrap().to_lowercase();
        let ours = object(&kind, local["metadata"]["name"].as_str().unwrap());
        let pairs = ours["status"]["stages"]
            .as_array()
            .unwrap()
            .iter()
            .zip(local["status"]["stages"].as_array().unwrap());
        for (ours, local) in pairs.filter(|(ours, _)| ours["name"] != "trade") {
            assert_eq!(local["state"], "CacheHit", "{local:#}");
            assert_eq!((&ours["key"], &ours["digest"]), (&local["key"], &local["digest"]), "{ours:#}");
        }
        assert_eq!(ours["status"]["artifact"], local["status"]["artifact"], "{kind}");
        assert_eq!(condition(&ours, "Ready")["status"], condition(local, "Ready")["status"], "{kind}");
        // Every bar was decided by the other process, and this one says so of the same account.
        if let Some(trade) =
            local["status"]["stages"].as_array().unwrap().iter().find(|stage| stage["name"] == "trade")
        {
            assert_eq!(trade["computed"], 0, "{trade}");
            assert_eq!(equity(&ours), equity(local));
        }
    }
    // Monitoring shows what has run, from the objects' folder and from the ledger.
    let (metrics, page) = (free_port(), free_port());
    let mut command = Command::new(program("monitoring"));
    command.env_clear().envs(environment(&services(&model)["monitoring"]));
    command.env("ATS_OBJECTS", desk.at("state/objects")).env("ATS_LEDGER_URL", &ledger);
    command.env("ATS_METRICS_PORT", metrics.to_string()).env("ATS_PAGE_PORT", page.to_string());
    let _monitoring = Process(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let money = format!("ats_strategy_equity_dollars{{name=\"dip-buyer\"}} {}\n", equity(&paper));
    let shown = [r#"ats_object_state{kind="Strategy",name="dip-buyer",state="Ready"} 1"#, money.as_str()];
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let text = get(metrics, "/metrics");
        if shown.iter().all(|part| text.contains(part)) {
            break;
        }
        assert!(Instant::now() < end, "{shown:?} are not in {text}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(get(page, "/").contains("dip-buyer"));
    let mut check = Command::new(program("monitoring"));
    let _ = output(check.arg("healthcheck").env("ATS_METRICS_PORT", metrics.to_string()));
}

/// The answer of a server on this machine; empty while there is none.
fn get(port: u16, path: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").as_bytes()).unwrap();
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

#[test]
fn a_stage_that_tells_nothing_ends_the_run() {
    let desk = Desk::new();
    write_program(&desk.at("docker"), "#!/bin/sh\ncase \"$*\" in *' run '*) exit 137 ;; esac\n");
    let objects = "config/samples/universe.yaml";
    let run = desk.make("compose-run", &[("COMPOSE", "test"), ("OBJECTS", objects)]);
    assert!(!run.status.success());
    let words = "ended with 137 and told nothing: its container did not start, or was killed";
    assert!(told(&run).contains(words) && told(&run).contains("us-large-caps-acquire"), "{}", told(&run));

    // One that says why it failed is told as `ats run` tells it, and what follows from it is not run.
    let says = r#"{\"category\":\"SourceUnreadable\",\"message\":\"the bars are gone\"}"#;
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *' run '*) echo \"{says}\" >\"$ATS_STAGE/outcome.json\"; exit 3 ;; esac\n"
    );
    write_program(&desk.at("docker"), &script);
    let run = desk.make("compose-run", &[("COMPOSE", "test"), ("OBJECTS", objects)]);
    assert!(!run.status.success());
    let words =
        "TradingUniverse/us-large-caps is not Ready: SourceUnreadable: stage acquire: the bars are gone";
    assert!(told(&run).contains(words), "{}", told(&run));
    assert_eq!(fs::read_to_string(desk.at("state/stages.tsv")).unwrap().lines().count(), 1);
}

#[test]
fn an_environment_is_waited_for_and_always_stopped() {
    let desk = Desk::new();
    let docker = |ends: &str| {
        let asked = desk.at("asked").display().to_string();
        let script = format!("#!/bin/sh\necho \"$*\" >>{asked}\ncase \"$*\" in *' up '*) {ends} ;; esac\n");
        write_program(&desk.at("docker"), &script);
    };
    docker("exit 0");
    for (environment, file) in FILES {
        let settings = [("COMPOSE", environment)];
        assert!(desk.make("compose-up", &settings).status.success());
        let asked = desk.asked();
        assert!(asked.contains(&format!("deployment/compose/{file} --env-file ")), "{asked}");
        assert!(asked.contains(" up --detach --wait --wait-timeout 300\n"), "{asked}");
    }
    let secrets = desk.at("state/secrets.env");
    let before = fs::read_to_string(&secrets).unwrap();
    assert_eq!(fs::metadata(&secrets).unwrap().permissions().mode() & 0o777, 0o600);
    let names: Vec<_> = before.lines().map(|line| line.split_once('=').unwrap()).collect();
    assert_eq!(names.iter().map(|(name, _)| *name).collect::<Vec<_>>(), SECRETS.map(|(name, _)| name));
    assert!(names.iter().all(|(_, value)| value.len() == 32), "{before}");

    // What did not come up says why, and can be stopped.
    docker("exit 1");
    fs::remove_file(desk.at("asked")).unwrap();
    assert!(!desk.make("compose-up", &[("COMPOSE", "test")]).status.success());
    assert!(desk.asked().contains(" logs --tail 50\n"), "{}", desk.asked());
    assert_eq!(fs::read_to_string(&secrets).unwrap(), before, "made once");
    fs::remove_file(&secrets).unwrap();
    for (settings, end) in [
        (&[("COMPOSE", "test")][..], " --volumes\n"),
        (&[("COMPOSE", "performance")], " --volumes\n"),
        (&[("COMPOSE", "development")], " --timeout 20\n"),
        (&[("COMPOSE", "development"), ("VOLUMES", "1")], " --volumes\n"),
    ] {
        assert!(desk.make("compose-down", settings).status.success());
        let asked = desk.asked();
        assert!(asked.contains(" --profile * down --remove-orphans --timeout 20"), "{asked}");
        assert!(asked.ends_with(end), "{settings:?}: {asked}");
    }
    let refused = desk.make("compose-up", &[("COMPOSE", "staging")]);
    assert!(told(&refused).contains("up|run|down development|test|performance"), "{}", told(&refused));
}

#[test]
fn images_are_loaded_when_they_are_those_of_the_list() {
    let desk = Desk::new();
    let images = desk.at("images");
    fs::create_dir(&images).unwrap();
    let pause = binary("ats-test-cluster", "pause").unwrap();
    let mut list = Vec::new();
    for component in ["monitoring", "operator"] {
        let name = format!("ghcr.io/example/ats/{component}:1");
        let image = Image::new(&name).executable(&pause, &format!("/{component}"));
        let digest = image.write(&images.join(format!("{component}.tar"))).unwrap();
        list.push(json!({"component": component, "name": name, "digest": digest}));
    }
    fs::write(images.join("images.json"), json!(list).to_string()).unwrap();
    let asked = desk.at("asked").display().to_string();
    write_program(&desk.at("docker"), &format!("#!/bin/sh\necho \"docker $*\" >>{asked}\n"));
    // What would go to an engine is written down; everything else is skopeo's.
    let path = std::env::var("PATH").unwrap();
    let skopeo = format!(
        "#!/bin/sh\ncase $1 in copy) echo \"$*\" >>{asked} ;; *) PATH={path} exec skopeo \"$@\" ;; esac\n"
    );
    write_program(&desk.at("skopeo"), &skopeo);
    let folder = images.display().to_string();
    let up = |desk: &Desk| desk.make("compose-up", &[("COMPOSE", "test"), ("IMAGES", folder.as_str())]);
    let done = up(&desk);
    assert!(done.status.success(), "{}", told(&done));
    let copies: Vec<_> =
        desk.asked().lines().filter(|line| line.starts_with("copy ")).map(str::to_owned).collect();
    let copy = |component: &str| {
        format!(
            "copy --quiet oci-archive:{folder}/{component}.tar docker-daemon:ghcr.io/example/ats/{component}:1"
        )
    };
    assert_eq!(copies, [copy("monitoring"), copy("operator")]);

    // Another archive under the name of one: nothing is loaded and nothing is started.
    fs::remove_file(desk.at("asked")).unwrap();
    fs::copy(images.join("operator.tar"), images.join("monitoring.tar")).unwrap();
    let refused = up(&desk);
    assert!(
        !refused.status.success() && told(&refused).contains("monitoring.tar is sha256:"),
        "{}",
        told(&refused)
    );
    assert_eq!(desk.asked(), "docker compose version\n");
}
