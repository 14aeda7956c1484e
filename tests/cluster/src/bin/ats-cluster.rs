//! A real Kubernetes on this machine: `ats-cluster up`, use it, `ats-cluster down`.
#![allow(clippy::print_stdout, reason = "this is a command line")]

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use ats_test_cluster::{Cluster, Error, Options, Result, State, command, process, supervisor};
use clap::{Parser, Subcommand};

/// A real Kubernetes on this machine, without a container engine.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Subcommand)]
enum Subcommands {
    /// Start a cluster that stays until `down`
    Up {
        /// Without a node: no root, no containers, four seconds
        #[arg(long)]
        control_plane: bool,
        /// With PostgreSQL beside it
        #[arg(long)]
        postgres: bool,
        /// With the operator and all that the samples need; where a cluster runs already, this says so
        #[arg(long, conflicts_with = "control_plane")]
        install: bool,
        /// Keep the logs when it ends
        #[arg(long)]
        keep: bool,
    },
    /// End it and remove everything that it made
    Down,
    /// Say what runs, as JSON; exit code 1 if nothing does
    Status,
    /// Print the path of the kubeconfig
    Kubeconfig,
    /// Install the operator, or what was compiled since: images, manifests, a new rollout
    Install,
    /// Give a namespace what the samples need: claims `market-data` and `artifacts`, Secret `ats-ledger`
    Prepare {
        /// The namespace
        namespace: String,
    },
    /// Load the images of an archive (OCI or Docker layout) into the node
    Load {
        /// The archive
        archive: PathBuf,
    },
    /// Run kubectl on it
    #[command(disable_help_flag = true)]
    Kubectl {
        /// kubectl's arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Own a run; for the harness itself
    #[command(hide = true)]
    Supervise,
    /// Own a run inside of its namespaces; for the harness itself
    #[command(hide = true)]
    Inside,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    if arguments.nth(1).is_some_and(|first| first == process::BOUND) {
        return fail(&process::exec_bound_to_parent(arguments.collect()));
    }
    let arguments = Arguments::parse();
    // On one thread: children are bound to the life of the thread that starts them.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Error::System { action: "start the runtime".into(), source: error }),
    };
    let result = runtime.block_on(run(arguments.command));
    // A pending read of standard input must not keep us.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| fail(&error))
}

async fn run(command: Subcommands) -> Result<ExitCode> {
    match command {
        Subcommands::Up { control_plane, postgres, install, keep } => {
            let options = Options { postgres: postgres || install, keep, ..Options::default() };
            up(!control_plane, install, options).await?;
        }
        Subcommands::Down => {
            println!("{}", if command::down().await? { "The cluster is gone." } else { "No cluster runs." });
        }
        Subcommands::Status => match command::running()? {
            Some(state) => println!("{}", json(&state)?),
            None => {
                println!("null");
                return Ok(ExitCode::FAILURE);
            }
        },
        Subcommands::Kubeconfig => println!("{}", state()?.kubeconfig.display()),
        Subcommands::Install => {
            let state = state()?;
            command::install(&state).await?;
            let line = ["rollout", "restart", "-n", "ats-system", "deployment/ats-operator"];
            let cluster = Cluster::existing(&state.kubeconfig)?;
            cluster.kubectl(line).await?.success()?;
            cluster.operator_ready().await?;
        }
        Subcommands::Prepare { namespace } => {
            Cluster::existing(&state()?.kubeconfig)?.prepare(&namespace).await?;
        }
        Subcommands::Load { archive } => {
            Cluster::existing(&state()?.kubeconfig)?.load_archive(&archive).await?;
        }
        Subcommands::Kubectl { arguments } => {
            let state = state()?;
            let source = std::process::Command::new(&state.kubectl)
                .arg("--kubeconfig")
                .arg(&state.kubeconfig)
                .args(arguments)
                .exec();
            return Err(Error::File { action: "execute", path: state.kubectl, source });
        }
        Subcommands::Supervise => supervisor::supervise().await?,
        Subcommands::Inside => supervisor::inside().await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Starts a cluster, or says that one runs; installs the project on it when that is asked for and was not done.
async fn up(whole_node: bool, install: bool, options: Options) -> Result<()> {
    let there = command::running()?;
    let is_new = there.is_none();
    let state = match there {
        Some(state) => state,
        None => command::up(whole_node, options).await?,
    };
    if install && !command::is_installed(&state) {
        println!("Kubernetes runs. Loading the images and starting the operator ...");
        command::install(&state).await?;
    }
    println!(
        "The cluster {} at {}. To use it:",
        if is_new { "runs" } else { "is up already," },
        state.server
    );
    explain(&state);
    Ok(())
}

fn explain(state: &State) {
    println!();
    println!("  export KUBECONFIG={}", state.kubeconfig.display());
    println!("  export PATH={}:$PATH", state.kubectl.parent().unwrap_or(&state.kubectl).display());
    if command::is_installed(state) {
        println!("  kubectl apply -f config/samples");
        println!("  kubectl wait --for=condition=Ready tu,mtj,strat --all --timeout=5m");
        println!("  kubectl get trading");
        println!("  kubectl describe strategy dip-buyer");
        println!("  kubectl port-forward service/ats-monitoring 3000     # then http://localhost:3000");
    } else {
        println!("  kubectl get nodes");
    }
    println!();
    if let Some(postgres) = &state.postgres {
        let secret = if command::is_installed(state) { " (Secret ats-ledger, key url)" } else { "" };
        println!("PostgreSQL: {}{secret}", postgres.url("postgres"));
    }
    println!("Logs: {}", state.folder.join("logs").display());
    println!("To end it and remove all of it: make cluster-down");
}

fn state() -> Result<State> {
    command::running()?
        .ok_or_else(|| Error::Unsupported("no cluster runs: start one with `ats-cluster up`".into()))
}

fn json(state: &State) -> Result<String> {
    serde_json::to_string_pretty(state).map_err(|source| Error::Json { what: "the state".into(), source })
}

fn fail(error: &Error) -> ExitCode {
    eprintln!("ats-cluster: {error}");
    ExitCode::FAILURE
}
