//! Deploy, verify, notify, as the pipeline does it: a deployment that works, two that do not and are taken back.

use std::path::{Path, PathBuf};

use ats_test_cluster::install::component_image;
use ats_test_cluster::{Image, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::fork::Fork;
use crate::site::{Site, namespace};

/// Who verifies an environment: somebody of this group, whom each environment lets see everything but Secrets, and write
/// objects of our kinds.
const VERIFIERS: &str = "ats-verifiers";

/// What `ats-delivery smoke` found.
struct Smoke {
    passed: bool,
    report: Value,
}

impl Smoke {
    fn message(&self, name: &str) -> String {
        let checks = self.report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == name);
        check.unwrap_or_else(|| panic!("no check {name}: {}", self.report))["message"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// Checks an environment as a verifier.
async fn smoke(site: &Site, environment: &str, images: &Path, seconds: u32) -> Smoke {
    let mut command = Command::new(binary("ats-deployment-tools", "ats-delivery").unwrap());
    command.arg("smoke").env("KUBECONFIG", verifier(site)).env("ENVIRONMENT", environment);
    command.env("IMAGES_JSON", images).env("TIMEOUT_SECONDS", seconds.to_string());
    let output = command.output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{told}");
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"));
    let smoke = Smoke { passed: output.status.success(), report };
    assert_eq!(smoke.report["passed"], smoke.passed, "{}", smoke.report);
    smoke
}

/// A kubeconfig that acts as a verifier.
fn verifier(site: &Site) -> PathBuf {
    let text = std::fs::read(site.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    let user = &mut config["users"][0]["user"];
    user["as"] = json!("somebody");
    user["as-groups"] = json!([VERIFIERS, "system:authenticated"]);
    let file = site.images.with_file_name("verifier.kubeconfig");
    std::fs::write(&file, config.to_string()).unwrap();
    file
}

/// Binds the two roles that a verifier needs, as `docs/delivery.md` says.
async fn bind(site: &Site, environment: &str) {
    for role in ["view", "ats-edit"] {
        let name = format!("{VERIFIERS}-{role}");
        let (role, group) = (format!("--clusterrole={role}"), format!("--group={VERIFIERS}"));
        site.kubectl(&[
            "create",
            "rolebinding",
            &name,
            &role,
            &group,
            "--namespace",
            &namespace(environment),
        ])
        .await;
    }
}

/// A list of images with another one for the operator.
fn with_operator(site: &Site, name: &str, digest: &str) -> PathBuf {
    let mut images: Value = serde_json::from_slice(&std::fs::read(&site.images).unwrap()).unwrap();
    let operator =
        images.as_array_mut().unwrap().iter_mut().find(|image| image["component"] == "operator").unwrap();
    operator["digest"] = json!(digest);
    let file = site.images.with_file_name(format!("{name}.json"));
    std::fs::write(&file, images.to_string()).unwrap();
    file
}

/// The whole of it, in an environment that runs.
pub async fn deployments_are_verified_and_taken_back(site: &Site, environment: &str) {
    bind(site, environment).await;
    let passed = smoke(site, environment, &site.images, 240).await;
    assert!(passed.passed, "{:#}", passed.report);
    assert!(passed.message("backtest").contains("trades, digest "));
    site.tell("smoke test passed");
    let left = site
        .kubectl(&[
            "get",
            "strategies,tradinguniverses",
            "--output=name",
            "--namespace",
            &namespace(environment),
        ])
        .await;
    assert!(!left.contains("smoke"), "{left}");

    // An image that no registry has: nobody has signed it, so that it is refused unless that is asked for.
    let missing = with_operator(site, "missing", &format!("sha256:{}", "0".repeat(64)));
    let refused = site.fork.refused(environment, &missing);
    assert!(refused.contains("is not signed by whom we trust"), "{refused}");
    let found = fails(site, environment, &missing, "rollouts", Fork::deploy_unsigned).await;
    assert!(found.contains("ErrImagePull") || found.contains("ImagePullBackOff"), "{found}");

    // A program that ends at once.
    let (component, package) = ("operator", "ats-operator");
    let name = component_image(component, package).unwrap().name().to_owned();
    let program = binary("ats-deployment-tools", "ats-delivery").unwrap();
    let crashing = Image::new(&name).executable(program, "/operator").entrypoint(["/operator".to_owned()]);
    let (name, digest) = site.cluster.push(&crashing, component).await.unwrap();
    site.fork.sign(&name, &digest);
    let crashing = with_operator(site, "crashing", &digest);
    let found = fails(site, environment, &crashing, "rollouts", Fork::deploy).await;
    assert!(found.contains("CrashLoopBackOff"), "{found}");
}

/// Deploys what does not work: the smoke test says why, the revert brings back what was before, somebody is told.
async fn fails(
    site: &Site,
    environment: &str,
    images: &Path,
    check: &str,
    deploy: fn(&Fork, &str, &Path) -> String,
) -> String {
    let before = site.stages(environment).await;
    let commit = deploy(&site.fork, environment, images);
    site.ask(environment, "normal").await;
    let failed = smoke(site, environment, images, 45).await;
    assert!(!failed.passed);
    let message = failed.message(check);
    site.tell(&format!("smoke test failed: {message}"));

    let reverted = site.fork.revert(environment, &commit);
    site.follows(environment, Some(&reverted), "Healthy").await;
    site.ready(environment).await;
    let passed = smoke(site, environment, &site.images, 240).await;
    assert!(passed.passed, "{:#}", passed.report);
    assert_eq!(site.stages(environment).await, before, "what was there is there");

    let told = notified(&commit).await;
    assert!(
        told.contains("Verify Deployment") && told.contains("failure") && told.contains(&commit[..7]),
        "{told}"
    );
    site.tell("reverted, verified again, told");
    message
}

/// What `ats-delivery notify` sends of a verification that failed.
async fn notified(commit: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let webhook = format!("http://{}/services/T/B/x", listener.local_addr().unwrap());
    let receiver = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut text = Vec::new();
        let mut part = [0; 4096];
        // A request whose body is one JSON document, which ends with its last brace.
        while !text.ends_with(b"}") {
            let count = connection.read(&mut part).await.unwrap();
            assert!(count > 0, "the sender hung up");
            text.extend_from_slice(&part[..count]);
        }
        connection
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            .await
            .unwrap();
        String::from_utf8(text).unwrap()
    });
    let needs = json!({"deploy": {"result": "success", "outputs": {}}, "verify": {"result": "failure", "outputs": {}}});
    let mut command = Command::new(binary("ats-deployment-tools", "ats-delivery").unwrap());
    command.arg("notify").env("SLACK_WEBHOOK_URL", webhook).env("NEEDS", needs.to_string());
    command.envs([
        ("BRANCH", "develop"),
        ("COMMIT", commit),
        ("GITHUB_REPOSITORY", "example/ats"),
        ("GITHUB_RUN_ID", "1"),
    ]);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    receiver.await.unwrap()
}
