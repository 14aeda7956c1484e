//! The forms of files, and what is said about broken ones.

use std::io::Write;

use crate::common::file;
use ats_calendar::Interval;
use ats_columns::{Action, ActionKind, column, write_parquet};
use ats_crds::universe::FileFormat;
use ats_data_acquisition::problem::{Problem, ProblemKind};
use ats_data_acquisition::row::{RawBar, When};
use ats_data_acquisition::source::files::{ColumnNames, SourceFile, TickerFiles, csv, parquet, parse};
use flate2::{Compression, GzBuilder};
use jiff::civil::date;

const HEADER: &str = "date,open,high,low,close,volume\n";

fn bars(text: &str) -> Result<Vec<RawBar>, Problem> {
    csv::bars(&file("bars/T.csv", text), &ColumnNames::default(), Interval::D1)
}

#[track_caller]
fn broken(text: &str, kind: ProblemKind, message: &str) {
    let problem = bars(text).unwrap_err();
    assert_eq!((problem.kind, problem.message.as_str()), (kind, message));
}

#[test]
fn a_line_becomes_a_row() {
    let rows =
        bars(&format!("{HEADER}2024-01-03, 10 ,11.5,9,10.25,1e6\n\n2024-01-04,1,2,,NaN,NA\n")).unwrap();
    let expected = RawBar {
        line: 2,
        when: When::Date(date(2024, 1, 3)),
        open: 10.0,
        high: 11.5,
        low: 9.0,
        close: 10.25,
        volume: 1_000_000.0,
    };
    assert_eq!(rows[0], expected);
    // The empty line counts as a line of the file; missing values are not numbers.
    assert_eq!(rows[1].line, 4);
    assert!(rows[1].low.is_nan() && rows[1].close.is_nan() && rows[1].volume.is_nan());
}

#[test]
fn headers_may_be_in_any_case_and_order_with_more_columns() {
    let text = "\u{feff}Volume,Ticker,Close,Low,High,Open,Date\r\n5,T,4,1,6,2,2024-01-03\r\n";
    let row = bars(text).unwrap()[0];
    assert_eq!((row.open, row.high, row.low, row.close, row.volume), (2.0, 6.0, 1.0, 4.0, 5.0));
}

#[test]
fn columns_can_be_named() {
    let text = "Day,o,h,l,Adj Close,Close,v\n2024-01-03,1,2,0.5,99,1.5,7\n";
    let names = [("date", "Day"), ("open", "o"), ("high", "h"), ("low", "l"), ("volume", "v")];
    let names = ColumnNames::new(names.map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())));
    let rows = csv::bars(&file("bars/T.csv", text), &names, Interval::D1).unwrap();
    assert_eq!((rows[0].close, rows[0].volume), (1.5, 7.0));
    let problem = csv::bars(&file("bars/T.csv", HEADER), &names, Interval::D1).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "WrongColumns: bars/T.csv: there is no column `Day` for date; the columns are: date, open, high, low, \
         close, volume. Name them in source.files.columns"
    );
}

#[test]
fn broken_lines_are_named() {
    broken(
        &format!("{HEADER}2024-01-03,1,2,1,1,5\n2024-01-04,1,2,1\n"),
        ProblemKind::BrokenFile,
        "bars/T.csv, line 3: 4 fields where the header has 6",
    );
    broken(
        &format!("{HEADER}2024-01-03,1,x2,1,1,5\n"),
        ProblemKind::BrokenFile,
        "bars/T.csv, line 2: high `x2` is not a number",
    );
    broken(
        &format!("{HEADER}03/01/2024,1,2,1,1,5\n"),
        ProblemKind::BrokenFile,
        "bars/T.csv, line 2: `03/01/2024` is not a date; write 2024-01-31",
    );
    broken("", ProblemKind::NoData, "bars/T.csv: the file is empty");
    broken(
        "date,open,high,low,close\n",
        ProblemKind::WrongColumns,
        "bars/T.csv: there is no column `volume` for volume; the columns are: date, open, high, low, close. \
         Name them in source.files.columns",
    );
    let latin = SourceFile {
        name: "bars/T.csv".to_owned(),
        bytes: [HEADER.as_bytes(), b"2024-01-03,1,2,1,\xe9,5\n"].concat().into(),
    };
    let problem = csv::bars(&latin, &ColumnNames::default(), Interval::D1).unwrap_err();
    assert_eq!(problem.message, "bars/T.csv, line 2: not text in UTF-8");
}

#[test]
fn intraday_bars_need_instants_with_an_offset() {
    let read = |text: &str| csv::bars(&file("bars/T.csv", text), &ColumnNames::default(), Interval::H1);
    let header = "timestamp,open,high,low,close,volume\n";
    let rows =
        read(&format!("{header}2024-01-03T14:00:00Z,1,1,1,1,1\n2024-01-03 10:00:00-05:00,1,1,1,1,1\n"));
    let rows = rows.unwrap();
    assert_eq!(rows[0].when, When::Instant("2024-01-03T14:00:00Z".parse().unwrap()));
    assert_eq!(rows[1].when, When::Instant("2024-01-03T15:00:00Z".parse().unwrap()));
    let problem = read(&format!("{header}2024-01-03 14:00:00,1,1,1,1,1\n")).unwrap_err();
    assert_eq!(
        problem.message,
        "bars/T.csv, line 2: `2024-01-03 14:00:00` is not an instant with its offset from UTC; write \
         2024-01-31T14:30:00Z"
    );
    assert_eq!(read(HEADER).unwrap_err().kind, ProblemKind::WrongColumns);
}

