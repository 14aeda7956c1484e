//! The objects of a namespace as plain values: what the page and the metrics are made from.

use ats_crds::{
    ModelTrainingJob, Strategy, TradingUniverse,
    status::{CommonStatus, StageState, StageStatus},
};
use jiff::{Timestamp, civil::Date};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::format;

/// The kinds, in the order of a pipeline.
pub const KINDS: [&str; 3] = ["TradingUniverse", "ModelTrainingJob", "Strategy"];

/// All objects of a namespace, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// The universes.
    pub universes: Vec<TradingUniverse>,
    /// The models.
    pub models: Vec<ModelTrainingJob>,
    /// The strategies.
    pub strategies: Vec<Strategy>,
    /// Objects that this version cannot read: `Kind/name` and why.
    pub unreadable: Vec<(String, String)>,
}

/// What the three kinds have in common.
#[derive(Debug, Clone)]
pub struct Summary<'a> {
    /// `TradingUniverse`.
    pub kind: &'static str,
    /// Its name.
    pub name: &'a str,
    /// Metadata.
    pub metadata: &'a ObjectMeta,
    /// The shared part of its status, where the operator has written one.
    pub status: Option<&'a CommonStatus>,
    /// A few facts for tables, label and value.
    pub facts: Vec<(&'static str, String)>,
    /// Whether `suspend` is set.
    pub suspended: bool,
    /// The halt that stands, for a strategy.
    pub halt: Option<&'a ats_crds::status::Halt>,
}

/// The status of a condition and its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConditionView<'a> {
    /// `True`, `False`, `Unknown`.
    pub status: &'a str,
    /// The reason.
    pub reason: &'a str,
    /// The message.
    pub message: &'a str,
}

/// One word for an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its generation's result stands.
    Ready,
    /// Its result stands, and the latest refresh of it has failed or is refused.
    Stale,
    /// Something goes on, or is waited for.
    Working,
    /// Nothing goes on until the user changes something.
    Failed,
    /// Trading is halted.
    Halted,
    /// Held by `suspend`.
    Suspended,
    /// Being deleted.
    Deleting,
    /// The operator has not seen it yet.
    New,
}

impl State {
    /// All of them, the most pressing first.
    pub const ALL: [Self; 8] = [
        Self::Failed,
        Self::Halted,
        Self::Stale,
        Self::Working,
        Self::New,
        Self::Suspended,
        Self::Deleting,
        Self::Ready,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Stale => "Stale",
            Self::Working => "Working",
            Self::Failed => "Failed",
            Self::Halted => "Halted",
            Self::Suspended => "Suspended",
            Self::Deleting => "Deleting",
            Self::New => "New",
        }
    }
}

impl<'a> Summary<'a> {
    /// A condition, where there is one.
    pub fn condition(&self, kind: &str) -> Option<ConditionView<'a>> {
        let condition = self.status?.conditions.iter().find(|condition| condition.type_ == kind)?;
        Some(ConditionView {
            status: &condition.status,
            reason: &condition.reason,
            message: &condition.message,
        })
    }

    /// One word for it.
    pub fn state(&self) -> State {
        let is = |kind: &str, status: &str| self.condition(kind).is_some_and(|found| found.status == status);
        let seen = self.status.is_some_and(|status| {
            Some(status.observed_generation) == self.metadata.generation && status.observed_generation >= 0
        });
        match self.condition("Ready").map(|ready| ready.status) {
            _ if self.metadata.deletion_timestamp.is_some() => State::Deleting,
            None => State::New,
            Some(_) if self.halt.is_some() => State::Halted,
            Some(_) if self.suspended => State::Suspended,
            Some(_) if !seen => State::Working,
            Some("False") => State::Failed,
            Some("True") if self.failed_stage().is_some() => State::Stale,
            Some("True") if is("Fresh", "False") && !self.works() => State::Stale,
            Some("True") if is("GatesPassed", "False") || is("BacktestPassed", "False") => State::Stale,
            Some("True") => State::Ready,
            Some(_) => State::Working,
        }
    }

    fn stages(&self) -> impl Iterator<Item = &'a StageStatus> {
        self.status.into_iter().flat_map(|status| &status.stages)
    }

    /// Whether a stage other than trading is at work.
    fn works(&self) -> bool {
        self.stages().any(|stage| matches!(stage.state, StageState::Queued | StageState::Running))
    }

    /// A stage that has failed, whatever stands from before.
    pub fn failed_stage(&self) -> Option<&'a StageStatus> {
        self.stages().find(|stage| stage.state == StageState::Failed)
    }

    /// The condition that says most about its state: the one that a reader wants to see.
    pub fn telling(&self) -> Option<ConditionView<'a>> {
        let off = |kind: &str| self.condition(kind).filter(|found| found.status != "True");
        let kinds: &[&str] = match self.state() {
            State::Halted => &["WithinRiskLimits"],
            State::Stale => &["Fresh", "GatesPassed", "BacktestPassed"],
            _ => &[],
        };
        kinds.iter().find_map(|kind| off(kind)).or_else(|| self.condition("Ready"))
    }

    /// When its last stage was done.
    pub fn published_at(&self) -> Option<Timestamp> {
        let done = self.stages().filter(|stage| stage.state.is_done());
        done.filter_map(|stage| Some(stage.finished_at.as_ref()?.0)).max()
    }

    /// When it was made.
    pub fn created_at(&self) -> Option<Timestamp> {
        Some(self.metadata.creation_timestamp.as_ref()?.0)
    }

    /// What needs a look, in words; nothing for an object that is well or on its way.
    pub fn trouble(&self) -> Option<String> {
        let said = |found: ConditionView<'_>| format!("{}: {}", found.reason, found.message);
        match self.state() {
            State::Halted => {
                let halt = self.halt?;
                Some(format!("trading is halted: {} (halt {})", halt.reason, halt.id))
            }
            State::Failed => self.telling().map(said),
            State::Stale => Some(match (self.failed_stage(), self.telling()) {
                (Some(stage), _) => format!(
                    "the last good result stands, stage {} has failed: {}",
                    stage.name,
                    stage.message.as_deref().unwrap_or("no message")
                ),
                (None, Some(found)) => format!("the last good result stands; {}", said(found)),
                (None, None) => "the last good result stands".to_owned(),
            }),
            State::Working => {
                let running = self.condition("Running").filter(|found| found.reason == "HeartbeatStale");
                running.map(said)
            }
            State::Ready | State::Suspended | State::Deleting | State::New => None,
        }
    }
}

