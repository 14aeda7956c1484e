//! The quality report and the dataset's lineage: the documents beside the tables.

use std::collections::BTreeMap;

use ats_calendar::{Interval, Session};
use ats_columns::segments::MAX_GAP_SESSIONS;
use ats_crds::universe::{Adjustment, CalendarName, OnBreach};
use ats_pipeline::StageInput;
use ats_pipeline::spec::NamedExpression;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::missing::Missing;

/// Form of the documents.
pub const VERSION: u32 = 1;
/// Most gaps told of one ticker.
const MOST_GAPS: usize = 20;

/// `quality.json`: how complete the data is, and what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Form of this document.
    pub version: u32,
    /// First session of the history.
    pub first_session: Session,
    /// Last session of the history.
    pub last_session: Session,
    /// Sessions of the history.
    pub sessions: usize,
    /// The share of the trailing 252 sessions since listing that a ticker may lack.
    pub max_missing_sessions: Decimal,
    /// What a breach does.
    pub on_breach: OnBreach,
    /// The tickers are a list that was fixed with hindsight: what survived is in it, what failed may not be.
    pub fixed_list: bool,
    /// Tickers with usable bars.
    pub usable: usize,
    /// Tickers without.
    pub bad: usize,
    /// Usable tickers with at least one breach.
    pub breached: usize,
    /// Every ticker.
    pub tickers: BTreeMap<String, TickerReport>,
}

/// One ticker in the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "state")]
pub enum TickerReport {
    /// It has bars.
    Usable {
        /// Session of its first bar.
        first_session: Session,
        /// Session of its last bar.
        last_session: Session,
        /// Bars.
        rows: usize,
        /// What acquisition counted: rows read, kept, dropped and flagged by category.
        acquired: BTreeMap<String, u64>,
        /// Sessions from its first bar to the end of the history.
        sessions_listed: usize,
        /// Those of them without a bar.
        sessions_missing: usize,
        /// The largest share of any window of 252 sessions that is missing.
        largest_missing_share: f64,
        /// How many gaps are longer than what windows may span.
        gap_count: usize,
        /// The first of those gaps.
        gaps: Vec<Gap>,
        /// Where the bound is broken.
        breaches: Vec<BreachReport>,
        /// Sessions at which it is active.
        sessions_active: usize,
        /// Those of them at which it is in focus.
        sessions_focus: usize,
    },
    /// It has none.
    Bad {
        /// What sort of problem.
        category: String,
        /// In words.
        message: String,
    },
}

/// Sessions without a bar between two with one, more than windows may span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The last session before it.
    pub after: Session,
    /// The first session behind it.
    pub before: Session,
    /// Sessions missing.
    pub sessions: usize,
}

/// A breach with its sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BreachReport {
    /// First session.
    pub from: Session,
    /// Last session.
    pub to: Session,
    /// The largest share missing.
    pub largest_share: f64,
}

/// Gaps longer than what windows may span: how many, and the first of them.
#[must_use]
pub fn gaps(present: &[usize], history: &[Session]) -> (usize, Vec<Gap>) {
    let long = || present.windows(2).filter(|pair| pair[1] - pair[0] - 1 > MAX_GAP_SESSIONS);
    let gap = |pair: &[usize]| Gap {
        after: history[pair[0]],
        before: history[pair[1]],
        sessions: pair[1] - pair[0] - 1,
    };
    (long().count(), long().take(MOST_GAPS).map(gap).collect())
}

/// The breaches with their sessions.
#[must_use]
pub fn breaches(missing: &Missing, history: &[Session]) -> Vec<BreachReport> {
    let breach = |breach: &super::missing::Breach| BreachReport {
        from: history[breach.from],
        to: history[breach.to],
        largest_share: breach.largest,
    };
    missing.breaches.iter().map(breach).collect()
}

/// `dataset.json`: what the dataset is made of, so that a reader finds bars and features from it alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lineage {
    /// Form of this document.
    pub version: u32,
    /// The bars and corporate actions.
    pub acquire: StageInput,
    /// The time-series features.
    pub features: StageInput,
    /// The universe's own tickers with usable bars, sorted.
    pub tickers: Vec<String>,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: CalendarName,
    /// How `open … volume` are adjusted in expressions.
    pub adjustment: Adjustment,
    /// The time-series features, canonical.
    pub time_series: Vec<NamedExpression>,
    /// The cross-sectional features, canonical.
    pub cross_section: Vec<NamedExpression>,
    /// The tickers are a list that was fixed with hindsight.
    pub fixed_list: bool,
}
