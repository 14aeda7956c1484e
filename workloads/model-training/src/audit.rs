//! A search for leaks: features that know what they should not.
//!
//! The language cannot read a later bar, but data can: a column that was filled with hindsight, a file shifted by a
//! row, a vendor's revision. What leaks shows in one figure, the rank IC: for each date the Spearman correlation
//! across the active tickers of the feature and a return, and its mean over dates that do not overlap.
//!
//! | against | an honest feature | a leak |
//! | --- | --- | --- |
//! | the coming return over the horizon, and over the next bar alone | some hundredths at most | far from 0: it knows the outcome |
//! | the same returns, shuffled across the tickers of each date | its interval holds 0 | its interval holds 0: the figure itself invents nothing |
//! | the return over the horizon that is over already | anything: it may know that | anything |
//!
//! An interval is the mean plus and minus [`WIDTH`] standard errors. A feature is a leak when all of the interval lies
//! farther from 0 than [`MOST`], on either side.

use std::ops::Range;

use ats_calendar::Session;
use ats_crds::model::LabelEntry;
use serde::{Deserialize, Serialize};

use crate::error::TrainingError;
use crate::label::{Label, LabelBars, LabelKind};
use crate::metric::correlation::spearman;
use crate::metric::{FEWEST_NAMES, deviation, mean};
use crate::random::SplitMix64;

/// Standard errors on each side of a mean: one interval in ten thousand misses by chance.
pub const WIDTH: f64 = 3.89;
/// The rank IC that no honest feature holds: published ones are of the order of 0.02 to 0.05 (Grinold and Kahn 1999,
/// chapter 6), and one above 0.1 would make its owner rich before the audit ends.
pub const MOST: f64 = 0.1;
/// Dates below which nothing can be told.
pub const FEWEST_DATES: usize = 20;

/// One ticker's bars and features; all columns have one length.
#[derive(Debug, Clone)]
pub struct AuditTicker {
    /// The session of each bar.
    pub session: Vec<Session>,
    /// The start of each bar: microseconds since 1970, UTC.
    pub timestamp: Vec<i64>,
    /// Whether the ticker is active at each bar.
    pub active: Vec<bool>,
    /// The bars without a long gap among them.
    pub segments: Vec<Range<usize>>,
    /// Adjusted opening prices.
    pub open: Vec<f64>,
    /// Adjusted highest prices.
    pub high: Vec<f64>,
    /// Adjusted lowest prices.
    pub low: Vec<f64>,
    /// Adjusted closing prices.
    pub close: Vec<f64>,
    /// A column for each feature; a null is NaN.
    pub features: Vec<Vec<f64>>,
}

/// A mean rank IC with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The mean over dates that do not overlap.
    pub mean: f64,
    /// [`WIDTH`] standard errors below.
    pub low: f64,
    /// [`WIDTH`] standard errors above.
    pub high: f64,
    /// How many dates.
    pub dates: usize,
}

impl Interval {
    fn of(values: &[f64]) -> Option<Self> {
        if values.len() < FEWEST_DATES {
            return None;
        }
        let (mean, error) = (mean(values)?, deviation(values)? / (values.len() as f64).sqrt());
        Some(Self { mean, low: mean - WIDTH * error, high: mean + WIDTH * error, dates: values.len() })
    }

    /// Whether 0 lies in it.
    #[must_use]
    pub fn holds_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }

    /// Whether all of it lies farther from 0 than [`MOST`].
    #[must_use]
    pub fn is_too_good(&self) -> bool {
        self.low > MOST || self.high < -MOST
    }
}

/// What the audit says of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It knows no more than others do.
    Clean,
    /// It knows returns that have yet to come.
    Leak,
    /// Even shuffled returns seem to follow it: the dates hold something that the audit cannot judge.
    Unsound,
    /// Too few dates with five names.
    Undecided,
}

/// A feature's figures; none: too few dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeatureAudit {
    /// The feature.
    pub feature: String,
    /// What is said of it.
    pub verdict: Verdict,
    /// Rank IC with the return from the next open over the horizon.
    pub coming: Option<Interval>,
    /// Rank IC with the return from the next open over one bar.
    pub next_bar: Option<Interval>,
    /// Rank IC with the coming return, shuffled.
    pub shuffled: Option<Interval>,
    /// Rank IC with the return over the horizon that ends with the bar.
    pub past: Option<Interval>,
}

