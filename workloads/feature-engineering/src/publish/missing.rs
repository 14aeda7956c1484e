//! The share of sessions that a ticker lacks.
//!
//! At each session from the ticker's first bar on, the window is the trailing 252 sessions, as far as they do not
//! lie before that first bar. What comes later decides nothing: a ticker that has ended is one that lacks sessions.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Sessions of the window.
pub const WINDOW: usize = 252;

/// A span of sessions at which a ticker lacks more of its window than is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Breach {
    /// First session, as a place in the history.
    pub from: usize,
    /// Last session.
    pub to: usize,
    /// The largest share in the span.
    pub largest: f64,
}

/// What a ticker lacks.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Missing {
    /// Sessions from the first bar to the end of the history.
    pub listed: usize,
    /// How many of those have no bar.
    pub missing: usize,
    /// The largest share of any window.
    pub largest: f64,
    /// The breaches, in order.
    pub breaches: Vec<Breach>,
}

impl Missing {
    /// Judges a ticker that has bars at the sessions `present` (rising places in a history of `sessions` sessions).
    #[must_use]
    pub fn new(present: &[usize], sessions: usize, most: Decimal) -> Self {
        let Some(first) = present.first().copied() else { return Self::default() };
        let accepted = accepted(most);
        let mut has_bar = vec![false; sessions];
        for session in present {
            if let Some(has_bar) = has_bar.get_mut(*session) {
                *has_bar = true;
            }
        }
        let mut judged = Self { listed: sessions - first, ..Self::default() };
        let mut lacking = 0;
        for session in first..sessions {
            if !has_bar[session] {
                lacking += 1;
                judged.missing += 1;
            }
            if session >= first + WINDOW && !has_bar[session - WINDOW] {
                lacking -= 1;
            }
            let window = (session - first + 1).min(WINDOW);
            let share = lacking as f64 / window as f64;
            judged.largest = judged.largest.max(share);
            if lacking > accepted[window] {
                match judged.breaches.last_mut() {
                    Some(breach) if breach.to + 1 == session => {
                        breach.to = session;
                        breach.largest = breach.largest.max(share);
                    }
                    _ => judged.breaches.push(Breach { from: session, to: session, largest: share }),
                }
            }
        }
        judged
    }
}

/// The most sessions that may be missing, for each length of the window: exact, not rounded.
fn accepted(most: Decimal) -> Vec<usize> {
    let floor = |window: usize| (most * Decimal::from(window)).floor().to_usize().unwrap_or(0);
    (0..=WINDOW).map(floor).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn two_per_cent_of_a_year_are_five_sessions() {
        assert_eq!(accepted(decimal("0.02"))[252], 5);
        assert_eq!(accepted(decimal("0.02"))[49..=50], [0, 1]);
        assert_eq!(accepted(decimal("1"))[252], 252);
        assert_eq!(accepted(decimal("0"))[252], 0);
    }

    #[test]
    fn a_breach_ends_when_the_window_has_moved_on() {
        // 300 sessions without a hole, then 6 missing, then bars again.
        let present: Vec<usize> = (10..310).chain(316..700).collect();
        let found = Missing::new(&present, 700, decimal("0.02"));
        assert_eq!((found.listed, found.missing), (690, 6));
        // The sixth missing session breaches; when the first one leaves the window, five are left.
        assert_eq!(found.breaches, [Breach { from: 315, to: 310 + WINDOW - 1, largest: 6.0 / 252.0 }]);
    }

    #[test]
    fn a_young_ticker_is_judged_by_its_own_sessions() {
        let found = Missing::new(&[5, 7, 8], 10, decimal("0.4"));
        // Shares from session 5: 0, 1/2, 1/3, 1/4, 2/5: only the second is above 0.4.
        assert_eq!(found.breaches, [Breach { from: 6, to: 6, largest: 0.5 }]);
        assert_eq!((found.listed, found.missing, found.largest), (5, 2, 0.5));
    }

    #[test]
    fn a_ticker_without_bars_has_nothing_to_judge() {
        assert_eq!(Missing::new(&[], 10, decimal("0")), Missing::default());
    }

    proptest! {
        /// The sliding count equals counting each window anew, and knows nothing of later sessions.
        #[test]
        fn each_window_counts(
            bars in prop::collection::vec(any::<bool>(), 1..600),
            most in 0..40u32,
            cut in any::<prop::sample::Index>(),
        ) {
            let present: Vec<usize> = (0..bars.len()).filter(|i| bars[*i]).collect();
            let most = Decimal::new(i64::from(most), 2);
            let found = Missing::new(&present, bars.len(), most);
            let breached = |found: &Missing, at: usize| found.breaches.iter().any(|b| (b.from..=b.to).contains(&at));
            for at in present.first().copied().unwrap_or(bars.len())..bars.len() {
                let start = (at + 1).saturating_sub(WINDOW).max(present[0]);
                let lacking = bars[start..=at].iter().filter(|has| !**has).count();
                let expected = Decimal::from(lacking) > most * Decimal::from(at + 1 - start);
                prop_assert_eq!(breached(&found, at), expected, "session {}", at);
            }
            let cut = cut.index(bars.len());
            let earlier: Vec<usize> = present.iter().copied().filter(|i| *i < cut).collect();
            let part = Missing::new(&earlier, cut, most);
            for at in 0..cut {
                prop_assert_eq!(breached(&found, at), breached(&part, at));
            }
        }
    }
}
