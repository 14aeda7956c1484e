//! The handle that tests hold.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use kube::api::{ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::OnceCell;

use crate::audit::{Audit, Mark};
use crate::error::{Error, FileContext as _, JsonContext as _, Result, SystemContext as _};
use crate::image::Image;
use crate::options::{Node, Options, Order, Parts, PostgresAddress, State};
use crate::process::Frozen;
use crate::supervisor::Report;
use crate::tools::{self, Tools};
use crate::{apiserver, argocd, binary, containerd, definitions};

/// A running Kubernetes. It ends when this value is dropped, or with the process that holds it.
#[derive(Debug)]
pub struct Cluster {
    state: State,
    /// None for a cluster that was there before.
    supervised: Option<Supervised>,
}

/// The end of a command of kubectl.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
}

impl Cluster {
    /// Boots etcd, API server, controller manager and scheduler. There is no node: pods are created and stay
    /// pending, and the test plays the kubelet.
    ///
    /// When `ATS_TEST_KUBECONFIG` is set, that cluster is used instead.
    ///
    /// # Errors
    /// When a binary is missing and cannot be built, or the cluster does not start.
    pub async fn control_plane(options: Options) -> Result<Self> {
        Self::boot(Parts::ControlPlane, options).await
    }

    /// Boots a control plane and a node that runs containers. It needs root.
    ///
    /// When `ATS_TEST_KUBECONFIG` is set, that cluster is used instead.
    ///
    /// # Errors
    /// When a binary is missing and cannot be built, without root, or when the cluster does not start.
    pub async fn whole_node(options: Options) -> Result<Self> {
        Self::boot(Parts::WholeNode, options).await
    }

