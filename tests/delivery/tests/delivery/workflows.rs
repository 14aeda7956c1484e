//! Rules of the workflows and of what stands around them on GitHub.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use ats_delivery_tests::names::{Names, Owned, owners, reviewers};
use ats_delivery_tests::{checkout, document, files, parts, text};
use regex::Regex;
use serde_json::{Value, json};

/// Files of workflows and the names that they keep: checks, badges and people refer to them.
const NAMES: [(&str, &str); 11] = [
    ("ci.yml", "CI Pipeline"),
    ("test.yml", "Test Pipeline"),
    ("coverage.yml", "Coverage Report"),
    ("performance.yml", "Performance Tests"),
    ("deploy.yml", "Deploy Pipeline"),
    ("verify.yml", "Verify Deployment"),
    ("weekly.yml", "Weekly Report"),
    ("security.yml", "Security"),
    ("compatibility.yml", "Compatibility"),
    ("release.yml", "Release"),
    ("notify.yml", "Notify"),
];

/// The commits that may be used, with their versions. Each was found, with that version, in other projects' pins.
const ACTIONS: [(&str, &str, &str); 14] = [
    ("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"),
    ("actions/upload-artifact", "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a", "v7.0.1"),
    ("Swatinem/rust-cache", "6323deb102c322ba6fcbdcafc7e3dddab59af2b6", "v2.9.2"),
    ("actions/create-github-app-token", "bcd2ba49218906704ab6c1aa796996da409d3eb1", "v3.2.0"),
    ("actions/attest-build-provenance", "0f67c3f4856b2e3261c31976d6725780e5e4c373", "v4.1.1"),
    ("actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"),
    ("aws-actions/amazon-ecr-login", "03f1aad4c6c7ffd436567f42f9384779290529bd", "v2.1.7"),
    ("aws-actions/configure-aws-credentials", "e6de054238d6b7531b4efff3b6587d9aade6a06c", "v6.2.3"),
    ("codecov/codecov-action", "fb8b3582c8e4def4969c97caa2f19720cb33a72f", "v7.0.0"),
    ("actions/dependency-review-action", "a1d282b36b6f3519aa1f3fc636f609c47dddb294", "v5.0.0"),
    ("github/codeql-action/init", "cdf488f595d80d6e07e03d4674febd5ab45fa938", "v4.37.9"),
    ("github/codeql-action/analyze", "cdf488f595d80d6e07e03d4674febd5ab45fa938", "v4.37.9"),
    ("github/codeql-action/upload-sarif", "cdf488f595d80d6e07e03d4674febd5ab45fa938", "v4.37.9"),
    ("ossf/scorecard-action", "2d1146689b8cda280b9bc96326124645441f03bc", "v2.4.4"),
];

/// Rights beyond reading: the workflow, the job, the scope, and what it is for. A caller grants what it calls.
const RIGHTS: [(&str, &str, &str, &str); 18] = [
    ("performance.yml", "keep", "contents", "a line on branch metrics"),
    ("ci.yml", "metrics", "contents", "a line on branch metrics"),
    ("coverage.yml", "coverage", "id-token", "Codecov asks who sends"),
    ("ci.yml", "coverage", "id-token", "what is called there"),
    ("verify.yml", "verify", "id-token", "AWS asks who calls"),
    ("ci.yml", "verify", "id-token", "what is called there"),
    ("deploy.yml", "publish", "id-token", "AWS and cosign ask who calls"),
    ("deploy.yml", "deploy", "id-token", "AWS asks who calls"),
    ("release.yml", "publish", "contents", "the release and its tag"),
    ("release.yml", "publish", "id-token", "AWS, cosign and the attestation ask who calls"),
    ("release.yml", "publish", "packages", "a registry that is GitHub's"),
    ("release.yml", "publish", "attestations", "where the files come from"),
    ("deploy.yml", "publish", "packages", "a registry that is GitHub's"),
    ("ci.yml", "deploy", "id-token", "what is called there"),
    ("ci.yml", "deploy", "packages", "what is called there"),
    ("security.yml", "codeql", "security-events", "findings at the lines of code"),
    ("security.yml", "scorecard", "security-events", "findings beside CodeQL's"),
    ("ci.yml", "security", "security-events", "what is called there"),
];

fn workflows() -> BTreeMap<String, Value> {
    files(".github/workflows", ".yml").into_iter().map(|path| (path.clone(), document(&path))).collect()
}

fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("a workflow has jobs").iter()
}

