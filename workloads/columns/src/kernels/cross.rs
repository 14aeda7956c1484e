//! Crossings of two columns.

use crate::kleene;

/// Which crossing is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From at or below to above.
    Above,
    /// From at or above to below.
    Below,
}

impl Direction {
    #[inline]
    fn crossed(self, before: (f64, f64), now: (f64, f64)) -> Option<bool> {
        match self {
            Self::Above => above(before, now),
            Self::Below => below(before, now),
        }
    }
}

#[inline]
fn above(before: (f64, f64), now: (f64, f64)) -> Option<bool> {
    let was = kleene::compare(before.0, before.1, |a, b| a <= b);
    kleene::and(was, kleene::compare(now.0, now.1, |a, b| a > b))
}

#[inline]
fn below(before: (f64, f64), now: (f64, f64)) -> Option<bool> {
    let was = kleene::compare(before.0, before.1, |a, b| a >= b);
    kleene::and(was, kleene::compare(now.0, now.1, |a, b| a < b))
}

/// What is before the first bar.
const NOTHING: (f64, f64) = (f64::NAN, f64::NAN);

/// The state of a crossing: the bar before.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    direction: Direction,
    /// Null where there is none.
    before: (f64, f64),
}

impl Crossing {
    pub(crate) fn new(direction: Direction) -> Self {
        Self { direction, before: NOTHING }
    }

    /// Whether a crossed b on this bar, in Kleene's logic.
    #[inline]
    pub(crate) fn push(&mut self, a: f64, b: f64) -> Option<bool> {
        let before = std::mem::replace(&mut self.before, (a, b));
        self.direction.crossed(before, (a, b))
    }

    /// [`push`](Self::push) of each row, behind `values`.
    pub(crate) fn fill(&mut self, a: &[f64], b: &[f64], values: &mut Vec<Option<bool>>) {
        let rows = || a.iter().copied().zip(b.iter().copied());
        let Some(first) = rows().next() else { return };
        values.push(self.push(first.0, first.1));
        let bars = rows().zip(rows().skip(1));
        // One loop for each direction, so that none decides at each row.
        match self.direction {
            Direction::Above => values.extend(bars.map(|(before, now)| above(before, now))),
            Direction::Below => values.extend(bars.map(|(before, now)| below(before, now))),
        }
        self.before = rows().next_back().unwrap_or(first);
    }

    /// Forgets every bar.
    pub(crate) fn restart(&mut self) {
        self.before = NOTHING;
    }
}

/// Whether a rose above b on this bar: a[-1] <= b[-1] and a > b, in Kleene's logic.
#[must_use]
pub fn cross_above(a: &[f64], b: &[f64]) -> Vec<Option<bool>> {
    crossing(a, b, Direction::Above)
}

/// Whether a fell below b on this bar: a[-1] >= b[-1] and a < b, in Kleene's logic.
#[must_use]
pub fn cross_below(a: &[f64], b: &[f64]) -> Vec<Option<bool>> {
    crossing(a, b, Direction::Below)
}

fn crossing(a: &[f64], b: &[f64], direction: Direction) -> Vec<Option<bool>> {
    let mut values = Vec::with_capacity(a.len());
    Crossing::new(direction).fill(a, b, &mut values);
    values
}
