//! Stage `features`: bars a second, and memory against the columns in use.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use ats_calendar::Calendar;
use ats_columns::{Adjustment, Bars};
use ats_expression::FeatureGraph;
use ats_feature_engineering::features::features;
use ats_feature_engineering::tickers::{BARS, Benchmarks, Unit, Units};
use ats_pipeline::StageName;
use serde::{Deserialize, Serialize};

use super::pipeline::{FEATURES, Pipeline};
use super::profile::repeated;
use super::{Case, Size, of_jobs, spawn};
use crate::goals::Goal;
use crate::report::{self, Section, count, mebibytes, seconds};
use crate::statistics::{Sample, Summary, by_round, spread};
use crate::usage::{cpu_seconds, peak_kib, resident_kib, rise};
use crate::{Result, say};

/// Columns of bars: session, timestamp, five of prices and volume, two factors.
pub const BAR_COLUMNS: usize = 9;

/// One run of the case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Bars of all tickers.
    pub bars: usize,
    /// Seconds of the stage: reading, computing, writing Parquet through to the disk.
    pub stage_seconds: f64,
    /// Processor time of the stage, in seconds.
    pub stage_cpu: f64,
    /// Memory before the stage, in KiB.
    pub before_kib: u64,
    /// Most memory up to the end of the stage, in KiB.
    pub peak_kib: u64,
    /// Seconds of computing and encoding alone, over bars in memory.
    pub compute_seconds: f64,
    /// Processor time of that.
    pub compute_cpu: f64,
}

/// The case, in this process.
///
/// # Errors
/// When a stage fails.
pub async fn case(folder: &Path, size: &Size, jobs: usize) -> Result<Run> {
    let mut pipeline = Pipeline::open(folder, size)?;
    pipeline.context.jobs = jobs;
    let stage = pipeline.stage(StageName::Features)?;
    pipeline.forget(&stage)?;
    let this = std::process::id();
    let before_kib = resident_kib(this).unwrap_or(0);
    let cpu = || cpu_seconds(this).unwrap_or(0.0);
    let (began, used) = (Instant::now(), cpu());
    pipeline.run(&stage).await?;
    let (stage_seconds, stage_cpu) = (began.elapsed().as_secs_f64(), cpu() - used);
    let peak_kib = peak_kib(this).unwrap_or(0);

    let bars = bars(&pipeline).await?;
    let graph = graph()?;
    let next = AtomicUsize::new(0);
    let (began, used) = (Instant::now(), cpu());
    let work = || -> std::result::Result<(), String> {
        while let Some(bars) = bars.get(next.fetch_add(1, Ordering::Relaxed)) {
            compute(bars, &graph)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
    })?;
    let (compute_seconds, compute_cpu) = (began.elapsed().as_secs_f64(), cpu() - used);
    let bars = bars.iter().map(Bars::len).sum();
    Ok(Run { bars, stage_seconds, stage_cpu, before_kib, peak_kib, compute_seconds, compute_cpu })
}

fn graph() -> Result<FeatureGraph> {
    Ok(FeatureGraph::new(&FEATURES, None).map_err(|error| format!("{error:?}"))?)
}

/// Evaluates and encodes the features of a ticker.
fn compute(bars: &Bars, graph: &FeatureGraph) -> std::result::Result<(), String> {
    features(
        bars,
        &[],
        graph,
        &Benchmarks::new(),
        Adjustment::SplitsAndDividends,
        ats_calendar::Interval::D1,
        Calendar::xnys(),
    )
    .map(drop)
    .map_err(|error| error.to_string())
}

/// Computes the features of made-up tickers, one after the other, for so many seconds at least; how often.
pub(super) fn repeat(size: &Size, seconds: f64) -> Result<usize> {
    let (market, graph) = (size.market()?, graph()?);
    repeated(seconds, || {
        market.tickers.values().try_for_each(|history| compute(&history.bars, &graph))?;
        Ok(())
    })
}

/// The bars of all tickers, from the store.
pub(super) async fn bars(pipeline: &Pipeline) -> Result<Vec<Bars>> {
    let units = Units::open(&pipeline.context.store, &pipeline.output(StageName::Acquire)?).await?;
    let mut all = Vec::new();
    for name in units.names() {
        match units.unit(&name).await? {
            Unit::Done { folder, manifest } => {
                all.push(Bars::from_parquet(&name, folder.named(&manifest, BARS).await?)?);
            }
            Unit::Bad { message, .. } => return Err(format!("{name}: {message}").into()),
        }
    }
    Ok(all)
}

/// What is told of a size and a number of threads.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    size: Size,
    jobs: usize,
    runs: Vec<Run>,
    stage_bars_per_second: Option<Summary>,
    compute_bars_per_second: Option<Summary>,
    columns_bytes: usize,
    /// Speed over that on one thread, round by round.
    stage_over_one: Option<Summary>,
    compute_over_one: Option<Summary>,
    /// What the stage held over what the process held before, over the columns in use.
    memory: Option<Summary>,
}