fn needs_of(job: &Value) -> BTreeSet<&str> {
    match &job["needs"] {
        Value::String(job) => BTreeSet::from([job.as_str()]),
        needs => needs.as_array().into_iter().flatten().map(|job| job.as_str().unwrap()).collect(),
    }
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

#[test]
fn names_stay() {
    for (file, name) in NAMES {
        assert_eq!(document(&format!(".github/workflows/{file}"))["name"], name);
    }
    assert_eq!(workflows().len(), NAMES.len(), "a workflow without a name in this test");
}

#[test]
fn the_pipeline_starts_when_it_should() {
    let triggers = &document(".github/workflows/ci.yml")["on"];
    assert_eq!(triggers["push"]["branches"], json!(["develop", "main", "release/*", "hotfix/*"]));
    // Release branches have rules, too, and ask for the same check.
    assert_eq!(triggers["pull_request"]["branches"], json!(["develop", "main", "release/*"]));
    for (file, workflow) in workflows() {
        // Both run with secrets on what a stranger wrote, or without a way to know the commit.
        for refused in ["pull_request_target", "workflow_run", "issue_comment"] {
            assert!(workflow["on"].get(refused).is_none(), "{file}: {refused}");
        }
    }
}

#[test]
fn actions_are_pinned_by_commit_with_their_version() {
    let line =
        Regex::new(r"^\s*(?:- )?uses: (\S+)(?: # (v\S+))?(?: # zizmor: ignore\[[a-z-]+\] .{10,})?$").unwrap();
    let mut used = BTreeSet::new();
    for file in files(".github/workflows", ".yml") {
        for text in text(&file).lines().filter(|line| line.contains("uses:")) {
            let found = line.captures(text).unwrap_or_else(|| panic!("{file}: {text}"));
            if found[1].starts_with("./") {
                assert!(checkout().join(&found[1]).is_file(), "{file}: {}", &found[1]);
                continue;
            }
            let (action, commit) = found[1].split_once('@').unwrap_or_else(|| panic!("{file}: {text}"));
            let version =
                found.get(2).unwrap_or_else(|| panic!("{file}: {action} without its version")).as_str();
            assert!(
                ACTIONS.contains(&(action, commit, version)),
                "{file}: {action}@{commit} # {version} is not known"
            );
            used.insert(action.to_owned());
        }
    }
    assert_eq!(used.len(), ACTIONS.len(), "a pin that nothing uses: {used:?}");
}

#[test]
fn every_step_is_one_make_target() {
    let makefile = text("Makefile");
    let target = Regex::new(r"(?m)^([a-z-]+):.*## ").unwrap();
    let targets: BTreeSet<_> = target.captures_iter(&makefile).map(|found| found[1].to_owned()).collect();
    let command = Regex::new(r"^make ([a-z-]+)$").unwrap();
    let mut runs = 0;
    for (file, workflow) in workflows() {
        for (job, value) in jobs(&workflow) {
            for step in steps(value) {
                let Some(run) = step["run"].as_str() else {
                    assert!(step["uses"].is_string(), "{file}: {job}: a step that does nothing");
                    continue;
                };
                let found = command
                    .captures(run)
                    .unwrap_or_else(|| panic!("{file}: {job}: {run:?} is not one make target"));
                assert!(targets.contains(&found[1]), "{file}: {job}: make {} is in no help", &found[1]);
                assert!(
                    step.get("shell").is_none() && step.get("working-directory").is_none(),
                    "{file}: {job}"
                );
                runs += 1;
            }
        }
    }
    assert!(runs > 5, "the rule looks at something");
}

#[test]
fn rights_are_the_least_and_time_is_bounded() {
    let mut written = BTreeSet::new();
    for (file, workflow) in workflows() {
        assert_eq!(workflow["permissions"], json!({}), "{file}: nothing by default");
        assert!(workflow["concurrency"]["group"].is_string(), "{file}: no concurrency");
        let cancel = &workflow["concurrency"]["cancel-in-progress"];
        let only_pull_requests = "${{ github.event_name == 'pull_request' }}";
        assert!(*cancel == json!(false) || *cancel == only_pull_requests, "{file}: a run of a branch ends");
        for (job, value) in jobs(&workflow) {
            let rights =
                value["permissions"].as_object().unwrap_or_else(|| panic!("{file}: {job}: no permissions"));
            for (scope, right) in rights.iter().filter(|(_, right)| *right != "read") {
                assert_eq!(right, "write", "{file}: {job}: {scope}");
                let known = RIGHTS.iter().find(|one| file.ends_with(one.0) && one.1 == job && one.2 == scope);
                let known =
                    known.unwrap_or_else(|| panic!("{file}: {job}: {scope}: {right} is for no job so far"));
                written.insert(*known);
            }
            assert!(!value["secrets"].is_string(), "{file}: {job}: secrets are passed by name");
            if value.get("uses").is_none() {
                let minutes =
                    value["timeout-minutes"].as_u64().unwrap_or_else(|| panic!("{file}: {job}: no time-out"));
                assert!(minutes <= 120, "{file}: {job}");
                let machine = value["runs-on"].as_str().unwrap();
                assert!(
                    machine.starts_with("ubuntu-") && machine != "ubuntu-latest",
                    "{file}: {job}: {machine}"
                );
            }
            assert!(value.get("continue-on-error").is_none(), "{file}: {job}: a failure is a failure");
            for step in steps(value) {
                assert!(step.get("continue-on-error").is_none(), "{file}: {job}: a failure is a failure");
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(
                        step["with"]["persist-credentials"], false,
                        "{file}: {job}: the token stays in .git"
                    );
                }
            }
        }
    }
    assert_eq!(written, BTreeSet::from(RIGHTS), "a right that nobody asks for");
}

/// Targets that workflows call and no test runs, each with the reason: all others are run by `make test` or
/// `make test-all`, as prerequisites or by a test.
const NOT_RUN: [(&str, &str); 4] = [
    ("images", "compiles; `images.rs` runs its script with what is compiled"),
    ("bench", "an hour; `bench-quick` of `make test-all` is the same at its smallest sizes"),
    ("advisories", "fetches a database that is in no package registry; `deny` runs the same program"),
    ("msrv", "installs another Rust; the version is held to that of the images by `images.rs`"),
];

#[test]
fn targets_of_workflows_are_run_by_the_tests() {
    let rule = Regex::new(r"(?m)^([a-z-]+):").unwrap();
    let rules: BTreeMap<String, Vec<String>> =
        rule.captures_iter(&text("Makefile")).map(|found| (found[1].to_owned(), parts(&found[1]))).collect();
    let mut reached = BTreeSet::new();
    let mut left = vec!["test-all".to_owned()];
    while let Some(target) = left.pop() {
        if reached.insert(target.clone()) {
            left.extend(rules.get(&target).into_iter().flatten().cloned());
        }
    }
    // Parts of what `make test` runs whole.
    reached.extend(["check", "unit", "integration", "system", "delivery"].map(str::to_owned));
    let by_tests: String = ["deployment/tools/tests", "tests/delivery/tests/delivery"]
        .iter()
        .flat_map(|folder| files(folder, ".rs"))
        .map(|path| text(&path))
        .collect();
    for (target, _) in NOT_RUN {
        assert!(rules.contains_key(target), "{target} is no target");
    }
    let command = Regex::new(r"run: make ([a-z-]+)").unwrap();
    for file in files(".github/workflows", ".yml") {
        for found in command.captures_iter(&text(&file)) {
            let target = &found[1];
            assert!(
                reached.contains(target)
                    || by_tests.contains(&format!("make(\"{target}\""))
                    || NOT_RUN.iter().any(|(name, _)| *name == target),
                "{file}: nothing runs make {target}"
            );
        }
    }
}

