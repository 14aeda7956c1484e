//! `make bench-profile`: where our side of a benchmark spends its time, by `perf`.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::pipeline::FEATURES;
use super::{Case, Size, engines, features, functions, training};
use crate::report::Section;
use crate::{Result, say};

/// Samples a second; not a round number, so that nothing that is done by the clock falls in step with it.
const FREQUENCY: &str = "999";
/// Functions with a smaller share, in per cent, are left out.
const LEAST: &str = "0.5";
/// How long work is repeated.
const SECONDS: f64 = 10.0;

/// A benchmark with our side alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// An expression, or all features together, over one ticker.
    Functions,
    /// Features of many tickers, computed and encoded.
    Features,
    /// The moving-average cross that is measured beside other engines.
    Backtest,
    /// Fits of models.
    Training,
}

/// What is repeated, on one thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// Expressions together over the bars of one ticker.
    Functions {
        /// The bars.
        size: Size,
        /// The expressions.
        expressions: Vec<String>,
    },
    /// Features of each ticker.
    Features {
        /// The bars.
        size: Size,
    },
    /// A backtest.
    Backtest {
        /// The bars.
        size: Size,
    },
    /// Fits.
    Training {
        /// The model.
        model: String,
        /// Rows learned from.
        rows: usize,
    },
}

impl Work {
    /// What a part consists of; `of` is the one expression of functions, or the one model of training.
    fn of(part: Part, of: Option<&str>, is_quick: bool) -> Result<Vec<Self>> {
        let size = |size: Size, quick: Size| if is_quick { quick } else { size };
        let minutes = || size(Size::minutes(1, 1_000_000), Size::minutes(1, 5_000));
        Ok(match part {
            Part::Functions => {
                let expressions = match of {
                    Some(expression) => vec![expression.to_owned()],
                    None => FEATURES.iter().map(|(_, expression)| (*expression).to_owned()).collect(),
                };
                for expression in &expressions {
                    functions::typed(expression)?;
                }
                vec![Self::Functions { size: minutes(), expressions }]
            }
            Part::Features => {
                vec![Self::Features { size: size(Size::daily(30, 5_032), Size::daily(2, 500)) }]
            }
            Part::Backtest => vec![
                Self::Backtest { size: minutes() },
                Self::Backtest { size: size(Size::daily(500, 2_520), Size::daily(4, 500)) },
            ],
            Part::Training => {
                let rows = if is_quick { 2_000 } else { 100_000 };
                let names = training::names()?;
                let chosen: Vec<&str> =
                    names.iter().copied().filter(|name| of.is_none_or(|of| of == *name)).collect();
                if chosen.is_empty() {
                    return Err(format!("there is no such model; there are {}", names.join(", ")).into());
                }
                chosen.into_iter().map(|model| Self::Training { model: model.to_owned(), rows }).collect()
            }
        })
    }

    fn title(&self) -> String {
        match self {
            Self::Functions { size, expressions } => match &expressions[..] {
                [expression] => format!("{expression}, {}", size.title()),
                all => format!("{} features together, {}", all.len(), size.title()),
            },
            Self::Features { size } => format!("features, {}", size.title()),
            Self::Backtest { size } => format!("backtest, {}", size.title()),
            Self::Training { model, rows } => format!("training {model}, {rows} rows"),
        }
    }
}

/// Repeats work in this process, for so many seconds at least; how often it was done.
///
/// # Errors
/// When it fails.
pub fn repeat(work: &Work, seconds: f64) -> Result<usize> {
    match work {
        Work::Functions { size, expressions } => functions::repeat(size, expressions, seconds),
        Work::Features { size } => features::repeat(size, seconds),
        Work::Backtest { size } => engines::repeat(size, seconds),
        Work::Training { model, rows } => training::repeat(model, *rows, seconds),
    }
}

/// Calls a function for so many seconds at least; how often.
pub(super) fn repeated(seconds: f64, mut once: impl FnMut() -> Result<()>) -> Result<usize> {
    let began = Instant::now();
    let mut times = 0;
    while times == 0 || began.elapsed().as_secs_f64() < seconds {
        once()?;
        times += 1;
    }
    Ok(times)
}

/// Profiles parts, one table for each work.
///
/// # Errors
/// When there is no `perf`, or it may not look at processes, or work fails.
pub fn measure(parts: &[Part], of: Option<&str>, is_quick: bool) -> Result<Vec<Section>> {
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    if of.is_some() && !matches!(parts, [Part::Functions | Part::Training]) {
        return Err("--of wants one part: an expression of functions, or a model of training".into());
    }
    let mut sections = Vec::new();
    for part in parts {
        for work in Work::of(*part, of, is_quick)? {
            say(&format!("profile: {}", work.title()));
            sections.push(profile(&work, if is_quick { 0.5 } else { SECONDS })?);
        }
    }
    Ok(sections)
}

