//! Backtests: bars a second, and memory against the columns in use.

use std::path::Path;
use std::time::Instant;

use ats_calendar::Calendar;
use ats_pipeline::StageSpec;
use ats_pipeline::spec::BacktestSpec;
use ats_trading_strategy::backtest;
use ats_trading_strategy::load::{Loaded, load};
use serde::{Deserialize, Serialize};

use super::features::BAR_COLUMNS;
use super::pipeline::Pipeline;
use super::{Case, Size, of_jobs, spawn};
use crate::goals::Goal;
use crate::report::{Section, Unit, count, mebibytes, seconds};
use crate::statistics::{Sample, Summary, by_round, spread};
use crate::usage::{cpu_seconds, peak_kib, resident_kib, rise};
use crate::{Result, say};

/// One run of the case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Bars of all tickers.
    pub bars: usize,
    /// Seconds until the market is in memory.
    pub load_seconds: f64,
    /// Seconds of all backtests: signals, engine, statistics, report, files.
    pub seconds: f64,
    /// Processor time of that.
    pub cpu: f64,
    /// Orders of one backtest.
    pub orders: usize,
    /// Memory before the market is loaded, in KiB.
    pub before_kib: u64,
    /// Memory with the market loaded, in KiB.
    pub loaded_kib: u64,
    /// Most memory, in KiB.
    pub peak_kib: u64,
}

/// The case, in this process.
///
/// # Errors
/// When the backtest fails.
pub async fn case(folder: &Path, size: &Size, jobs: usize) -> Result<Run> {
    let pipeline = Pipeline::open(folder, size)?;
    let stage = pipeline.backtest()?;
    let file = pipeline.file(&stage);
    let StageSpec::Backtest(spec) = &file.spec else { return Err("not a backtest".into()) };
    let before_kib = resident_kib(std::process::id()).unwrap_or(0);
    let began = Instant::now();
    let loaded = load(&file, &spec.core, spec.benchmark.as_deref(), &pipeline.context).await?;
    let load_seconds = began.elapsed().as_secs_f64();
    let loaded_kib = resident_kib(std::process::id()).unwrap_or(0);
    let cpu = || cpu_seconds(std::process::id()).unwrap_or(0.0);
    let (began, used) = (Instant::now(), cpu());
    let orders = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(|| one(spec, &loaded))).collect();
        let ends = threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned()).and_then(|ended| ended));
        ends.collect::<std::result::Result<Vec<usize>, String>>()
    })?;
    Ok(Run {
        bars: loaded.market.tickers.values().map(|history| history.bars.len()).sum(),
        load_seconds,
        seconds: began.elapsed().as_secs_f64(),
        cpu: cpu() - used,
        orders: orders.first().copied().unwrap_or(0),
        before_kib,
        loaded_kib,
        peak_kib: peak_kib(std::process::id()).unwrap_or(0),
    })
}

fn one(spec: &BacktestSpec, loaded: &Loaded) -> std::result::Result<usize, String> {
    backtest::run(spec, &loaded.market, Calendar::xnys(), "bench", &loaded.lineage)
        .map(|output| output.record.orders.len())
        .map_err(|error| error.to_string())
}

/// What is told of a size and a number of backtests at once.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    size: Size,
    jobs: usize,
    runs: Vec<Run>,
    bars_per_second: Option<Summary>,
    columns_bytes: usize,
    /// Bars a second over those of one backtest at a time, round by round.
    over_one: Option<Summary>,
    /// The peak over what the process held before the market was loaded, over the columns of bars.
    memory: Option<Summary>,
}