/// A machine that runs workflows comes with programs of its own, at any version. Those that tests/cluster/tools pins are
/// built from there, whatever the machine has.
#[test]
fn what_is_pinned_is_built_and_not_found() {
    let families = files("tests/cluster/tools", "/go.mod");
    let families = families.iter().map(|path| path.rsplit('/').nth(1).expect("a module lies in a folder"));
    let programs: Vec<&str> = families.chain(["kubectl"]).collect();
    for program in ["kind", "helm", "kustomize", "cosign"] {
        assert!(programs.contains(&program), "{program} is pinned");
    }
    let names = programs.join("|");
    // Where a command stands: a line's begin, or what separates commands; settings may come before it.
    let start = r"(?:^@?|[;|&(]|\b(?:do|then|else)\b|\|\|)\s*(?:[A-Z_]+=\S*\s+)*";
    let found_on_path =
        Regex::new(&format!(r"{start}(?:{names})\s|\b(?:command -v|which|type -P)\s+(?:{names})\b")).unwrap();
    let mistakes =
        ["x=$(command -v cosign || true)", "  helm package x", "a && A=b kind create", "@kustomize build"];
    for mistake in mistakes {
        assert!(found_on_path.is_match(mistake), "the rule sees {mistake:?}");
    }
    let chosen = Regex::new(&format!(r"(?:^|\s)({names})=(.*\$\(.*)$")).unwrap();
    let scripts = ["deployment", "tests"].iter().flat_map(|folder| files(folder, ".sh"));
    let scripts = scripts.chain(files(".ci", "")).chain(["Makefile".to_owned()]);
    let mut built = BTreeSet::new();
    for script in scripts {
        let text = text(&script);
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            assert!(!found_on_path.is_match(line), "{script}: {line}: which version?");
            if let Some(found) = chosen.captures(line) {
                let by_function = found[2].contains("$(tool ") && text.contains("\ntool() {");
                assert!(by_function || found[2].contains("tools/build.sh"), "{script}: {line}");
                built.insert(found[1].to_owned());
            }
        }
        assert!(
            !text.contains("\ntool() {") || text.contains("$(tests/cluster/tools/build.sh \"$1\")"),
            "{script}"
        );
    }
    assert_eq!(
        built,
        BTreeSet::from(["actionlint", "cosign", "helm", "kind", "kustomize"].map(str::to_owned))
    );
    // The way of the tests to put another in its place is none of a workflow's.
    let other = Regex::new(r"(?m)^\s*(?:KIND|KUSTOMIZE|COSIGN|PATH|KUBEBUILDER_ASSETS):").unwrap();
    for file in files(".github/workflows", ".yml") {
        assert!(!other.is_match(&text(&file)), "{file}: programs of another place");
    }
}

/// Jobs that compile and restore nothing, each with the reason.
const UNCACHED: [(&str, &str, &str); 5] = [
    ("ci.yml", "images", "the images are deployed"),
    ("deploy.yml", "publish", "the images are published"),
    ("release.yml", "make", "the release is published"),
    ("performance.yml", "performance", "a profile that nothing else compiles"),
    ("performance.yml", "stages", "images are measured as they are deployed"),
];

/// Compiled dependencies are saved by one job and restored by the others, where cargo looks for them; tools, where their
/// scripts do. What is published is compiled anew, and no job that may write restores what another one has left.
#[test]
fn jobs_share_what_is_compiled_and_what_is_published_is_not_of_it() {
    let develop = json!("${{ github.ref == 'refs/heads/develop' }}");
    let compiles = [
        "check",
        "unit",
        "gate",
        "coverage",
        "integration",
        "system",
        "delivery",
        "kind",
        "msrv",
        "compose-run",
        "images",
        "release",
        "bench",
    ];
    let named = Regex::new(r"'([^']+)'").unwrap();
    let (mut saved, mut uncached) = (Vec::new(), BTreeSet::new());
    let mut with_tools = BTreeSet::new();
    for (file, workflow) in workflows() {
        for (job, value) in jobs(&workflow) {
            let caches: Vec<&Value> = steps(value)
                .filter(|step| {
                    step["uses"].as_str().is_some_and(|uses| uses.starts_with("Swatinem/rust-cache@"))
                })
                .map(|step| &step["with"])
                .collect();
            let (tools, trees): (Vec<&Value>, Vec<&Value>) =
                caches.iter().copied().partition(|cache| cache["cache-targets"] == false);
            let run: Vec<&str> =
                steps(value).filter_map(|step| step["run"].as_str()?.strip_prefix("make ")).collect();
            if run.iter().any(|target| compiles.contains(target)) && trees.is_empty() {
                let known = UNCACHED.iter().find(|one| file.ends_with(one.0) && one.1 == job);
                uncached.insert(*known.unwrap_or_else(|| panic!("{file}: {job} compiles everything")));
            }
            // What is published is compiled in one place, wherever that is done: the target folder decides digests.
            let target = &value["env"]["CARGO_TARGET_DIR"];
            assert!(workflow.get("env").is_none() && target.is_string() != trees.is_empty(), "{file}: {job}");
            if caches.is_empty() {
                continue;
            }
            let writes = ["contents", "packages", "attestations"];
            assert!(writes.iter().all(|scope| value["permissions"][scope] != "write"), "{file}: {job}");
            assert!(value.get("environment").is_none(), "{file}: {job}");
            assert!(trees.len() <= 1 && tools.len() <= 1, "{file}: {job}");
            for cache in &caches {
                let save = &cache["save-if"];
                assert!(*save == develop || *save == false, "{file}: {job}: a pull request leaves nothing");
            }
            for cache in trees {
                assert_eq!(target, "${{ github.workspace }}/target", "{file}: {job}: where the action looks");
                assert!(cache.get("workspaces").is_none(), "{file}: {job}");
                if cache["shared-key"] == "dependencies" && cache["save-if"] == develop {
                    saved.push(job.clone());
                }
            }
            for cache in tools {
                assert_eq!(cache["cache-directories"], "~/.cache/ats/tools", "{file}: {job}");
                assert_eq!(cache["save-if"], develop, "{file}: {job}: its tools are its own");
                with_tools.extend(run.iter().map(|target| (*target).to_owned()));
                let key = cache["key"].as_str().unwrap();
                let sources: Vec<_> = named.captures_iter(key).map(|found| found[1].to_owned()).collect();
                for script in ["deployment/cargo-tool.sh", "tests/cluster/tools/**"] {
                    assert!(sources.iter().any(|source| source == script), "{file}: {job}: {script}");
                }
                for source in sources {
                    assert!(checkout().join(source.trim_end_matches("/**")).exists(), "{file}: {source}");
                }
            }
        }
    }
    assert_eq!(saved, ["check"], "one job saves what the others restore");
    assert_eq!(uncached, BTreeSet::from(UNCACHED), "a job that compiles nothing, or that has a cache");
    // Whose first steps build Kubernetes, Argo CD or linters.
    for target in ["check", "coverage", "integration", "system", "delivery", "kind", "advisories"] {
        assert!(with_tools.contains(target), "make {target} builds its tools each time");
    }
    for script in ["deployment/cargo-tool.sh", "tests/cluster/tools/build.sh", "tests/python-packages.sh"] {
        let folder = "${ATS_CACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ats}/tools";
        assert!(text(script).contains(folder), "{script} puts its tools elsewhere");
    }
}

