//! The sample data: its actions turn its raw closes into the closes that its publisher adjusted.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ats_calendar::{Calendar, Interval};
use ats_columns::ActionKind;
use ats_crds::universe::FileFormat;
use ats_data_acquisition::check::{Checked, check};
use ats_data_acquisition::row::Request;
use ats_data_acquisition::source::files::{ColumnNames, SourceFile, TickerFiles, parse};
use flate2::read::GzDecoder;
use jiff::civil::{Date, date};

/// Written by `config/samples/data/derive.py`.
const ADJUSTED: &[u8] = include_bytes!("../fixtures/us-large-caps-adjusted-close.csv.gz");
const TICKERS: [&str; 5] = ["AAPL", "FB", "GOOG", "IBM", "MSFT"];

fn sample(ticker: &str) -> Checked {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/samples/data/us-large-caps");
    let file = |kind: &str| {
        let name = format!("{kind}/{ticker}.csv");
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        Some(SourceFile { name, bytes: bytes.into() })
    };
    let files = TickerFiles { expected: String::new(), bars: file("bars"), actions: file("actions") };
    let (rows, actions) = parse(&files, FileFormat::Csv, &ColumnNames::default(), Interval::D1).unwrap();
    let request = Request {
        calendar: Calendar::xnys(),
        interval: Interval::D1,
        start: date(2000, 1, 1),
        end: date(2013, 3, 1),
    };
    check(ticker, &rows, actions, &request).unwrap()
}

fn adjusted() -> BTreeMap<(String, Date), f64> {
    let mut text = String::new();
    GzDecoder::new(ADJUSTED).read_to_string(&mut text).unwrap();
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        ((fields[0].to_owned(), fields[1].parse().unwrap()), fields[2].parse().unwrap())
    });
    lines.collect()
}

/// The largest relative difference of raw x factor to the published adjusted close, with its date, each scaled to be
/// right on the last day: what the publisher's history holds after that day is a constant.
fn worst(ticker: &str, checked: &Checked, factors: &[f64]) -> (f64, Date) {
    let published = adjusted();
    let bars = &checked.bars;
    let last = bars.len() - 1;
    let of = |i: usize| published[&(ticker.to_owned(), bars.session()[i].date())];
    let scale = of(last) / (bars.close()[last] * factors[last]);
    let errors = (0..bars.len()).map(|i| {
        let ours = bars.close()[i] * factors[i] * scale;
        ((ours / of(i) - 1.0).abs(), bars.session()[i].date())
    });
    errors.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
}

#[test]
fn the_sample_is_whole() {
    for (ticker, rows) in TICKERS.into_iter().zip([3270, 196, 2148, 3270, 3270]) {
        let quality = sample(ticker).quality;
        assert_eq!((quality.rows_read, quality.rows_kept, quality.sessions_after_last), (rows, rows, 0));
        assert!(
            quality.flagged.keys().all(|flag| flag.as_str() == "outlier"),
            "{ticker}: {:?}",
            quality.flagged
        );
    }
}

#[test]
fn the_actions_are_the_publishers() {
    for ticker in TICKERS {
        let checked = sample(ticker);
        let mut actions = checked.actions.as_slice().iter().peekable();
        let mut factor = 1.0;
        let mut factors = Vec::new();
        for (session, close) in checked.bars.session().iter().zip(checked.bars.close()) {
            while let Some(action) = actions.next_if(|action| action.ex_date <= session.date()) {
                // The publisher measures a dividend by the close of the ex-date.
                factor *= match action.kind {
                    ActionKind::Split => action.value,
                    ActionKind::Dividend => 1.0 + action.value / close,
                };
            }
            factors.push(factor);
        }
        let (error, day) = worst(ticker, &checked, &factors);
        assert!(error < 1e-12, "{ticker} {day}: {error}");
    }
}

#[test]
fn our_factors_give_the_published_adjusted_closes() {
    for ticker in TICKERS {
        let checked = sample(ticker);
        let bars = &checked.bars;
        let factors: Vec<f64> =
            bars.split_factor().iter().zip(bars.dividend_factor()).map(|(s, d)| s * d).collect();
        let (error, day) = worst(ticker, &checked, &factors);
        // MSFT paid a tenth of its price on 2004-11-15, a day on which it fell by more than the dividend: there the
        // two ways of measuring a dividend differ.
        let bound = if ticker == "MSFT" { 2e-3 } else { 5e-4 };
        assert!(error < bound, "{ticker} {day}: {error}");
    }
}