/// Seconds that the last run of a stage took.
pub fn seconds(stage: &StageStatus) -> Option<f64> {
    let (from, to) = (stage.started_at.as_ref()?, stage.finished_at.as_ref()?);
    Some(to.0.duration_since(from.0).as_secs_f64().max(0.0))
}

/// Completed shards over all of them.
pub fn progress(stage: &StageStatus) -> Option<(u64, u64)> {
    let (done, total) = stage.progress.as_deref()?.split_once('/')?;
    let (done, total) = (done.parse().ok()?, total.parse().ok()?);
    (total > 0 && done <= total).then_some((done, total))
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "n/a".to_owned(), |value| value.to_string())
}

/// Those of the figures that there are.
fn figures(
    status: Option<&CommonStatus>,
    wanted: &[(&'static str, &str)],
) -> impl Iterator<Item = (&'static str, String)> {
    wanted.iter().filter_map(move |(label, name)| {
        let value = status?.metrics.get(*name)?;
        Some((*label, format::figure(name, value)))
    })
}

fn universe(universe: &TradingUniverse) -> Summary<'_> {
    let status = universe.status.as_ref();
    Summary {
        kind: KINDS[0],
        name: universe.metadata.name.as_deref().unwrap_or_default(),
        metadata: &universe.metadata,
        status: status.map(|status| &status.common),
        facts: vec![
            ("Tickers", universe.spec.tickers.len().to_string()),
            ("Active", text(status.and_then(|status| status.active_tickers))),
            ("In focus", text(status.and_then(|status| status.focus_tickers))),
            ("Last session", text(status.and_then(|status| status.as_of_session.clone()))),
        ],
        suspended: universe.spec.run.suspend,
        halt: None,
    }
}

fn model(model: &ModelTrainingJob) -> Summary<'_> {
    let status = model.status.as_ref();
    let common = status.map(|status| &status.common);
    let mut facts = vec![
        ("Universe", model.spec.universe_ref.name.clone()),
        ("Algorithm", text(status.and_then(|status| status.algorithm.clone()))),
    ];
    let wanted = [
        ("Rank IC", "rankIc"),
        ("Hit rate", "hitRate"),
        ("Trials", "trials"),
        ("Pruned trials", "prunedTrials"),
    ];
    facts.extend(figures(common, &wanted));
    Summary {
        kind: KINDS[1],
        name: model.metadata.name.as_deref().unwrap_or_default(),
        metadata: &model.metadata,
        status: common,
        facts,
        suspended: model.spec.run.suspend,
        halt: None,
    }
}

fn strategy(strategy: &Strategy) -> Summary<'_> {
    let status = strategy.status.as_ref();
    let common = status.map(|status| &status.common);
    let mut facts = vec![
        ("Mode", format!("{:?}", strategy.spec.mode)),
        ("Universe", strategy.spec.universe_ref.name.clone()),
    ];
    let wanted = [
        ("Backtest Sharpe", "sharpe"),
        ("Backtest drawdown", "maxDrawdown"),
        ("Backtest return", "totalReturn"),
        ("Backtest trades", "trades"),
    ];
    facts.extend(figures(common, &wanted));
    Summary {
        kind: KINDS[2],
        name: strategy.metadata.name.as_deref().unwrap_or_default(),
        metadata: &strategy.metadata,
        status: common,
        facts,
        suspended: strategy.spec.run.suspend,
        halt: status.and_then(|status| status.halt.as_ref()),
    }
}

impl Objects {
    /// All objects alike, universes first.
    pub fn summaries(&self) -> Vec<Summary<'_>> {
        let universes = self.universes.iter().map(universe);
        universes.chain(self.models.iter().map(model)).chain(self.strategies.iter().map(strategy)).collect()
    }

    /// One object; the kind in any case, as in an address.
    pub fn find(&self, kind: &str, name: &str) -> Option<Summary<'_>> {
        self.summaries().into_iter().find(|one| one.kind.eq_ignore_ascii_case(kind) && one.name == name)
    }
}

/// A session's midnight in UTC: a date as Prometheus can hold it.
pub fn midnight(session: Date) -> Option<Timestamp> {
    session.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}
