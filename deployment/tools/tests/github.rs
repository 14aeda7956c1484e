//! The set-up of GitHub, against a server on this machine that keeps what it is told as GitHub does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

const REPOSITORY: &str = "/repos/example/ats/";

/// What the server keeps, and every write that came.
#[derive(Default)]
struct Hub {
    rulesets: BTreeMap<u64, Value>,
    environments: BTreeMap<String, Value>,
    policies: BTreeMap<String, Vec<Value>>,
    labels: Vec<Value>,
    variables: Vec<Value>,
    branches: Vec<&'static str>,
    pulls: Vec<Value>,
    teams: BTreeMap<String, u64>,
    number: u64,
    writes: Vec<String>,
}

type Answer = (StatusCode, String);

/// The teams that `.github/settings.json` asks to review, each with a number.
fn teams() -> BTreeMap<String, u64> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.github/settings.json");
    let settings: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let environments = settings["environments"].as_array().unwrap();
    let names: BTreeSet<&str> = environments
        .iter()
        .flat_map(|one| one["reviewers"].as_array().unwrap())
        .map(|team| team.as_str().unwrap())
        .collect();
    names.into_iter().map(str::to_owned).zip(11..).collect()
}

fn ok(value: &Value) -> Answer {
    (StatusCode::OK, value.to_string())
}

fn missing() -> Answer {
    (StatusCode::NOT_FOUND, json!({"message": "Not Found"}).to_string())
}

/// A page of a list, of a hundred items as GitHub's.
fn page(all: &[Value], query: &str) -> Vec<Value> {
    let number: usize = query.rsplit("page=").next().unwrap().parse().unwrap();
    assert!(query.contains("per_page=100"), "{query}");
    all.iter().skip((number - 1) * 100).take(100).cloned().collect()
}

