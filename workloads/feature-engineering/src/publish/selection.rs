//! Which tickers are active, and which of those are in focus, at each session.

use ats_calendar::{Calendar, Session};
use ats_crds::Rebalance;

/// A ticker's standing at a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Standing {
    /// Not active.
    #[default]
    Inactive,
    /// Active; may be held, not opened.
    Active,
    /// Active and in focus: may be opened.
    Focus,
}

/// The sessions, as places in `sessions`, at whose close the ranking is made: the last of each period, by the
/// exchange's calendar and not by the data.
#[must_use]
pub fn rebalances(calendar: &Calendar, sessions: &[Session], rebalance: Rebalance) -> Vec<usize> {
    let is_last = |session: Session| match rebalance {
        Rebalance::Daily => true,
        Rebalance::Weekly => calendar.is_last_session_of_week(session),
        Rebalance::Monthly => calendar.is_last_session_of_month(session),
    };
    (0..sessions.len()).filter(|place| is_last(sessions[*place])).collect()
}

/// One ticker in a ranking.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The ticker's place in the sorted list of tickers.
    pub ticker: usize,
    /// The value that it is ranked by.
    pub value: f64,
}

/// The ranking at one session: highest value first, ties by ticker. `values` holds one for each ticker in sorted
/// order, null (NaN) where it has no bar at the session or the expression is null: such tickers are not ranked.
#[must_use]
pub fn rank(values: impl IntoIterator<Item = f64>) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = values
        .into_iter()
        .enumerate()
        .filter(|(_, value)| !value.is_nan())
        // Both zeros are one value: the ticker decides between them.
        .map(|(ticker, value)| Ranked { ticker, value: value + 0.0 })
        .collect();
    ranked.sort_by(|a, b| b.value.total_cmp(&a.value).then(a.ticker.cmp(&b.ticker)));
    ranked
}

/// The standing of every ticker at every session (`[ticker][session]`): a ranking made at the close of a session
/// holds from the next one on, until the session of the next ranking. Before the first ranking none is active.
#[must_use]
pub fn standings(
    rankings: &[(usize, Vec<Ranked>)],
    tickers: usize,
    sessions: usize,
    max_active: usize,
    focus: usize,
) -> Vec<Vec<Standing>> {
    let mut standings = vec![vec![Standing::Inactive; sessions]; tickers];
    for (i, (session, ranking)) in rankings.iter().enumerate() {
        let from = session + 1;
        let to = rankings.get(i + 1).map_or(sessions, |(next, _)| (next + 1).min(sessions));
        for (rank, ranked) in ranking.iter().take(max_active).enumerate() {
            let standing = if rank < focus { Standing::Focus } else { Standing::Active };
            if let Some(span) = standings[ranked.ticker].get_mut(from..to) {
                span.fill(standing);
            }
        }
    }
    standings
}

/// A span of sessions in which a ticker's standing is the same and not inactive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First session, as a place in the history.
    pub from: usize,
    /// Last session.
    pub to: usize,
    /// Whether the ticker is in focus.
    pub focus: bool,
}

/// The spans of a ticker's standings, in order.
#[must_use]
pub fn spans(standings: &[Standing]) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    for (session, standing) in standings.iter().enumerate() {
        let focus = match standing {
            Standing::Inactive => continue,
            Standing::Active => false,
            Standing::Focus => true,
        };
        match found.last_mut() {
            Some(span) if span.to + 1 == session && span.focus == focus => span.to = session,
            _ => found.push(Span { from: session, to: session, focus }),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn highest_first_ties_by_ticker_nulls_not_at_all() {
        let order: Vec<usize> = rank([1.0, f64::NAN, 3.0, 1.0, -0.0, 0.0]).iter().map(|r| r.ticker).collect();
        assert_eq!(order, [2, 0, 3, 4, 5]);
    }

    #[test]
    fn a_ranking_holds_from_the_next_session_until_the_next_ones() {
        let at = |session, order: &[usize]| {
            (session, order.iter().map(|ticker| Ranked { ticker: *ticker, value: 0.0 }).collect())
        };
        let found = standings(&[at(1, &[0, 1, 2]), at(3, &[2, 0, 1])], 3, 6, 2, 1);
        use Standing::{Active as A, Focus as F, Inactive as I};
        assert_eq!(found, [[I, I, F, F, A, A], [I, I, A, A, I, I], [I, I, I, I, F, F]]);
        assert_eq!(
            spans(&found[0]),
            [Span { from: 2, to: 3, focus: true }, Span { from: 4, to: 5, focus: false }]
        );
        // A ranking at the last session decides about sessions that are not there yet.
        assert_eq!(standings(&[at(5, &[0])], 1, 6, 1, 1), [[I; 6]]);
    }

    #[test]
    fn periods_end_by_the_calendar() {
        let calendar = Calendar::xnys();
        let sessions = calendar.sessions(date(2021, 3, 25), date(2021, 4, 9));
        let dates = |rebalance| -> Vec<String> {
            rebalances(calendar, sessions, rebalance).iter().map(|i| sessions[*i].to_string()).collect()
        };
        // Good Friday, 2 April 2021, is no session.
        assert_eq!(dates(Rebalance::Weekly), ["2021-03-26", "2021-04-01", "2021-04-09"]);
        assert_eq!(dates(Rebalance::Monthly), ["2021-03-31"]);
        assert_eq!(dates(Rebalance::Daily).len(), sessions.len());
    }
}
