//! The process that owns a run: it starts everything, and ends everything when the test that asked for it is gone.
//!
//! A test cannot do that itself, because it may be killed. The supervisor is `ats-cluster supervise`, and holds on to
//! the test by a pipe: it reads its order from standard input, and the end of standard input, which the kernel
//! brings about when the test ends, however it ends, is the signal to tear down.
//!
//! For a whole node there are two of them. The outer one stays outside and makes what has to be made there: the link
//! to the node, cgroups, the folder. The inner one is process 1 of new PID, mount, network, UTS and IPC namespaces,
//! and starts the components in there. When it ends, the kernel kills every process of the namespaces (containers
//! and their shims too) and drops every mount, bridge, address, route and nftables rule that was made in them. So
//! nothing of these has to be found and undone one by one, and two runs cannot meet. If the outer one is killed,
//! the inner one dies with it; what is left then are empty cgroups and a folder, which the next run removes.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use crate::cgroup;
use crate::cluster::client_from;
use crate::error::{Error, FileContext as _, JsonContext as _, Result, SystemContext as _};
use crate::network;
use crate::options::{Order, Parts, State};
use crate::pki::Pki;
use crate::process::{self, Processes};
use crate::reservation::Reservation;
use crate::{
    apiserver, argocd, containerd, controller_manager, etcd, kube_proxy, kubelet, postgres, registry,
    scheduler,
};

/// The prefix of the folders of runs.
const FOLDER: &str = "ats-cluster-";

/// Standard input, which is a pipe, read without a thread that would outlast us.
type Orders = BufReader<tokio::net::unix::pipe::Receiver>;

fn orders() -> Result<Orders> {
    use std::os::fd::AsFd as _;
    let input = std::io::stdin().as_fd().try_clone_to_owned().system("take standard input")?;
    let input = tokio::net::unix::pipe::Receiver::from_owned_fd(input);
    input.map(BufReader::new).system("read standard input as a pipe: the harness starts this, not you")
}

/// What a supervisor says on its standard output, as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The inner supervisor's namespaces are there.
    Inside,
    /// All runs.
    Ready(Box<State>),
    /// It did not start, for this reason.
    Failed(String),
}

/// What the outer supervisor tells the inner one.
#[derive(Debug, Serialize, Deserialize)]
struct InnerOrder {
    order: Order,
    state: State,
}

/// Runs the outer supervisor: `ats-cluster supervise`.
///
/// # Errors
/// When it cannot take its order; what goes wrong later is reported on standard output.
pub async fn supervise() -> Result<()> {
    let mut input = orders()?;
    let order: Order = read_line(&mut input, "the order").await?;
    if order.detached {
        // Leaves the terminal of `ats-cluster up`, whose Ctrl-C is not for us. It fails only for a group's leader.
        let _ = rustix::process::setsid();
    }
    process::adopt_orphans()?;
    sweep();

    let run = match Run::create(&order) {
        Ok(run) => run,
        Err(error) => return report(&Report::Failed(error.to_string())),
    };
    if order.parts == Parts::WholeNode {
        outer(&run, order, input).await
    } else {
        let state = State { folder: run.folder.clone(), supervisor: std::process::id(), ..State::default() };
        let mut processes = Processes::new(&run.logs());
        let ended = EndOfTest::new(input, order.detached)?;
        let result = start_and_wait(&mut processes, &order, state, ended).await;
        processes.stop();
        result
    }
}

/// Runs the inner supervisor of a whole node: `ats-cluster inside`.
///
/// # Errors
/// When it cannot take its order; what goes wrong later is reported on standard output.
pub async fn inside() -> Result<()> {
    let mut input = orders()?;
    report(&Report::Inside)?;
    let InnerOrder { order, state } = read_line(&mut input, "the order").await?;
    let mut processes = Processes::new(&state.folder.join("logs"));
    if let Some(node) = &state.node
        && let Err(error) = network::prepare_namespaces(&state.folder, node)
    {
        return report(&Report::Failed(error.to_string()));
    }
    let ended = EndOfTest::new(input, false)?;
    // Nothing is stopped afterwards: the kernel ends the whole namespace with this process.
    start_and_wait(&mut processes, &order, state, ended).await
}

/// Starts the components, says so, and returns when the test is gone.
async fn start_and_wait(
    processes: &mut Processes,
    order: &Order,
    mut state: State,
    mut ended: EndOfTest,
) -> Result<()> {
    let started = tokio::select! {
        started = start(processes, order, &mut state) => started.map(Some),
        () = ended.wait() => Ok(None),
    };
    match started {
        Ok(Some(_reservations)) => {
            let file = state.folder.join("cluster.json");
            let text = serde_json::to_string_pretty(&state).json("the state")?;
            std::fs::write(&file, text).file("write", &file)?;
            report(&Report::Ready(Box::new(state)))?;
            watch(processes, &mut ended).await;
        }
        Ok(None) => {}
        Err(error) => report(&Report::Failed(error.to_string()))?,
    }
    Ok(())
}

