//! The output, pinned byte for byte beside the stage's revision. When this fails because the output was meant to
//! change, raise `ats_pipeline::spec::acquire::REVISION` and accept the snapshot of the new revision: a store must
//! never hold two outputs under one key.

use std::fmt::Write;

use crate::common::{daily_files, file};
use ats_calendar::Interval;
use ats_crds::universe::{CalendarName, SyntheticModel};
use ats_data_acquisition::source::files::TickerFiles;
use ats_data_acquisition::stage::unit_key;
use ats_data_acquisition::unit::{TickerOutput, acquire};
use ats_pipeline::Digest;
use ats_pipeline::spec::acquire::REVISION;
use ats_pipeline::spec::{AcquireUnitSpec, SourceSpec};
use jiff::civil::date;

/// A sound week, and one row for most things that can be found.
const BARS: &str = "date,open,high,low,close,volume
2024-01-02,10,11,9.5,10.5,1000
2024-01-03,10.5,11.25,10,11,1200
2024-01-05,11,12,10.75,11.5,0
2024-01-04,11,11.5,10.5,11,900
2024-01-05,11,12,10.75,11.5,0
2024-01-08,12,11,10,11,700
2024-01-09,,12,11,11.5,800
2024-01-10,5.75,6,5.5,5.9,2500
2024-01-13,6,6,6,6,100
2024-02-01,6,6,6,6,100
";
const ACTIONS: &str = "ex_date,kind,value
2024-01-04,dividend,0.11
2024-01-10,split,2
";

fn describe(text: &mut String, name: &str, spec: &AcquireUnitSpec, files: Option<&TickerFiles>) {
    let key = unit_key(spec, name, files, None, 7, None).unwrap();
    writeln!(text, "{name}: key {key}").unwrap();
    let TickerOutput::Done { files, counts, notes } = acquire(spec, name, files, None).unwrap() else {
        panic!("{name} has usable data")
    };
    for file in files {
        writeln!(text, "  {} {} {:?}", file.name, Digest::of(&file.bytes), file.rows).unwrap();
    }
    writeln!(text, "  {counts:?} {notes:?}").unwrap();
}

#[test]
fn the_output_belongs_to_the_revision() {
    let mut text = String::new();
    let files = TickerFiles {
        expected: "bars/GOLD.csv".to_owned(),
        bars: Some(file("bars/GOLD.csv", BARS)),
        actions: Some(file("actions/GOLD.csv", ACTIONS)),
    };
    describe(&mut text, "GOLD", &daily_files(date(2024, 1, 1), date(2024, 1, 31)), Some(&files));
    for (name, model, interval) in [
        ("BROWN", SyntheticModel::GeometricBrownian, Interval::D1),
        ("REGIME", SyntheticModel::RegimeSwitching, Interval::D1),
        ("HOURS", SyntheticModel::RegimeSwitching, Interval::H1),
    ] {
        let spec = AcquireUnitSpec {
            source: SourceSpec::Synthetic { seed: 7, model },
            interval,
            calendar: CalendarName::XNYS,
            start: date(2019, 6, 3),
            end: date(2020, 12, 31),
        };
        describe(&mut text, name, &spec, None);
    }
    insta::assert_snapshot!(format!("revision_{REVISION}"), text);
}

#[test]
fn the_quality_record_reads_well() {
    let files = TickerFiles {
        expected: "bars/GOLD.csv".to_owned(),
        bars: Some(file("bars/GOLD.csv", BARS)),
        actions: Some(file("actions/GOLD.csv", ACTIONS)),
    };
    let output =
        acquire(&daily_files(date(2024, 1, 1), date(2024, 1, 31)), "GOLD", Some(&files), None).unwrap();
    let TickerOutput::Done { files, .. } = output else { panic!("GOLD has usable data") };
    let record = files.iter().find(|file| file.name == "quality.json").unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record.bytes).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&record).unwrap());
}
