//! Labels: what a model learns to predict, each with the sessions that its value depends on.
//!
//! Prices are adjusted for splits and dividends, so a forward return is what a holder earns. Every function works
//! on one ticker's own bars, in order of time.
//!
//! | label | entry | value | span |
//! | --- | --- | --- | --- |
//! | forward return | next open | `O[t+1+h] / O[t+1] - 1` | `[t, t+1+h]` |
//! | forward return | close | `C[t+h] / C[t] - 1` | `[t, t+h]` |
//! | forward direction | either | sign of the forward return: -1, 0, 1 | the same |
//! | triple barrier | next open | 1: the upper barrier was touched first, -1: the lower, 0: neither in time | to the touch |
//!
//! A label whose time limit passes the last bar is null. A delisted ticker's last labels end in its last close
//! (a terminal return) and span to the session in which the delisting is known, because before it nobody could
//! tell the label from one that has yet to come. A long gap inside the span makes the label null.

use std::ops::Range;

use ats_calendar::Session;
use ats_crds::model::LabelEntry;

use crate::error::TrainingError;

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LabelKind {
    /// The simple return.
    ForwardReturn,
    /// The sign of the simple return.
    ForwardDirection,
    /// Which of three barriers is touched first.
    TripleBarrier {
        /// Distance of the upper barrier in multiples of the trailing volatility.
        profit_taking: f64,
        /// Distance of the lower barrier in multiples of the trailing volatility.
        stop_loss: f64,
    },
}

/// A label's definition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// What is predicted.
    pub kind: LabelKind,
    /// How many bars the return or the time limit spans; at least 1.
    pub horizon: usize,
    /// At which price it begins.
    pub entry: LabelEntry,
}

/// Bars over which the volatility of a triple barrier is measured.
pub const VOLATILITY_BARS: usize = 21;

/// One ticker's bars as labels need them; all slices have one length.
#[derive(Debug, Clone, Copy)]
pub struct LabelBars<'a> {
    /// The session of each bar.
    pub session: &'a [Session],
    /// The bars without a long gap among them, in order and without overlap.
    pub segments: &'a [Range<usize>],
    /// Adjusted opening prices.
    pub open: &'a [f64],
    /// Adjusted highest prices.
    pub high: &'a [f64],
    /// Adjusted lowest prices.
    pub low: &'a [f64],
    /// Adjusted closing prices.
    pub close: &'a [f64],
    /// The session in which it is known that no further bar follows; none for a ticker that still trades.
    pub delisting_known: Option<Session>,
}

/// A ticker's labels, one a bar. A null is NaN.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    /// The label.
    pub value: Vec<f64>,
    /// The simple return over the same horizon and entry, whatever the label is.
    pub forward_return: Vec<f64>,
    /// The first session that the label depends on: the bar's own.
    pub start: Vec<Session>,
    /// The last session that the label depends on.
    pub end: Vec<Session>,
    /// The last of the ticker's bars that the label's value is made of.
    pub last_bar: Vec<usize>,
}

impl Label {
    /// Bars from the prediction to the last one that the label needs.
    #[must_use]
    pub fn reach(&self) -> usize {
        match self.entry {
            LabelEntry::NextOpen => self.horizon + 1,
            LabelEntry::Close => self.horizon,
        }
    }

    /// Whether the label is a direction, which a classifier learns: up is a value above zero.
    #[must_use]
    pub fn is_direction(&self) -> bool {
        matches!(self.kind, LabelKind::ForwardDirection)
    }

    /// The labels of one ticker's bars.
    ///
    /// # Errors
    /// A horizon of zero, barriers that are not positive, or columns of different lengths.
    pub fn compute(&self, bars: &LabelBars<'_>) -> Result<Labels, TrainingError> {
        self.check(bars)?;
        let bars_count = bars.session.len();
        let mut labels = Labels {
            value: vec![f64::NAN; bars_count],
            forward_return: vec![f64::NAN; bars_count],
            start: bars.session.to_vec(),
            end: bars.session.to_vec(),
            last_bar: (0..bars_count).collect(),
        };
        let segment = segment_of(bars.segments, bars_count);
        let volatility = match self.kind {
            LabelKind::TripleBarrier { .. } => trailing_volatility(bars.close, &segment),
            _ => Vec::new(),
        };
        for t in 0..bars_count {
            let Some(exit) = self.exit(bars, t) else { continue };
            if segment[exit.bar] != segment[t] {
                continue;
            }
            let start_price = match self.entry {
                LabelEntry::NextOpen => bars.open[t + 1],
                LabelEntry::Close => bars.close[t],
            };
            let forward_return = exit.price / start_price - 1.0;
            if !forward_return.is_finite() {
                continue;
            }
            labels.forward_return[t] = forward_return;
            let (value, touch) = match self.kind {
                LabelKind::ForwardReturn => (forward_return, None),
                LabelKind::ForwardDirection => (sign(forward_return), None),
                LabelKind::TripleBarrier { profit_taking, stop_loss } => {
                    let volatility = volatility[t];
                    let upper = start_price * (1.0 + profit_taking * volatility);
                    let lower = start_price * (1.0 - stop_loss * volatility);
                    // Bars that are watched end before the exit's when the exit is an open.
                    let last = exit.bar.min(t + self.horizon);
                    if volatility.is_nan() {
                        (f64::NAN, None)
                    } else {
                        touch(bars, t + 1..=last, upper, lower)
                    }
                }
            };
            labels.value[t] = value;
            labels.last_bar[t] = touch.unwrap_or(exit.bar);
            labels.end[t] = match (exit.known, touch) {
                (Some(known), _) => known,
                (None, Some(bar)) => bars.session[bar],
                (None, None) => bars.session[exit.bar],
            };
        }
        Ok(labels)
    }

