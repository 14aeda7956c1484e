//! backtrader, backtesting.py, nautilus_trader and vectorbt.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Process, file};
use crate::Result;

/// A moving-average cross over the first bars of the first tickers, once for each pair of averages.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Task {
    /// How many tickers share one account.
    pub tickers: usize,
    /// Bars of each.
    pub bars: usize,
    /// Bars of the fast and of the slow average.
    pub pairs: Vec<(u32, u32)>,
    /// Cash at the start.
    pub cash: f64,
    /// Share of equity that a ticker is bought for.
    pub weight: f64,
    /// Commission, as a fraction of what is traded.
    pub fee: f64,
}

impl Task {
    /// Bars of all tickers and pairs.
    #[must_use]
    pub fn all_bars(&self) -> usize {
        self.tickers * self.bars * self.pairs.len()
    }
}

#[derive(Serialize)]
struct Request<'a> {
    engine: &'a str,
    #[serde(flatten)]
    task: &'a Task,
}

/// What a task came to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Ended {
    /// From bars in memory to fills and equity.
    pub seconds: f64,
    /// Fills of all pairs.
    pub fills: usize,
    /// The last equity of each pair.
    pub equity: Vec<f64>,
}

#[derive(Deserialize)]
struct Hello {
    versions: BTreeMap<String, String>,
}

/// The engines.
#[derive(Debug)]
pub struct Engines {
    process: Process,
    /// Version of each.
    pub versions: BTreeMap<String, String>,
}

impl Engines {
    /// Starts them over the columns of some tickers in a folder.
    ///
    /// # Errors
    /// When packages cannot be installed, or the process does not begin.
    pub fn start(columns: &Path, tickers: usize) -> Result<Self> {
        // The packages of the test that compares five strategies with the same engines.
        let requirements =
            file("../../workloads/trading-strategy/tests/reference/requirements-strategies.txt");
        let (folder, tickers) = (columns.to_string_lossy(), tickers.to_string());
        let script = file("rivals/backtests.py");
        let (process, Hello { versions }) =
            Process::start("strategies", &requirements, &script, &[&folder, &tickers], 1)?;
        Ok(Self { process, versions })
    }

    /// Runs a task.
    ///
    /// # Errors
    /// When the process ends.
    pub fn run(&mut self, engine: &str, task: &Task) -> Result<Ended> {
        self.process.ask(&Request { engine, task })
    }
}
