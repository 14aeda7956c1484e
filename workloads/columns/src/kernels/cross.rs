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

/// The state of a crossing: the bar before.
#[derive(Debug, Clone)]
pub(crate) struct Crossing {
    direction: Direction,
    before: Option<(f64, f64)>,
}

impl Crossing {
    pub(crate) fn new(direction: Direction) -> Self {
        Self { direction, before: None }
    }

    /// Whether a crossed b on this bar, in Kleene's logic.
    #[inline]
    pub(crate) fn push(&mut self, a: f64, b: f64) -> Option<bool> {
        let before = self.before.replace((a, b));
        let (was, is) = match self.direction {
            Direction::Above => (
                before.and_then(|(a, b)| kleene::compare(a, b, |a, b| a <= b)),
                kleene::compare(a, b, |a, b| a > b),
            ),
            Direction::Below => (
                before.and_then(|(a, b)| kleene::compare(a, b, |a, b| a >= b)),
                kleene::compare(a, b, |a, b| a < b),
            ),
        };
        kleene::and(was, is)
    }

    /// Forgets every bar.
    pub(crate) fn restart(&mut self) {
        self.before = None;
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
    let mut crossing = Crossing::new(direction);
    a.iter().zip(b).map(|(a, b)| crossing.push(*a, *b)).collect()
}
