//! Rows of bars at which a ticker is active, and the same instants across tickers.

use std::ops::Range;
use std::sync::Arc;

use ats_calendar::Session;
use ats_columns::evaluate::Column;

use super::selection::Span;

/// The rows of one ticker's bars at which it is active.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActiveRows {
    rows: usize,
    ranges: Vec<Range<usize>>,
}

impl ActiveRows {
    /// The rows whose sessions lie in the spans, which are places in `history`.
    #[must_use]
    pub fn new(bars: &[Session], spans: &[Span], history: &[Session]) -> Self {
        let rows_of = |span: &Span| {
            let (from, to) = (history.get(span.from)?, history.get(span.to)?);
            let start = bars.partition_point(|session| session < from);
            Some(start..bars.partition_point(|session| session <= to).max(start))
        };
        let ranges = spans.iter().filter_map(rows_of).filter(|range| !range.is_empty()).collect();
        Self { rows: bars.len(), ranges }
    }

    /// The number of active rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether the ticker is active on none of its bars.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The values at the active rows.
    #[must_use]
    pub fn compact<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.ranges.iter().flat_map(|range| values[range.clone()].iter().copied()).collect()
    }

    /// A column of all rows from the values at the active ones; the others are null.
    #[must_use]
    pub fn expand(&self, compact: &[f64]) -> Vec<f64> {
        let mut values = vec![f64::NAN; self.rows];
        let mut rest = compact;
        for range in &self.ranges {
            let (now, later) = rest.split_at(range.len().min(rest.len()));
            values[range.start..range.start + now.len()].copy_from_slice(now);
            rest = later;
        }
        values
    }

    /// The column with nulls at all other rows.
    #[must_use]
    pub fn mask(&self, values: &Column) -> Column {
        match values {
            Column::Number(values) => Column::Number(Arc::new(self.expand(&self.compact(values)))),
            Column::Boolean(values) => {
                let mut masked = vec![None; self.rows];
                for range in &self.ranges {
                    masked[range.clone()].copy_from_slice(&values[range.clone()]);
                }
                Column::Boolean(Arc::new(masked))
            }
        }
    }
}

/// The active rows of all tickers, by instant.
#[derive(Debug, Clone, Default)]
pub struct Instants {
    /// (ticker, place among its active rows), by instant and then ticker.
    rows: Vec<(u32, u32)>,
    /// Where each instant's rows end.
    ends: Vec<usize>,
}

impl Instants {
    /// From the timestamps of each ticker's active rows.
    #[must_use]
    pub fn new(timestamps: &[Vec<i64>]) -> Self {
        let mut all: Vec<(i64, u32, u32)> = Vec::with_capacity(timestamps.iter().map(Vec::len).sum());
        for (ticker, timestamps) in timestamps.iter().enumerate() {
            // Tickers are at most 5000; rows of one ticker at 1m fit for 8000 years of sessions.
            all.extend(timestamps.iter().enumerate().map(|(row, at)| (*at, ticker as u32, row as u32)));
        }
        all.sort_unstable();
        let mut instants = Self { rows: Vec::with_capacity(all.len()), ends: Vec::new() };
        for (i, (at, ticker, row)) in all.iter().enumerate() {
            instants.rows.push((*ticker, *row));
            if all.get(i + 1).is_none_or(|(next, ..)| next != at) {
                instants.ends.push(i + 1);
            }
        }
        instants
    }

    /// Replaces the values of each instant (`[ticker][active row]`) by a function of them.
    pub fn apply(&self, values: &mut [Vec<f64>], function: impl Fn(&[f64]) -> Vec<f64>) {
        let mut start = 0;
        let mut date = Vec::new();
        for end in &self.ends {
            let rows = &self.rows[start..*end];
            date.clear();
            date.extend(rows.iter().map(|(ticker, row)| values[*ticker as usize][*row as usize]));
            for ((ticker, row), value) in rows.iter().zip(function(&date)) {
                values[*ticker as usize][*row as usize] = value;
            }
            start = *end;
        }
    }
}

#[cfg(test)]
mod tests {
    use ats_calendar::Calendar;
    use jiff::civil::date;

    use super::*;

    const N: f64 = f64::NAN;

    #[test]
    fn active_rows_are_those_of_the_spans() {
        let history = Calendar::xnys().sessions(date(2021, 3, 1), date(2021, 3, 31)).to_vec();
        // No bar at places 1 and 4; two bars at place 2.
        let bars: Vec<Session> = [0, 2, 2, 3, 5, 6].iter().map(|i| history[*i]).collect();
        let span = |from, to| Span { from, to, focus: true };
        let active = ActiveRows::new(&bars, &[span(1, 2), span(4, 4), span(5, 5), span(9, 12)], &history);
        assert_eq!(active.len(), 3);
        assert_eq!(active.compact(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), [1.0, 2.0, 4.0]);
        let expanded = active.expand(&[7.0, 8.0, 9.0]);
        assert_eq!(format!("{expanded:?}"), format!("{:?}", [N, 7.0, 8.0, N, 9.0, N]));
        let masked = active.mask(&Column::Boolean(Arc::new(vec![Some(true); 6])));
        let expected = vec![None, Some(true), Some(true), None, Some(true), None];
        assert_eq!(masked, Column::Boolean(Arc::new(expected)));
        assert!(ActiveRows::new(&bars, &[span(4, 4)], &history).is_empty());
    }

    #[test]
    fn functions_see_one_instant_at_a_time_in_the_tickers_order() {
        let instants = Instants::new(&[vec![1, 3], vec![1, 2, 3], vec![]]);
        let mut values = [vec![10.0, 30.0], vec![11.0, 21.0, 31.0], vec![]];
        instants.apply(&mut values, |date| date.iter().map(|value| value - date[0]).collect());
        assert_eq!(values, [vec![0.0, 0.0], vec![1.0, 0.0, 1.0], vec![]]);
    }
}
