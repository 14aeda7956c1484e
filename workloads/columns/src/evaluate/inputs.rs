//! What expressions over one ticker read.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use ats_calendar::{Calendar, Interval};
use ats_expression::{Coarse, Column as BarColumn, Name, Number, Ticker};

use super::EvaluateError;
use super::values::Column;
use crate::adjust::{Adjustment, Prices};
use crate::bars::Bars;
use crate::coarse::Coarsening;
use crate::error::ColumnsError;
use crate::segments::{MAX_GAP_SESSIONS, segments};

/// One ticker's bars with everything else that expressions over it may read, aligned to its bars.
#[derive(Debug)]
pub struct Inputs<'a> {
    bars: &'a Bars,
    prices: Prices<'a>,
    segments: Vec<Range<usize>>,
    /// How long the bars are and where they trade, for columns of a coarser interval.
    length: Option<(Interval, &'a Calendar)>,
    features: BTreeMap<Name, Column>,
    own: BTreeMap<Name, Vec<f64>>,
    others: BTreeMap<Ticker, Other<'a>>,
    cross_section: HashMap<Number, Vec<f64>>,
}

/// Another ticker's bars.
#[derive(Debug)]
struct Other<'a> {
    bars: &'a Bars,
    prices: Prices<'a>,
    /// For each bar of the ticker, the other one's row at that instant.
    joined: Vec<Option<usize>>,
}

impl<'a> Inputs<'a> {
    /// The bars, adjusted, and divided where more than [`MAX_GAP_SESSIONS`] sessions of the calendar are missing.
    ///
    /// # Errors
    /// A bar whose date is not a session of the calendar.
    pub fn new(bars: &'a Bars, adjustment: Adjustment, calendar: &Calendar) -> Result<Self, ColumnsError> {
        Ok(Self {
            bars,
            prices: Prices::new(bars, adjustment),
            segments: segments(bars.ticker(), calendar, bars.session(), MAX_GAP_SESSIONS)?,
            length: None,
            features: BTreeMap::new(),
            own: BTreeMap::new(),
            others: BTreeMap::new(),
            cross_section: HashMap::new(),
        })
    }

    /// Says how long the bars are, which columns of a coarser interval (`close@1w`) need: a week is seen from the bar on
    /// that completes it.
    #[must_use]
    pub fn with_interval(mut self, interval: Interval, calendar: &'a Calendar) -> Self {
        self.length = Some((interval, calendar));
        self
    }

    /// Adds the values of an earlier feature, one for each bar.
    ///
    /// # Errors
    /// Another number of values than bars.
    pub fn with_feature(mut self, name: Name, values: Column) -> Result<Self, EvaluateError> {
        self.check_length(values.len(), || format!("the feature `{name}`"))?;
        self.features.insert(name, values);
        Ok(self)
    }

    /// Adds the values of a column of the user's own, one for each bar ([`crate::own::as_known`]).
    ///
    /// # Errors
    /// Another number of values than bars.
    pub fn with_own(mut self, name: Name, values: Vec<f64>) -> Result<Self, EvaluateError> {
        self.check_length(values.len(), || format!("the column `{name}`"))?;
        self.own.insert(name, values);
        Ok(self)
    }

    /// Adds another ticker's bars (for `beta` and `close@"SPY"`), joined on the instant: at a bar that the other
    /// ticker lacks all its columns are null, nothing is filled.
    #[must_use]
    pub fn with_benchmark(mut self, ticker: Ticker, benchmark: &'a Bars, adjustment: Adjustment) -> Self {
        let mut next = 0;
        let joined = self
            .bars
            .timestamp()
            .iter()
            .map(|timestamp| {
                let others = &benchmark.timestamp()[next..];
                next += others.partition_point(|other| other < timestamp);
                benchmark.timestamp().get(next).filter(|other| *other == timestamp).map(|_| next)
            })
            .collect();
        self.others
            .insert(ticker, Other { bars: benchmark, prices: Prices::new(benchmark, adjustment), joined });
        self
    }

    /// Adds the values of a function across tickers (a `CrossSection` or `Winsorize` node) for this ticker, one for
    /// each bar; null is NaN.
    ///
    /// # Errors
    /// Another number of values than bars.
    pub fn with_cross_section(mut self, node: Number, values: Vec<f64>) -> Result<Self, EvaluateError> {
        self.check_length(values.len(), || "a cross-sectional function".to_owned())?;
        self.cross_section.insert(node, values);
        Ok(self)
    }

    fn check_length(&self, found: usize, what: impl FnOnce() -> String) -> Result<(), EvaluateError> {
        if found == self.rows() {
            return Ok(());
        }
        Err(EvaluateError::Length {
            ticker: self.ticker().to_owned(),
            what: what(),
            found,
            expected: self.rows(),
        })
    }

    /// The ticker.
    #[must_use]
    pub fn ticker(&self) -> &str {
        self.bars.ticker()
    }

    /// The bars.
    #[must_use]
    pub fn bars(&self) -> &'a Bars {
        self.bars
    }

    /// The number of bars.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.bars.len()
    }

    /// The segments of the history (ranges of rows).
    #[must_use]
    pub fn segments(&self) -> &[Range<usize>] {
        &self.segments
    }

    pub(super) fn feature(&self, name: &Name) -> Option<&Column> {
        self.features.get(name)
    }

    pub(super) fn own(&self, name: &Name) -> Option<&[f64]> {
        self.own.get(name).map(Vec::as_slice)
    }

    /// A column of another ticker, aligned to the bars.
    pub(super) fn column_of(&self, ticker: &Ticker, column: BarColumn) -> Option<Vec<f64>> {
        let other = self.others.get(ticker)?;
        let values = column_of(other.bars, &other.prices, column);
        Some(other.joined.iter().map(|row| row.map_or(f64::NAN, |row| values[row])).collect())
    }

    /// A column of coarser bars at each bar.
    pub(super) fn coarse_column(&self, coarse: Coarse, column: BarColumn) -> Option<Vec<f64>> {
        let (interval, calendar) = self.length?;
        let values = self.column(column);
        let mut state = Coarsening::new(calendar, interval, coarse, column);
        let mut found = Vec::with_capacity(values.len());
        for segment in &self.segments {
            state.restart();
            for row in segment.clone() {
                found.push(state.push(self.bars.session()[row], self.bars.timestamp()[row], values[row]));
            }
        }
        Some(found)
    }

    pub(super) fn cross_section(&self, node: &Number) -> Option<&[f64]> {
        self.cross_section.get(node).map(Vec::as_slice)
    }

    pub(super) fn column(&self, column: BarColumn) -> &[f64] {
        column_of(self.bars, &self.prices, column)
    }
}

fn column_of<'b>(bars: &'b Bars, prices: &'b Prices<'_>, column: BarColumn) -> &'b [f64] {
    match column {
        BarColumn::Open => &prices.open,
        BarColumn::High => &prices.high,
        BarColumn::Low => &prices.low,
        BarColumn::Close => &prices.close,
        BarColumn::Volume => &prices.volume,
        BarColumn::RawOpen => bars.open(),
        BarColumn::RawHigh => bars.high(),
        BarColumn::RawLow => bars.low(),
        BarColumn::RawClose => bars.close(),
        BarColumn::RawVolume => bars.volume(),
    }
}
