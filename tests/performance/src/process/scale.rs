//! How time and memory of the stages grow with tickers and with bars.

use std::path::Path;
use std::time::Instant;

use ats_pipeline::StageName;
use serde::{Deserialize, Serialize};

use super::pipeline::Pipeline;
use super::{Case, Size, spawn};
use crate::plot::{self, Line};
use crate::report::{Section, Unit, count, mebibytes, seconds};
use crate::statistics::Sample;
use crate::usage::{cpu_seconds, peak_kib};
use crate::{Result, say};

/// The stages, in the order in which they run.
const STAGES: [StageName; 4] =
    [StageName::Acquire, StageName::Features, StageName::Publish, StageName::Backtest];

/// What grows from one size to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Along {
    /// Tickers; each has as many bars.
    Tickers,
    /// Bars of each ticker; there are as many tickers.
    Bars,
}

/// Sizes that differ in one thing.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Series {
    /// What it is called, also in the name of its picture.
    pub name: &'static str,
    along: Along,
    sizes: Vec<Size>,
}

impl Series {
    /// The series that are measured: ten years of daily bars, and minutes.
    #[must_use]
    pub fn all(quick: bool) -> Vec<Self> {
        // 504 sessions of 390 minutes, of which a few are shorter.
        let (year, minutes) = (252, 504 * 390);
        let daily = |name, along, sizes: &[(usize, usize)]| Self {
            name,
            along,
            sizes: sizes.iter().map(|(tickers, years)| Size::daily(*tickers, years * year)).collect(),
        };
        let by_minute = |along, sizes: &[(usize, usize)]| Self {
            name: "minutes",
            along,
            sizes: sizes.iter().map(|(tickers, bars)| Size::minutes(*tickers, *bars)).collect(),
        };
        if quick {
            return vec![
                daily("daily-tickers", Along::Tickers, &[(2, 2), (4, 2)]),
                by_minute(Along::Tickers, &[(1, 2_000), (2, 2_000)]),
            ];
        }
        vec![
            daily("daily-tickers", Along::Tickers, &[(50, 10), (500, 10), (5_000, 10)]),
            daily("daily-years", Along::Bars, &[(500, 2), (500, 5), (500, 10), (500, 20)]),
            by_minute(Along::Tickers, &[(5, minutes), (50, minutes), (500, minutes)]),
        ]
    }
}

/// One stage, run once.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The stage.
    pub stage: StageName,
    /// Bars of all tickers.
    pub bars: usize,
    /// Seconds, with reading and writing.
    pub seconds: f64,
    /// Processor time, in seconds.
    pub cpu: f64,
    /// Most memory, in KiB.
    pub peak_kib: u64,
}

/// One stage from store to store, in this process.
///
/// # Errors
/// When it fails, or an earlier one has not run.
pub async fn case(folder: &Path, size: &Size, stage: StageName) -> Result<Run> {
    let mut pipeline = Pipeline::open(folder, size)?;
    let this = std::process::id();
    let cpu = || cpu_seconds(this).unwrap_or(0.0);
    let (began, used) = (Instant::now(), cpu());
    pipeline.run_one(stage).await?;
    Ok(Run {
        stage,
        bars: size.tickers * pipeline.bars()?,
        seconds: began.elapsed().as_secs_f64(),
        cpu: cpu() - used,
        peak_kib: peak_kib(this).unwrap_or(0),
    })
}

/// What is told of a size.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    series: &'static str,
    size: Size,
    runs: Vec<Run>,
}