/// Starts the parts that were ordered, in the order in which they need each other.
async fn start(processes: &mut Processes, order: &Order, state: &mut State) -> Result<Vec<Reservation>> {
    let mut reservations = Vec::new();
    let folder = state.folder.clone();
    if order.options.postgres || order.parts == Parts::Postgres {
        let (address, port) = postgres::start(processes, &folder, state.node.as_ref()).await?;
        state.postgres = Some(address);
        reservations.extend(port);
    }
    let Some(tools) = &order.tools else { return Ok(reservations) };

    let pki = Pki::create(&folder.join("pki"))?;
    // The pause image is loaded while the API server starts.
    if let Some(node) = &mut state.node {
        containerd::start(processes, &folder, node)?;
        if order.options.registry {
            state.registry = Some(registry::start(processes, &folder, node).await?);
        }
    }
    let etcd = etcd::start(processes, &tools.etcd(), &folder).await?;
    let server = apiserver::start(
        processes,
        &tools.kubernetes("kube-apiserver"),
        &folder,
        &pki,
        &etcd,
        state.node.as_ref(),
        &order.options,
    )
    .await?;
    state.kubeconfig.clone_from(&server.kubeconfig);
    state.server.clone_from(&server.url);
    state.kubectl = tools.kubernetes("kubectl");
    let manager = tools.kubernetes("kube-controller-manager");
    reservations.push(controller_manager::start(
        processes,
        &manager,
        &folder,
        &pki,
        &server,
        &order.options,
    )?);
    reservations.push(scheduler::start(
        processes,
        &tools.kubernetes("kube-scheduler"),
        &folder,
        &pki,
        &server,
    )?);
    if let Some(node) = &state.node {
        if let Some(pause) = &order.pause {
            containerd::load_pause(processes, &folder, node, pause).await?;
        }
        let kubelet = tools.kubernetes("kubelet");
        kubelet::start(processes, &kubelet, &folder, &pki, &server, node, &order.options)?;
        kube_proxy::start(processes, &tools.kubernetes("kube-proxy"), &folder, &pki, &server, node)?;
    }

    let client = client_from(&state.kubeconfig).await?;
    crate::ready::default_service_account(processes, &client).await?;
    if let Some(node) = &state.node {
        crate::ready::node(processes, &client, &node.name).await?;
    }
    if let (Some(programs), Some(node)) = (&order.argocd, &state.node) {
        argocd::start(processes, programs, &folder, &state.kubectl, &pki, &state.server, node).await?;
    }
    let (ports, server_port) = (etcd.into_ports(), server.into_port());
    reservations.extend(ports);
    reservations.extend(server_port);
    Ok(reservations)
}

