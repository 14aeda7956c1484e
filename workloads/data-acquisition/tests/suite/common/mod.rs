//! What the tests of this crate share.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use ats_calendar::{Calendar, Interval};
use ats_crds::universe::{CalendarName, FileFormat};
use ats_data_acquisition::row::{RawBar, Request, When};
use ats_data_acquisition::source::files::SourceFile;
use ats_pipeline::StoreLocation;
use ats_pipeline::spec::{AcquireUnitSpec, SourceSpec};
use jiff::civil::{Date, date};

/// A request for daily bars of January 2024.
pub fn january() -> Request {
    Request {
        calendar: Calendar::xnys(),
        interval: Interval::D1,
        start: date(2024, 1, 1),
        end: date(2024, 1, 31),
    }
}

/// A sound daily bar.
pub fn bar(line: u64, day: Date) -> RawBar {
    RawBar { line, when: When::Date(day), open: 10.0, high: 11.0, low: 9.5, close: 10.5, volume: 1000.0 }
}

/// Sound daily bars of every session of the request.
pub fn every_session(request: &Request) -> Vec<RawBar> {
    let sessions = request.calendar.sessions(request.start, request.end);
    (2..).zip(sessions).map(|(line, session)| bar(line, session.date())).collect()
}

/// A source's file from a text.
pub fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), bytes: text.as_bytes().to_vec().into() }
}

/// A spec of daily files.
pub fn daily_files(start: Date, end: Date) -> AcquireUnitSpec {
    AcquireUnitSpec {
        source: SourceSpec::Files { format: FileFormat::Csv, columns: Default::default() },
        interval: Interval::D1,
        calendar: CalendarName::XNYS,
        start,
        end,
    }
}

/// A `file://` location.
pub fn location(folder: &Path) -> StoreLocation {
    StoreLocation { uri: format!("file://{}", folder.display()) }
}