/// Measures sizes with one and with two threads.
///
/// # Errors
/// When a case fails.
pub fn measure(sizes: &[Size], rounds: usize) -> Result<(Section, serde_json::Value)> {
    let mut section = Section::new(
        "Features, in process",
        &[
            "bars",
            "threads",
            "stage, bars/s",
            "bars/CPU s",
            "computing, bars/s",
            "bars/CPU s",
            "stage",
            "peak",
            "over start",
            "columns in use",
            "over start / columns",
            "stage over one thread",
            "computing over one thread",
        ],
    );
    let mut all = Vec::new();
    for size in sizes {
        let folder = tempfile::tempdir()?;
        say(&format!("features: making {}", size.title()));
        let _: super::pipeline::Prepared =
            spawn(&Case::Prepare { size: size.clone(), publish: false }, folder.path())?;
        let mut runs: Vec<(usize, Run)> = Vec::new();
        for round in 0..rounds {
            for jobs in if round % 2 == 0 { [1, 2] } else { [2, 1] } {
                say(&format!("features: {}, {jobs} threads, round {}", size.title(), round + 1));
                runs.push((jobs, spawn(&Case::Features { size: size.clone(), jobs }, folder.path())?));
            }
        }
        let single = of_jobs(&runs, 1);
        for jobs in [1, 2] {
            let figures = figures(size, jobs, of_jobs(&runs, jobs), &single);
            if jobs > 1 {
                let title = size.title();
                section.toward(Goal::TwoCores, format!("stage features, {title}"), figures.stage_over_one);
                section.toward(Goal::TwoCores, format!("computing, {title}"), figures.compute_over_one);
            }
            let what = format!("stage features, {}, threads: {jobs}", size.title());
            section.toward(Goal::Memory, what, figures.memory);
            let name = |what: &str| format!("{what}, {}, threads: {jobs}", size.title());
            section.follow(name("stage"), report::Unit::BarsPerSecond, figures.stage_bars_per_second);
            section.follow(name("computing"), report::Unit::BarsPerSecond, figures.compute_bars_per_second);
            section.rows.push(row(&figures));
            all.push(figures);
        }
    }
    section.notes = vec![
        format!("{} features of all families, made-up bars of a fixed seed, {rounds} rounds, each a process of its own; median (least to most).", FEATURES.len()),
        "Stage: reads bars and writes features through a store in a folder, with fsync, as a pod does. Computing: evaluating and encoding as Parquet, over bars in memory.".to_owned(),
        "Columns in use: nine columns of bars and one of each feature, 8 bytes a value, of as many tickers as threads; what the stage holds does not grow with the number of tickers. Over start: peak less what the process held before the stage.".to_owned(),
    ];
    Ok((section, serde_json::to_value(all)?))
}

fn figures(size: &Size, jobs: usize, runs: Vec<Run>, single: &[Run]) -> Figures {
    let rate =
        |of: fn(&Run) -> f64| runs.iter().map(|run| run.bars as f64 / of(run)).collect::<Sample>().summary();
    let of_ticker = runs.first().map_or(0, |run| run.bars) / size.tickers.max(1);
    let over_one = |of: fn(&Run) -> f64| by_round(single.iter().map(of), runs.iter().map(of));
    let columns_bytes = of_ticker * (BAR_COLUMNS + FEATURES.len()) * 8 * jobs;
    let memory = runs.iter().map(|run| rise(run.before_kib, run.peak_kib) / columns_bytes as f64);
    Figures {
        size: size.clone(),
        jobs,
        stage_bars_per_second: rate(|run| run.stage_seconds),
        compute_bars_per_second: rate(|run| run.compute_seconds),
        columns_bytes,
        stage_over_one: over_one(|run| run.stage_seconds),
        compute_over_one: over_one(|run| run.compute_seconds),
        memory: memory.collect::<Sample>().summary(),
        runs,
    }
}

fn row(figures: &Figures) -> Vec<String> {
    let sample = |of: &dyn Fn(&Run) -> f64| figures.runs.iter().map(of).collect::<Sample>().summary();
    let middle = |summary: Option<Summary>| summary.map_or_else(|| "-".to_owned(), |all| count(all.median));
    let memory =
        |summary: Option<Summary>| summary.map_or_else(String::new, |all| mebibytes(all.max * 1024.0));
    let times = |value: f64| format!("{value:.2}");
    vec![
        figures.size.title(),
        figures.jobs.to_string(),
        spread(figures.stage_bars_per_second, count),
        middle(sample(&|run| run.bars as f64 / run.stage_cpu)),
        spread(figures.compute_bars_per_second, count),
        middle(sample(&|run| run.bars as f64 / run.compute_cpu)),
        spread(sample(&|run| run.stage_seconds), seconds),
        memory(sample(&|run| run.peak_kib as f64)),
        sample(&|run| rise(run.before_kib, run.peak_kib)).map_or_else(String::new, |all| mebibytes(all.max)),
        mebibytes(figures.columns_bytes as f64),
        spread(figures.memory, times),
        spread(figures.stage_over_one, times),
        spread(figures.compute_over_one, times),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_bars_over_seconds() {
        let run = |stage_seconds| Run {
            bars: 3_000,
            stage_seconds,
            stage_cpu: 1.0,
            before_kib: 1024,
            peak_kib: 3 * 1024,
            compute_seconds: 1.5,
            compute_cpu: 0.5,
        };
        let single = [run(3.0), run(6.0), run(9.0)];
        let figures = figures(&Size::daily(3, 1_000), 2, vec![run(2.0), run(3.0), run(6.0)], &single);
        assert_eq!(figures.stage_bars_per_second.unwrap().median, 1_000.0);
        assert_eq!(figures.columns_bytes, 1_000 * (9 + 16) * 8 * 2);
        assert_eq!(
            row(&figures)[1..],
            [
                "2",
                "1000 (500 to 1500)",
                "3000",
                "2000 (2000 to 2000)",
                "6000",
                "3.00 s (2.00 s to 6.00 s)",
                "3.0 MiB",
                "2.0 MiB",
                "0.4 MiB",
                // 2 MiB over 400,000 bytes; 3 s over 2 s, 6 s over 3 s, 9 s over 6 s.
                "5.24 (5.24 to 5.24)",
                "1.50 (1.50 to 2.00)",
                "1.00 (1.00 to 1.00)"
            ]
        );
    }
}
