//! Checks of a `TradingUniverse`.

use std::collections::BTreeSet;

use ats_calendar::{Calendar, Interval};
use ats_crds::{
    TradingUniverseSpec,
    universe::{BarInterval, CalendarName, FileFormat, Sharding},
};
use ats_expression::{ExpressionError, FeatureGraph, Phase, Ticker};
use jiff::{Timestamp, civil::Date};

use super::{Problem, Problems, Volume, expression, source};
use crate::{
    contract::StoreLocation,
    schedule::CheckedSchedule,
    spec::{AcquireUnitSpec, NamedExpression, OwnColumnSpec, QualitySpec, SelectionSpec, SourceSpec},
};

/// A universe whose every field is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedUniverse {
    /// Its own tickers, sorted.
    pub tickers: Vec<String>,
    /// Tickers that expressions name and that are not its own, sorted.
    pub benchmarks: Vec<String>,
    /// What sort of source.
    pub source: SourceSpec,
    /// Where the source's files lie.
    pub location: Option<StoreLocation>,
    /// The claim that they lie on.
    pub volume: Option<Volume>,
    /// The Secret with the source's settings.
    pub credentials_secret: Option<String>,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
    /// How `open … volume` are adjusted.
    pub adjustment: ats_crds::universe::Adjustment,
    /// First session.
    pub start: Date,
    /// Last session, where the spec says so.
    pub end: Option<Date>,
    /// When to look for new sessions.
    pub schedule: Option<CheckedSchedule>,
    /// Bound on missing sessions.
    pub quality: QualitySpec,
    /// Where the membership table lies inside the source.
    pub membership: Option<String>,
    /// Columns of the user's own, by name.
    pub columns: Vec<OwnColumnSpec>,
    /// Which tickers are active.
    pub selection: Option<SelectionSpec>,
    /// The features, checked and in dependency order.
    pub graph: FeatureGraph,
    /// How tickers are divided over pods.
    pub sharding: Sharding,
    /// Part of every key.
    pub rerun_nonce: Option<String>,
}

impl CheckedUniverse {
    /// All features in dependency order, canonical.
    pub fn features(&self) -> Vec<NamedExpression> {
        self.graph.features().iter().map(named).collect()
    }

    /// The features of one phase in dependency order, canonical.
    pub fn phase(&self, phase: Phase) -> Vec<NamedExpression> {
        self.graph.phase(phase).map(named).collect()
    }

    /// Every ticker that is acquired, sorted.
    pub fn acquired(&self) -> Vec<String> {
        let mut all: Vec<String> = self.tickers.iter().chain(&self.benchmarks).cloned().collect();
        all.sort_unstable();
        all
    }

    /// What each ticker's unit of `acquire` shares, as of a session.
    pub fn acquire_unit(&self, as_of: Date) -> AcquireUnitSpec {
        AcquireUnitSpec {
            source: self.source.clone(),
            interval: self.interval,
            calendar: self.calendar,
            start: self.start,
            end: as_of,
        }
    }

    /// The last session to acquire: the spec's end, or the last complete session at the schedule's latest tick,
    /// whichever is earlier. `None` while the schedule has not ticked since the start.
    pub fn as_of(&self, now: Timestamp) -> Option<Date> {
        let calendar = Calendar::by_name(self.calendar.as_str()).ok()?;
        let latest = match &self.schedule {
            Some(schedule) => schedule.latest(now)?,
            None => now,
        };
        let complete = calendar.last_complete_session(latest).ok()?.date();
        let as_of = self.end.map_or(complete, |end| end.min(complete));
        (as_of >= self.start).then_some(as_of)
    }
}

fn named(feature: &ats_expression::Feature) -> NamedExpression {
    NamedExpression { name: feature.name.to_string(), expression: feature.typed.to_string() }
}

