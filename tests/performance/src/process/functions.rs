//! Functions of the expression language, and all features of the case together, beside TA-Lib, pandas and Polars over
//! the same columns in memory, on one thread.

use std::time::Instant;

use ats_calendar::Calendar;
use ats_columns::{Adjustment, Bars, Inputs, evaluate, evaluate_all};
use ats_expression::{Name, Scope, Ticker, Typed, check, parse};
use serde::Serialize;

use super::pipeline::{FEATURES, Pipeline, prepare};
use super::profile::repeated;
use super::{Size, features};
use crate::goals::Goal;
use crate::report::{Section, Unit, times};
use crate::rivals::functions::Rivals;
use crate::rivals::write_column;
use crate::statistics::{Sample, Summary, interleaved, spread};
use crate::{Result, say};

const LIBRARIES: [&str; 3] = ["talib", "pandas", "polars"];
/// Those that have every feature of the set.
const OF_ALL: [&str; 2] = ["pandas", "polars"];
/// The other ticker, of `beta`.
const OTHER: &str = "OTHER";
/// Sessions of ten years.
const YEARS: usize = 2_520;
/// Rows after which a library that begins a smoothing elsewhere has forgotten where: 0.9 to the power of 2,000.
const WARM: usize = 2_000;
/// How far values may lie apart, of the largest value of the column: sums that run over a million bars drift.
const DRIFT: f64 = 1e-6;

/// The figures of one expression, or of all features.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    pub(super) expression: String,
    /// Nanoseconds a bar.
    pub(super) ours: Option<Summary>,
    /// A library's time over ours, round by round.
    pub(super) ratios: Vec<(String, Option<Summary>)>,
}

/// Measures every expression that a rival has, then the set of features beside pandas and Polars.
///
/// # Errors
/// When the features together have other values, or a process fails. Of single expressions what has other values is told
/// in the section, and not timed.
pub async fn measure(size: &Size, rounds: usize) -> Result<(Section, serde_json::Value)> {
    let folder = tempfile::tempdir()?;
    say(&format!("functions: making {}", size.title()));
    prepare(folder.path(), size, false).await?;
    let bars = features::bars(&Pipeline::open(folder.path(), size)?).await?;
    let bars = bars.first().ok_or("there is no ticker")?;
    let columns = [
        ("open", bars.open()),
        ("high", bars.high()),
        ("low", bars.low()),
        ("close", bars.close()),
        ("volume", bars.volume()),
    ];
    for (name, values) in columns {
        write_column(folder.path(), name, values)?;
    }
    let days: Vec<f64> = bars.session().iter().map(|session| f64::from(session.epoch_days())).collect();
    write_column(folder.path(), "session", &days)?;
    let mut rivals = Rivals::start(folder.path())?;
    let other = other(bars)?;
    let inputs = inputs(bars, &other)?;
    let (mut all, mut differing) = (Vec::new(), Vec::new());
    for (expression, libraries) in rivals.hello.offered.clone() {
        let ours = typed(&expression)?;
        let found = evaluate(&ours, &inputs)?.to_floats();
        let libraries = alike(&expression, &libraries, WARM, &found, &mut rivals, &mut differing)?;
        say(&format!("functions: {expression}"));
        let once = || -> Result<f64> {
            let began = Instant::now();
            let values = evaluate(&ours, &inputs)?;
            let seconds = began.elapsed().as_secs_f64();
            drop(values);
            Ok(seconds)
        };
        let work = Work { title: &expression, bars: bars.len(), expressions: &[&expression], rows: None };
        all.push(turns(&work, rounds, &libraries, &mut rivals, once)?);
    }
    let mut together = Vec::new();
    let set = FEATURES.map(|(_, expression)| expression);
    let named: Vec<(Name, Typed)> = FEATURES
        .iter()
        .map(|(name, expression)| {
            Ok((Name::new(name).map_err(|error| error.to_string())?, typed(expression)?))
        })
        .collect::<Result<_>>()?;
    // Each was compared by itself; the last one tells whether a query of all of them is the same.
    if let (Some((_, ours)), Some(last)) = (named.last(), set.last()) {
        let found = evaluate(ours, &inputs)?.to_floats();
        for library in OF_ALL {
            equal(library, last, WARM, &found, &rivals.values(library, &set)?)?;
        }
    }
    // As one long history, and as those of many tickers, which is what a universe is.
    for rows in [None, Some(YEARS.min(bars.len()))] {
        let parts: Vec<Bars> = match rows {
            None => vec![bars.clone()],
            Some(rows) => (0..bars.len())
                .step_by(rows)
                .map(|first| bars.rows(first..bars.len().min(first + rows)))
                .collect(),
        };
        let inputs: Vec<Inputs<'_>> = parts
            .iter()
            .map(|bars| Inputs::new(bars, Adjustment::None, Calendar::xnys()))
            .collect::<std::result::Result<_, _>>()?;
        let once = || -> Result<f64> {
            let began = Instant::now();
            for inputs in &inputs {
                let mut kept = Vec::with_capacity(named.len());
                evaluate_all(named.iter().map(|(name, typed)| (name, typed)), inputs, |_, column| {
                    kept.push(column);
                })?;
            }
            Ok(began.elapsed().as_secs_f64())
        };
        let title = match parts.len() {
            1 => format!("the {} features together", set.len()),
            tickers => format!("the same of {tickers} tickers, {YEARS} bars each"),
        };
        say(&format!("functions: {title}"));
        let work = Work { title: &title, bars: bars.len(), expressions: &set, rows };
        together.push(turns(&work, rounds, &OF_ALL, &mut rivals, once)?);
    }
    let mut section = section(size, rounds, &rivals, &all, &together);
    section.differing = differing;
    all.append(&mut together);
    Ok((section, serde_json::to_value(&all)?))
}

