//! Nothing is left of a run, however the test that asked for it ends. The whole node needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed test is told by a panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ats_test_cluster::{Cluster, Options, Postgres, State};

#[tokio::test]
async fn a_control_plane_that_is_put_down_leaves_nothing() {
    let cluster = Cluster::control_plane(Options::default()).await.unwrap();
    let state = cluster.state().clone();
    assert!(!traces(&state).is_empty());
    cluster.down().await.unwrap();
    assert_eq!(traces(&state), Vec::<String>::new());
}

#[tokio::test]
async fn a_whole_node_that_is_put_down_leaves_nothing() {
    let options = Options { postgres: true, ..Options::default() };
    let cluster = Cluster::whole_node(options).await.unwrap();
    let state = cluster.state().clone();
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "stuck"}, "spec": {"containers":
        [{"name": "main", "image": "localhost/ats-pause:1", "imagePullPolicy": "Never"}]}}"#;
    cluster.apply(pod).await.unwrap();
    let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "pod/stuck"];
    cluster.kubectl(ready).await.unwrap().success().unwrap();
    let before = traces(&state);
    for kind in ["process", "link", "cgroup", "folder"] {
        assert!(before.iter().any(|trace| trace.starts_with(kind)), "no {kind} in {before:?}");
    }
    cluster.down().await.unwrap();
    assert_eq!(traces(&state), Vec::<String>::new());
}

#[test]
fn a_killed_test_leaves_nothing() {
    for holder in ["hold_a_control_plane", "hold_a_whole_node"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", holder])
            .env("ATS_HOLDER_STATE", &file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let state = wait_for(Duration::from_secs(90), || {
            let state: State = serde_json::from_slice(&std::fs::read(&file).ok()?).ok()?;
            Some(state)
        });
        assert!(!traces(&state).is_empty());
        // SIGKILL: it has no chance to tidy up.
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for(Duration::from_secs(20), || traces(&state).is_empty().then_some(()));
    }
}

#[test]
fn a_killed_supervisor_leaves_no_process() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cluster = runtime.block_on(Cluster::whole_node(Options::default())).unwrap();
    let state = cluster.state().clone();
    let supervisor = state.supervisor.to_string();
    assert!(Command::new("kill").args(["-KILL", &supervisor]).status().unwrap().success());
    drop(cluster);
    let alive = |trace: &String| trace.starts_with("process") || trace.starts_with("link");
    wait_for(Duration::from_secs(20), || (!traces(&state).iter().any(alive)).then_some(()));
    // The folder and the cgroups are left for the next run, which removes those that are a minute old.
    for trace in traces(&state) {
        if let Some(cgroup) = trace.strip_prefix("cgroup ") {
            remove_cgroup(Path::new(cgroup));
        }
    }
    std::fs::remove_dir_all(&state.folder).unwrap();
}

#[tokio::test]
async fn two_runs_do_not_meet() {
    let options = || Options { postgres: true, ..Options::default() };
    let (first, second) = tokio::join!(Cluster::whole_node(options()), Cluster::whole_node(options()));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_ne!(first.node().unwrap(), second.node().unwrap());
    first.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: mine}}").await.unwrap();
    assert_eq!(second.kubectl(["get", "configmap", "mine"]).await.unwrap().code, 1);
    first.down().await.unwrap();
    second.kubectl(["get", "nodes"]).await.unwrap().success().unwrap();
}

#[tokio::test]
async fn postgresql_runs_without_a_cluster() {
    let postgres = Postgres::start().await.unwrap();
    let address = postgres.address().clone();
    let url = postgres.url("postgres");
    assert!(url.starts_with("postgresql://ats@127.0.0.1:"), "{url}");
    assert!(std::net::TcpStream::connect((address.host, address.port)).is_ok());
    drop(postgres);
    assert!(std::net::TcpStream::connect((address.host, address.port)).is_err());
}

#[tokio::test]
#[ignore = "is killed by a_killed_test_leaves_nothing"]
async fn hold_a_control_plane() {
    hold(Cluster::control_plane(Options::default()).await.unwrap()).await;
}

#[tokio::test]
#[ignore = "is killed by a_killed_test_leaves_nothing"]
async fn hold_a_whole_node() {
    hold(Cluster::whole_node(Options::default()).await.unwrap()).await;
}

async fn hold(cluster: Cluster) {
    let file = PathBuf::from(std::env::var_os("ATS_HOLDER_STATE").expect("only another test runs this"));
    std::fs::write(file, serde_json::to_vec(cluster.state()).unwrap()).unwrap();
    std::future::pending::<()>().await;
}

/// What there is of a run on this machine.
fn traces(state: &State) -> Vec<String> {
    let mut traces = Vec::new();
    let folder = state.folder.to_str().unwrap();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let in_cgroup = std::fs::read_to_string(entry.path().join("cgroup"))
            .is_ok_and(|cgroups| state.node.is_some() && cgroups.contains(&cgroup_name(state)));
        if command.contains(folder) || id == state.supervisor || in_cgroup {
            traces.push(format!("process {id} {command}"));
        }
    }
    if state.folder.exists() {
        traces.push(format!("folder {folder}"));
    }
    if std::fs::read_to_string("/proc/self/mountinfo").unwrap().contains(folder) {
        traces.push("mount".into());
    }
    if let Some(node) = &state.node {
        let addresses = Command::new("ip").args(["-oneline", "address"]).output().unwrap();
        if String::from_utf8_lossy(&addresses.stdout).contains(&node.machine.to_string()) {
            traces.push("link".into());
        }
        let name = cgroup_name(state);
        let roots = std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
        for root in roots.chain([PathBuf::from("/sys/fs/cgroup")]) {
            if root.join(&name).exists() {
                traces.push(format!("cgroup {}", root.join(&name).display()));
            }
        }
    }
    traces
}

fn cgroup_name(state: &State) -> String {
    state.folder.file_name().unwrap().to_string_lossy().to_lowercase().replace("cluster-", "")
}

fn remove_cgroup(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroup(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(folder);
}

fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < limit, "it did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