/// Checks a universe's spec.
///
/// # Errors
/// Every problem found.
pub fn universe(spec: &TradingUniverseSpec) -> Result<CheckedUniverse, Vec<Problem>> {
    let mut problems = Problems::default();
    let tickers = tickers(&mut problems, &spec.tickers);
    let origin = origin(&mut problems, spec);
    let store = source::store(&mut problems, &spec.run);
    let of_source = origin.as_ref().and_then(|(_, _, volume, _)| volume.as_ref());
    if let Err(problem) = source::mounts_agree(store.as_ref(), of_source) {
        problems.push(problem);
    }
    let span = span(&mut problems, spec);
    let schedule = spec.schedule.as_ref().and_then(|schedule| {
        problems.take("spec.schedule", CheckedSchedule::new(&schedule.cron, &schedule.time_zone))
    });
    let membership = membership(&mut problems, spec);
    let columns = own_columns(&mut problems, spec);
    let max_missing =
        problems.take("spec.quality.maxMissingSessions", spec.quality.max_missing_sessions.decimal());
    let graph = graph(&mut problems, spec, &columns);
    let selection = graph.as_ref().and_then(|graph| selection(&mut problems, spec, graph));
    let benchmarks = graph.as_ref().map(|graph| {
        graph
            .tickers()
            .iter()
            .map(ToString::to_string)
            .filter(|name| !tickers.contains(name))
            .collect::<Vec<_>>()
    });
    let checked = (|| {
        let (source, location, volume, credentials_secret) = origin?;
        let (start, end) = span?;
        Some(CheckedUniverse {
            tickers: tickers.into_iter().collect(),
            benchmarks: benchmarks?,
            source,
            location,
            volume,
            credentials_secret,
            interval: interval(spec.interval),
            calendar: spec.calendar,
            adjustment: spec.adjustment,
            start,
            end,
            schedule,
            quality: QualitySpec { max_missing_sessions: max_missing?, on_breach: spec.quality.on_breach },
            membership,
            columns,
            selection,
            graph: graph?,
            sharding: spec.sharding.clone().unwrap_or_default(),
            rerun_nonce: spec.run.rerun_nonce.clone(),
        })
    })();
    problems.finish(checked)
}

fn interval(interval: BarInterval) -> Interval {
    match interval {
        BarInterval::OneMinute => Interval::M1,
        BarInterval::FiveMinutes => Interval::M5,
        BarInterval::FifteenMinutes => Interval::M15,
        BarInterval::OneHour => Interval::H1,
        BarInterval::OneDay => Interval::D1,
    }
}

fn tickers(problems: &mut Problems, names: &[String]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (index, name) in names.iter().enumerate() {
        let path = || format!("spec.tickers[{index}]");
        if Ticker::new(name).is_none() {
            problems.add(
                path(),
                format!("{name:?} is not a ticker: write upper-case letters, digits, `.` and `-`"),
            );
        } else if !known.insert(name.clone()) {
            problems.add(path(), format!("{name:?} is there twice: remove one"));
        }
    }
    known
}

type Origin = (SourceSpec, Option<StoreLocation>, Option<Volume>, Option<String>);

fn origin(problems: &mut Problems, spec: &TradingUniverseSpec) -> Option<Origin> {
    match (&spec.source.files, &spec.source.synthetic) {
        (Some(files), None) => {
            let volume = files.volume_claim.as_ref().and_then(|claim| source::volume(problems, claim));
            if let (Some(volume), true) = (&volume, source::is_local(&files.uri)) {
                source::lies_on(problems, "spec.source.files.uri", &files.uri, volume);
            }
            let columns =
                files.columns.iter().map(|(ours, theirs)| (ours.clone(), theirs.0.clone())).collect();
            let format: FileFormat = files.format;
            let secret = files.credentials_secret_ref.as_ref().map(|secret| secret.name.clone());
            let location = StoreLocation { uri: files.uri.trim_end_matches('/').to_owned() };
            Some((SourceSpec::Files { format, columns }, Some(location), volume, secret))
        }
        (None, Some(synthetic)) => {
            Some((SourceSpec::Synthetic { seed: synthetic.seed, model: synthetic.model }, None, None, None))
        }
        _ => {
            problems.add("spec.source", "set exactly one of files and synthetic");
            None
        }
    }
}

fn membership(problems: &mut Problems, spec: &TradingUniverseSpec) -> Option<String> {
    let file = &spec.membership.as_ref()?.file.0;
    if spec.source.files.is_none() {
        problems.add(
            "spec.membership",
            "membership.file lies in the folder of source.files: set source.files, or leave membership out",
        );
    }
    Some(file.clone())
}

/// The columns of the user's own, by name.
fn own_columns(problems: &mut Problems, spec: &TradingUniverseSpec) -> Vec<OwnColumnSpec> {
    if !spec.columns.is_empty() && spec.source.files.is_none() {
        problems.add(
            "spec.columns",
            "files of columns lie in the folder of source.files: set source.files, or leave columns out",
        );
    }
    let mut columns: Vec<OwnColumnSpec> = Vec::new();
    for (index, column) in spec.columns.iter().enumerate() {
        let (path, name) = (format!("spec.columns[{index}].name"), &column.name);
        if columns.iter().any(|other| other.name == *name) {
            problems.add(path, format!("the name `{name}` is there twice: give one of the columns another"));
            continue;
        }
        if let Some(place) = spec.features.iter().position(|feature| feature.name == *name) {
            problems.add(
                path,
                format!(
                    "the name `{name}` is that of spec.features[{place}], too: a column is a feature itself"
                ),
            );
            continue;
        }
        if let Err(error) = ats_expression::Name::new(name) {
            problems.add(path, error.to_string());
            continue;
        }
        let theirs = column.column.as_ref().map_or(name, |theirs| &theirs.0);
        columns.push(OwnColumnSpec {
            name: name.clone(),
            file: column.file.0.clone(),
            column: theirs.clone(),
        });
    }
    columns.sort();
    columns
}