/// A ticker whose closes are the opens of these bars: the rivals need no further column for it.
fn other(bars: &Bars) -> Result<Bars> {
    let mut columns = bars.columns().clone();
    columns.close.clone_from(&columns.open);
    Ok(Bars::new(OTHER, columns)?)
}

fn inputs<'a>(bars: &'a Bars, other: &'a Bars) -> Result<Inputs<'a>> {
    let ticker = Ticker::new(OTHER).ok_or("the other ticker has no name")?;
    let inputs = Inputs::new(bars, Adjustment::None, Calendar::xnys())?;
    Ok(inputs.with_benchmark(ticker, other, Adjustment::None))
}

/// Computes expressions together over a ticker's bars, for so many seconds at least; how often.
pub(super) fn repeat(size: &Size, expressions: &[String], seconds: f64) -> Result<usize> {
    let market = size.market()?;
    let bars = &market.tickers.values().next().ok_or("there is no ticker")?.bars;
    let other = other(bars)?;
    let inputs = inputs(bars, &other)?;
    let named: Vec<(Name, Typed)> = expressions
        .iter()
        .enumerate()
        .map(|(place, expression)| {
            let name = Name::new(&format!("feature_{place}")).map_err(|error| error.to_string())?;
            Ok((name, typed(expression)?))
        })
        .collect::<Result<_>>()?;
    repeated(seconds, || {
        let mut kept = Vec::with_capacity(named.len());
        evaluate_all(named.iter().map(|(name, typed)| (name, typed)), &inputs, |_, column| {
            kept.push(column);
        })?;
        Ok(())
    })
}

pub(super) fn typed(expression: &str) -> Result<Typed> {
    let parsed = parse(expression).map_err(|error| error.to_string())?;
    Ok(check(&parsed, &Scope::new()).map_err(|error| error.to_string())?)
}

/// What is timed.
pub(super) struct Work<'a> {
    pub(super) title: &'a str,
    /// The number of bars.
    pub(super) bars: usize,
    pub(super) expressions: &'a [&'a str],
    /// The bars of a ticker, where they are those of many.
    pub(super) rows: Option<usize>,
}

/// Ours and the rivals in turns, there and back.
pub(super) fn turns(
    work: &Work<'_>,
    rounds: usize,
    libraries: &[&str],
    rivals: &mut Rivals,
    mut ours: impl FnMut() -> Result<f64>,
) -> Result<Figures> {
    let mut seconds: Vec<Vec<f64>> = Vec::new();
    for order in interleaved(libraries.len() + 1, rounds) {
        let mut round = vec![f64::NAN; libraries.len() + 1];
        for place in order {
            round[place] = match place.checked_sub(1).and_then(|rival| libraries.get(rival)) {
                Some(library) => rivals.seconds(library, work.expressions, work.rows)?,
                None => ours()?,
            };
        }
        seconds.push(round);
    }
    let nanoseconds = seconds.iter().map(|round| round[0] * 1e9 / work.bars as f64);
    let ratios = libraries.iter().enumerate().map(|(place, library)| {
        let ratios = seconds.iter().map(|round| round[place + 1] / round[0]);
        ((*library).to_owned(), ratios.collect::<Sample>().summary())
    });
    Ok(Figures {
        expression: work.title.to_owned(),
        ours: nanoseconds.collect::<Sample>().summary(),
        ratios: ratios.collect(),
    })
}

/// The libraries that give an expression's values from a row on; what others give is kept in words.
pub(super) fn alike<'l>(
    expression: &str,
    libraries: &'l [String],
    start: usize,
    ours: &[f64],
    rivals: &mut Rivals,
    differing: &mut Vec<String>,
) -> Result<Vec<&'l str>> {
    let mut found = Vec::new();
    for library in libraries {
        match equal(library, expression, start, ours, &rivals.values(library, &[expression])?) {
            Ok(()) => found.push(library.as_str()),
            Err(error) => {
                say(&format!("functions: {error}"));
                differing.push(error.to_string());
            }
        }
    }
    Ok(found)
}

