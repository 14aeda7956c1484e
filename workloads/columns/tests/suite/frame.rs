//! Bars and actions: their checks, their Parquet files, and what a reader of a wrong file is told.

use ats_calendar::Session;
use ats_columns::column::{floats_column, frame, strings_column};
use ats_columns::{
    Action, ActionKind, Actions, Adjustment, BarColumns, Bars, ColumnsError, Prices, read_parquet,
    write_parquet,
};
use jiff::civil::{Date, date};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

const DAY: i64 = 86_400_000_000;

fn sample(rows: usize) -> Bars {
    let start = date(2020, 1, 2);
    let at = |i: usize| Session::assume(start.checked_add(jiff::Span::new().days(i as i64)).unwrap());
    let price = |i: usize, offset: f64| 100.0 + offset + (i % 7) as f64 * 0.25;
    let column = |f: &dyn Fn(usize) -> f64| (0..rows).map(f).collect::<Vec<f64>>();
    let columns = BarColumns {
        session: (0..rows).map(at).collect(),
        timestamp: (0..rows).map(|i| 1_577_975_400_000_000 + i as i64 * DAY).collect(),
        open: column(&|i| price(i, 0.0)),
        high: column(&|i| price(i, 1.0)),
        low: column(&|i| price(i, -1.0)),
        close: column(&|i| price(i, 0.5)),
        volume: column(&|i| 1_000.0 * (i + 1) as f64),
        split_factor: column(&|i| if i < 2 { 1.0 } else { 4.0 }),
        dividend_factor: column(&|i| if i < 1 { 1.0 } else { 1.0 / (1.0 - 0.01) }),
    };
    Bars::new("AAPL", columns).unwrap()
}

#[test]
fn bars_and_actions_survive_a_file() {
    let bars = sample(10);
    assert_eq!(Bars::from_parquet("AAPL", bars.to_parquet().unwrap()).unwrap(), bars);
    let none = sample(0);
    assert_eq!(Bars::from_parquet("AAPL", none.to_parquet().unwrap()).unwrap(), none);

    let action = |y, m, d, kind, value| Action { ex_date: date(y, m, d), kind, value };
    let actions = Actions::new(
        "AAPL",
        vec![
            action(2020, 8, 31, ActionKind::Split, 4.0),
            action(1969, 12, 31, ActionKind::Dividend, 0.3134),
            action(2020, 8, 31, ActionKind::Dividend, 0.82),
        ],
    )
    .unwrap();
    let read = Actions::from_parquet("AAPL", actions.to_parquet().unwrap()).unwrap();
    assert_eq!(read, actions);
    assert_eq!(read.as_slice()[0].ex_date, date(1969, 12, 31));
}

#[test]
fn nan_is_null_in_a_file_and_back() {
    let values = [1.0, f64::NAN, -0.0, f64::INFINITY];
    let written = frame("test", vec![floats_column("x", &values)]).unwrap();
    assert_eq!(written.column("x").unwrap().null_count(), 1);
    let read = read_parquet("test", write_parquet(&written).unwrap(), None).unwrap();
    let back = ats_columns::column::floats("test", &read, "x").unwrap();
    assert_eq!(back.len(), 4);
    for (before, after) in values.iter().zip(&back) {
        assert!(before.to_bits() == after.to_bits() || (before.is_nan() && after.is_nan()));
    }
}

/// The digest stands for "another run, another machine of this architecture": it changes only when the writer's
/// settings or library change, and then the revisions of all stages that write Parquet must change too.
#[test]
fn the_bytes_of_a_file_are_pinned() {
    let digest = Sha256::digest(sample(300).to_parquet().unwrap());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!(hex);
}

#[test]
fn the_bytes_do_not_depend_on_chunks_or_threads() {
    let bars = sample(300);
    let expected = bars.to_parquet().unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| bars.to_parquet().unwrap()), expected, "{threads} threads");
    }
    let whole = bars.to_frame().unwrap();
    for cut in [1, 17, 299] {
        let mut divided = whole.slice(0, cut);
        divided.vstack_mut(&whole.slice(cut as i64, usize::MAX)).unwrap();
        assert_eq!(write_parquet(&divided).unwrap(), expected, "cut at {cut}");
    }
}