/// A job begins on a machine that has nothing: what runs tests of the ledger installs the database before.
#[test]
fn what_needs_a_database_installs_it() {
    let installs = |target: &str| {
        let makefile = text("Makefile");
        let start = format!("\n{target}:");
        let from = makefile.find(&start).unwrap_or_else(|| panic!("there is no rule for {target}"));
        let rule = &makefile[from + 1..];
        let rule = rule.find("\n\n").map_or(rule, |end| &rule[..end]);
        rule.contains("tests/cluster/tools/install-node.sh postgresql")
            || rule.contains("tests/cluster/tools/install-node.sh &&")
    };
    assert!(!installs("clippy"), "the rule knows what does not");
    for target in ["test", "unit", "coverage", "integration", "system", "delivery"] {
        assert!(parts(target).iter().any(|part| installs(part)), "make {target} needs PostgreSQL");
    }
    let script = text("tests/cluster/tools/install-node.sh");
    assert!(script.contains("\n  postgresql='/usr/lib/postgresql/*/bin/postgres'"));
}

/// Secrets that exist, by the workflow that may hand each one on or use it.
const SECRETS: [(&str, &[&str]); 2] = [
    ("SLACK_WEBHOOK_URL", &["ci.yml", "notify.yml"]),
    ("DEPLOY_APP_KEY", &["ci.yml", "deploy.yml", "verify.yml"]),
];

#[test]
fn secrets_are_passed_by_name_and_to_whom_needs_them() {
    let secret = Regex::new(r"\bsecrets\.([A-Za-z_]+)").unwrap();
    let mut used = BTreeSet::new();
    for file in files(".github/workflows", ".yml") {
        let text = text(&file);
        assert!(!text.contains("secrets["), "{file}: a secret by a computed name");
        assert!(!text.contains("toJSON(secrets"), "{file}: all secrets at once");
        for found in secret.captures_iter(&text) {
            let allowed = SECRETS.iter().find(|(name, _)| *name == &found[1]);
            let (name, holders) = allowed.unwrap_or_else(|| panic!("{file}: {} is not known", &found[1]));
            assert!(holders.iter().any(|holder| file.ends_with(holder)), "{file}: {name}");
            used.insert(*name);
        }
    }
    assert_eq!(used.len(), SECRETS.len(), "a secret that nothing uses: {used:?}");
}

/// The key that may commit deployments belongs to environments, whose branches and reviewers stand before it: a job of
/// none of them has nothing in its place.
#[test]
fn the_key_of_deployments_is_used_in_environments_only() {
    let mut jobs_with_it = BTreeSet::new();
    for (file, workflow) in workflows() {
        for (job, value) in jobs(&workflow) {
            let mut its_steps = steps(value);
            if its_steps.any(|step| step.to_string().contains("secrets.DEPLOY_APP_KEY")) {
                assert_eq!(value["environment"], "${{ inputs.environment }}", "{file}: {job}");
                jobs_with_it.insert(job.clone());
            }
        }
        // What calls has no such secret of its own, which may not be an error.
        let declared = &workflow["on"]["workflow_call"]["secrets"]["DEPLOY_APP_KEY"];
        assert!(declared.is_null() || declared["required"] == false, "{file}: {declared}");
    }
    assert_eq!(jobs_with_it, BTreeSet::from(["deploy", "verify"].map(str::to_owned)));
}

/// Who has no Codecov says so by a variable: the coverage is measured and asked for all the same.
#[test]
fn coverage_is_sent_unless_codecov_is_off() {
    let workflow = document(".github/workflows/coverage.yml");
    let steps: Vec<_> = steps(&workflow["jobs"]["coverage"]).collect();
    let send = steps.last().unwrap();
    assert!(send["uses"].as_str().unwrap().starts_with("codecov/codecov-action@"), "{send}");
    assert_eq!(send["if"], "github.event_name != 'pull_request' && vars.CODECOV != 'off'");
    assert_eq!(send["with"]["fail_ci_if_error"], true, "what is not taken is a failure");
    let measure = steps.iter().find(|step| step["run"] == "make coverage").expect("it is measured");
    assert!(measure.get("if").is_none());
}

/// A hotfix is main's once it is merged. Production takes what staging runs, so main goes to staging by hand first: nothing
/// on the way may be closed to main.
#[test]
fn a_hotfix_reaches_production_by_way_of_staging() {
    let pipeline = document(".github/workflows/ci.yml");
    let branches = pipeline["on"]["push"]["branches"].as_array().unwrap();
    assert!(branches.contains(&json!("hotfix/*")), "it is checked before it is merged");
    assert!(
        pipeline["jobs"]["deploy"]["if"]
            .as_str()
            .unwrap()
            .contains("!startsWith(github.ref_name, 'hotfix/')")
    );
    let settings: Value = serde_json::from_str(&text(".github/settings.json")).unwrap();
    for environment in ["staging", "production"] {
        let mut environments = settings["environments"].as_array().unwrap().iter();
        let found = environments.find(|one| one["name"] == environment).expect("the environment is made");
        assert!(found["branches"].as_array().unwrap().contains(&json!("main")), "{environment}");
    }
    let deploy = document(".github/workflows/deploy.yml");
    let by_hand = &deploy["on"]["workflow_dispatch"]["inputs"]["environment"]["options"];
    assert!(by_hand.as_array().unwrap().contains(&json!("staging")));
    takes_the_images(&deploy, "publish");
    // What staging runs is told with what it was made of, which has to be main's.
    assert!(text("deployment/deploy.sh").contains("${images%.json}.source"));
    let contributing = text("CONTRIBUTING.md");
    assert!(contributing.contains("(docs/delivery.md#a-hotfix)"));
    assert!(text("docs/delivery.md").contains("\n### A hotfix\n"));
}