/// Measures series once each, and draws them into a folder.
///
/// # Errors
/// When a case fails.
pub fn measure(all: &[Series], pictures: &Path) -> Result<(Section, serde_json::Value)> {
    let mut section = Section::new(
        "Growth, in process",
        &["bars", "in all", "stage", "time", "bars/s", "CPU", "peak", "peak, bytes a bar"],
    );
    let mut figures = Vec::new();
    for series in all {
        let mut of_series = Vec::new();
        for size in &series.sizes {
            let folder = tempfile::tempdir()?;
            let mut runs = Vec::new();
            for stage in STAGES {
                say(&format!("scale: {}, stage {stage}", size.title()));
                let run: Run = spawn(&Case::Scale { size: size.clone(), stage }, folder.path())?;
                section.rows.push(row(size, &run));
                let name = |what: &str| format!("{stage}, {what}, {}", size.title());
                let one = |value: f64| Sample::new([value]).summary();
                section.follow(name("time"), Unit::Seconds, one(run.seconds));
                section.follow(name("peak"), Unit::Bytes, one(run.peak_kib as f64 * 1024.0));
                runs.push(run);
            }
            of_series.push(Figures { series: series.name, size: size.clone(), runs });
        }
        draw(series, &of_series, pictures)?;
        figures.extend(of_series);
    }
    section.notes = vec![
        "Every stage reads and writes a store in a folder, with fsync, as one pod does, with two threads; each is a process of its own and runs once. 16 features; the strategy is that of the backtests above.".to_owned(),
        "Peak: the most memory that the process held, code included. Made-up bars of a fixed seed.".to_owned(),
    ];
    Ok((section, serde_json::to_value(figures)?))
}

fn row(size: &Size, run: &Run) -> Vec<String> {
    let bytes = run.peak_kib as f64 * 1024.0;
    vec![
        size.title(),
        count(run.bars as f64),
        run.stage.to_string(),
        seconds(run.seconds),
        count(run.bars as f64 / run.seconds),
        seconds(run.cpu),
        mebibytes(bytes),
        format!("{:.0}", bytes / run.bars as f64),
    ]
}

/// Two pictures: time and memory of each stage over what grows.
fn draw(series: &Series, figures: &[Figures], folder: &Path) -> Result<()> {
    let of_stage = |value: fn(&Run) -> f64| -> Vec<Line> {
        let points = |stage: StageName| {
            figures.iter().flat_map(move |size| {
                let across = match series.along {
                    Along::Tickers => size.size.tickers,
                    Along::Bars => size.size.bars,
                };
                size.runs
                    .iter()
                    .filter(move |run| run.stage == stage)
                    .map(move |run| (across as f64, value(run)))
            })
        };
        STAGES.map(|stage| Line { name: stage.to_string(), points: points(stage).collect() }).into()
    };
    let across = match (series.along, figures.first()) {
        (Along::Tickers, Some(first)) => {
            format!("tickers, {} bars of {} each", first.size.bars, first.size.interval)
        }
        (Along::Bars, Some(first)) => {
            format!("bars of {}, {} tickers", first.size.interval, first.size.tickers)
        }
        (_, None) => return Ok(()),
    };
    let path = |what: &str| folder.join(format!("scale-{}-{what}.svg", series.name));
    plot::log_log(&path("time"), &across, "seconds", &of_stage(|run| run.seconds))?;
    plot::log_log(&path("memory"), &across, "peak, MiB", &of_stage(|run| run.peak_kib as f64 / 1024.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_memory_for_each_bar() {
        let run = Run { stage: StageName::Features, bars: 2_000, seconds: 2.0, cpu: 3.5, peak_kib: 1024 };
        assert_eq!(
            row(&Size::daily(2, 1_000), &run),
            ["2 x 1000 bars of 1d", "2000", "features", "2.00 s", "1000", "3.50 s", "1.0 MiB", "524"]
        );
    }

    #[test]
    fn pictures_hold_every_stage() {
        let folder = tempfile::tempdir().unwrap();
        let series = Series::all(true).remove(0);
        let run = |stage| Run { stage, bars: 10, seconds: 0.1, cpu: 0.1, peak_kib: 2048 };
        let figures: Vec<_> = series
            .sizes
            .iter()
            .map(|size| Figures { series: series.name, size: size.clone(), runs: STAGES.map(run).into() })
            .collect();
        draw(&series, &figures, folder.path()).unwrap();
        let picture = std::fs::read_to_string(folder.path().join("scale-daily-tickers-memory.svg")).unwrap();
        assert!(STAGES.iter().all(|stage| picture.contains(stage.as_str())), "{picture}");
        assert!(
            picture.contains("peak, MiB") && picture.contains("tickers, 504 bars of 1d each"),
            "{picture}"
        );
    }
}
