//! Trading halts of a ticker: sessions without a bar, and bars without volume.

use std::ops::Range;

use ats_columns::Bars;

use crate::support::{bars, bits, closes, inputs, numbers, sessions};

const N: f64 = f64::NAN;

/// Closes of 1, 2, 4, 8, … on twelve sessions, without those that are missing.
fn doubling(missing: Range<usize>) -> Bars {
    let kept: Vec<_> =
        sessions(12).into_iter().enumerate().filter(|(place, _)| !missing.contains(place)).collect();
    let kept: Vec<_> = kept.into_iter().map(|(_, session)| session).collect();
    let close: Vec<f64> = (0..kept.len()).map(|row| f64::from(1_u32 << row)).collect();
    closes("IBM", &kept, &close)
}

/// Windows count bars, and the change over a halt is one from bar to bar: as if the sessions had never been.
#[test]
fn sessions_without_a_bar_are_skipped() {
    let (halted, whole) = (doubling(3..8), doubling(7..12));
    assert_eq!((halted.len(), whole.len()), (7, 7));
    for source in ["returns(close, 1)", "sma(close, 3)", "ema(close, 3)", "rsi(close, 2)", "atr(2)", "obv"] {
        let (halted, whole) = (numbers(source, &inputs(&halted)), numbers(source, &inputs(&whole)));
        assert_eq!(bits(&halted), bits(&whole), "{source}");
    }
    assert_eq!(bits(&numbers("returns(close, 1)", &inputs(&halted))), bits(&[N, 1., 1., 1., 1., 1., 1.]));
}

/// Behind six missing sessions all begins anew.
#[test]
fn a_long_halt_ends_every_window() {
    let halted = doubling(3..9);
    let returns = numbers("returns(close, 1)", &inputs(&halted));
    assert_eq!(bits(&returns), bits(&[N, 1., 1., N, 1., 1.]));
    let mean = numbers("sma(close, 2)", &inputs(&halted));
    assert_eq!(bits(&mean), bits(&[N, 1.5, 3., N, 12., 24.]));
}

/// A row without volume is a bar: it fills a place in every window. What is divided by a volume of 0 is null.
#[test]
fn a_bar_without_volume_counts() {
    let close = vec![10., 10., 20., 20.];
    let volume = vec![100., 0., 100., 0.];
    let prices = || close.clone();
    let halted = bars("IBM", &sessions(4), [prices(), prices(), prices(), prices(), volume]);
    for (source, expected) in [
        ("returns(close, 1)", [N, 0., 1., 0.]),
        ("sum(raw_volume, 2)", [N, 100., 100., 100.]),
        ("count(raw_volume > 0, 2)", [N, 1., 1., 1.]),
        ("dollar_volume(1)", [1000., 0., 2000., 0.]),
        ("obv", [100., 100., 200., 200.]),
        ("vwap(1)", [10., N, 20., N]),
        ("vwap(2)", [N, 10., 20., 20.]),
        ("amihud(1)", [N, N, 1. / 2000., N]),
    ] {
        assert_eq!(bits(&numbers(source, &inputs(&halted))), bits(&expected), "{source}");
    }
}