#[test]
fn actions_are_read_and_their_faults_named() {
    let read = |text: &str| csv::actions(&file("actions/T.csv", text));
    let actions = read("ex_date,kind,value\n2024-01-03,split,2\n2024-02-01,dividend,0.25\n").unwrap();
    let split = Action { ex_date: date(2024, 1, 3), kind: ActionKind::Split, value: 2.0 };
    let dividend = Action { ex_date: date(2024, 2, 1), kind: ActionKind::Dividend, value: 0.25 };
    assert_eq!(actions, [split, dividend]);
    assert_eq!(read("ex_date,kind,value\n").unwrap(), []);
    for (text, message) in [
        (
            "ex_date,kind,value\n2024-01-03,merger,2\n",
            "actions/T.csv, line 2: kind `merger` is neither split nor dividend",
        ),
        ("ex_date,kind,value\n2024-01-03,split,\n", "actions/T.csv, line 2: value `` is not a number"),
        (
            "date,kind,value\n",
            "actions/T.csv: there is no column `ex_date`; the columns are: date, kind, value; actions have ex_date, kind and value",
        ),
    ] {
        assert_eq!(read(text).unwrap_err().message, message);
    }
}

#[test]
fn gzip_is_unpacked() {
    let text = format!("{HEADER}2024-01-03,1,2,1,1,5\n");
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let read = |bytes: &[u8]| {
        let file = SourceFile { name: "bars/T.csv.gz".to_owned(), bytes: bytes.to_vec().into() };
        csv::bars(&file, &ColumnNames::default(), Interval::D1)
    };
    assert_eq!(read(&packed).unwrap(), bars(&text).unwrap());
    for cut in [&packed[..packed.len() - 4], text.as_bytes()] {
        let problem = read(cut).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::BrokenFile);
        assert!(problem.message.starts_with("bars/T.csv.gz: not a whole gzip file"), "{}", problem.message);
    }
}

fn parquet_file(columns: Vec<ats_columns::Column>) -> SourceFile {
    let frame = column::frame("test", columns).unwrap();
    SourceFile { name: "bars/T.parquet".to_owned(), bytes: write_parquet(&frame).unwrap().into() }
}

#[test]
fn parquet_gives_the_rows_that_csv_gives() {
    let prices = |value: f64| [value, value + 1.0];
    let numbers = |name: &str, value| column::floats_column(name, &prices(value));
    let rest = || {
        vec![
            numbers("open", 10.0),
            numbers("high", 12.0),
            column::floats_column("low", &[9.0, f64::NAN]),
            numbers("close", 11.0),
            column::integers_column("volume", &[500, 600]),
        ]
    };
    let with = |column: ats_columns::Column| {
        let mut columns = rest();
        columns.insert(0, column);
        parquet_file(columns)
    };
    let names = ColumnNames::default();
    let text = "date,open,high,low,close,volume\n2024-01-03,10,12,9,11,500\n2024-01-04,11,13,,12,600\n";
    let mut expected = bars(text).unwrap();
    for (line, row) in (1..).zip(&mut expected) {
        row.line = line;
    }
    let days = [date(2024, 1, 3), date(2024, 1, 4)];
    for times in
        [column::dates_column("date", &days), column::strings_column("date", &["2024-01-03", "2024-01-04"])]
    {
        let rows = parquet::bars(&with(times), &names, Interval::D1).unwrap();
        // NaN is not equal to itself; its text is.
        assert_eq!(format!("{rows:?}"), format!("{expected:?}"));
    }
    let starts = [1_704_292_200_000_000, 1_704_378_600_000_000];
    let rows =
        parquet::bars(&with(column::timestamps_column("timestamp", &starts)), &names, Interval::M1).unwrap();
    assert_eq!(rows[0].when, When::Instant("2024-01-03T14:30:00Z".parse().unwrap()));

    let problem =
        parquet::bars(&with(column::floats_column("date", &[1.0, 2.0])), &names, Interval::D1).unwrap_err();
    assert_eq!(problem.to_string(), "WrongColumns: bars/T.parquet: column `date` is f64, not a date");
    let problem = parquet::bars(&parquet_file(rest()), &names, Interval::D1).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::WrongColumns);
    let problem = parquet::bars(&file("bars/T.parquet", text), &names, Interval::D1).unwrap_err();
    assert_eq!(problem.kind, ProblemKind::BrokenFile);
    assert!(problem.message.starts_with("bars/T.parquet: "), "{}", problem.message);
}

#[test]
fn parquet_actions_are_read() {
    let actions = |kind: &str| {
        parquet_file(vec![
            column::dates_column("ex_date", &[date(2024, 1, 3)]),
            column::strings_column("kind", &[kind]),
            column::floats_column("value", &[2.0]),
        ])
    };
    let split = Action { ex_date: date(2024, 1, 3), kind: ActionKind::Split, value: 2.0 };
    assert_eq!(parquet::actions(&actions("split")).unwrap(), [split]);
    let problem = parquet::actions(&actions("merger")).unwrap_err();
    assert_eq!(problem.message, "bars/T.parquet, row 1: kind `merger` is neither split nor dividend");
}

#[test]
fn a_missing_file_is_named() {
    let files = TickerFiles { expected: "bars/XYZ.csv".to_owned(), bars: None, actions: None };
    let problem = parse(&files, FileFormat::Csv, &ColumnNames::default(), Interval::D1).unwrap_err();
    assert_eq!(problem.to_string(), "NoData: the source has no file bars/XYZ.csv");
}
