//! What `ats-cluster` does: a cluster that stays until it is ended.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process};

use crate::cluster::{Cluster, Supervised, order};
use crate::error::{Error, FileContext as _, JsonContext as _, Result, SystemContext as _};
use crate::options::{Options, Parts, State};
use crate::process::{is_alive, pid};

/// Starts a cluster that outlives this process. There is one at most: see [`running`].
///
/// # Errors
/// When it does not start, or one runs already.
pub async fn up(whole_node: bool, options: Options) -> Result<State> {
    if running()?.is_some() {
        return Err(Error::Unsupported("a cluster runs already: `ats-cluster status` tells where".into()));
    }
    let parts = if whole_node { Parts::WholeNode } else { Parts::ControlPlane };
    let (state, supervised) = Supervised::start(order(parts, options, true).await?).await?;
    let file = state_file()?;
    let text = serde_json::to_string_pretty(&state).json("the state")?;
    std::fs::write(&file, text).file("write", file)?;
    supervised.detach();
    Ok(state)
}

/// Installs the project on the cluster that [`up`] has started, and prepares namespace `default` for the samples.
///
/// # Errors
/// When something of it is refused or does not come up; what was done by then stays.
pub async fn install(state: &State) -> Result<()> {
    let cluster = Cluster::existing(&state.kubeconfig)?;
    cluster.prepare("default").await?;
    cluster.install(&[]).await?;
    let file = installed_file(state);
    std::fs::write(&file, "").file("write", file)
}

/// Whether [`install`] has come to its end on a cluster.
#[must_use]
pub fn is_installed(state: &State) -> bool {
    installed_file(state).exists()
}

fn installed_file(state: &State) -> PathBuf {
    state.folder.join("installed")
}

/// Ends the cluster that [`up`] has started and waits until nothing is left; whether there was one.
///
/// # Errors
/// When it cannot be ended.
pub async fn down() -> Result<bool> {
    let Some(state) = running()? else { return Ok(false) };
    let Some(supervisor) = pid(state.supervisor) else { return Ok(false) };
    kill_process(supervisor, Signal::TERM).system(format!("signal process {}", state.supervisor))?;
    let started = Instant::now();
    let limit = Duration::from_secs(60);
    while is_alive(state.supervisor) {
        if started.elapsed() > limit {
            let what = format!("the end of the supervisor, process {}", state.supervisor);
            return Err(Error::Timeout { what, after: limit, hint: String::new() });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let file = state_file()?;
    std::fs::remove_file(&file).file("remove", file)?;
    Ok(true)
}

/// The state of the cluster that [`up`] has started, if it still runs.
///
/// # Errors
/// When the state cannot be read.
pub fn running() -> Result<Option<State>> {
    let file = state_file()?;
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read(&file).file("read", &file)?;
    let state: State = serde_json::from_slice(&text).json("the state")?;
    // The process id may be another's by now; the folder is there only as long as the supervisor.
    let runs = is_alive(state.supervisor) && state.folder.join("cluster.json").exists();
    Ok(runs.then_some(state))
}

/// Where the state of the command line's cluster lies, beside the tools that were built.
fn state_file() -> Result<PathBuf> {
    let folder =
        match (std::env::var_os("ATS_CACHE_DIR"), std::env::var_os("XDG_CACHE_HOME"), std::env::home_dir()) {
            (Some(folder), ..) => PathBuf::from(folder),
            (None, Some(folder), _) => PathBuf::from(folder).join("ats"),
            (None, None, Some(home)) => home.join(".cache/ats"),
            (None, None, None) => {
                return Err(Error::Missing {
                    what: "the cache folder".into(),
                    remedy: "set ATS_CACHE_DIR".into(),
                });
            }
        };
    std::fs::create_dir_all(&folder).file("make", &folder)?;
    Ok(folder.join("cluster.json"))
}