/// Measures sizes, one backtest at a time and two at once.
///
/// # Errors
/// When a case fails.
pub fn measure(sizes: &[Size], rounds: usize) -> Result<(Section, serde_json::Value)> {
    let mut section = Section::new(
        "Backtests, in process",
        &[
            "bars",
            "threads",
            "bars/s",
            "bars/CPU s",
            "backtest",
            "orders",
            "loading",
            "peak",
            "market loaded",
            "columns of bars",
            "peak over start / columns",
            "over one thread",
        ],
    );
    let mut all = Vec::new();
    for size in sizes {
        let folder = tempfile::tempdir()?;
        say(&format!("backtest: making {}", size.title()));
        let _: super::pipeline::Prepared =
            spawn(&Case::Prepare { size: size.clone(), publish: true }, folder.path())?;
        let mut runs: Vec<(usize, Run)> = Vec::new();
        for round in 0..rounds {
            for jobs in if round % 2 == 0 { [1, 2] } else { [2, 1] } {
                say(&format!("backtest: {}, {jobs} threads, round {}", size.title(), round + 1));
                runs.push((jobs, spawn(&Case::Backtest { size: size.clone(), jobs }, folder.path())?));
            }
        }
        let single = of_jobs(&runs, 1);
        for jobs in [1, 2] {
            let figures = figures(size, jobs, of_jobs(&runs, jobs), &single);
            if jobs > 1 {
                section.toward(Goal::TwoCores, format!("backtests, {}", size.title()), figures.over_one);
            }
            let what = format!("backtests, {}, at once: {jobs}", size.title());
            section.toward(Goal::Memory, what, figures.memory);
            let name = format!("{}, threads: {jobs}", size.title());
            section.follow(name, Unit::BarsPerSecond, figures.bars_per_second);
            section.rows.push(row(&figures));
            all.push(figures);
        }
    }
    section.notes = vec![
        format!("A strategy by rules with stops, costs and ten positions; made-up bars of a fixed seed, {rounds} rounds, each a process of its own; median (least to most)."),
        "A backtest is one thread; two threads are two backtests at once over one market, and their bars are counted twice.".to_owned(),
        "Backtest: signals, engine, statistics, report and files. Columns of bars: nine columns, 8 bytes a value.".to_owned(),
    ];
    Ok((section, serde_json::to_value(all)?))
}

fn figures(size: &Size, jobs: usize, runs: Vec<Run>, single: &[Run]) -> Figures {
    let rates = runs.iter().map(|run| (run.bars * jobs) as f64 / run.seconds);
    let single = single.iter().map(|run| run.bars as f64 / run.seconds);
    let columns_bytes = runs.first().map_or(0, |run| run.bars) * BAR_COLUMNS * 8;
    let memory = runs.iter().map(|run| rise(run.before_kib, run.peak_kib) / columns_bytes as f64);
    Figures {
        size: size.clone(),
        jobs,
        bars_per_second: rates.clone().collect::<Sample>().summary(),
        columns_bytes,
        over_one: by_round(rates, single),
        memory: memory.collect::<Sample>().summary(),
        runs,
    }
}

fn row(figures: &Figures) -> Vec<String> {
    let sample = |of: &dyn Fn(&Run) -> f64| figures.runs.iter().map(of).collect::<Sample>().summary();
    let memory =
        |summary: Option<Summary>| summary.map_or_else(String::new, |all| mebibytes(all.max * 1024.0));
    let times = |value: f64| format!("{value:.2}");
    vec![
        figures.size.title(),
        figures.jobs.to_string(),
        spread(figures.bars_per_second, count),
        spread(sample(&|run| (run.bars * figures.jobs) as f64 / run.cpu), count),
        spread(sample(&|run| run.seconds), seconds),
        figures.runs.first().map_or_else(String::new, |run| run.orders.to_string()),
        spread(sample(&|run| run.load_seconds), seconds),
        memory(sample(&|run| run.peak_kib as f64)),
        memory(sample(&|run| run.loaded_kib as f64)),
        mebibytes(figures.columns_bytes as f64),
        spread(figures.memory, times),
        spread(figures.over_one, times),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_at_once_are_counted_twice_and_share_the_columns() {
        let run = |seconds| Run {
            bars: 1_000,
            load_seconds: 0.5,
            seconds,
            cpu: 2.0 * seconds,
            orders: 7,
            before_kib: 1024,
            loaded_kib: 2048,
            peak_kib: 3 * 1024,
        };
        let figures = figures(&Size::daily(1, 1_000), 2, vec![run(4.0), run(5.0)], &[run(2.0), run(5.0)]);
        // 2 s x 2 / 4 s, 5 s x 2 / 5 s.
        assert_eq!(figures.over_one.unwrap(), Sample::new([1.0, 2.0]).summary().unwrap());
        // 2 MiB over nine columns of a thousand values.
        assert_eq!(figures.memory.unwrap().median, 2_097_152.0 / 72_000.0);
    }
}
