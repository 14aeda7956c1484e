//! docs/delivery.md says of every requirement what is there; what it names exists.

use std::collections::BTreeSet;

use ats_delivery_tests::{ENVIRONMENTS, checkout, files, full_run, parts, section, text};
use regex::Regex;
use serde_json::Value;

/// How many rows the specification has.
const ROWS: usize = 69;

/// Dependencies of the specification.
const SPECIFIED: [&str; 21] = [
    "python",
    "pandas",
    "numpy",
    "scikit-learn",
    "tensorflow",
    "xgboost",
    "fastapi",
    "pydantic",
    "prometheus-client",
    "psycopg2-binary",
    "redis",
    "schedule",
    "requests",
    "aiohttp",
    "pytest",
    "pytest-cov",
    "flake8",
    "black",
    "mypy",
    "isort",
    "pre-commit",
];

/// The cells of a table's rows, without its head.
fn table(part: &str) -> Vec<Vec<String>> {
    let rows = part.lines().filter(|line| line.starts_with('|'));
    rows.skip(2)
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What a cell has in backticks.
fn code(cell: &str) -> Vec<String> {
    Regex::new("`([^`]+)`").unwrap().captures_iter(cell).map(|found| found[1].to_owned()).collect()
}

/// The parts of a target that runs tests, and itself.
fn run_by(all: &str) -> BTreeSet<String> {
    parts(all).into_iter().chain([all.to_owned()]).collect()
}

fn check_test(row: &str, name: &str, status: &str) {
    if let Some(target) = name.strip_prefix("make ") {
        let by = if status.ends_with("by `make test-all`") { "test-all" } else { "test" };
        assert!(run_by(by).contains(target), "row {row}: make {by} does not run {name}");
    } else if let Some((file, function)) = name.split_once(": ") {
        let file = format!("tests/delivery/tests/delivery/{file}.rs");
        assert!(checkout().join(&file).is_file(), "row {row}: {file} is not there");
        let tests = [format!("#[test]\nfn {function}()"), format!("#[tokio::test]\nasync fn {function}()")];
        let code = text(&file);
        assert!(tests.iter().any(|test| code.contains(test)), "row {row}: {file} has no test {function}");
        let main = text("tests/delivery/tests/delivery/main.rs");
        let module = file.rsplit('/').next().unwrap().trim_end_matches(".rs");
        assert!(main.contains(&format!("mod {module};")), "row {row}: {file} is not compiled");
    } else {
        assert!(name.contains("tests/") && checkout().join(name).is_file(), "row {row}: {name} is not there");
    }
}

#[test]
fn every_row_is_there_with_what_it_names() {
    let rows = table(&section("The rows"));
    let numbers: Vec<_> = rows.iter().map(|row| row[0].parse::<usize>().expect("a number")).collect();
    assert_eq!(numbers, (1..=ROWS).collect::<Vec<_>>());
    let anchor = Regex::new(r"\]\(#([a-z-]+)\)").unwrap();
    for row in rows {
        let [number, requirement, files, tests, status] = row.as_slice() else {
            panic!("row {row:?} has five cells")
        };
        assert!(!requirement.is_empty());
        for file in code(files) {
            assert!(checkout().join(&file).exists(), "row {number}: {file} is not there");
        }
        for link in anchor.captures_iter(files) {
            let heading = format!("\n## {}", &link[1].replace('-', " "));
            let document = text("docs/delivery.md").to_lowercase().replace('-', " ");
            assert!(document.contains(&heading), "row {number}: no part {}", &link[1]);
        }
        let tests = code(tests);
        for test in &tests {
            check_test(number, test, status);
        }
        match status.split(':').next().unwrap() {
            "shown here" | "needs GitHub" | "needs AWS" => {
                assert!(
                    !tests.is_empty() && !files.is_empty(),
                    "row {number}: {status}, by which file and test?"
                );
            }
            "open" => assert!(
                tests.is_empty() && files.is_empty(),
                "row {number}: open, and yet something is named"
            ),
            other => panic!("row {number}: {other:?} is no status"),
        }
    }
}

#[test]
fn renames_lead_somewhere() {
    for row in table(&section("Renames")) {
        for path in code(&row[1]) {
            assert!(checkout().join(&path).exists(), "{path} is not there");
        }
    }
}

#[test]
fn every_dependency_is_mapped_or_declined() {
    let cargo = text("Cargo.toml");
    let rows = table(&section("Dependencies"));
    let named: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(named, SPECIFIED);
    for row in rows {
        if row[1].starts_with("declined") {
            assert!(row.len() > 2 && !row[2].is_empty(), "{}: declined without a reason", row[0]);
            continue;
        }
        for name in code(&row[1]) {
            assert!(cargo.contains(&format!("\n{name} = ")), "{}: {name} is no dependency", row[0]);
        }
    }
    // Metadata: the version of the specification's manifest.
    assert!(cargo.contains("\nversion = \"0.1.0\"\n"));
}

#[test]
fn set_up_names_what_is_there() {
    let part = section("Set-up");
    let steps: Vec<_> =
        part.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit())).collect();
    assert!(steps.len() >= 5);
    // Without what stands in fences: commands.
    let prose: String = part.split("```").step_by(2).collect();
    for path in code(&prose).iter().filter(|name| name.contains('/') && !name.contains("ghcr.io")) {
        assert!(checkout().join(path).exists(), "{path} is not there");
    }
}

