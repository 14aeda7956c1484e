//! Labels against values worked out by hand from the definitions.

use std::ops::Range;

use ats_calendar::Session;
use ats_crds::model::LabelEntry;
use ats_model_training::label::{Label, LabelBars, LabelKind, Labels};
use proptest::prelude::*;

use crate::support::{market, sessions};

const OPEN: [f64; 6] = [10.0, 11.0, 12.0, 11.0, 10.0, 9.0];
const CLOSE: [f64; 6] = [10.5, 11.5, 11.0, 10.5, 9.5, 9.9];

fn compute(label: Label, segments: &[Range<usize>], delisting_known: Option<Session>) -> Labels {
    let session = sessions(6);
    let high: Vec<f64> = OPEN.iter().zip(CLOSE).map(|(open, close)| open.max(close)).collect();
    let low: Vec<f64> = OPEN.iter().zip(CLOSE).map(|(open, close)| open.min(close)).collect();
    let bars = LabelBars {
        session: &session,
        segments,
        open: &OPEN,
        high: &high,
        low: &low,
        close: &CLOSE,
        delisting_known,
    };
    label.compute(&bars).unwrap()
}

fn places(ends: &[Session]) -> Vec<usize> {
    let all = sessions(40);
    ends.iter().map(|end| all.binary_search(end).unwrap()).collect()
}

fn assert_values(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let equal = (found.is_nan() && expected.is_nan()) || (found - expected).abs() < 1e-15;
        assert!(equal, "{found} is not {expected}");
    }
}

#[test]
fn forward_return_from_the_next_open() {
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 2, entry: LabelEntry::NextOpen };
    let labels = compute(label, &[0..6], None);
    let nan = f64::NAN;
    // O[t+3] / O[t+1] - 1
    assert_values(&labels.value, &[11.0 / 11.0 - 1.0, 10.0 / 12.0 - 1.0, 9.0 / 11.0 - 1.0, nan, nan, nan]);
    assert_eq!(places(&labels.start), [0, 1, 2, 3, 4, 5]);
    assert_eq!(places(&labels.end)[..3], [3, 4, 5]);
}

#[test]
fn forward_return_from_the_close() {
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 2, entry: LabelEntry::Close };
    let labels = compute(label, &[0..6], None);
    let nan = f64::NAN;
    let expected = [11.0 / 10.5 - 1.0, 10.5 / 11.5 - 1.0, 9.5 / 11.0 - 1.0, 9.9 / 10.5 - 1.0, nan, nan];
    assert_values(&labels.value, &expected);
    assert_eq!(places(&labels.end)[..4], [2, 3, 4, 5]);
}

#[test]
fn direction_is_the_sign_and_keeps_zero() {
    let label = Label { kind: LabelKind::ForwardDirection, horizon: 2, entry: LabelEntry::NextOpen };
    let labels = compute(label, &[0..6], None);
    assert_values(&labels.value, &[0.0, -1.0, -1.0, f64::NAN, f64::NAN, f64::NAN]);
    assert_values(&labels.forward_return[..2], &[0.0, 10.0 / 12.0 - 1.0]);
}

#[test]
fn a_long_gap_inside_the_span_makes_a_label_null() {
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 1, entry: LabelEntry::Close };
    let labels = compute(label, &[0..3, 3..6], None);
    assert!(labels.value[2].is_nan());
    assert!(!labels.value[1].is_nan() && !labels.value[3].is_nan());
}

/// Three sessions without a bar behind the third one: the same values, which end where the bars are.
#[test]
fn a_horizon_counts_bars() {
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 2, entry: LabelEntry::NextOpen };
    let whole = compute(label, &[0..6], None);
    let all = sessions(40);
    let halted = [0, 1, 2, 6, 7, 8].map(|place| all[place]);
    let bars = LabelBars {
        session: &halted,
        segments: &[0..6],
        open: &OPEN,
        high: &CLOSE,
        low: &OPEN,
        close: &CLOSE,
        delisting_known: None,
    };
    let labels = label.compute(&bars).unwrap();
    assert_values(&labels.value, &whole.value);
    assert_eq!(places(&labels.end)[..3], [6, 7, 8]);
}

#[test]
fn a_delisting_is_a_terminal_return_known_later() {
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 2, entry: LabelEntry::NextOpen };
    let known = sessions(40)[11];
    let labels = compute(label, &[0..6], Some(known));
    let expected = [0.0, 10.0 / 12.0 - 1.0, 9.0 / 11.0 - 1.0, 9.9 / 10.0 - 1.0, 9.9 / 9.0 - 1.0, f64::NAN];
    assert_values(&labels.value, &expected);
    assert_eq!(places(&labels.end), [3, 4, 5, 11, 11, 5]);
}