/// Nothing is timed that gives other values from a row on.
fn equal(library: &str, expression: &str, start: usize, ours: &[f64], theirs: &[f64]) -> Result<()> {
    if ours.len() != theirs.len() {
        return Err(format!("{library}: {expression} has {} values for {}", theirs.len(), ours.len()).into());
    }
    let largest =
        ours.iter().filter(|value| value.is_finite()).fold(0.0f64, |most, value| most.max(value.abs()));
    let apart = |(ours, theirs): (&f64, &f64)| match (ours.is_nan(), theirs.is_nan()) {
        (true, true) => false,
        (false, false) => (ours - theirs).abs() > DRIFT * largest,
        _ => true,
    };
    let start = start.min(ours.len());
    match ours[start..].iter().zip(&theirs[start..]).position(apart) {
        None => Ok(()),
        Some(place) => {
            let row = start + place;
            Err(format!("{library}: {expression} is {} at row {row}, ours {}", theirs[row], ours[row]).into())
        }
    }
}

impl Figures {
    /// A library's time over ours.
    fn ratio(&self, library: &str) -> Option<Summary> {
        self.ratios.iter().find(|(name, _)| name == library).and_then(|(_, ratio)| *ratio)
    }
}

/// The expression, our nanoseconds a bar, and each library's time over ours.
pub(super) fn row(figures: &Figures, libraries: &[&str]) -> Vec<String> {
    let mut row = vec![figures.expression.clone(), spread(figures.ours, |value| format!("{value:.1}"))];
    for library in libraries {
        row.push(figures.ratio(library).map_or_else(String::new, |ratio| spread(Some(ratio), times)));
    }
    row
}

/// The libraries with their versions.
pub(super) fn versions(rivals: &Rivals) -> String {
    let all: Vec<String> =
        rivals.hello.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    all.join(", ")
}

fn section(size: &Size, rounds: usize, rivals: &Rivals, all: &[Figures], together: &[Figures]) -> Section {
    let mut section =
        Section::new("Functions, one thread", &["expression", "ours, ns/bar", "TA-Lib", "pandas", "Polars"]);
    for figures in all.iter().chain(together) {
        section.follow(&figures.expression, Unit::NanosecondsPerBar, figures.ours);
        section.rows.push(row(figures, &LIBRARIES));
    }
    for figures in all {
        section.toward(Goal::Functions, &figures.expression, figures.ratio("talib"));
    }
    for figures in together {
        section.toward(Goal::Features, &figures.expression, figures.ratio("pandas"));
    }
    section.notes = vec![
        format!(
            "{}, made up from a fixed seed, in memory; {rounds} rounds, in turns there and back; median (least to most).",
            size.title()
        ),
        format!(
            "A library's column is its time over ours: above 1, ours is quicker. {}; TA-Lib is C, called through its Python package on arrays.",
            versions(rivals)
        ),
        format!(
            "Values are compared before anything is timed, from row {WARM} on: libraries begin their smoothing in ways of their own."
        ),
        format!(
            "Polars computes the features together as one lazy query, which does what they share once. `{OTHER}` has the ticker's opens for closes."
        ),
    ];
    section
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ats_expression::Function;

    use super::super::panel;
    use super::*;

    /// What a script of the rivals offers: the keys of its table.
    fn offered(script: &'static str) -> Vec<&'static str> {
        let table = script.split("\nFUNCTIONS = {\n").nth(1).unwrap().split("\n}\n").next().unwrap();
        let key = |line: &'static str| {
            let text = line.strip_prefix("    ")?;
            let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
            text[1..].split_once(&format!("{quote}: {{")).map(|(key, _)| key)
        };
        table.lines().filter_map(key).collect()
    }

    /// The functions that an expression calls.
    fn called(expression: &str) -> impl Iterator<Item = &str> {
        expression
            .split('(')
            .filter_map(|before| before.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next())
    }

    /// A new function of the language fails here until the rivals' scripts have an expression of it.
    #[test]
    fn every_function_of_the_language_is_measured() {
        let of_bars = offered(include_str!("../../rivals/functions.py"));
        let across = offered(include_str!("../../rivals/panel.py"));
        for expression in &of_bars {
            assert!(typed(expression).is_ok(), "{expression} is no expression of the language");
        }
        for expression in &across {
            assert!(panel::function(expression).is_ok(), "{expression} is no function across tickers");
        }
        let measured: BTreeSet<&str> = of_bars.iter().chain(&across).flat_map(|text| called(text)).collect();
        for function in Function::all() {
            assert!(measured.contains(function.text()), "`{}` is not measured", function.text());
        }
        // The set of features is measured expression by expression, too.
        for (name, expression) in FEATURES {
            assert!(of_bars.contains(&expression), "the feature {name} is not measured by itself");
        }
    }

    #[test]
    fn other_values_are_told_and_a_beginning_is_not() {
        let ours: Vec<f64> = (0..WARM + 3).map(|row| row as f64).collect();
        let mut theirs = ours.clone();
        theirs[0] = f64::NAN;
        equal("a", "x", WARM, &ours, &theirs).unwrap();
        theirs[WARM + 1] += 1.0;
        let told = equal("a", "x", WARM, &ours, &theirs).unwrap_err().to_string();
        assert_eq!(told, "a: x is 2002 at row 2001, ours 2001");
        theirs[WARM + 1] = f64::NAN;
        assert!(equal("a", "x", WARM, &ours, &theirs).is_err());
        assert!(equal("a", "x", WARM, &ours, &theirs[1..]).is_err());
    }
}
