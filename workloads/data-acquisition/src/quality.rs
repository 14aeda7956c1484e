//! What the checks found: counts by category and the first examples of each.

use std::collections::BTreeMap;

use ats_calendar::Session;
use serde::{Deserialize, Serialize};

/// How many examples a finding keeps.
pub const EXAMPLES: usize = 5;

/// Why a row was dropped. A row has one reason: the first that applies, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dropped {
    /// A price or the volume is missing or not a finite number.
    NotANumber,
    /// A price or the volume is below zero.
    Negative,
    /// A price is zero.
    Zero,
    /// The high is below another price of the bar, or the low above one.
    HighBelowLow,
    /// The exchange is closed on the bar's date.
    OutOfCalendar,
    /// The bar lies before the session's open or after its close.
    OutOfSession,
    /// The bar's start does not lie on the grid of its interval.
    Misaligned,
    /// The file has an earlier row with the same time; that one stands.
    Duplicate,
}

/// What was noticed about data that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Flagged {
    /// Sessions without a bar between the first and the last bar; the count is in sessions.
    Gap,
    /// The row's time lies before that of a row above it; the rows were sorted.
    Unsorted,
    /// The price moved, between bars or inside one, beyond the bound of [`crate::check::outlier`].
    Outlier,
    /// Nothing was traded.
    ZeroVolume,
    /// The same action stands more than once on the same day; each counts.
    RepeatedAction,
}

impl Dropped {
    /// Every category.
    pub const ALL: [Self; 8] = [
        Self::NotANumber,
        Self::Negative,
        Self::Zero,
        Self::HighBelowLow,
        Self::OutOfCalendar,
        Self::OutOfSession,
        Self::Misaligned,
        Self::Duplicate,
    ];

    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotANumber => "notANumber",
            Self::Negative => "negative",
            Self::Zero => "zero",
            Self::HighBelowLow => "highBelowLow",
            Self::OutOfCalendar => "outOfCalendar",
            Self::OutOfSession => "outOfSession",
            Self::Misaligned => "misaligned",
            Self::Duplicate => "duplicate",
        }
    }
}

impl Flagged {
    /// The name in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Unsorted => "unsorted",
            Self::Outlier => "outlier",
            Self::ZeroVolume => "zeroVolume",
            Self::RepeatedAction => "repeatedAction",
        }
    }
}

/// Where a finding shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// Line of the source's file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// When, and what was found.
    pub value: String,
}

/// How often, and where first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// How often.
    pub count: u64,
    /// The first [`EXAMPLES`].
    pub examples: Vec<Example>,
}

impl Finding {
    /// Counts `count` more; `example` is called while there is room for it.
    pub fn add(&mut self, count: u64, line: Option<u64>, example: impl FnOnce() -> String) {
        self.count += count;
        if self.examples.len() < EXAMPLES {
            self.examples.push(Example { line, value: example() });
        }
    }
}

/// The quality record of one ticker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quality {
    /// Rows in the source.
    pub rows_read: u64,
    /// Rows outside of the requested history, not looked at further.
    pub rows_outside_history: u64,
    /// Rows that became bars.
    pub rows_kept: u64,
    /// Rows that did not, by reason.
    pub dropped: BTreeMap<Dropped, Finding>,
    /// What was noticed about those that did.
    pub flagged: BTreeMap<Flagged, Finding>,
    /// Session of the first bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_session: Option<Session>,
    /// Session of the last bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_session: Option<Session>,
    /// Sessions of the requested history after the last bar.
    pub sessions_after_last: u64,
}

impl Quality {
    pub(crate) fn drop_row(&mut self, reason: Dropped, line: u64, example: impl FnOnce() -> String) {
        self.dropped.entry(reason).or_default().add(1, Some(line), example);
    }

    pub(crate) fn flag(
        &mut self,
        flag: Flagged,
        count: u64,
        line: Option<u64>,
        example: impl FnOnce() -> String,
    ) {
        self.flagged.entry(flag).or_default().add(count, line, example);
    }

    /// Rows dropped for any reason.
    pub fn rows_dropped(&self) -> u64 {
        self.dropped.values().map(|finding| finding.count).sum()
    }

    /// The record as counts for a manifest: `rowsRead`, `dropped.duplicate`, `flagged.gap`, …
    pub fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::from([
            ("rowsRead".to_owned(), self.rows_read),
            ("rowsOutsideHistory".to_owned(), self.rows_outside_history),
            ("rowsKept".to_owned(), self.rows_kept),
            ("sessionsAfterLast".to_owned(), self.sessions_after_last),
        ]);
        counts.extend(self.dropped.iter().map(|(k, v)| (format!("dropped.{}", k.as_str()), v.count)));
        counts.extend(self.flagged.iter().map(|(k, v)| (format!("flagged.{}", k.as_str()), v.count)));
        counts
    }

    /// What was dropped, in words: `12 duplicate, 3 zero`.
    pub fn dropped_in_words(&self) -> String {
        let parts: Vec<String> =
            self.dropped.iter().map(|(k, v)| format!("{} {}", v.count, k.as_str())).collect();
        parts.join(", ")
    }
}