/// Thirty flat bars at 100 that move by one per cent up and down, then bars that touch a barrier.
fn barrier_bars(tail: &[(f64, f64, f64, f64)]) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let mut bars: Vec<(f64, f64, f64, f64)> = (0..30)
        .map(|t| {
            let close = if t % 2 == 0 { 100.0 } else { 101.0 };
            (100.0, 101.0, 100.0, close)
        })
        .collect();
    bars.extend_from_slice(tail);
    let column = |pick: fn(&(f64, f64, f64, f64)) -> f64| bars.iter().map(pick).collect::<Vec<f64>>();
    (column(|b| b.0), column(|b| b.1), column(|b| b.2), column(|b| b.3))
}

fn barrier_label(tail: &[(f64, f64, f64, f64)], horizon: usize) -> (f64, usize) {
    let (open, high, low, close) = barrier_bars(tail);
    let session = sessions(open.len());
    let segments = [0..open.len()];
    let label = Label {
        kind: LabelKind::TripleBarrier { profit_taking: 2.0, stop_loss: 2.0 },
        horizon,
        entry: LabelEntry::NextOpen,
    };
    let bars = LabelBars {
        session: &session,
        segments: &segments,
        open: &open,
        high: &high,
        low: &low,
        close: &close,
        delisting_known: None,
    };
    let labels = label.compute(&bars).unwrap();
    assert!(labels.value[20].is_nan(), "21 returns need 22 closes");
    (labels.value[29], session.binary_search(&labels.end[29]).unwrap())
}

#[test]
fn triple_barrier_touches() {
    // The volatility of alternating 1% moves is about 1%: barriers lie at about 98 and 102 of an entry at 100.
    let quiet = (100.0, 100.5, 99.5, 100.0);
    let up = (100.0, 105.0, 99.5, 100.0);
    let down = (100.0, 100.5, 95.0, 100.0);
    let both = (100.0, 105.0, 95.0, 100.0);
    assert_eq!(barrier_label(&[quiet, up, quiet, quiet, quiet], 3), (1.0, 31));
    assert_eq!(barrier_label(&[quiet, quiet, down, quiet, quiet], 3), (-1.0, 32));
    // Both in one bar: the stop.
    assert_eq!(barrier_label(&[quiet, both, up, quiet, quiet], 3), (-1.0, 31));
    // Neither in three bars from the entry at bar 30: the fourth is the open of the exit, which touches nothing.
    assert_eq!(barrier_label(&[quiet, quiet, quiet, up, quiet], 3), (0.0, 33));
    // The time limit passes the last bar: null, although the barrier is touched.
    assert!(barrier_label(&[up, quiet, quiet], 3).0.is_nan());
}

#[test]
fn bad_labels_are_refused_in_words() {
    let session = sessions(1);
    let bars = LabelBars {
        session: &session,
        segments: &[],
        open: &[1.0],
        high: &[1.0],
        low: &[1.0],
        close: &[1.0],
        delisting_known: None,
    };
    let label = Label { kind: LabelKind::ForwardReturn, horizon: 0, entry: LabelEntry::Close };
    assert_eq!(label.compute(&bars).unwrap_err().to_string(), "label: horizonBars must be at least 1");
    let kind = LabelKind::TripleBarrier { profit_taking: 0.0, stop_loss: 1.0 };
    let label = Label { kind, horizon: 1, entry: LabelEntry::Close };
    assert!(label.compute(&bars).unwrap_err().to_string().contains("profitTaking is 0; it must be above 0"));
}

proptest! {
    /// A label is the same when the bars after its span are cut away or changed.
    #[test]
    fn a_label_knows_nothing_after_its_span(
        seed in 0u64..1000, cut in 30usize..58, horizon in 1usize..6, kind in 0usize..3, close in any::<bool>(),
    ) {
        let kind = [
            LabelKind::ForwardReturn,
            LabelKind::ForwardDirection,
            LabelKind::TripleBarrier { profit_taking: 1.0, stop_loss: 1.0 },
        ][kind];
        let entry = if close { LabelEntry::Close } else { LabelEntry::NextOpen };
        let label = Label { kind, horizon, entry };
        let bars = market(1, 60, seed).remove(0);
        let whole = bars.rows(&label).labels;
        let mut changed = bars.clone();
        for t in cut..60 {
            for column in [&mut changed.open, &mut changed.high, &mut changed.low, &mut changed.close] {
                column[t] *= 1.5;
            }
        }
        let other = changed.rows(&label).labels;
        for t in 0..60 {
            if whole.end[t] < bars.session[cut] {
                prop_assert_eq!(whole.value[t].to_bits(), other.value[t].to_bits());
                prop_assert_eq!(whole.end[t], other.end[t]);
            }
        }
    }
}