/// Audits every feature over all tickers.
///
/// # Errors
/// A horizon of zero, or columns of different lengths.
pub fn audit(
    names: &[String],
    tickers: &[AuditTicker],
    horizon: usize,
    seed: u64,
) -> Result<Vec<FeatureAudit>, TrainingError> {
    let coming = returns(tickers, horizon)?;
    let next = returns(tickers, 1)?;
    let past: Vec<Vec<f64>> = tickers.iter().map(|ticker| past(ticker, horizon)).collect();
    let dates = dates(tickers);
    let mut found = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        // Labels from open to open: those that many bars apart share no price.
        let ic = |returns: &[Vec<f64>], step: usize, shuffle: Option<u64>| {
            let mut random = shuffle.map(|seed| SplitMix64::new(seed, place as u64));
            let apart = dates.iter().step_by(step);
            let values = apart.filter_map(|date| rank_ic(tickers, place, returns, date, random.as_mut()));
            Interval::of(&values.collect::<Vec<f64>>())
        };
        let mut audited = FeatureAudit {
            feature: name.clone(),
            verdict: Verdict::Undecided,
            coming: ic(&coming, horizon, None),
            next_bar: ic(&next, 1, None),
            shuffled: ic(&coming, horizon, Some(seed)),
            past: ic(&past, horizon, None),
        };
        let too_good = [&audited.coming, &audited.next_bar].into_iter().flatten().any(Interval::is_too_good);
        audited.verdict = match &audited.shuffled {
            Some(shuffled) if !shuffled.holds_zero() => Verdict::Unsound,
            _ if too_good => Verdict::Leak,
            Some(_) => Verdict::Clean,
            None => Verdict::Undecided,
        };
        found.push(audited);
    }
    Ok(found)
}

/// Each ticker's coming returns over so many bars, entered at the next open.
fn returns(tickers: &[AuditTicker], horizon: usize) -> Result<Vec<Vec<f64>>, TrainingError> {
    let label = Label { kind: LabelKind::ForwardReturn, horizon, entry: LabelEntry::NextOpen };
    let of = |ticker: &AuditTicker| {
        label.compute(&LabelBars {
            session: &ticker.session,
            segments: &ticker.segments,
            open: &ticker.open,
            high: &ticker.high,
            low: &ticker.low,
            close: &ticker.close,
            delisting_known: None,
        })
    };
    tickers.iter().map(|ticker| Ok(of(ticker)?.value)).collect()
}

/// The return over so many bars that ends with each bar.
fn past(ticker: &AuditTicker, horizon: usize) -> Vec<f64> {
    let mut past = vec![f64::NAN; ticker.close.len()];
    for segment in &ticker.segments {
        for bar in segment.clone().skip(horizon) {
            past[bar] = ticker.close[bar] / ticker.close[bar - horizon] - 1.0;
        }
    }
    past
}

/// The active bars of each instant, as (ticker, bar), in order of time and then ticker.
fn dates(tickers: &[AuditTicker]) -> Vec<Vec<(usize, usize)>> {
    let mut bars: Vec<(i64, usize, usize)> = Vec::new();
    for (place, ticker) in tickers.iter().enumerate() {
        let active = (0..ticker.timestamp.len()).filter(|bar| ticker.active[*bar]);
        bars.extend(active.map(|bar| (ticker.timestamp[bar], place, bar)));
    }
    bars.sort_unstable();
    bars.chunk_by(|a, b| a.0 == b.0)
        .map(|date| date.iter().map(|(_, ticker, bar)| (*ticker, *bar)).collect())
        .collect()
}

/// One date's rank IC; none with fewer than five names, or where either side does not vary.
fn rank_ic(
    tickers: &[AuditTicker],
    feature: usize,
    returns: &[Vec<f64>],
    date: &[(usize, usize)],
    random: Option<&mut SplitMix64>,
) -> Option<f64> {
    let known = date.iter().filter_map(|(ticker, bar)| {
        let pair = (tickers[*ticker].features[feature][*bar], returns[*ticker][*bar]);
        (pair.0.is_finite() && pair.1.is_finite()).then_some(pair)
    });
    let (values, mut outcomes): (Vec<f64>, Vec<f64>) = known.unzip();
    if values.len() < FEWEST_NAMES {
        return None;
    }
    if let Some(random) = random {
        random.shuffle(&mut outcomes);
    }
    spearman(&values, &outcomes)
}
