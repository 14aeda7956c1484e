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
        Subcommands::Up { control_plane, postgres, keep } => {
            let options = Options { postgres, keep, ..Options::default() };
            explain(&command::up(!control_plane, options).await?);
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

fn explain(state: &State) {
    println!("The cluster runs at {}. To use it:", state.server);
    println!();
    println!("  export KUBECONFIG={}", state.kubeconfig.display());
    println!("  export PATH={}:$PATH", state.kubectl.parent().unwrap_or(&state.kubectl).display());
    println!("  kubectl get nodes");
    println!();
    if let Some(postgres) = &state.postgres {
        println!("PostgreSQL: {}", postgres.url("postgres"));
    }
    println!("Logs: {}", state.folder.join("logs").display());
    println!("`ats-cluster down` ends it.");
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