    fn check(&self, bars: &LabelBars<'_>) -> Result<(), TrainingError> {
        if self.horizon == 0 {
            return Err(TrainingError::Specification("label: horizonBars must be at least 1".to_owned()));
        }
        if let LabelKind::TripleBarrier { profit_taking, stop_loss } = self.kind {
            for (name, value) in [("profitTaking", profit_taking), ("stopLoss", stop_loss)] {
                if !(value > 0.0 && value.is_finite()) {
                    let message = format!("label.tripleBarrier.{name} is {value}; it must be above 0");
                    return Err(TrainingError::Specification(message));
                }
            }
        }
        let rows = bars.session.len();
        for (name, length) in [
            ("open", bars.open.len()),
            ("high", bars.high.len()),
            ("low", bars.low.len()),
            ("close", bars.close.len()),
        ] {
            if length != rows {
                let message = format!("bars: column {name} has {length} rows, session has {rows}");
                return Err(TrainingError::Data(message));
            }
        }
        Ok(())
    }

    /// Where the label of bar `t` ends, or none when that is not known.
    fn exit(&self, bars: &LabelBars<'_>, t: usize) -> Option<Exit> {
        let last = bars.session.len() - 1;
        let bar = t + self.reach();
        if bar <= last {
            let price = match self.entry {
                LabelEntry::NextOpen => bars.open[bar],
                LabelEntry::Close => bars.close[bar],
            };
            return Some(Exit { bar, price, known: None });
        }
        let known = bars.delisting_known?;
        // There must be a bar to enter and to hold after the prediction.
        (t < last).then(|| Exit { bar: last, price: bars.close[last], known: Some(known) })
    }
}

struct Exit {
    bar: usize,
    price: f64,
    /// Set when the exit is a delisting.
    known: Option<Session>,
}

/// The segment that each bar belongs to.
fn segment_of(segments: &[Range<usize>], bars: usize) -> Vec<usize> {
    let mut segment = vec![0; bars];
    for (number, range) in segments.iter().enumerate() {
        for bar in range.clone().take_while(|bar| *bar < bars) {
            segment[bar] = number;
        }
    }
    segment
}

/// Sample standard deviation of the last 21 log returns of the close, up to and with each bar.
fn trailing_volatility(close: &[f64], segment: &[usize]) -> Vec<f64> {
    let returns: Vec<f64> = (0..close.len())
        .map(|t| if t == 0 { f64::NAN } else { libm::log(close[t] / close[t - 1]) })
        .collect();
    (0..close.len())
        .map(|t| {
            if t < VOLATILITY_BARS || segment[t] != segment[t - VOLATILITY_BARS] {
                return f64::NAN;
            }
            let window = &returns[t + 1 - VOLATILITY_BARS..=t];
            let mean = window.iter().sum::<f64>() / VOLATILITY_BARS as f64;
            let squares: f64 = window.iter().map(|r| (r - mean) * (r - mean)).sum();
            (squares / (VOLATILITY_BARS - 1) as f64).sqrt()
        })
        .collect()
}

/// The first touch: both barriers in one bar count as the stop.
fn touch(
    bars: &LabelBars<'_>,
    watched: std::ops::RangeInclusive<usize>,
    upper: f64,
    lower: f64,
) -> (f64, Option<usize>) {
    for bar in watched {
        if bars.low[bar] <= lower {
            return (-1.0, Some(bar));
        }
        if bars.high[bar] >= upper {
            return (1.0, Some(bar));
        }
    }
    (0.0, None)
}

/// The sign: -1, 0, 1 (`f64::signum` has no 0).
fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}