    /// The control plane that all tests of this process share. Booted by the first one that asks; it ends with the
    /// process. Tests keep apart by namespaces.
    ///
    /// # Errors
    /// The error of the boot, for every test that asks.
    pub async fn shared_control_plane() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Cluster>> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::control_plane(Options::default())).await.as_ref()
    }

    /// The whole node that all tests of this process share, with PostgreSQL.
    ///
    /// # Errors
    /// The error of the boot, for every test that asks.
    pub async fn shared_whole_node() -> Result<&'static Self, &'static Error> {
        static SHARED: OnceCell<Result<Cluster>> = OnceCell::const_new();
        let options = Options { postgres: true, ..Options::default() };
        SHARED.get_or_init(|| Self::whole_node(options)).await.as_ref()
    }

    async fn boot(parts: Parts, options: Options) -> Result<Self> {
        if let Some(kubeconfig) = std::env::var_os("ATS_TEST_KUBECONFIG") {
            return Self::existing(Path::new(&kubeconfig));
        }
        let order = order(parts, options, false).await?;
        let (state, supervised) = Supervised::start(order).await?;
        Ok(Self { state, supervised: Some(supervised) })
    }

    /// A cluster that runs already, by its kubeconfig. It is not ended.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read, or there is no kubectl.
    pub fn existing(kubeconfig: &Path) -> Result<Self> {
        // Ours has more than an API: an audit log, a node that images are loaded into.
        if let Some(state) = crate::command::running()?
            && state.kubeconfig == kubeconfig
        {
            return Ok(Self { state, supervised: None });
        }
        let state =
            State { kubeconfig: kubeconfig.to_owned(), kubectl: tools::kubectl()?, ..State::default() };
        Ok(Self { state, supervised: None })
    }

    /// Addresses, paths and ids.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.state.kubeconfig
    }

    /// A client with the rights of an administrator. It belongs to the running tokio runtime: each test makes its
    /// own.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<Client> {
        client_from(&self.state.kubeconfig).await
    }

    /// The folder of the components' logs.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.state.folder.join("logs")
    }

    /// The node's addresses.
    ///
    /// # Errors
    /// When there is no node of this harness's making.
    pub fn node(&self) -> Result<&Node> {
        let without = || Error::Unsupported("this cluster has no node of its own: start a whole node".into());
        self.state.node.as_ref().ok_or_else(without)
    }

    /// Where PostgreSQL listens.
    ///
    /// # Errors
    /// When it was not asked for in the options.
    pub fn postgres(&self) -> Result<&PostgresAddress> {
        let without = || Error::Unsupported("this cluster has no PostgreSQL: set Options::postgres".into());
        self.state.postgres.as_ref().ok_or_else(without)
    }

    /// Stops a component in its tracks, by its program's name, such as `kube-apiserver` or `kubelet`: it holds its
    /// connections and answers nothing. It goes on when the result is dropped.
    ///
    /// # Errors
    /// When no such component runs, as with an existing cluster.
    pub fn freeze(&self, component: &str) -> Result<Frozen> {
        Frozen::find(self.state.supervisor, component)
    }

    /// All requests so far.
    ///
    /// # Errors
    /// When there is no audit log, as with an existing cluster.
    pub fn audit(&self) -> Result<Audit> {
        self.audit_since(Mark::default())
    }

    /// The requests since a mark.
    ///
    /// # Errors
    /// When there is no audit log, as with an existing cluster.
    pub fn audit_since(&self, mark: Mark) -> Result<Audit> {
        Audit::read(&self.audit_log()?, mark)
    }

    /// The end of the audit log as it is now.
    ///
    /// # Errors
    /// When there is no audit log, as with an existing cluster.
    pub fn audit_mark(&self) -> Result<Mark> {
        Audit::mark(&self.audit_log()?)
    }

    fn audit_log(&self) -> Result<PathBuf> {
        if self.state.folder.as_os_str().is_empty() {
            return Err(Error::Unsupported(
                "an existing cluster's audit log cannot be read: unset ATS_TEST_KUBECONFIG for this test"
                    .into(),
            ));
        }
        Ok(apiserver::audit_log(&self.state.folder))
    }

    /// Makes a namespace of a new name, in which Pod Security `restricted` is enforced, and waits until pods can be
    /// created in it.
    ///
    /// # Errors
    /// When the API server refuses.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let clock =
            SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_millis()).unwrap_or_default();
        let name = format!("{prefix}-{:x}-{count}", clock & 0xff_ffff);
        let client = self.client().await?;
        let labels = ["enforce", "warn"]
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted".to_owned()));
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                labels: Some(BTreeMap::from(labels)),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::all(client.clone()).create(&PostParams::default(), &namespace).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, &name);
        eventually("the namespace's service account", Duration::from_secs(30), async || {
            accounts.get("default").await.map_err(|error| error.to_string())
        })
        .await?;
        Ok(name)
    }

    /// Runs kubectl as an administrator.
    ///
    /// # Errors
    /// When it cannot be run. A failed command is no error: see [`Output::code`] and [`Output::success`].
    pub async fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<Output> {
        self.kubectl_with_input(arguments, "").await
    }

    /// Runs kubectl with a text on its standard input: `["apply", "-f", "-"]`.
    ///
    /// # Errors
    /// When it cannot be run.
    pub async fn kubectl_with_input<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        input: &str,
    ) -> Result<Output> {
        let mut child = tokio::process::Command::new(&self.state.kubectl)
            .arg("--kubeconfig")
            .arg(&self.state.kubeconfig)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .file("execute", &self.state.kubectl)?;
        if let Some(mut pipe) = child.stdin.take() {
            // It may end without having read everything.
            let _ = pipe.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.system("wait for kubectl")?;
        Ok(Output {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        })
    }

    /// Applies manifests, server-side.
    ///
    /// # Errors
    /// When the API server refuses one.
    pub async fn apply(&self, manifests: &str) -> Result<()> {
        self.kubectl_with_input(["apply", "--server-side", "-f", "-"], manifests).await?.success().map(drop)
    }

    /// Waits until objects of every kind that is defined can be made.
    ///
    /// # Errors
    /// When that takes more than a minute.
    pub async fn definitions_served(&self) -> Result<()> {
        definitions::served(async || self.kubectl(definitions::LIST).await?.success()).await
    }

    /// Writes a kubeconfig of a service account, valid for a day: to run the operator with its own rights, outside
    /// of the cluster.
    ///
    /// # Errors
    /// When there is no such service account.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str, file: &Path) -> Result<()> {
        let token =
            self.kubectl(["create", "token", "--duration=24h", "-n", namespace, name]).await?.success()?;
        let own = read_kubeconfig(&self.state.kubeconfig)?;
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": own.clusters,
            "users": [{"name": "user", "user": {"token": token.trim()}}],
            "contexts": [{
                "name": "ats",
                "context": {
                    "cluster": own.clusters.first().map(|cluster| &cluster.name),
                    "user": "user",
                    "namespace": namespace,
                },
            }],
            "current-context": "ats",
        });
        std::fs::write(file, config.to_string()).file("write", file)
    }

    /// Writes an image and loads it into the node.
    ///
    /// # Errors
    /// When it cannot be written, or there is no node. For an existing cluster, `ATS_TEST_LOAD_IMAGE` is the command
    /// that loads an archive, such as `kind load image-archive`.
    pub async fn load(&self, image: &Image) -> Result<()> {
        let folder = tempfile::tempdir().system("make a temporary folder")?;
        let archive = folder.path().join("image.tar");
        let (image, path) = (image.clone(), archive.clone());
        blocking(move || image.write(&path).map(drop)).await?;
        self.load_archive(&archive).await
    }

    /// Loads the images of an archive, in OCI or Docker layout, into the node.
    ///
    /// # Errors
    /// When it cannot be read, or there is no node.
    pub async fn load_archive(&self, archive: &Path) -> Result<()> {
        let archive = archive.to_owned();
        if let (None, Ok(command)) = (&self.state.node, std::env::var("ATS_TEST_LOAD_IMAGE")) {
            return blocking(move || {
                let mut words = command.split_whitespace().map(Into::into).collect::<Vec<_>>();
                words.push(archive.into_os_string());
                crate::process::run(&words[0], &words[1..]).map(drop)
            })
            .await;
        }
        let node = self.node()?.clone();
        blocking(move || containerd::import(&node, &archive)).await
    }

    /// Ends the cluster, and waits until nothing of it is left. An existing cluster is left alone.
    ///
    /// # Errors
    /// When the supervisor cannot be waited for.
    pub async fn down(self) -> Result<()> {
        let Some(supervised) = self.supervised else { return Ok(()) };
        blocking(move || {
            drop(supervised);
            Ok(())
        })
        .await
    }
}

