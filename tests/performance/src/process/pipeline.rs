//! Objects planned and their stages run in this process, as `ats run` does it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use ats_calendar::Calendar;
use ats_crds::{StrategySpec, TradingUniverseSpec};
use ats_pipeline::contract::Owner;
use ats_pipeline::{
    CheckedUniverse, Digest, PlannedStage, StageFile, StageInput, StageName, StagePlan, StageSpec,
    StoreLocation, check, plan,
};
use ats_store::{Settings, StageContext, Store};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Size;
use crate::Result;

/// Seed of the made-up bars.
const SEED: i64 = 7;
/// Features across the families of functions.
pub const FEATURES: [(&str, &str); 16] = [
    ("momentum_12_1", "delay(close, 21) / delay(close, 252) - 1"),
    ("rsi_14", "rsi(close, 14)"),
    ("macd_histogram", "macd(close, 12, 26, 9).histogram / close"),
    ("band", "(close - bollinger(close, 20, 2).lower) / close"),
    ("range", "atr(14) / close"),
    ("direction", "adx(14)"),
    ("oscillator", "stochastic(14, 3, 3).d"),
    ("shape", "skew(returns(close, 1), 63) + kurtosis(returns(close, 1), 63)"),
    ("middle", "median(close, 21) / quantile(close, 0.9, 21)"),
    ("trend", "slope(log(close), 21)"),
    ("memory", "autocorrelation(returns(close, 1), 63)"),
    ("together", "correlation(returns(close, 1), returns(volume, 1), 63)"),
    ("yang_zhang_21", "sqrt(yang_zhang(21))"),
    ("klass", "garman_klass(21) + parkinson(21) + realized_volatility(21)"),
    ("illiquidity", "amihud(21) * dollar_volume(21)"),
    ("weighted", "vwap(21) / wma(close, 21) - ema(close, 21) / sma(close, 21)"),
];

/// First session of all histories.
fn start() -> Date {
    date(2000, 1, 3)
}

/// A folder with a store, and what its stages gave.
#[derive(Debug)]
pub struct Pipeline {
    /// Where stages run.
    pub context: StageContext,
    location: StoreLocation,
    folder: PathBuf,
    outputs: BTreeMap<String, Digest>,
    /// The universe of the case.
    pub universe: CheckedUniverse,
    /// Last session of the history.
    pub end: Date,
}

/// What preparing took.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// Seconds of each stage.
    pub seconds: BTreeMap<String, f64>,
}

/// Acquires the bars of a case into a store below a folder, and publishes a dataset when that is wanted.
///
/// # Errors
/// When a stage fails.
pub async fn prepare(folder: &Path, size: &Size, publish: bool) -> Result<Prepared> {
    let mut pipeline = Pipeline::open(folder, size)?;
    let mut seconds = BTreeMap::new();
    loop {
        let plan = pipeline.plan()?;
        let Some(next) = plan::next(&plan) else { break };
        if !publish && next.stage() != StageName::Acquire {
            break;
        }
        let began = Instant::now();
        pipeline.run(next).await?;
        seconds.insert(next.stage().to_string(), began.elapsed().as_secs_f64());
    }
    pipeline.keep()?;
    Ok(Prepared { seconds })
}

impl Pipeline {
    /// The pipeline of a case, with what an earlier process has done.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, size: &Size) -> Result<Self> {
        let store = folder.join("store");
        std::fs::create_dir_all(&store)?;
        let location = StoreLocation { uri: format!("file://{}", store.display()) };
        let context = StageContext::new(Store::open(&location, &Settings::new())?);
        let outputs = match std::fs::read(folder.join("outputs.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => BTreeMap::new(),
        };
        let end = last_session(size)?;
        let universe = check::universe(&universe_spec(size, end)?).map_err(|all| check::summary(&all))?;
        Ok(Self { context, location, folder: folder.to_owned(), outputs, universe, end })
    }

    fn keep(&self) -> Result<()> {
        Ok(std::fs::write(self.folder.join("outputs.json"), serde_json::to_vec(&self.outputs)?)?)
    }

    /// The stages of the universe, with the outputs that are known.
    ///
    /// # Errors
    /// When a spec has no canonical JSON.
    pub fn plan(&self) -> Result<Vec<StagePlan>> {
        let as_of = self.universe.as_of(Timestamp::now()).ok_or("no session is complete yet")?;
        let known = |stage: &PlannedStage| self.outputs.get(&stage.key.to_string()).copied();
        Ok(plan::universe(&self.universe, as_of, &known)?)
    }

    /// A stage of the universe that can run.
    ///
    /// # Errors
    /// When an earlier stage has no output.
    pub fn stage(&self, name: StageName) -> Result<PlannedStage> {
        let found = self.plan()?.into_iter().find(|entry| entry.name == name).and_then(|entry| entry.stage);
        found.ok_or_else(|| format!("stage {name} cannot run: an earlier one has no output").into())
    }

    /// The output of a stage.
    ///
    /// # Errors
    /// When it has none.
    pub fn output(&self, name: StageName) -> Result<StageInput> {
        let published = self.plan()?.iter().find(|entry| entry.name == name).and_then(StagePlan::published);
        published.ok_or_else(|| format!("stage {name} has no output").into())
    }

    /// The document of a stage, as one shard.
    #[must_use]
    pub fn file(&self, stage: &PlannedStage) -> StageFile {
        let owner = Owner {
            kind: "TradingUniverse".to_owned(),
            namespace: "default".to_owned(),
            name: "bench".to_owned(),
            uid: None,
        };
        let mut file = stage.to_file(owner, "bench", self.location.clone());
        file.shards = 1;
        file
    }

