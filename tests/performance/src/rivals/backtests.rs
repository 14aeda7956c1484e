//! backtrader, backtesting.py, nautilus_trader and vectorbt.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Process, file, read_column};
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
    output: Option<&'a Path>,
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

/// A fill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// The number of the pair of averages.
    pub pair: usize,
    /// Start of the bar: microseconds since 1970, UTC.
    pub time: i64,
    /// The number of the ticker.
    pub ticker: usize,
    /// Shares, below 0 when they are sold.
    pub quantity: f64,
    /// The price of a share.
    pub price: f64,
    /// The fee; none where the engine has it within the next one of the pair and the ticker.
    pub fee: Option<f64>,
}

impl Fill {
    /// As the process writes it.
    fn of_row([pair, time, ticker, quantity, price, fee]: [f64; 6]) -> Self {
        let fee = (!fee.is_nan()).then_some(fee);
        Self { pair: pair as usize, time: time as i64, ticker: ticker as usize, quantity, price, fee }
    }
}

#[derive(Deserialize)]
struct Hello {
    versions: BTreeMap<String, String>,
}

/// The engines.
#[derive(Debug)]
pub struct Engines {
    process: Process,
    output: PathBuf,
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
        Ok(Self { process, output: columns.join("fills"), versions })
    }

    /// Runs a task.
    ///
    /// # Errors
    /// When the process ends.
    pub fn run(&mut self, engine: &str, task: &Task) -> Result<Ended> {
        self.process.ask(&Request { engine, task, output: None })
    }

    /// Runs a task for its fills; its seconds are not those of a run for time.
    ///
    /// # Errors
    /// When the process ends, or writes no fills.
    pub fn fills(&mut self, engine: &str, task: &Task) -> Result<(Ended, Vec<Fill>)> {
        let ended = self.process.ask(&Request { engine, task, output: Some(&self.output) })?;
        let values = read_column(&self.output)?;
        let (rows, rest) = values.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(format!("{engine}: {} numbers are no list of fills", values.len()).into());
        }
        Ok((ended, rows.iter().copied().map(Fill::of_row).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_that_is_no_number_is_within_a_later_one() {
        let row = |fee| Fill::of_row([1.0, 9e14, 2.0, -5.0, 10.5, fee]);
        let sold = Fill {
            pair: 1,
            time: 900_000_000_000_000,
            ticker: 2,
            quantity: -5.0,
            price: 10.5,
            fee: Some(0.25),
        };
        assert_eq!(row(0.25), sold);
        assert_eq!(row(f64::NAN), Fill { fee: None, ..sold });
    }
}