/// Every secret and variable that a workflow asks for is in the list of the set-up, and nothing else is.
#[test]
fn set_up_lists_what_workflows_use() {
    let used = Regex::new(r"\b(secrets|vars)\.([A-Za-z0-9_]+)").unwrap();
    let mut asked = BTreeSet::new();
    for file in files(".github/workflows", ".yml") {
        for found in used.captures_iter(&text(&file)) {
            let kind = if &found[1] == "vars" { "variable" } else { "secret" };
            asked.insert((found[2].to_owned(), kind.to_owned()));
        }
    }
    let part = section("Set-up");
    let (_, part) = part.split_once("\n### Secrets and variables\n").expect("the set-up has the list");
    let part = part.split_once("\n### ").map_or(part, |(part, _)| part);
    let rows = table(part);
    for row in &rows {
        assert!(row.len() == 5 && row.iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
    let listed: BTreeSet<_> = rows.iter().map(|row| (code(&row[0]).concat(), row[1].clone())).collect();
    assert_eq!(listed, asked);

    let settings: Value = serde_json::from_str(&text(".github/settings.json")).unwrap();
    let names = |list: &str| -> Vec<String> {
        let all = settings[list].as_array().unwrap().iter();
        all.map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    for name in names("variables") {
        assert!(listed.contains(&(name.clone(), "variable".to_owned())), "no workflow asks for {name}");
    }
    let environments = names("environments");
    let last = environments.last().expect("environments are made");
    let told =
        format!("The environments are {} and {last}", environments[..environments.len() - 1].join(", "));
    assert!(part.contains(&told), "{told}");
    // The key that commits deployments lies where a deployment has to be let in.
    let key = rows.iter().find(|row| row[0] == "`DEPLOY_APP_KEY`").expect("the key is listed");
    assert_eq!(key[2], format!("environments {}", ENVIRONMENTS.join(", ")));
}

/// The sizes that the document tells have the images of the Dockerfiles, each once, and none is more than a release takes.
#[test]
fn every_image_has_a_size() {
    let rows = table(&section("Images"));
    let named: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(named, ats_delivery_tests::COMPONENTS);
    for row in rows {
        let most = if row[0] == "operator" { 15.0 } else { 40.0 };
        let archive: f64 = row[1].trim_end_matches(" MiB").parse().expect("so many MiB");
        assert!(archive <= most, "{row:?}");
    }
}

/// `make test-all` writes the section. Each of its parts is told once: by a row, or among those that came since then.
#[test]
fn the_last_full_run_is_of_its_parts() {
    let part = section("Last full run");
    let mut told: Vec<String> = Vec::new();
    for row in table(&part) {
        assert!(["passed", "FAILED"].contains(&row[1].as_str()), "{row:?}");
        told.push(row[0].clone());
    }
    let added = part.lines().filter_map(|line| line.strip_prefix("Added since, not run yet: "));
    told.extend(added.flat_map(code));
    let mut all = full_run();
    told.sort();
    all.sort();
    assert_eq!(told, all);
}

/// What the guide says that other engines do otherwise is run by a test that there is.
#[test]
fn differences_to_other_engines_name_the_test_that_runs_them() {
    let document = text("docs/guide/backtests.md");
    let from = document.find("| | here | elsewhere |").expect("the table of differences");
    let rows = table(document[from..].split("\n\n").next().unwrap());
    assert!(rows.len() > 12, "{} rows", rows.len());
    let main = text("workloads/trading-strategy/tests/suite/main.rs");
    for row in rows {
        let [what, _, _, _, run] = row.as_slice() else { panic!("{row:?} has no five cells") };
        let tests = code(run);
        assert!(!tests.is_empty(), "{what}: run by which test?");
        for test in tests {
            let file = format!("workloads/trading-strategy/tests/suite/{test}.rs");
            assert!(checkout().join(&file).is_file(), "{what}: {file} is not there");
            assert!(main.contains(&format!("mod {test};")), "{what}: {file} is not compiled");
        }
    }
}