impl Hub {
    fn answer(&mut self, method: &Method, uri: &Uri, body: Value) -> Answer {
        let query = uri.query().unwrap_or_default();
        if method != Method::GET {
            let path = uri.path();
            self.writes.push(format!("{method} {}", path.strip_prefix(REPOSITORY).unwrap_or(path)));
        }
        if let Some(team) = uri.path().strip_prefix("/orgs/example/teams/") {
            return self.teams.get(team).map_or_else(missing, |id| ok(&json!({"id": id, "slug": team})));
        }
        let path = uri.path().strip_prefix(REPOSITORY).expect("a path of the repository").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        self.number += 1;
        match (method.as_str(), parts.as_slice()) {
            ("GET", ["rulesets"]) => {
                // Without their rules.
                let list: Vec<_> = self
                    .rulesets
                    .iter()
                    .map(|(id, one)| json!({"id": id, "name": one["name"], "source_type": "Repository"}))
                    .collect();
                ok(&json!(page(&list, query)))
            }
            ("GET", ["rulesets", id]) => self.rulesets.get(&id.parse().unwrap()).map_or_else(missing, ok),
            ("POST", ["rulesets"]) => {
                self.keep_ruleset(self.number, body);
                (StatusCode::CREATED, String::new())
            }
            ("PUT", ["rulesets", id]) => {
                self.keep_ruleset(id.parse().unwrap(), body);
                ok(&Value::Null)
            }
            ("GET", ["environments", name]) => self.environments.get(*name).map_or_else(missing, ok),
            ("PUT", ["environments", name]) => {
                // What is written is shown in another form.
                let mut rules = vec![json!({"id": 1, "type": "branch_policy"})];
                if body["reviewers"].as_array().is_some_and(|all| !all.is_empty()) {
                    let shown = |one: &Value| json!({"type": one["type"], "reviewer": {"id": one["id"], "slug": "x"}});
                    let reviewers: Vec<_> =
                        body["reviewers"].as_array().unwrap().iter().rev().map(shown).collect();
                    rules.push(json!({"id": 2, "type": "required_reviewers", "prevent_self_review": body["prevent_self_review"], "reviewers": reviewers}));
                }
                let shown = json!({"name": name, "protection_rules": rules, "deployment_branch_policy": body["deployment_branch_policy"]});
                self.environments.insert((*name).to_owned(), shown);
                ok(&Value::Null)
            }
            ("GET", ["environments", name, "deployment-branch-policies"]) => {
                // GitHub has them only of an environment that goes by them.
                let policy = self.environments.get(*name).map(|one| &one["deployment_branch_policy"]);
                if policy.is_none_or(|policy| policy["custom_branch_policies"] != true) {
                    return missing();
                }
                let all = self.policies.get(*name).cloned().unwrap_or_default();
                ok(&json!({"total_count": all.len(), "branch_policies": page(&all, query)}))
            }
            ("POST", ["environments", name, "deployment-branch-policies"]) => {
                let policy = json!({"id": self.number, "name": body["name"]});
                self.policies.entry((*name).to_owned()).or_default().push(policy);
                ok(&Value::Null)
            }
            ("DELETE", ["environments", name, "deployment-branch-policies", id]) => {
                let policies = self.policies.get_mut(*name).unwrap();
                let id: u64 = id.parse().unwrap();
                policies.retain(|one| one["id"] != id);
                (StatusCode::NO_CONTENT, String::new())
            }
            ("GET", ["labels"]) => ok(&json!(page(&self.labels, query))),
            ("POST", ["labels"]) => {
                self.labels.push(body);
                (StatusCode::CREATED, String::new())
            }
            ("PATCH", ["labels", name]) => {
                let label = self.labels.iter_mut().find(|one| one["name"] == *name).unwrap();
                *label = json!({"name": body["new_name"], "color": body["color"], "description": body["description"]});
                ok(&Value::Null)
            }
            ("GET", ["actions", "variables"]) => {
                ok(&json!({"total_count": self.variables.len(), "variables": page(&self.variables, query)}))
            }
            ("POST", ["actions", "variables"]) => {
                self.variables.push(body);
                (StatusCode::CREATED, String::new())
            }
            ("GET", ["branches", name @ ..]) if self.branches.contains(&name.join("/").as_str()) => {
                ok(&json!({}))
            }
            ("GET", ["branches", ..]) => missing(),
            ("GET", ["pulls"]) => {
                let asked = |one: &&Value| {
                    let head = one["head"].as_str().unwrap();
                    query == format!("state=open&head=example:{head}&base={}", one["base"].as_str().unwrap())
                };
                ok(&json!(self.pulls.iter().filter(asked).collect::<Vec<_>>()))
            }
            ("POST", ["pulls"]) => {
                self.pulls.push(body);
                (StatusCode::CREATED, String::new())
            }
            _ => panic!("{method} {path} is nothing that GitHub has"),
        }
    }

    fn keep_ruleset(&mut self, id: u64, mut body: Value) {
        body["id"] = json!(id);
        body["source_type"] = json!("Repository");
        body["rules"].as_array_mut().unwrap().reverse();
        self.rulesets.insert(id, body);
    }
}

struct Server {
    address: std::net::SocketAddr,
    hub: Arc<Mutex<Hub>>,
}

impl Server {
    async fn start() -> Self {
        let hub = Arc::new(Mutex::new(Hub { teams: teams(), ..Hub::default() }));
        let kept = Arc::clone(&hub);
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = if headers.get("authorization").is_some_and(|value| value == "Bearer token-of-tests")
            {
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                kept.lock().unwrap().answer(&method, &uri, body)
            } else {
                (StatusCode::UNAUTHORIZED, json!({"message": "Bad credentials"}).to_string())
            };
            std::future::ready(answer)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Self { address, hub }
    }

    async fn run(&self, settings: &[(&str, &str)]) -> Output {
        self.program("github-setup", settings).await
    }

