//! Features, training and backtests in one process, without a cluster: bars a second and memory.
//!
//! Every case is a process of its own, so that its peak memory is its own: the program calls itself with a hidden
//! subcommand, which prints one line of JSON.

pub mod backtest;
pub mod engines;
pub mod features;
pub mod functions;
pub mod made_up;
pub mod panel;
pub mod pipeline;
pub mod profile;
pub mod scale;
pub mod training;

use std::path::Path;
use std::process::{Command, Stdio};

use ats_calendar::Interval;
use ats_pipeline::StageName;
use ats_trading_strategy::market::Market;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Result;

/// What a case is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Size {
    /// How many tickers.
    pub tickers: usize,
    /// How many bars each has, at least.
    pub bars: usize,
    /// Length of a bar, as in the API: `1d`, `1m`.
    pub interval: String,
}

impl Size {
    /// Daily bars.
    #[must_use]
    pub fn daily(tickers: usize, bars: usize) -> Self {
        Self { tickers, bars, interval: "1d".to_owned() }
    }

    /// One-minute bars.
    #[must_use]
    pub fn minutes(tickers: usize, bars: usize) -> Self {
        Self { tickers, bars, interval: "1m".to_owned() }
    }

    /// In words.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{} x {} bars of {}", self.tickers, self.bars, self.interval)
    }

    fn interval(&self) -> Result<Interval> {
        Ok(self.interval.parse::<Interval>().map_err(|error| error.to_string())?)
    }

    /// Made-up bars in memory.
    fn market(&self) -> Result<Market> {
        made_up::market(self.tickers, self.bars, self.interval()?)
    }
}

/// The runs of those with their numbers of threads that had so many.
fn of_jobs<Run: Clone>(runs: &[(usize, Run)], jobs: usize) -> Vec<Run> {
    runs.iter().filter(|run| run.0 == jobs).map(|(_, run)| run.clone()).collect()
}

/// What a child is told: a case, the folder with its store, how many threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Case {
    /// Acquires the bars, and publishes a dataset when it is for a backtest.
    Prepare {
        /// The bars.
        size: Size,
        /// Whether features and a dataset are wanted, too.
        publish: bool,
    },
    /// Stage `features` from store to store, then its pure part over bars in memory.
    Features {
        /// The bars.
        size: Size,
        /// Tickers at work at once.
        jobs: usize,
    },
    /// Backtests at once over one market.
    Backtest {
        /// The bars.
        size: Size,
        /// How many at once.
        jobs: usize,
    },
    /// One stage from store to store.
    Scale {
        /// The bars.
        size: Size,
        /// The stage.
        stage: StageName,
    },
    /// One fit of a model over columns in a folder.
    Training {
        /// The model.
        model: String,
        /// Rows learned from.
        rows: usize,
        /// Threads.
        jobs: usize,
    },
    /// Work that is repeated while somebody else looks where its time goes.
    Profile {
        /// The work.
        work: profile::Work,
        /// For how long at least.
        seconds: f64,
    },
}

/// Runs a case in this process; its result as JSON.
///
/// # Errors
/// When a stage fails.
pub async fn run(case: &Case, folder: &Path) -> Result<serde_json::Value> {
    Ok(match case {
        Case::Prepare { size, publish } => {
            serde_json::to_value(pipeline::prepare(folder, size, *publish).await?)?
        }
        Case::Features { size, jobs } => serde_json::to_value(features::case(folder, size, *jobs).await?)?,
        Case::Backtest { size, jobs } => serde_json::to_value(backtest::case(folder, size, *jobs).await?)?,
        Case::Scale { size, stage } => serde_json::to_value(scale::case(folder, size, *stage).await?)?,
        Case::Training { model, rows, jobs } => {
            serde_json::to_value(training::memory(folder, model, *rows, *jobs)?)?
        }
        Case::Profile { work, seconds } => serde_json::to_value(profile::repeat(work, *seconds)?)?,
    })
}

/// Runs a case in a process of its own.
///
/// # Errors
/// When it fails; its words stand on standard error.
pub fn spawn<T: DeserializeOwned>(case: &Case, folder: &Path) -> Result<T> {
    let jobs = match case {
        Case::Prepare { .. } | Case::Scale { .. } => 2,
        Case::Profile { .. } => 1,
        Case::Features { jobs, .. } | Case::Backtest { jobs, .. } | Case::Training { jobs, .. } => *jobs,
    };
    let output = Command::new(std::env::current_exe()?)
        .arg("case")
        .arg("--folder")
        .arg(folder)
        .arg(serde_json::to_string(case)?)
        // Parquet is read and written by pools of their own, which would take every processor.
        .env("POLARS_MAX_THREADS", jobs.to_string())
        .env("RAYON_NUM_THREADS", jobs.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the case {case:?} ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