impl Output {
    /// The standard output of a command that ended well, or else an error.
    ///
    /// # Errors
    /// When the exit code is not 0.
    pub fn success(self) -> Result<String> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        Err(Error::Command {
            program: "kubectl".into(),
            status: format!("exit status {}", self.code),
            output: self.stdout + &self.stderr,
        })
    }
}

/// Asks until there is an answer. The closure's error says what was seen instead, and ends up in this one's.
///
/// # Errors
/// When there is no answer within `limit`.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut ask: impl AsyncFnMut() -> std::result::Result<T, String>,
) -> Result<T> {
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(hint) if started.elapsed() > limit => {
                return Err(Error::Timeout { what: what.into(), after: limit, hint: format!("; {hint}") });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// What a supervisor needs to know, all of it found (or built) beforehand.
pub(crate) async fn order(parts: Parts, options: Options, detached: bool) -> Result<Order> {
    let node = parts == Parts::WholeNode;
    if node {
        if !rustix::process::geteuid().is_root() {
            return Err(Error::NeedsRoot);
        }
        containerd::check_machine()?;
    } else if options.argocd {
        return Err(Error::Unsupported("Argo CD runs on a node of its own: start a whole node".into()));
    }
    blocking(move || {
        let pause = if node { Some(binary::binary(env!("CARGO_PKG_NAME"), "pause")?) } else { None };
        let argocd = options.argocd.then(argocd::Programs::find).transpose()?;
        Ok(Order { parts, options, tools: Some(Tools::find(node)?), argocd, pause, detached })
    })
    .await
}

/// A supervisor that ends with this value, or with this process.
#[derive(Debug)]
pub(crate) struct Supervised {
    child: Child,
}

impl Supervised {
    /// Starts a supervisor and waits until all runs that it was ordered.
    pub(crate) async fn start(order: Order) -> Result<(State, Self)> {
        blocking(move || {
            let mut supervised = Self { child: spawn(&order)? };
            match supervised.report()? {
                Report::Ready(state) => Ok((*state, supervised)),
                Report::Failed(reason) => Err(Error::NotStarted(reason)),
                Report::Inside => Err(Error::NotStarted("the supervisor is confused".into())),
            }
        })
        .await
    }

    fn report(&mut self) -> Result<Report> {
        let Some(output) = self.child.stdout.take() else {
            return Err(Error::NotStarted("the supervisor has no output".into()));
        };
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).system("read the supervisor's report")?;
        if line.is_empty() {
            return Err(Error::NotStarted("the supervisor ended without a word".into()));
        }
        serde_json::from_str(&line).json("the supervisor's report")
    }

    /// Lets it go on without us, as it was ordered to.
    pub(crate) fn detach(mut self) {
        drop(self.child.stdin.take());
        // What is forgotten is not dropped, hence not waited for.
        std::mem::forget(self);
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It has time limits of its own.
        let _ = self.child.wait();
    }
}

fn spawn(order: &Order) -> Result<Child> {
    let mut child = Command::new(binary::binary(env!("CARGO_PKG_NAME"), "ats-cluster")?)
        .arg("supervise")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // A detached one would keep a pipe open that others wait for the end of.
        .stderr(if order.detached { Stdio::null() } else { Stdio::inherit() })
        // Ctrl-C ends the test; the supervisor then sees that, and tears down in peace.
        .process_group(0)
        .spawn()
        .system("start the supervisor")?;
    let mut line = serde_json::to_vec(order).json("the order")?;
    line.push(b'\n');
    if let Some(input) = &mut child.stdin {
        input.write_all(&line).system("give the supervisor its order")?;
    }
    Ok(child)
}

/// A client from a kubeconfig.
pub(crate) async fn client_from(kubeconfig: &Path) -> Result<Client> {
    let config = Config::from_custom_kubeconfig(read_kubeconfig(kubeconfig)?, &KubeConfigOptions::default())
        .await
        .map_err(|source| Error::Kubeconfig { path: kubeconfig.to_owned(), source: Box::new(source) })?;
    Ok(Client::try_from(config)?)
}

fn read_kubeconfig(path: &Path) -> Result<Kubeconfig> {
    Kubeconfig::read_from(path)
        .map_err(|source| Error::Kubeconfig { path: path.to_owned(), source: Box::new(source) })
}

/// Runs what waits without tokio, such as builds, beside it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::NotStarted(error.to_string())),
    }
}