    async fn program(&self, program: &str, settings: &[(&str, &str)]) -> Output {
        let checkout = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ats-delivery"));
        command.arg(program).current_dir(checkout).env_clear().envs(support::counters());
        command.envs([
            ("REPO", "example/ats"),
            ("GITHUB_TOKEN", "token-of-tests"),
            ("DEPLOY_APP_ID", "4711"),
            ("ATS_RETRY_MILLISECONDS", "1"),
        ]);
        command.env("GITHUB_API_URL", format!("http://{}", self.address)).envs(settings.iter().copied());
        command.output().await.unwrap()
    }

    async fn applied(&self) -> String {
        let output = self.run(&[]).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.hub.lock().unwrap().writes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_run_writes_everything_and_a_second_nothing() {
    let server = Server::start().await;
    // More labels than a page has, so that the last one is on the second page.
    let others: Vec<_> = (0..130)
        .map(|number| json!({"name": format!("own-{number}"), "color": "000000", "description": null}))
        .collect();
    server.hub.lock().unwrap().labels = others;
    server.applied().await;
    let writes = server.writes();
    let count = |start: &str| writes.iter().filter(|write| write.starts_with(start)).count();
    assert_eq!(count("POST rulesets"), 4, "{writes:?}");
    assert_eq!(count("PUT environments/"), 4, "{writes:?}");
    assert!(count("POST labels") >= 5 && count("POST actions/variables") >= 1, "{writes:?}");
    {
        let hub = server.hub.lock().unwrap();
        for (name, reviewers) in [("main", 2), ("develop", 2), ("release", 2), ("deployments", 2)] {
            let rules = hub.rulesets.values().find(|one| one["name"] == name).unwrap();
            let review = rules["rules"]
                .as_array()
                .unwrap()
                .iter()
                .find(|rule| rule["type"] == "pull_request")
                .unwrap();
            assert_eq!(review["parameters"]["required_approving_review_count"], reviewers, "{name}");
            assert_eq!(review["parameters"]["required_review_thread_resolution"], true, "{name}");
            let branches = if name == "release" { "release/*" } else { name };
            let wanted = json!([format!("refs/heads/{branches}")]);
            assert_eq!(rules["conditions"]["ref_name"]["include"], wanted, "{name}");
            let bypass = if name == "deployments" { 1 } else { 0 };
            assert_eq!(rules["bypass_actors"].as_array().unwrap().len(), bypass, "{name}");
        }
        // A release branch can be made, at a commit that was checked on another branch, and only then has its own checks.
        let release = hub.rulesets.values().find(|one| one["name"] == "release").unwrap();
        let checks = release["rules"].as_array().unwrap().iter();
        let mut checks = checks.filter(|rule| rule["type"] == "required_status_checks");
        let checks = &checks.next().expect("release branches are checked")["parameters"];
        assert_eq!(checks["do_not_enforce_on_create"], true);
        assert_eq!(checks["required_status_checks"], json!([{"context": "ci-ok"}]));
        assert_eq!(hub.policies["production"].len(), 1);
        assert_eq!(hub.policies["production"][0]["name"], "main");
        assert_eq!(hub.labels.len(), 130 + count("POST labels"), "labels of others stay");
    }

    assert_eq!(server.applied().await, "everything is as it should be\n");
    assert_eq!(server.writes(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_and_writes_nothing() {
    let server = Server::start().await;
    let output = server.run(&[("DRY_RUN", "1")]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.lines().all(|line| line.starts_with("would "))
            && told.contains("would POST /repos/example/ats/rulesets {"),
        "{told}"
    );
    assert!(!told.contains("token-of-tests"));
    assert_eq!(server.writes(), [""; 0]);
    // And says the same as what a run then does.
    let done = server.applied().await;
    assert_eq!(told.replace("would ", ""), done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_is_brought_back_and_the_rest_is_left() {
    let server = Server::start().await;
    server.applied().await;
    server.writes();
    {
        let mut hub = server.hub.lock().unwrap();
        for rules in hub.rulesets.values_mut().filter(|one| one["name"] == "main") {
            rules["enforcement"] = json!("disabled");
        }
        let production = hub.environments.get_mut("production").unwrap();
        production["protection_rules"] = json!([]);
        hub.policies.get_mut("production").unwrap().push(json!({"id": 990, "name": "feature/*"}));
        hub.labels[0]["color"] = json!("ffffff");
        // A variable belongs to whoever set it.
        hub.variables[0]["value"] = json!("eu-central-1");
    }
    server.applied().await;
    let label = format!("PATCH labels/{}", server.hub.lock().unwrap().labels[0]["name"].as_str().unwrap());
    let mut writes = server.writes();
    writes.sort();
    assert_eq!(writes.len(), 4, "{writes:?}");
    assert_eq!(writes[0], "DELETE environments/production/deployment-branch-policies/990");
    assert_eq!(writes[1], label);
    assert_eq!(writes[2], "PUT environments/production");
    assert!(writes[3].starts_with("PUT rulesets/"), "{writes:?}");
    assert_eq!(server.hub.lock().unwrap().variables[0]["value"], "eu-central-1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_of_protected_branches_gets_branches_of_its_own() {
    let server = Server::start().await;
    server.applied().await;
    server.writes();
    {
        let mut hub = server.hub.lock().unwrap();
        let staging = hub.environments.get_mut("staging").unwrap();
        staging["deployment_branch_policy"] =
            json!({"protected_branches": true, "custom_branch_policies": false});
        hub.policies.remove("staging");
    }
    server.applied().await;
    let branches = ["POST environments/staging/deployment-branch-policies"; 3];
    assert_eq!(server.writes(), [&["PUT environments/staging"][..], &branches].concat());
    assert_eq!(server.applied().await, "everything is as it should be\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_an_error_that_says_what_to_do() {
    let server = Server::start().await;
    let told = |output: Output| {
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let wrong = told(server.run(&[("GITHUB_TOKEN", "other")]).await);
    assert!(
        wrong.contains("401") && wrong.contains("Bad credentials") && !wrong.contains("other"),
        "{wrong}"
    );
    for (name, value) in [
        ("REPO", "ats"),
        ("REPO", "example/../x"),
        ("DRY_RUN", "yes"),
        ("DEPLOY_APP_ID", "x"),
        ("GITHUB_TOKEN", ""),
        ("GITHUB_API_URL", "http://api.example"),
    ] {
        let wrong = told(server.run(&[(name, value)]).await);
        assert!(wrong.contains(name), "{name}={value}: {wrong}");
    }
    assert_eq!(server.writes(), [""; 0]);
    let (team, _) = server.hub.lock().unwrap().teams.pop_last().expect("somebody reviews");
    let wrong = told(server.run(&[]).await);
    let missing = format!("/orgs/example/teams/{team}");
    assert!(wrong.contains(&missing) && wrong.contains("no such team"), "{wrong}");
    assert_eq!(server.writes(), [""; 0], "nothing is half written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_asked_for_once_and_only_for_a_branch_that_is_there() {
    let server = Server::start().await;
    let asked = async |head: &str| {
        let settings = [
            ("GITHUB_REPOSITORY", "example/ats"),
            ("PULL_REQUEST_HEAD", head),
            ("PULL_REQUEST_TITLE", "production: 0123456789ab"),
        ];
        let output = server.program("pull-request", &settings).await;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(asked("deploy/production").await, "there is no branch deploy/production: nothing changed\n");
    server.hub.lock().unwrap().branches = vec!["deploy/production", "deploy/staging"];
    assert_eq!(
        asked("deploy/production").await,
        "asked for the merge of deploy/production into deployments\n"
    );
    assert!(asked("deploy/production").await.contains("is open already"));
    assert!(asked("deploy/staging").await.starts_with("asked for"), "another branch is another question");
    assert_eq!(server.writes(), ["POST pulls", "POST pulls"]);
    let hub = server.hub.lock().unwrap();
    assert_eq!(hub.pulls[0]["title"], "production: 0123456789ab");
    assert_eq!(hub.pulls[0]["base"], "deployments");
}
