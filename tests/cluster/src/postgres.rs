//! PostgreSQL for the ledger.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::cluster::Supervised;
use crate::error::{Error, FileContext as _, Result, SystemContext as _};
use crate::options::{Node, Options, Order, Parts, PostgresAddress};
use crate::process::{self, INSTALL, Processes};
use crate::reservation::{self, Reservation};
use crate::tools::on_path;

/// The superuser of the database.
const USER: &str = "ats";

/// A PostgreSQL of its own, without a cluster. It ends when this value is dropped or the process ends.
#[derive(Debug)]
pub struct Postgres {
    address: PostgresAddress,
    _supervised: Supervised,
}

impl Postgres {
    /// Starts PostgreSQL on loopback.
    ///
    /// # Errors
    /// When it is not installed, or does not start.
    pub async fn start() -> Result<Self> {
        let order = Order {
            parts: Parts::Postgres,
            options: Options::default(),
            tools: None,
            argocd: None,
            pause: None,
            detached: false,
        };
        let (state, supervised) = Supervised::start(order).await?;
        let address = state.postgres.ok_or_else(|| Error::NotStarted("there is no PostgreSQL".into()))?;
        Ok(Self { address, _supervised: supervised })
    }

    /// The URL of a database; `postgres` is there from the beginning.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.address.url(database)
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> &PostgresAddress {
        &self.address
    }
}

/// Starts PostgreSQL: on the node's address, or else on loopback.
pub(crate) async fn start(
    processes: &mut Processes,
    folder: &Path,
    node: Option<&Node>,
) -> Result<(PostgresAddress, Option<Reservation>)> {
    let binaries = binaries()?;
    let reserved = if node.is_none() { Some(reservation::port()?) } else { None };
    let port = reserved.as_ref().map_or(5432, |reservation| reservation.number);
    let host = node.map_or(Ipv4Addr::LOCALHOST, |node| node.address);

    let data = folder.join("postgres");
    std::fs::create_dir(&data).file("make", &data)?;
    let as_user = if rustix::process::geteuid().is_root() {
        let user = ["postgres", "nobody"]
            .into_iter()
            .find(|user| process::run("id", ["--user", user]).is_ok())
            .ok_or_else(|| Error::Missing { what: "the user postgres".into(), remedy: INSTALL.into() })?;
        let data = data.display().to_string();
        process::run("chown", [user, &data])?;
        Some(user)
    } else {
        None
    };

    let mut initialise = unprivileged(&binaries.join("initdb"), as_user);
    initialise
        .arg(format!("--pgdata={}", data.display()))
        .args(["--username", USER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        .current_dir(folder);
    let output = initialise.output().system("run initdb")?;
    if !output.status.success() {
        return Err(Error::Command {
            program: "initdb".into(),
            status: output.status.to_string(),
            output: String::from_utf8_lossy(&output.stderr).into_owned(),
        });
    }
    if node.is_some() {
        // Pods have other addresses than loopback's; none of them is reachable from outside of the run.
        let path = data.join("pg_hba.conf");
        std::fs::write(&path, "host all all all trust\n").file("write", path)?;
    }

    let mut server = unprivileged(&binaries.join("postgres"), as_user);
    server.arg("-D").arg(&data).current_dir(folder).args([
        format!("--listen_addresses={host}"),
        format!("--port={port}"),
        // No socket in a folder that others use.
        "--unix_socket_directories=".into(),
        "--max_connections=100".into(),
        // The data dies with the run.
        "--fsync=off".into(),
        "--synchronous_commit=off".into(),
        "--full_page_writes=off".into(),
    ]);
    // Quit is its immediate end, after which it leaves no shared memory.
    processes.start_command("postgres", server, Signal::QUIT)?;
    let (ready, port_text) = (binaries.join("pg_isready"), port.to_string());
    processes
        .wait_until("PostgreSQL accepting connections", Duration::from_secs(30), async || {
            let host = host.to_string();
            let arguments = ["--host", &host, "--port", &port_text, "--username", USER, "--dbname=postgres"];
            process::run(&ready, arguments).map(drop).map_err(|error| error.to_string())
        })
        .await?;
    Ok((PostgresAddress { host, port, user: USER.into() }, reserved))
}

/// A command that runs as another user, because PostgreSQL refuses root, and ends with this process.
fn unprivileged(program: &Path, user: Option<&str>) -> Command {
    // A change of user clears the parent-death signal, so it is set after it, by setpriv.
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if let Some(user) = user {
        let group = process::run("id", ["--group", user]).unwrap_or_default();
        command.args([
            format!("--reuid={user}"),
            format!("--regid={}", group.trim()),
            "--init-groups".into(),
        ]);
    }
    command.arg(program);
    command
}

/// The folder of PostgreSQL's programs: Debian's newest, or the one on PATH.
fn binaries() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map(|entries| {
        let folders = entries.flatten().map(|entry| entry.path().join("bin"));
        folders.filter(|folder| folder.join("initdb").is_file()).max()
    });
    if let Ok(Some(newest)) = versions {
        return Ok(newest);
    }
    let folder = on_path("initdb").and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    folder.ok_or_else(|| Error::Missing { what: "PostgreSQL (initdb)".into(), remedy: INSTALL.into() })
}
