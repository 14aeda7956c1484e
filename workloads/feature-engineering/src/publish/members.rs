//! Who belongs to the universe at each session, by the table of stage `acquire`.

use ats_calendar::Session;
use ats_columns::column::{dates, strings};
use ats_columns::read_parquet;
use ats_pipeline::spec::acquire::{MEMBERSHIP, MEMBERSHIP_TABLE};
use ats_store::StageError;
use bytes::Bytes;

use super::missing::{Breach, Missing};
use crate::error::FeatureError;
use crate::tickers::{Unit, Units};

/// Most tickers named in a message.
const MOST_NAMED: usize = 10;

/// The sessions at which each ticker belongs to the universe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Members {
    /// A list without dates: every ticker belongs to it at all sessions.
    List,
    /// Spans of places in the history, rising, both ends included, for each ticker in sorted order.
    Table(Vec<Vec<(usize, usize)>>),
}

impl Members {
    /// The table of a universe's own tickers (sorted), from stage `acquire`.
    ///
    /// # Errors
    /// When the table is not there, or names a ticker that the universe does not have.
    pub async fn open(acquired: &Units, tickers: &[String], history: &[Session]) -> Result<Self, StageError> {
        let Unit::Done { folder, manifest } = acquired.unit(MEMBERSHIP).await? else {
            return Err(StageError::internal(format!("the unit {MEMBERSHIP} of stage acquire has no table")));
        };
        let bytes = folder.named(&manifest, MEMBERSHIP_TABLE).await?;
        Self::read(&bytes, tickers, history)
    }

    /// As [`Members::open`], from the table's bytes.
    ///
    /// # Errors
    /// As there.
    pub fn read(bytes: &Bytes, tickers: &[String], history: &[Session]) -> Result<Self, StageError> {
        let columns = || -> Result<_, FeatureError> {
            let frame = read_parquet(MEMBERSHIP_TABLE, bytes, Some(&["ticker", "from", "to"]))?;
            let date = |name| dates(MEMBERSHIP_TABLE, &frame, name);
            Ok((strings(MEMBERSHIP_TABLE, &frame, "ticker")?, date("from")?, date("to")?))
        };
        let (names, from, to) = columns()?;
        let mut spans = vec![Vec::new(); tickers.len()];
        let mut unknown: Vec<&str> = Vec::new();
        for ((name, from), to) in names.iter().zip(&from).zip(&to) {
            let Ok(ticker) = tickers.binary_search(name) else {
                if unknown.last() != Some(&name.as_str()) {
                    unknown.push(name);
                }
                continue;
            };
            let first = history.partition_point(|session| session.date() < *from);
            let end = history.partition_point(|session| session.date() <= *to);
            // A span between two sessions, or outside of the history, holds none.
            if first < end {
                spans[ticker].push((first, end - 1));
            }
        }
        if unknown.is_empty() {
            return Ok(Self::Table(spans));
        }
        let mut listed = unknown.iter().take(MOST_NAMED).copied().collect::<Vec<_>>().join(", ");
        if unknown.len() > MOST_NAMED {
            listed.push_str(&format!(" and {} more", unknown.len() - MOST_NAMED));
        }
        Err(StageError::data_refused(format!(
            "the membership table names {listed}, which spec.tickers lacks: add what belonged to the universe, \
             those that failed first of all, or take the rows out"
        )))
    }

    /// Whether it is a list that was fixed with hindsight.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        matches!(self, Self::List)
    }

    /// Whether a ticker belongs to the universe at a session.
    #[must_use]
    pub fn has(&self, ticker: usize, session: usize) -> bool {
        match self {
            Self::List => true,
            Self::Table(spans) => spans[ticker].iter().any(|(from, to)| (*from..=*to).contains(&session)),
        }
    }

    /// Fills the sessions at which a ticker does not belong to the universe.
    pub fn clear<T: Clone>(&self, ticker: usize, sessions: &mut [T], with: T) {
        let Self::Table(spans) = self else { return };
        let mut next = 0;
        for (from, to) in &spans[ticker] {
            sessions[next..*from].fill(with.clone());
            next = to + 1;
        }
        sessions[next..].fill(with);
    }

    /// Keeps of a ticker's breaches what lies in its membership: nobody asks for the bars of one that has left.
    #[must_use]
    pub fn judged(&self, ticker: usize, mut missing: Missing) -> Missing {
        let Self::Table(spans) = self else { return missing };
        let within = |breach: &Breach, (from, to): &(usize, usize)| {
            let (from, to) = (breach.from.max(*from), breach.to.min(*to));
            (from <= to).then_some(Breach { from, to, largest: breach.largest })
        };
        missing.breaches = missing
            .breaches
            .iter()
            .flat_map(|breach| spans[ticker].iter().filter_map(move |span| within(breach, span)))
            .collect();
        missing
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The three questions have one answer.
        #[test]
        fn outside_of_the_spans_nothing_counts(cuts in prop::collection::btree_set(0usize..40, 0..8)) {
            let cuts: Vec<usize> = cuts.into_iter().collect();
            let spans: Vec<(usize, usize)> = cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            let members = Members::Table(vec![spans]);
            let mut sessions = [true; 40];
            members.clear(0, &mut sessions, false);
            let all = Missing {
                breaches: vec![Breach { from: 3, to: 30, largest: 0.5 }],
                ..Missing::default()
            };
            let judged = members.judged(0, all.clone());
            for (session, kept) in sessions.iter().enumerate() {
                prop_assert_eq!(members.has(0, session), *kept);
                let breached = judged.breaches.iter().any(|b| (b.from..=b.to).contains(&session));
                prop_assert_eq!(breached, *kept && (3..=30).contains(&session));
                prop_assert!(Members::List.has(0, session));
            }
            prop_assert_eq!(Members::List.judged(0, all.clone()), all);
        }
    }
}
