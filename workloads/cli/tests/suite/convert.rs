//! `ats convert` by the real binary: what it writes, what it refuses, and that a refusal writes nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The ConfigMap of an environment, of these lines of data.
fn config_map(name: &str, data: &[&str]) -> String {
    let data: String = data.iter().map(|line| format!("  {line}\n")).collect();
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ats-config, namespace: ats-{name}}}\ndata:\n{data}"
    )
}

fn desk() -> TempDir {
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir_all(desk.path().join("shared/base")).unwrap();
    fs::write(desk.path().join("shared/base/kustomization.yaml"), "resources: []\n").unwrap();
    desk
}

fn convert(desk: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ats")).arg("convert").args(arguments).current_dir(desk).output().unwrap()
}

/// Standard output, or the errors with the exit code; what is below `out` must be nothing then.
fn told(desk: &Path, arguments: &[&str]) -> String {
    let output = convert(desk, arguments);
    if output.status.success() {
        return String::from_utf8(output.stdout).unwrap();
    }
    format!("{:?}\n{}", output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn an_environment_becomes_an_overlay() {
    let desk = desk();
    let data = [
        "environment: \"development\"",
        "log_level: \"DEBUG\"",
        "prometheus_port: \"9090\"",
        "grafana_port: \"3000\"",
        "max_active_tickers: \"50\"",
        "focus_universe_size: \"20\"",
        "risk_percentage: \"0.010\"",
        "max_position_size: \"1000.0\"",
    ];
    fs::write(desk.path().join("development.yaml"), config_map("development", &data)).unwrap();
    let little = config_map("live", &["risk_percentage: \"0.02\""]);
    fs::write(desk.path().join("live.yaml"), little).unwrap();
    let arguments = [
        "development.yaml",
        "live.yaml",
        "--base",
        "shared/base",
        "--output",
        "new/environments",
        "--mode",
        "paper",
    ];
    let shown = told(desk.path(), &arguments);
    let read = |environment: &str| {
        fs::read_to_string(desk.path().join(format!("new/environments/{environment}/kustomization.yaml")))
            .unwrap()
    };
    insta::assert_snapshot!(format!("{shown}\n{}\n{}", read("development"), read("live")));
    assert_eq!(fs::read_dir(desk.path().join("new/environments")).unwrap().count(), 2, "no part is left");
    // A second time would overwrite what somebody may have changed.
    let again = told(desk.path(), &arguments);
    insta::assert_snapshot!(again, @"
    2
    error: new/environments/development is there already: remove it, or name another --output
    ");
}

#[test]
fn what_is_not_understood_is_named_and_nothing_is_written() {
    let files = [
        (
            "values",
            config_map(
                "development",
                &[
                    "environment: \"Development\"",
                    "log_level: \"LOUD\"",
                    "prometheus_port: \"9091\"",
                    "grafana_port: \"3001\"",
                    "max_active_tickers: \"0\"",
                    "focus_universe_size: \"many\"",
                    "risk_percentage: \"2\"",
                    "max_position_size: \"1e3\"",
                    "redis_host: \"redis\"",
                    "api_key: \"x\"",
                ],
            ),
        ),
        ("focus", config_map("development", &["max_active_tickers: \"20\"", "focus_universe_size: \"50\""])),
        ("quotes", config_map("development", &["max_active_tickers: 50"])),
        ("nameless", config_map("", &["log_level: INFO"]).replace(", namespace: ats-", "")),
        (
            "empty",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ats-config, namespace: ats-x}\n".to_owned(),
        ),
        ("kind", "apiVersion: v1\nkind: Secret\nmetadata: {name: ats-config}\ndata: {a: b}\n".to_owned()),
        ("nothing", "# nothing\n".to_owned()),
        ("broken", "kind: [ConfigMap\n".to_owned()),
        (
            "twice",
            format!(
                "{}---\n{}",
                config_map("development", &["log_level: INFO"]),
                config_map("development", &["log_level: DEBUG"])
            ),
        ),
    ];
    let desk = desk();
    fs::write(desk.path().join("sound.yaml"), config_map("sound", &["log_level: INFO"])).unwrap();
    let mut shown = String::new();
    for (name, text) in &files {
        let file = format!("{name}.yaml");
        fs::write(desk.path().join(&file), text).unwrap();
        // A sound one beside it is not written either.
        let told = told(desk.path(), &["sound.yaml", &file, "--base", "shared/base", "-o", "out"]);
        // Of nothing but comments nothing is converted, and the sound one is.
        let written = desk.path().join("out").exists();
        assert_eq!(written, *name == "nothing", "{name}");
        if written {
            fs::remove_dir_all(desk.path().join("out")).unwrap();
        }
        shown.push_str(&format!("# {name}\n{told}"));
    }
    for arguments in [
        ["nothing.yaml", "--base", "shared/base", "-o", "out"],
        ["sound.yaml", "--base", "shared", "-o", "out"],
        ["sound.yaml", "--base", "nowhere", "-o", "out"],
        ["absent.yaml", "--base", "shared/base", "-o", "out"],
        ["sound.yaml", "--base", "shared/base", "-o", "sound.yaml"],
    ] {
        shown.push_str(&format!("# {}\n{}", arguments.join(" "), told(desk.path(), &arguments)));
        assert!(!desk.path().join("out").exists());
    }
    insta::assert_snapshot!(shown);
}