/// Waits for the end of the test; reaps what it has adopted and logs when a component ends by itself.
async fn watch(processes: &mut Processes, ended: &mut EndOfTest) {
    let mut told = false;
    loop {
        tokio::select! {
            () = ended.wait() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        process::reap_orphans(processes);
        if !told && let Err(error) = processes.check() {
            // On standard error, which is the test's: it explains what the test is about to see.
            eprintln!("ats-cluster: {error}");
            told = true;
        }
    }
}

/// The outer side of a whole node.
async fn outer(run: &Run, order: Order, input: Orders) -> Result<()> {
    let ended = EndOfTest::new(input, order.detached)?;
    let mut inner = None;
    let result = outer_until_end(run, order, ended, &mut inner).await;
    if let Err(error) = &result {
        report(&Report::Failed(error.to_string()))?;
    }
    if let Some(inner) = &mut inner {
        // Closing its input asks it to end; unshare ends with it.
        drop(inner.stdin.take());
        process::end(inner, rustix::process::Signal::TERM)?;
    }
    Ok(())
}

async fn outer_until_end(
    run: &Run,
    order: Order,
    mut ended: EndOfTest,
    inner: &mut Option<Child>,
) -> Result<()> {
    let (mut node, _subnet) = network::choose(&run.id)?;
    cgroup::create(&node.cgroup)?;
    run.remember_cgroup(&node.cgroup)?;

    let myself = std::env::current_exe().system("find this program")?;
    let child = process::bound(Path::new("unshare"))
        .args(["--pid", "--mount", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"])
        .arg(myself)
        .arg("inside")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .system("start the inner supervisor (unshare)")?;
    let child = inner.insert(child);
    let output = child.stdout.take().and_then(|output| tokio::process::ChildStdout::from_std(output).ok());
    let (Some(output), Some(mut orders)) = (output, child.stdin.take()) else {
        return Err(Error::NotStarted("the inner supervisor has no pipes".into()));
    };
    let mut output = BufReader::new(output);
    let Report::Inside = read_line(&mut output, "the inner supervisor's report").await? else {
        return Err(Error::NotStarted("the inner supervisor did not begin".into()));
    };
    let first = process::children_of(child.id());
    let [process_one] = first[..] else {
        return Err(Error::NotStarted(format!("unshare has {} children", first.len())));
    };
    network::link(&mut node, process_one)?;

    let state = State {
        folder: run.folder.clone(),
        supervisor: std::process::id(),
        node: Some(node),
        ..State::default()
    };
    let mut line = serde_json::to_vec(&InnerOrder { order, state }).json("the inner order")?;
    line.push(b'\n');
    orders.write_all(&line).system("give the inner supervisor its order")?;
    child.stdin = Some(orders);

    tokio::select! {
        report_of_inner = read_line::<Report>(&mut output, "the inner supervisor's report") => {
            match report_of_inner? {
                Report::Failed(reason) => return report(&Report::Failed(reason)),
                other => report(&other)?,
            }
        }
        () = ended.wait() => return Ok(()),
    }
    tokio::select! {
        () = ended.wait() => Ok(()),
        // Nothing more is said: this is the end of the inner supervisor.
        _ = output.read_u8() => Ok(()),
    }
}

/// The folder of a run; locked for as long as the run lasts, removed with this value.
struct Run {
    id: String,
    folder: PathBuf,
    keep: bool,
    _lock: File,
}

impl Run {
    fn create(order: &Order) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = std::env::temp_dir();
        let folder = tempfile::Builder::new()
            .prefix(FOLDER)
            .rand_bytes(6)
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir_in(&parent)
            .file("make a folder in", &parent)?
            .keep();
        let path = folder.join("lock");
        let lock = File::create(&path).file("write", &path)?;
        lock.try_lock().file("lock", &path)?;
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let run = Self {
            id: name.trim_start_matches(FOLDER).to_lowercase(),
            keep: order.options.keep || std::env::var_os("ATS_TEST_KEEP").is_some(),
            folder,
            _lock: lock,
        };
        std::fs::create_dir(run.logs()).file("make", run.logs())?;
        Ok(run)
    }

    fn logs(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// So that a later run can remove it if this one is killed.
    fn remember_cgroup(&self, cgroup: &str) -> Result<()> {
        let path = self.folder.join("cgroup");
        std::fs::write(&path, cgroup).file("write", path)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        remove(&self.folder, self.keep);
    }
}

/// Removes what killed runs have left: cgroups and folders whose lock nobody holds.
fn sweep() {
    let Ok(entries) = std::fs::read_dir(std::env::temp_dir()) else { return };
    for entry in entries.flatten() {
        let folder = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(FOLDER) {
            continue;
        }
        // A young folder may be about to be locked.
        let age = entry.metadata().and_then(|data| data.modified()).ok();
        let age = age.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let abandoned = age.is_some_and(|age| age > Duration::from_secs(60))
            && !folder.join("keep").exists()
            && File::open(folder.join("lock")).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            remove(&folder, false);
        }
    }
}

/// Removes the cgroup and the folder of a run.
fn remove(folder: &Path, keep: bool) {
    if let Ok(cgroup) = std::fs::read_to_string(folder.join("cgroup"))
        && let Err(error) = cgroup::remove(&cgroup)
    {
        eprintln!("ats-cluster: {error}");
    }
    if keep {
        let _ = File::create(folder.join("keep"));
        eprintln!("ats-cluster: kept {}", folder.display());
    } else if let Err(error) = std::fs::remove_dir_all(folder).file("remove", folder) {
        eprintln!("ats-cluster: {error}");
    }
}

/// Tells when the test that ordered this run is gone.
struct EndOfTest {
    input: Option<Orders>,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl EndOfTest {
    fn new(input: Orders, detached: bool) -> Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            input: (!detached).then_some(input),
            terminate: signal(SignalKind::terminate()).system("handle SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).system("handle SIGINT")?,
        })
    }

    async fn wait(&mut self) {
        let closed = async {
            match &mut self.input {
                // Nothing is sent after the order: whatever is read means the end.
                Some(input) => drop(input.read_u8().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = closed => {}
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn read_line<T: serde::de::DeserializeOwned>(
    input: &mut (impl tokio::io::AsyncBufRead + Unpin),
    what: &str,
) -> Result<T> {
    let mut line = String::new();
    input.read_line(&mut line).await.system(format!("read {what}"))?;
    if line.is_empty() {
        return Err(Error::NotStarted(format!("it ended before {what}")));
    }
    serde_json::from_str(&line).json(what)
}

/// Writes one line of JSON to standard output.
fn report(report: &Report) -> Result<()> {
    let mut line = serde_json::to_vec(report).json("a report")?;
    line.push(b'\n');
    let mut output = std::io::stdout();
    output.write_all(&line).and_then(|()| output.flush()).system("report")
}