fn profile(work: &Work, seconds: f64) -> Result<Section> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("perf.data");
    let program = std::env::current_exe()?;
    let case = serde_json::to_string(&Case::Profile { work: work.clone(), seconds })?;
    let record = ["record", "--quiet", "--freq", FREQUENCY, "--output"].map(OsStr::new);
    let command =
        [program.as_os_str(), OsStr::new("case"), OsStr::new("--folder"), folder.path().as_os_str()];
    let told = perf(
        record
            .into_iter()
            .chain([data.as_os_str(), OsStr::new("--")])
            .chain(command)
            .chain([OsStr::new(&case)]),
    )?;
    // perf ends well also where what it looked at did not.
    let times: usize =
        told.trim().parse().map_err(|_| format!("{} failed; its words stand above", work.title()))?;
    let report = ["report", "--stdio", "--quiet", "--no-children", "--percent-limit", LEAST];
    let fields = ["--fields", "overhead,symbol", "--input"];
    let told = perf(report.into_iter().chain(fields).map(OsStr::new).chain([data.as_os_str()]))?;
    let mut section = Section::new(&format!("Profile: {}", work.title()), &["share", "function"]);
    section.rows =
        shares(&told).into_iter().map(|share| vec![format!("{:.1} %", share.percent), share.name]).collect();
    section.notes = vec![format!(
        "perf, {FREQUENCY} samples a second, one thread, {times} times; functions of at least {LEAST} %. What was inlined counts for the function that it is in; making the data is within."
    )];
    Ok(section)
}

fn perf<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<String> {
    let mut command = Command::new("perf");
    command.args(arguments).env("POLARS_MAX_THREADS", "1").env("RAYON_NUM_THREADS", "1");
    match command.stdin(Stdio::null()).stderr(Stdio::inherit()).output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err("perf is missing: install Debian's package linux-perf (apt-get install linux-perf)".into())
        }
        Err(error) => Err(error.into()),
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(format!(
            "perf ended with {}: if it may not look at processes, sysctl kernel.perf_event_paranoid=2 lets it",
            output.status
        )
        .into()),
    }
}

/// A function and its share of the samples.
#[derive(Debug, Clone, PartialEq)]
struct Share {
    percent: f64,
    name: String,
}

/// The lines of `perf report`: a share, a mark of where the code runs, a name.
fn shares(report: &str) -> Vec<Share> {
    let line = |line: &str| {
        let (percent, rest) = line.trim().split_once('%')?;
        let percent = percent.parse().ok()?;
        let (mark, name) = rest.trim().split_once("] ")?;
        let name = without_hash(name.trim());
        let name = if mark == "[k" { format!("{name} (kernel)") } else { name.to_owned() };
        Some(Share { percent, name })
    };
    report.lines().filter_map(line).collect()
}

/// A name without the hash that the compiler ends it with.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_perf_are_read() {
        let report = "# Samples: 1K of event 'cpu-clock'\n\n\
            \x20   45.44%  [.] <ats_columns::kernels::Mean as ats_columns::Kernel>::block::h0123456789abcdef\n\
            \x20    9.07%  [k] clear_page_erms\n\
            \x20    0.50%  [.] core::hash::hasher\n";
        let found: Vec<(f64, String)> =
            shares(report).into_iter().map(|share| (share.percent, share.name)).collect();
        let expected = [
            (45.44, "<ats_columns::kernels::Mean as ats_columns::Kernel>::block"),
            (9.07, "clear_page_erms (kernel)"),
            (0.5, "core::hash::hasher"),
        ];
        assert_eq!(found, expected.map(|(percent, name)| (percent, name.to_owned())));
    }

    #[test]
    fn one_expression_or_one_model_can_be_chosen() {
        let works = |part, of| Work::of(part, of, true);
        let titles = |part, of| -> Vec<String> { works(part, of).unwrap().iter().map(Work::title).collect() };
        assert_eq!(titles(Part::Functions, Some("sma(close, 21)")), ["sma(close, 21), 1 x 5000 bars of 1m"]);
        assert_eq!(titles(Part::Functions, None), ["16 features together, 1 x 5000 bars of 1m"]);
        assert_eq!(titles(Part::Training, Some("decisionTree")), ["training decisionTree, 2000 rows"]);
        assert!(titles(Part::Training, None).len() > 5);
        assert!(works(Part::Functions, Some("sma(close")).is_err());
        let told = works(Part::Training, Some("oracle")).unwrap_err().to_string();
        assert!(told.starts_with("there is no such model; there are elasticNet, "), "{told}");
        let told = measure(&[Part::Features], Some("x"), true).unwrap_err().to_string();
        assert!(told.starts_with("--of wants one part"), "{told}");
    }

    #[test]
    fn work_of_every_part_can_be_repeated() {
        for part in Part::value_variants() {
            for work in Work::of(*part, None, true).unwrap() {
                assert!(repeat(&work, 0.0).unwrap() > 0, "{}", work.title());
            }
        }
    }
}