#[test]
fn notification_tells_of_all_that_went_before() {
    let workflow = document(".github/workflows/ci.yml");
    let notify = &workflow["jobs"]["notify"];
    assert_eq!(notify["uses"], "./.github/workflows/notify.yml");
    // Also of what failed; a pull request tells its author by itself.
    assert_eq!(notify["if"], "always() && github.event_name != 'pull_request'");
    let others: BTreeSet<_> =
        jobs(&workflow).map(|(job, _)| job.as_str()).filter(|job| *job != "notify").collect();
    assert_eq!(needs_of(notify), others);
    let known = text("deployment/tools/src/notify.rs");
    for job in others {
        assert!(known.contains(&format!("\"{job}\"")), "{job}: to which workflow does it belong?");
    }
    assert_eq!(notify["with"], json!({"needs": "${{ toJSON(needs) }}"}));
    assert_eq!(notify["secrets"], json!({"SLACK_WEBHOOK_URL": "${{ secrets.SLACK_WEBHOOK_URL }}"}));

    let called = document(".github/workflows/notify.yml");
    assert_eq!(called["on"]["workflow_call"]["secrets"]["SLACK_WEBHOOK_URL"]["required"], false);
    let step = steps(&called["jobs"]["slack"]).last().unwrap();
    assert_eq!(step["run"], "make notify");
    let settings: BTreeSet<_> = step["env"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(settings, BTreeSet::from(["BRANCH", "COMMIT", "NEEDS", "SLACK_WEBHOOK_URL"]));
    let program = text("deployment/tools/src/command/notify.rs");
    for name in settings {
        assert!(program.contains(&format!("\"{name}\"")), "the program reads {name}");
    }
}

#[test]
fn performance_is_measured_every_week() {
    let workflow = document(".github/workflows/performance.yml");
    assert_eq!(workflow["on"]["schedule"], json!([{"cron": "0 0 * * 0"}]));
    assert!(workflow["on"].as_object().unwrap().contains_key("workflow_dispatch"));
    let steps: Vec<_> = steps(&workflow["jobs"]["performance"]).collect();
    let report =
        steps.iter().find(|step| step["run"] == "make performance-report").expect("a report is made");
    let upload = steps.last().unwrap();
    assert_eq!(upload["with"]["name"], "performance-report");
    assert_eq!(upload["with"]["path"], report["env"]["OUTPUT"], "what was made is what is kept");
}

#[test]
fn a_branch_reaches_its_environment() {
    let pipeline = document(".github/workflows/ci.yml");
    let (deploy, verify) = (&pipeline["jobs"]["deploy"], &pipeline["jobs"]["verify"]);
    // Never on a pull request, never before the one check.
    let pushed = "github.event_name == 'push' && !startsWith(github.ref_name, 'hotfix/')";
    // A fork that has not been told who commits deployments is green without one.
    assert_eq!(deploy["if"], format!("{pushed} && vars.DEPLOY_APP_CLIENT_ID != ''"));
    assert!(needs_of(deploy).contains("ci-ok") && needs_of(verify).contains("deploy"));
    let environment = "${{ github.ref_name == 'main' && 'production' || startsWith(github.ref_name, 'release/') && 'staging' || 'development' }}";
    assert_eq!(deploy["with"]["environment"], environment);
    assert_eq!(
        verify["with"]["commit"], "${{ needs.deploy.outputs.commit }}",
        "what is taken back is what was deployed"
    );
    for file in ["deploy", "verify"] {
        let called = document(&format!(".github/workflows/{file}.yml"));
        assert_eq!(called["on"]["workflow_dispatch"]["inputs"]["environment"]["default"], "development");
        let choices = &called["on"]["workflow_dispatch"]["inputs"]["environment"]["options"];
        assert_eq!(*choices, json!(ats_delivery_tests::ENVIRONMENTS));
        let group = format!("{file}-${{{{ inputs.environment }}}}");
        assert_eq!(called["concurrency"], json!({"group": group, "cancel-in-progress": false}));
    }
    let called = document(".github/workflows/deploy.yml");
    let jobs = &called["jobs"];
    // Nothing is built for production: it takes what staging runs.
    assert_eq!(jobs["publish"]["if"], "inputs.environment != 'production'");
    let step = |command: &str| {
        let found = steps(&jobs["deploy"]).find(|step| step["run"] == command);
        found.unwrap_or_else(|| panic!("no step {command}")).clone()
    };
    let deploy = step("make deploy");
    let images = "${{ inputs.environment == 'production' && 'deployments/images/staging.json' || 'images/pushed.json' }}";
    assert_eq!(deploy["env"]["IMAGES_JSON"], images);
    let branch = "${{ inputs.environment == 'development' && 'deployments' || format('deploy/{0}', inputs.environment) }}";
    assert_eq!(deploy["env"]["TO"], branch);
    assert_eq!(step("make pull-request")["if"], "inputs.environment != 'development'");
    assert_eq!(jobs["deploy"]["environment"], "${{ inputs.environment }}", "who may approve is asked");
    // What is signed there is what is asked for here.
    let commands = |job: &str| steps(&jobs[job]).filter_map(|step| step["run"].as_str()).collect::<Vec<_>>();
    let published = commands("publish");
    let position = |command: &str| published.iter().position(|one| *one == command).expect("it is run");
    assert!(position("make push") < position("make sign"));
    let signer = "https://github.com/${{ github.repository }}/.github/workflows/deploy.yml";
    assert_eq!(deploy["env"]["SIGNER"], signer);
    for (file, workflow) in workflows() {
        assert!(!workflow.to_string().contains("UNSIGNED"), "{file}: a deployment that asks nobody");
    }
}

/// Only the smoke test takes a deployment back: one that could not be looked at is left as it is.
#[test]
fn what_fails_its_smoke_test_is_taken_back_and_told() {
    let called = document(".github/workflows/verify.yml");
    let steps: Vec<_> = steps(&called["jobs"]["verify"]).collect();
    let position = |command: &str| {
        let found = steps.iter().position(|step| step["run"] == command);
        found.unwrap_or_else(|| panic!("no step {command}"))
    };
    let (access, smoke, revert) =
        (position("make kubeconfig"), position("make smoke"), position("make revert"));
    assert!(access < smoke && smoke < revert);
    assert_eq!((&steps[smoke]["id"], steps[smoke].get("if")), (&json!("smoke"), None));
    assert_eq!(steps[smoke]["env"]["ENVIRONMENT"], "${{ inputs.environment }}");
    let failed = "failure() && steps.smoke.outcome == 'failure' && inputs.commit != ''";
    // What comes after it is the way back, and nothing else is done because something failed.
    for (index, step) in steps.iter().enumerate() {
        let condition = (index > smoke).then(|| json!(failed));
        assert_eq!(step.get("if"), condition.as_ref(), "{step}");
    }
    let settings = &steps[revert]["env"];
    assert_eq!(settings["COMMIT"], "${{ inputs.commit }}");
    assert_eq!(settings["ENVIRONMENT"], steps[smoke]["env"]["ENVIRONMENT"], "where it failed");
    assert!(settings["REMOTE"].as_str().unwrap().contains("${{ steps.app.outputs.token }}"));
    let token = steps.iter().position(|step| step["id"] == "app").expect("a token is asked for");
    assert!(smoke < token && token < revert);
    // Without a commit, as when nothing was deployed, nothing is taken back.
    for trigger in ["workflow_call", "workflow_dispatch"] {
        assert_eq!(called["on"][trigger]["inputs"]["commit"]["default"], "", "{trigger}");
    }

    let pipeline = document(".github/workflows/ci.yml");
    let (verify, notify) = (&pipeline["jobs"]["verify"], &pipeline["jobs"]["notify"]);
    assert_eq!(verify["uses"], "./.github/workflows/verify.yml");
    assert_eq!(verify["if"], "github.ref_name == 'develop' && vars.AWS_VERIFY_ROLE != ''");
    assert_eq!(needs_of(verify), BTreeSet::from(["ci-ok", "deploy"]));
    let deployed = json!({"environment": "development", "commit": "${{ needs.deploy.outputs.commit }}"});
    assert_eq!(verify["with"], deployed);
    let deploy = document(".github/workflows/deploy.yml");
    let outputs = &deploy["on"]["workflow_call"]["outputs"];
    assert_eq!(outputs["commit"]["value"], "${{ jobs.deploy.outputs.commit }}");
    assert_eq!(deploy["jobs"]["deploy"]["outputs"]["commit"], "${{ steps.deploy.outputs.commit }}");
    // Somebody is told when it is over, also of a verification that failed.
    assert!(needs_of(notify).contains("verify"));
    assert!(notify["if"].as_str().unwrap().starts_with("always() && "));
}

/// A release is made without rights, and published from main after an approval.
#[test]
fn a_release_is_approved_before_it_is_published() {
    let workflow = document(".github/workflows/release.yml");
    let triggers: Vec<_> = workflow["on"].as_object().unwrap().keys().collect();
    assert_eq!(triggers, ["workflow_dispatch"], "by hand only");
    assert_eq!(workflow["on"]["workflow_dispatch"]["inputs"]["publish"]["default"], false);
    let (make, publish) = (&workflow["jobs"]["make"], &workflow["jobs"]["publish"]);
    assert_eq!(make["permissions"], json!({"contents": "read"}));
    assert!(steps(make).all(|step| step["env"].get("PUBLISH").is_none()), "it is made, not published");
    assert_eq!(publish["if"], "inputs.publish && github.ref == 'refs/heads/main'");
    assert_eq!(publish["environment"], "release");
    assert!(needs_of(publish).contains("make"));
    let settings: Value = serde_json::from_str(&text(".github/settings.json")).unwrap();
    let environments = settings["environments"].as_array().unwrap();
    let release = environments.iter().find(|one| one["name"] == "release").expect("the environment is made");
    assert_eq!(release["branches"], json!(["main"]));
    assert!(!release["reviewers"].as_array().unwrap().is_empty(), "somebody is asked");
    let attest =
        |step: &&Value| step["uses"].as_str().is_some_and(|uses| uses.contains("attest-build-provenance"));
    let attested = steps(publish).find(attest).expect("the files are attested");
    assert_eq!(attested["with"]["subject-checksums"], "release/SHA256SUMS");
}

#[test]
fn images_are_an_artifact() {
    let workflow = document(".github/workflows/ci.yml");
    let steps: Vec<_> = steps(&workflow["jobs"]["images"]).collect();
    let build = steps.iter().find(|step| step["run"] == "make images").expect("images are made");
    let upload = steps.last().unwrap();
    assert_eq!(upload["with"]["name"], "docker-images");
    assert_eq!(upload["with"]["path"], build["env"]["IMAGES"], "what was made is what is kept");
    assert_eq!(upload["with"]["if-no-files-found"], "error");
}

/// Called by the pipeline, a job works on what the pipeline made; started by hand, on what it makes itself.
fn takes_the_images(workflow: &Value, job: &str) -> String {
    let steps: Vec<_> = steps(&workflow["jobs"][job]).collect();
    let download =
        steps.iter().find(|step| step["with"]["name"] == "docker-images").expect("images are taken");
    assert_eq!(download["if"], "github.event_name != 'workflow_dispatch'", "{job}");
    let build = steps.iter().find(|step| step["run"] == "make images").expect("images are made");
    assert_eq!(build["if"], "github.event_name == 'workflow_dispatch'", "{job}");
    assert_eq!(download["with"]["path"], build["env"]["IMAGES"], "{job}");
    build["env"]["IMAGES"].as_str().unwrap().to_owned()
}

#[test]
fn tests_run_on_the_images_that_ci_made() {
    let pipeline = document(".github/workflows/ci.yml");
    assert!(needs_of(&pipeline["jobs"]["test"]).contains("images"));
    let workflow = document(".github/workflows/test.yml");
    for (job, command, variable) in
        [("system", "make system", "ATS_TEST_IMAGES"), ("compose", "make compose-up", "IMAGES")]
    {
        let images = takes_the_images(&workflow, job);
        let step = steps(&workflow["jobs"][job]).find(|step| step["run"] == command).expect("it is run");
        assert_eq!(step["env"][variable], images, "{job}: what was taken is what is tested");
    }
    // The variable is the one that the tests read.
    assert!(text("tests/cluster/src/install.rs").contains("var_os(\"ATS_TEST_IMAGES\")"));
}

#[test]
fn what_compose_starts_is_always_stopped() {
    let mut environments = BTreeSet::new();
    for (file, workflow) in workflows() {
        for (job, value) in jobs(&workflow) {
            let steps: Vec<_> = steps(value).collect();
            let Some(up) = steps.iter().find(|step| step["run"] == "make compose-up") else {
                assert!(steps.iter().all(|step| step["run"] != "make compose-run"), "{file}: {job}");
                continue;
            };
            let run =
                steps.iter().find(|step| step["run"] == "make compose-run").expect("something runs on it");
            let down = steps.last().unwrap();
            assert_eq!(
                (&down["run"], &down["if"]),
                (&json!("make compose-down"), &json!("always()")),
                "{file}: {job}"
            );
            for variable in ["COMPOSE", "STATE"] {
                assert_eq!(up["env"][variable], down["env"][variable], "{file}: {job}: {variable}");
                assert_eq!(up["env"][variable], run["env"][variable], "{file}: {job}: {variable}");
            }
            environments.insert(up["env"]["COMPOSE"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(environments, BTreeSet::from(["performance", "test"].map(str::to_owned)));
}

#[test]
fn dependencies_and_code_are_looked_at() {
    let workflow = document(".github/workflows/security.yml");
    assert!(workflow["on"].as_object().unwrap().contains_key("schedule"), "advisories come without a commit");
    let jobs = &workflow["jobs"];
    assert_eq!(steps(&jobs["advisories"]).last().unwrap()["run"], "make advisories");
    assert_eq!(jobs["review"]["if"], "github.event_name == 'pull_request'");
    assert_eq!(jobs["codeql"]["strategy"]["matrix"]["language"], json!(["actions", "rust"]));
    assert_eq!(jobs["scorecard"]["if"], "github.event_name == 'schedule'");
    let compatibility = document(".github/workflows/compatibility.yml");
    assert_eq!(steps(&compatibility["jobs"]["msrv"]).last().unwrap()["run"], "make msrv");
    assert_eq!(compatibility["jobs"]["arm64"]["runs-on"], "ubuntu-24.04-arm");
    let versions = &compatibility["jobs"]["kubernetes"]["strategy"]["matrix"]["kubernetes"];
    let script = text("tests/cluster/kind.sh");
    assert_eq!(versions.as_array().unwrap().len(), 3);
    for version in versions.as_array().unwrap() {
        let image = format!("  {}) node=v{}", version.as_str().unwrap(), version.as_str().unwrap());
        assert!(script.contains(&image), "kind.sh has no {version}");
    }
    // Both are part of the one check.
    let pipeline = document(".github/workflows/ci.yml");
    let needed = needs_of(&pipeline["jobs"]["ci-ok"]);
    assert!(needed.is_superset(&BTreeSet::from(["security", "compatibility"])), "{needed:?}");
}

#[test]
fn builds_are_locked() {
    let makefile = text("Makefile");
    let command = Regex::new(r#"cargo ("\+\$\$version" )?(build|check|clippy|test|install) [^\n]*"#).unwrap();
    let commands: Vec<_> = command.find_iter(&makefile).map(|found| found.as_str()).collect();
    assert!(commands.len() > 4, "the rule looks at something");
    for command in commands {
        assert!(command.contains("--locked"), "{command}");
    }
    assert!(checkout().join("Cargo.lock").is_file());
}

#[test]
fn hooks_are_make_targets() {
    let hooks = document(".pre-commit-config.yaml");
    let repositories = hooks["repos"].as_array().unwrap();
    assert!(
        repositories.iter().all(|one| one["repo"] == "local"),
        "a hook from elsewhere is not pinned here"
    );
    let entries = repositories.iter().flat_map(|one| one["hooks"].as_array().unwrap());
    let entries: Vec<_> = entries.map(|hook| hook["entry"].as_str().unwrap()).collect();
    assert_eq!(entries, ["make format", "make clippy", "make drift"]);
}

/// `workflow_call` of another file, three levels deep at most; what is called can be called.
#[test]
fn calls_end_and_what_is_called_exists() {
    let workflows = workflows();
    fn depth(workflows: &BTreeMap<String, Value>, file: &str, above: &[String]) -> usize {
        assert!(!above.iter().any(|one| one == file), "{file} calls itself");
        let above: Vec<_> = above.iter().cloned().chain([file.to_owned()]).collect();
        let called = jobs(&workflows[file]).filter_map(|(_, job)| job["uses"].as_str());
        1 + called
            .map(|uses| {
                let file = uses.trim_start_matches("./");
                assert!(workflows[file]["on"].as_object().unwrap().contains_key("workflow_call"), "{uses}");
                depth(workflows, file, &above)
            })
            .max()
            .unwrap_or(0)
    }
    for file in workflows.keys() {
        assert!(depth(&workflows, file, &[]) <= 3, "{file}");
    }
}

#[test]
fn one_check_stands_for_all() {
    let workflow = document(".github/workflows/ci.yml");
    let last = &workflow["jobs"]["ci-ok"];
    assert_eq!(last["name"], "ci-ok");
    assert_eq!(last["if"], "always()", "a skipped check would count as passed");
    let needs = needs_of(last);
    // What follows the check (deployment, notification) waits for it; everything else is part of it.
    let follows = |job: &Value| needs_of(job).contains("ci-ok");
    let others = jobs(&workflow).filter(|(name, job)| *name != "ci-ok" && !follows(job));
    assert_eq!(needs, others.map(|(name, _)| name.as_str()).collect());
    assert_eq!(steps(last).last().unwrap()["env"]["RESULTS"], "${{ join(needs.*.result, ' ') }}");

    for (name, branch, reviewers) in
        [("main", "main", 2), ("develop", "develop", 2), ("release", "release/*", 2)]
    {
        let rules: Value = serde_json::from_str(&text(&format!(".github/rulesets/{name}.json"))).unwrap();
        assert_eq!(rules["enforcement"], "active");
        assert_eq!(rules["bypass_actors"], json!([]), "{branch}: nobody goes around");
        assert_eq!(rules["conditions"]["ref_name"]["include"], json!([format!("refs/heads/{branch}")]));
        let triggers = &workflow["on"]["pull_request"]["branches"];
        assert!(triggers.as_array().unwrap().contains(&json!(branch)), "{branch}: the check is never made");
        let rule = |name: &str| {
            let mut rules = rules["rules"].as_array().unwrap().iter();
            rules.find(|rule| rule["type"] == name).unwrap_or_else(|| panic!("{branch}: {name}"))
        };
        // A release branch goes when it is merged.
        if name != "release" {
            rule("deletion");
        }
        rule("non_fast_forward");
        let review = &rule("pull_request")["parameters"];
        assert_eq!(review["required_approving_review_count"], reviewers);
        assert_eq!(review["required_review_thread_resolution"], true);
        assert_eq!(review["dismiss_stale_reviews_on_push"], true);
        let checks = &rule("required_status_checks")["parameters"]["required_status_checks"];
        assert_eq!(checks, &json!([{"context": "ci-ok"}]));
    }
}

fn script(name: &str, variable: &str, value: &str) -> bool {
    let output = Command::new(checkout().join(".ci").join(name)).env(variable, value).output().unwrap();
    output.status.success()
}

#[test]
fn one_result_that_is_not_success_fails_all() {
    assert!(script("ci-ok", "RESULTS", "success success success"));
    for results in ["", "success failure", "skipped success", "success cancelled", "success successful"] {
        assert!(!script("ci-ok", "RESULTS", results), "{results:?}");
    }
}

#[test]
fn branches_are_named_by_rule() {
    let good = [
        "main",
        "develop",
        "feature/ATS-123-short-description",
        "bugfix/ATS-123-short-description",
        "release/v1.2.3",
        "hotfix/v1.2.3-short-description",
        "dependabot/cargo/develop/rust-0123456789",
    ];
    let bad = [
        "",
        "master",
        "feature/short-description",
        "feature/ATS-123",
        "feature/ATS-0123-x",
        "feature/ATS-123-Short",
        "feature/ATS-123-short--description",
        "feature/ATS-123-x;rm",
        "bugfix/ATS-123-",
        "release/1.2.3",
        "release/v1.2",
        "release/v01.2.3",
        "release/v1.2.3-rc1",
        "hotfix/v1.2.3",
        "xfeature/ATS-1-x",
        "feature/ATS-1-x\nmain",
    ];
    for name in good {
        assert!(script("branch-name", "BRANCH", name), "{name}");
    }
    for name in bad {
        assert!(!script("branch-name", "BRANCH", name), "{name:?}");
    }
    let contributing = text("CONTRIBUTING.md");
    for name in &good[2..6] {
        assert!(contributing.contains(name), "CONTRIBUTING.md shows {name}");
    }
}

#[test]
fn owners_and_updates_name_what_is_there() {
    let owned = owners(&text(".github/CODEOWNERS"));
    for Owned { pattern, owners } in &owned {
        assert!(!owners.is_empty(), "CODEOWNERS: {pattern} belongs to nobody");
        let there = pattern == "*" || checkout().join(&pattern[1..]).exists();
        assert!(there, "CODEOWNERS: {pattern} is not there");
    }
    // Risk limits belong to whom production belongs to, and these teams approve its deployments.
    let of = |pattern: &str| {
        let found = owned.iter().find(|one| one.pattern == pattern);
        found.unwrap_or_else(|| panic!("CODEOWNERS has no line of {pattern}")).owners.clone()
    };
    let risk = of("/deployment/environments/production/");
    assert_eq!(of("/deployment/kubernetes/base/objects/"), risk);
    let names = Names::of(&checkout());
    let approving: BTreeSet<String> = reviewers(&checkout())
        .into_iter()
        .filter(|(environment, _)| environment == "production")
        .map(|(_, team)| format!("@{}/{team}", names.owner()))
        .collect();
    for team in risk.iter().filter(|owner| owner.contains('/')) {
        assert!(approving.contains(team), "{team} owns production, which {approving:?} approve");
    }

    let updates = document(".github/dependabot.yml");
    let updates = updates["updates"].as_array().unwrap();
    let ecosystems: BTreeSet<_> =
        updates.iter().map(|one| one["package-ecosystem"].as_str().unwrap()).collect();
    assert_eq!(ecosystems, BTreeSet::from(["cargo", "docker", "docker-compose", "github-actions", "gomod"]));
    for update in updates {
        assert_eq!(update["target-branch"], "develop");
        let folders = update["directories"].as_array().into_iter().flatten().chain(update.get("directory"));
        for folder in folders.map(|folder| folder.as_str().unwrap()) {
            let folder = folder.trim_start_matches('/').trim_end_matches("/*");
            assert!(checkout().join(folder).is_dir(), "dependabot: {folder}");
        }
    }
}

#[test]
fn forms_and_checklist() {
    let template = text(".github/pull_request_template.md");
    let boxes: Vec<_> = template.lines().filter(|line| line.starts_with("- [ ] ")).collect();
    assert_eq!(boxes.len(), 5);
    for (line, word) in
        boxes.iter().zip(["style guide", "Unit tests", "Documentation", "security", "Performance"])
    {
        assert!(line.contains(word), "{line}: {word}");
    }
    for form in files(".github/ISSUE_TEMPLATE", ".yml") {
        let form_document = document(&form);
        if form.ends_with("config.yml") {
            assert_eq!(form_document["blank_issues_enabled"], false);
            continue;
        }
        assert!(form_document["name"].is_string() && form_document["description"].is_string(), "{form}");
        let fields = form_document["body"].as_array().unwrap();
        let ids: BTreeSet<_> = fields.iter().map(|field| field["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), fields.len(), "{form}: an id twice");
        assert!(fields.iter().all(|field| field["attributes"]["label"].is_string()), "{form}");
    }
}

/// What a document at the root links to is there.
#[test]
fn links_of_the_root_documents_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)#]+)(#[^)]*)?\)").unwrap();
    let documents = [
        "CONTRIBUTING.md",
        "SECURITY.md",
        "SUPPORT.md",
        "CODE_OF_CONDUCT.md",
        "README.md",
        "docs/delivery.md",
    ];
    for file in documents {
        let folder = checkout().join(file);
        let folder = folder.parent().unwrap();
        for found in link.captures_iter(&text(file)) {
            let target = &found[1];
            assert!(target.starts_with("https://") || folder.join(target).exists(), "{file}: {target}");
        }
    }
}