    /// Runs a stage of the universe.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&mut self, stage: &PlannedStage) -> Result<()> {
        let file = self.file(stage);
        let outcome = match &file.spec {
            StageSpec::Acquire(_) => ats_data_acquisition::stage::run(&file, &self.context).await?,
            StageSpec::Backtest(_) => ats_trading_strategy::stage::run(&file, &self.context).await?,
            _ => ats_feature_engineering::run(&file, &self.context).await?,
        };
        match outcome.digest {
            Some(digest) if outcome.is_done() => drop(self.outputs.insert(stage.key.to_string(), digest)),
            _ => return Err(format!("stage {}: {}", stage.stage(), outcome.message).into()),
        }
        Ok(())
    }

    /// Runs a stage of the universe, or the backtest, after those before it, and remembers its output for the next
    /// process.
    ///
    /// # Errors
    /// When it fails, or an earlier one has no output.
    pub async fn run_one(&mut self, name: StageName) -> Result<()> {
        self.context.jobs = 2;
        let stage = if name == StageName::Backtest { self.backtest()? } else { self.stage(name)? };
        self.run(&stage).await?;
        self.keep()
    }

    /// Bars of a ticker over the history.
    ///
    /// # Errors
    /// When the calendar does not reach that far.
    pub fn bars(&self) -> Result<usize> {
        let calendar = Calendar::xnys();
        let sessions = calendar.sessions(start(), self.end).iter();
        let bars = sessions.map(|session| Ok(calendar.bar_starts(*session, self.universe.interval)?.len()));
        bars.sum()
    }

    /// Removes what a stage has written: it will be computed again.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget(&mut self, stage: &PlannedStage) -> Result<()> {
        self.outputs.remove(&stage.key.to_string());
        match std::fs::remove_dir_all(self.folder.join("store").join(stage.stage().as_str())) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The backtest of a strategy on the published dataset.
    ///
    /// # Errors
    /// When nothing is published, or the strategy does not fit.
    pub fn backtest(&self) -> Result<PlannedStage> {
        let checked =
            check::strategy(&strategy_spec(self.end)?, &self.universe).map_err(|all| check::summary(&all))?;
        let dataset = self.output(StageName::Publish)?;
        let plan = plan::strategy(&checked, &dataset, None, &|_| None)?;
        plan::next(&plan).cloned().ok_or_else(|| "the strategy has no backtest".into())
    }
}

/// The last session of a history that has as many bars as wanted.
fn last_session(size: &Size) -> Result<Date> {
    let calendar = Calendar::xnys();
    let interval = size.interval()?;
    let mut bars = 0;
    for session in calendar.sessions(start(), calendar.range().1) {
        bars += calendar.bar_starts(*session, interval)?.len();
        if bars >= size.bars {
            return Ok(session.date());
        }
    }
    Err(format!("the calendar has {bars} bars of {}, {} are asked for", size.interval, size.bars).into())
}

fn universe_spec(size: &Size, end: Date) -> Result<TradingUniverseSpec> {
    let tickers: Vec<String> = (0..size.tickers).map(|number| format!("T{number:04}")).collect();
    let features: Vec<_> =
        FEATURES.iter().map(|(name, expression)| json!({"name": name, "expression": expression})).collect();
    Ok(serde_json::from_value(json!({
        "tickers": tickers,
        "source": {"synthetic": {"seed": SEED}},
        "interval": size.interval,
        "history": {"start": start(), "end": end},
        "features": features,
    }))?)
}

fn strategy_spec(end: Date) -> Result<StrategySpec> {
    Ok(serde_json::from_value(json!({
        "universeRef": {"name": "bench"},
        "signal": {"rules": {
            "entry": "rsi(close, 2) < 10 and close > sma(close, 200)",
            "exit": "rsi(close, 2) > 60",
        }},
        "portfolio": {"direction": "LongOnly", "maxPositions": 10, "sizing": {"riskPerTrade": {}}},
        "risk": {
            "riskPercentage": "0.005", "maxPortfolioHeat": "0.06", "maxGrossExposure": "1",
            "stop": {"atr": {"period": 14, "multiple": "2"}},
        },
        "costs": {
            "commissionPerShare": "0.005", "minimumCommission": "1", "maximumCommissionRate": "0.005",
            "slippageBasisPoints": "2", "maxVolumeShare": "0.025",
        },
        "mode": "Backtest",
        "backtest": {"start": start(), "end": end, "initialCash": "1000000"},
    }))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_has_the_bars_that_are_asked_for() {
        // 2000-01-03 to 2000-01-07 is a week of five sessions; a session has 390 minutes.
        assert_eq!(last_session(&Size::daily(1, 5)).unwrap(), date(2000, 1, 7));
        assert_eq!(last_session(&Size::minutes(1, 391)).unwrap(), date(2000, 1, 4));
        assert!(last_session(&Size::daily(1, 1_000_000)).is_err());
    }

    #[test]
    fn specs_are_ones_that_the_planner_takes() {
        for size in [Size::daily(3, 300), Size::minutes(1, 1000)] {
            let end = last_session(&size).unwrap();
            let universe = check::universe(&universe_spec(&size, end).unwrap()).unwrap();
            assert_eq!((universe.tickers.len(), universe.features().len()), (size.tickers, FEATURES.len()));
            check::strategy(&strategy_spec(end).unwrap(), &universe).unwrap();
        }
    }
}
