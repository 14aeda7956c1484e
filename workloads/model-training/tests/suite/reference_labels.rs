//! Labels and the sessions that they end in, against pandas and backtesting.py, on the samples' real bars
//! (`reference/labels.py`, `reference/barriers.py`).

use ats_calendar::{Calendar, Session};
use ats_columns::segments::{MAX_GAP_SESSIONS, segments};
use ats_crds::model::LabelEntry;
use ats_model_training::label::{Label, LabelBars, LabelKind, Labels};
use serde::Deserialize;

use crate::support::{close, fixture};

#[derive(Deserialize)]
struct Reference {
    ticker: String,
    rows: usize,
    missing: Vec<[usize; 2]>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    entry: LabelEntry,
    horizon: usize,
    is_delisted: bool,
    forward_return: Vec<Option<f64>>,
    direction: Vec<Option<f64>>,
    end: Vec<Option<usize>>,
    barriers: Vec<Barriers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Barriers {
    profit_taking: f64,
    stop_loss: f64,
    value: Vec<Option<f64>>,
    end: Vec<Option<usize>>,
}

#[derive(Deserialize)]
struct Trades {
    rows: usize,
    cases: Vec<Traded>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Traded {
    ticker: String,
    horizon: usize,
    profit_taking: f64,
    stop_loss: f64,
    /// Row, label and the row that it ends at.
    labels: Vec<(usize, f64, usize)>,
}

struct History {
    session: Vec<Session>,
    /// Open, high, low, close.
    prices: [Vec<f64>; 4],
}

impl History {
    /// The last rows of a share of the sample data, without those that are missing.
    fn read(ticker: &str, rows: usize, missing: &[[usize; 2]]) -> Self {
        let folder = format!("{}/../../config/samples/data/us-large-caps/bars", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(format!("{folder}/{ticker}.csv")).unwrap();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        let mut history = Self { session: Vec::new(), prices: Default::default() };
        for (row, line) in lines[lines.len() - rows..].iter().enumerate() {
            if missing.iter().any(|[first, end]| (*first..*end).contains(&row)) {
                continue;
            }
            let (date, cells) = line.split_once(',').unwrap();
            history.session.push(date.parse().unwrap());
            for (column, cell) in history.prices.iter_mut().zip(cells.split(',')) {
                column.push(cell.parse().unwrap());
            }
        }
        history
    }

    /// The labels, as if the share had been delisted or not, which is known ten sessions later.
    fn labels(&self, label: Label, is_delisted: bool) -> Labels {
        let calendar = Calendar::xnys();
        let segments = segments("T", calendar, &self.session, MAX_GAP_SESSIONS).unwrap();
        let last = calendar.index_of(self.session[self.session.len() - 1]).unwrap();
        let [open, high, low, close] = &self.prices;
        let bars = LabelBars {
            session: &self.session,
            segments: &segments,
            open,
            high,
            low,
            close,
            delisting_known: is_delisted.then(|| calendar.at(last + 10).unwrap()),
        };
        label.compute(&bars).unwrap()
    }

    /// The row of a session; behind the last one the number of rows.
    fn row(&self, session: Session) -> usize {
        self.session.binary_search(&session).unwrap_or_else(|behind| behind)
    }

    /// Whether values and ends are those of the reference, a null where it has one; the number of values.
    fn compare(&self, what: &str, labels: &Labels, value: &[Option<f64>], end: &[Option<usize>]) -> usize {
        assert_eq!([labels.value.len(), value.len(), end.len()], [self.session.len(); 3], "{what}");
        for (row, (value, end)) in value.iter().zip(end).enumerate() {
            assert_eq!(labels.start[row], self.session[row], "{what}, row {row}");
            let (Some(value), Some(end)) = (*value, *end) else {
                assert!(value.is_none() && end.is_none(), "{what}, row {row}: half a reference");
                assert!(labels.value[row].is_nan(), "{what}, row {row}: {}", labels.value[row]);
                continue;
            };
            close(labels.value[row], value);
            assert_eq!(self.row(labels.end[row]), end, "{what}, row {row}");
            // A value is made of bars up to its end, where that is one.
            let last = self.session.len() - 1;
            assert!(end > last || labels.last_bar[row] == end, "{what}, row {row}: {}", labels.last_bar[row]);
        }
        value.iter().flatten().count()
    }
}

#[test]
fn labels_and_their_ends_are_those_of_pandas() {
    let reference: Reference = fixture("labels.json");
    let history = History::read(&reference.ticker, reference.rows, &reference.missing);
    let mut cases = Vec::new();
    for case in &reference.cases {
        let label = |kind| Label { kind, horizon: case.horizon, entry: case.entry };
        let what = format!("{:?}, {} bars, delisted: {}", case.entry, case.horizon, case.is_delisted);
        let returns = history.labels(label(LabelKind::ForwardReturn), case.is_delisted);
        let count = history.compare(&what, &returns, &case.forward_return, &case.end);
        assert!(count > 120, "{what}: {count} labels");
        let directions = history.labels(label(LabelKind::ForwardDirection), case.is_delisted);
        assert_eq!(history.compare(&what, &directions, &case.direction, &case.end), count);
        for barriers in &case.barriers {
            let (profit_taking, stop_loss) = (barriers.profit_taking, barriers.stop_loss);
            let touched = history
                .labels(label(LabelKind::TripleBarrier { profit_taking, stop_loss }), case.is_delisted);
            let what = format!("{what}, barriers at {profit_taking} and {stop_loss}");
            assert!(history.compare(&what, &touched, &barriers.value, &barriers.end) > 80, "{what}");
            // Every label tells the return over its horizon, too.
            for (row, expected) in case.forward_return.iter().enumerate() {
                let found = touched.forward_return[row];
                expected.map_or_else(|| assert!(found.is_nan()), |expected| close(found, expected));
            }
        }
        cases.push((case.entry, case.is_delisted, case.barriers.len()));
    }
    for entry in [LabelEntry::NextOpen, LabelEntry::Close] {
        for is_delisted in [true, false] {
            assert!(cases.contains(&(entry, is_delisted, 2)), "{entry:?}, delisted: {is_delisted}");
        }
    }
}

/// A label from the next open is what a trade with a stop and a limit at the barriers ends by.
#[test]
fn triple_barriers_are_the_trades_of_backtesting_py() {
    let reference: Trades = fixture("barriers.json");
    assert_eq!(reference.cases.len(), 8);
    let mut ways = [0; 3];
    for case in &reference.cases {
        let history = History::read(&case.ticker, reference.rows, &[]);
        let (profit_taking, stop_loss) = (case.profit_taking, case.stop_loss);
        let kind = LabelKind::TripleBarrier { profit_taking, stop_loss };
        let label = Label { kind, horizon: case.horizon, entry: LabelEntry::NextOpen };
        let found = history.labels(label, false);
        let what = format!("{}, {} bars, {profit_taking} and {stop_loss}", case.ticker, case.horizon);
        for (row, value, end) in &case.labels {
            assert_eq!(found.value[*row], *value, "{what}, row {row}");
            assert_eq!(history.row(found.end[*row]), *end, "{what}, row {row}");
            ways[(*value + 1.0) as usize] += 1;
        }
        // The engine refuses some orders, those with an opening beyond a barrier.
        let known = found.value.iter().filter(|value| !value.is_nan()).count();
        assert!(case.labels.len() <= known && 5 * case.labels.len() >= 4 * known, "{what}: {known} labels");
    }
    assert!(ways.iter().all(|count| *count > 100), "stops, limits and neither: {ways:?}");
}