/// Values with nulls, over the border of a row group: where the memory begins does not show either.
#[test]
fn the_bytes_do_not_depend_on_where_the_memory_begins() {
    let value = |i: usize| if i.is_multiple_of(7) { f64::NAN } else { (i % 1000) as f64 / 8.0 };
    let values: Vec<f64> = (0..140_003).map(value).collect();
    let names: Vec<String> = (0..values.len()).map(|i| format!("T{}", i % 5)).collect();
    let of = |from: usize| {
        let columns = vec![strings_column("ticker", &names[from..]), floats_column("x", &values[from..])];
        frame("test", columns).unwrap()
    };
    let whole = of(0);
    for from in [1, 5, 64, 8_931] {
        let fresh = write_parquet(&of(from)).unwrap();
        assert!(write_parquet(&whole.slice(from as i64, usize::MAX)).unwrap() == fresh, "from {from}");
        let read = read_parquet("test", fresh, None).unwrap();
        assert!(read.equals_missing(&of(from)), "from {from}");
    }
}

#[test]
fn a_projection_reads_only_its_columns_in_its_order() {
    let bytes = sample(5).to_parquet().unwrap();
    let read = read_parquet("bars", &bytes, Some(&["volume", "ticker"])).unwrap();
    assert_eq!(read.get_column_names(), ["volume", "ticker"]);
    assert_eq!(read.height(), 5);
    insta::assert_snapshot!(read_parquet("bars", &bytes, Some(&["wolume"])).unwrap_err());
}

#[test]
fn a_reader_of_a_wrong_file_is_told_what_is_there() {
    let other =
        frame("test", vec![strings_column("ticker", &["A"]), floats_column("close", &[1.0])]).unwrap();
    let bytes = write_parquet(&other).unwrap();
    let errors = [
        Bars::from_parquet("A", &bytes).unwrap_err(),
        Actions::from_parquet("A", &bytes).unwrap_err(),
        Bars::from_parquet("IBM", sample(2).to_parquet().unwrap()).unwrap_err(),
    ];
    insta::assert_snapshot!(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    assert!(matches!(Bars::from_parquet("A", b"PAR1 no, not at all"), Err(ColumnsError::Parquet { .. })));
}

#[test]
fn every_rule_of_bars_is_checked() {
    type Break = fn(&mut BarColumns);
    let breaks: [Break; 7] = [
        |c| c.timestamp.truncate(2),
        |c| c.volume.push(1.0),
        |c| c.timestamp[2] = c.timestamp[1],
        |c| c.session[2] = c.session[0],
        |c| c.close[1] = f64::NAN,
        |c| c.split_factor[1] = 0.0,
        |c| c.dividend_factor[2] = f64::INFINITY,
    ];
    let told: Vec<String> = breaks
        .iter()
        .map(|apply| {
            let mut columns = sample(3).into_columns();
            apply(&mut columns);
            Bars::new("AAPL", columns).unwrap_err().to_string()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let bad = Action { ex_date: date(2020, 1, 1), kind: ActionKind::Split, value: -1.0 };
    insta::assert_snapshot!(Actions::new("AAPL", vec![bad]).unwrap_err());
}

#[test]
fn adjustment_multiplies_prices_and_divides_volume() {
    let bars = sample(3);
    let both = Prices::new(&bars, Adjustment::SplitsAndDividends);
    assert_eq!(both.close[0], bars.close()[0]);
    assert_eq!(both.close[1], bars.close()[1] * (1.0 / 0.99));
    assert_eq!(both.open[2], bars.open()[2] * (4.0 * (1.0 / 0.99)));
    assert_eq!(both.volume.to_vec(), vec![1000.0, 2000.0, 750.0]);
    let splits = Prices::new(&bars, Adjustment::Splits);
    assert_eq!(splits.high[1], bars.high()[1]);
    assert_eq!(splits.low[2], bars.low()[2] * 4.0);
    assert_eq!(splits.volume, both.volume);
    let raw = Prices::new(&bars, Adjustment::None);
    assert_eq!(raw.close, bars.close());
    assert_eq!(raw.volume, bars.volume());
}

proptest! {
    #[test]
    fn dates_are_days_since_the_epoch(days in -1_000_000..1_000_000i32) {
        let date = ats_columns::column::date_from_days(days).unwrap();
        prop_assert_eq!(ats_columns::column::days_since_epoch(date), days);
        let next: Date = date.tomorrow().unwrap();
        prop_assert_eq!(ats_columns::column::days_since_epoch(next), days + 1);
    }
}
