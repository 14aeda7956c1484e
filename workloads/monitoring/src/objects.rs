//! The objects of a namespace as plain values: what the page and the metrics are made from.

use ats_crds::{
    ModelTrainingJob, Strategy, TradingUniverse,
    status::{CommonStatus, StageState},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// All objects of a namespace, sorted by name.
#[derive(Debug, Clone, Default)]
pub struct Objects {
    /// The universes.
    pub universes: Vec<TradingUniverse>,
    /// The models.
    pub models: Vec<ModelTrainingJob>,
    /// The strategies.
    pub strategies: Vec<Strategy>,
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
    /// Whether trading is halted.
    pub halted: bool,
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

    /// One word for a badge: `Ready`, `Working`, `Failed`, `Halted`, `Suspended`, `New`.
    pub fn state(&self) -> &'static str {
        let suspended = self
            .status
            .is_some_and(|status| status.stages.iter().any(|stage| stage.state == StageState::Suspended));
        match self.condition("Ready").map(|ready| ready.status) {
            _ if self.halted => "Halted",
            _ if suspended => "Suspended",
            Some("True") => "Ready",
            Some("False") => "Failed",
            Some(_) => "Working",
            None => "New",
        }
    }

    /// Seconds since the published output was last known to be fresh.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.status?
            .stages
            .iter()
            .filter(|stage| stage.state.is_done())
            .filter_map(|stage| Some(stage.finished_at.as_ref()?.0))
            .max()
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

impl Objects {
    /// All objects alike, universes first.
    pub fn summaries(&self) -> Vec<Summary<'_>> {
        let universes = self.universes.iter().map(|universe| Summary {
            kind: "TradingUniverse",
            name: universe.metadata.name.as_deref().unwrap_or_default(),
            metadata: &universe.metadata,
            status: universe.status.as_ref().map(|status| &status.common),
            facts: vec![
                ("Tickers", universe.spec.tickers.len().to_string()),
                ("Active", text(universe.status.as_ref().and_then(|status| status.active_tickers))),
                ("Focus", text(universe.status.as_ref().and_then(|status| status.focus_tickers))),
                ("As of", text(universe.status.as_ref().and_then(|status| status.as_of_session.clone()))),
            ],
            halted: false,
        });
        let models = self.models.iter().map(|model| {
            let status = model.status.as_ref();
            let figure = |name: &str| text(status.and_then(|status| status.common.metrics.get(name)));
            Summary {
                kind: "ModelTrainingJob",
                name: model.metadata.name.as_deref().unwrap_or_default(),
                metadata: &model.metadata,
                status: status.map(|status| &status.common),
                facts: vec![
                    ("Universe", model.spec.universe_ref.name.clone()),
                    ("Algorithm", text(status.and_then(|status| status.algorithm.clone()))),
                    ("Rank IC", figure("rankIc")),
                    ("Hit rate", figure("hitRate")),
                ],
                halted: false,
            }
        });
        let strategies = self.strategies.iter().map(|strategy| {
            let status = strategy.status.as_ref();
            let figure = |name: &str| text(status.and_then(|status| status.common.metrics.get(name)));
            Summary {
                kind: "Strategy",
                name: strategy.metadata.name.as_deref().unwrap_or_default(),
                metadata: &strategy.metadata,
                status: status.map(|status| &status.common),
                facts: vec![
                    ("Mode", format!("{:?}", strategy.spec.mode)),
                    ("Sharpe", figure("sharpe")),
                    ("Drawdown", figure("maxDrawdown")),
                    ("Equity", figure("equity")),
                ],
                halted: status.is_some_and(|status| status.halt.is_some()),
            }
        });
        universes.chain(models).chain(strategies).collect()
    }
}