fn span(problems: &mut Problems, spec: &TradingUniverseSpec) -> Option<(Date, Option<Date>)> {
    let start = problems.date("spec.history.start", &spec.history.start.0)?;
    let end = match &spec.history.end {
        Some(end) => Some(problems.date("spec.history.end", &end.0)?),
        None => None,
    };
    let calendar = problems.take("spec.calendar", Calendar::by_name(spec.calendar.as_str()))?;
    let (first, last) = calendar.range();
    if start < first || start > last {
        problems.add(
            "spec.history.start",
            format!("{start} is outside the calendar, which has sessions from {first} to {last}"),
        );
        return None;
    }
    match end {
        Some(end) if end < start => {
            problems.add("spec.history", "start must not lie after end");
            None
        }
        Some(end) if end > last => {
            problems.add("spec.history.end", format!("{end} is outside the calendar, which ends {last}"));
            None
        }
        None if spec.schedule.is_none() => {
            problems.add("spec.history", "set history.end, or a schedule that brings new sessions");
            None
        }
        end => Some((start, end)),
    }
}

fn graph(
    problems: &mut Problems,
    spec: &TradingUniverseSpec,
    columns: &[OwnColumnSpec],
) -> Option<FeatureGraph> {
    for (index, feature) in spec.features.iter().enumerate() {
        let own = ats_expression::parse(&feature.expression).ok();
        if let Some(column) = own.as_ref().and_then(ats_expression::Expression::own_column) {
            problems.add_as(
                format!("spec.features[{index}].expression"),
                ats_crds::Reason::InvalidExpression,
                format!(
                    "a column of your own is declared in spec.columns and used by its name: write `{column}`"
                ),
            );
            return None;
        }
    }
    // By name, so that the order in which a user lists features is in no key.
    let mut listed: Vec<usize> = (0..spec.features.len()).collect();
    listed.sort_by_key(|index| spec.features.get(*index).map(|feature| &feature.name));
    let own: Vec<(&str, String)> =
        columns.iter().map(|column| (column.name.as_str(), format!("own(\"{}\")", column.name))).collect();
    // Columns come last, so that the places of the features stay those of `listed`; they have no errors of their own.
    let features: Vec<(&str, &str)> = listed
        .iter()
        .filter_map(|index| spec.features.get(*index))
        .map(|feature| (feature.name.as_str(), feature.expression.as_str()))
        .chain(own.iter().map(|(name, expression)| (*name, expression.as_str())))
        .collect();
    let ranking = spec.selection.as_ref().map(|selection| selection.rank_by.as_str());
    match FeatureGraph::new(&features, ranking) {
        Ok(graph) => Some(graph),
        Err(errors) => {
            for error in &errors {
                expression::add(problems, &path_of(error, &listed), error);
            }
            None
        }
    }
}

/// The field of an error; `listed` gives each checked feature's place in the spec.
fn path_of(error: &ExpressionError, listed: &[usize]) -> String {
    use ats_expression::{Category, Origin};
    match &error.origin {
        Origin::Feature { index, .. } => {
            let place = listed.get(*index).copied().unwrap_or(*index);
            let of_name = error.category == Category::Name && error.source().is_empty();
            format!("spec.features[{place}].{}", if of_name { "name" } else { "expression" })
        }
        Origin::Ranking | Origin::Lone => "spec.selection.rankBy".to_owned(),
    }
}

fn selection(
    problems: &mut Problems,
    spec: &TradingUniverseSpec,
    graph: &FeatureGraph,
) -> Option<SelectionSpec> {
    let selection = spec.selection.as_ref()?;
    let max_active_tickers = problems.count("spec.selection.maxActiveTickers", selection.max_active_tickers);
    let focus_universe_size =
        problems.count("spec.selection.focusUniverseSize", selection.focus_universe_size);
    if focus_universe_size > max_active_tickers {
        problems.add("spec.selection", "focusUniverseSize must not exceed maxActiveTickers");
    }
    Some(SelectionSpec {
        max_active_tickers,
        focus_universe_size,
        rank_by: graph.ranking()?.to_string(),
        rebalance: selection.rebalance,
    })
}
