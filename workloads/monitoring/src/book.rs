//! The books of strategies, as their ledgers have them.

use std::{collections::BTreeMap, fmt};

use ats_crds::{Strategy, strategy::Mode};
use ats_ledger::{
    Decision, DecisionOutcome, EquityPoint, Halt, Holding, Ledger, LedgerError, OrderFilter, OrderRow,
    OrderState, Run, Side, StrategyIdentity, StrategyKey,
};
use jiff::Timestamp;
use kube::ResourceExt;
use rust_decimal::Decimal;

/// Most sessions of a curve: ten years.
const SESSIONS: u32 = 2_520;
/// Sessions that are read again: what is older stands.
const LATEST: u32 = 10;
/// Orders that are shown.
const ORDERS: u32 = 40;

/// Which ledger a strategy uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum LedgerName {
    /// The operator's default.
    Default,
    /// The one whose URL is in a Secret's key that the strategy names.
    Secret {
        /// Name of the Secret.
        name: String,
        /// Key inside it.
        key: String,
    },
}

impl fmt::Display for LedgerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Secret { name, key } => write!(f, "{name}/{key}"),
        }
    }
}

impl LedgerName {
    /// The ledger of a strategy: the one it names, the default of one that trades; nothing for a backtest.
    pub fn of(strategy: &Strategy) -> Option<Self> {
        match &strategy.spec.ledger {
            Some(own) => Some(Self::Secret {
                name: own.url_secret_ref.name.clone(),
                key: own.url_secret_ref.key.clone(),
            }),
            None => (strategy.spec.mode == Mode::Paper).then_some(Self::Default),
        }
    }
}

/// The key of a strategy's books: another object of the same name has other books. Without a cluster there is no uid,
/// and one name has one book.
///
/// # Errors
/// A name that no object has.
pub fn key_of(strategy: &Strategy) -> Result<StrategyKey, LedgerError> {
    let identity = match strategy.uid() {
        Some(uid) => {
            StrategyIdentity::cluster(&strategy.namespace().unwrap_or_default(), &strategy.name_any(), &uid)?
        }
        None => StrategyIdentity::local(&strategy.name_any())?,
    };
    Ok(identity.key())
}

/// Everything of one strategy that is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    /// The account by session, oldest first.
    pub points: Vec<EquityPoint>,
    /// Cash now.
    pub cash: Decimal,
    /// Open positions now, by ticker.
    pub positions: Vec<Holding>,
    /// The latest orders, newest first.
    pub orders: Vec<OrderRow>,
    /// How many orders of each side are in each state.
    pub order_counts: Vec<(Side, OrderState, i64)>,
    /// How many decisions had each outcome.
    pub decision_counts: Vec<(DecisionOutcome, i64)>,
    /// The latest decision.
    pub decision: Option<Decision>,
    /// All halts, oldest first.
    pub halts: Vec<Halt>,
    /// The latest run.
    pub run: Option<Run>,
}

impl Book {
    /// Orders that something can still happen to.
    pub fn open_orders(&self) -> i64 {
        self.order_counts.iter().filter(|(_, state, _)| !state.is_final()).map(|(_, _, count)| count).sum()
    }

    /// Halts that stand.
    pub fn open_halts(&self) -> impl Iterator<Item = &Halt> {
        self.halts.iter().filter(|halt| halt.reset_at.is_none())
    }
}

/// The book of a strategy. Of equity only the latest sessions are read when the others are known: a ledger changes
/// no session but its last.
///
/// # Errors
/// When the ledger cannot be read.
pub async fn read(ledger: &Ledger, key: &StrategyKey, known: Option<&Book>) -> Result<Book, LedgerError> {
    let account = ledger.account(key).await?;
    let mut orders = ledger.orders(key, OrderFilter { open: false, latest: Some(ORDERS) }).await?;
    orders.reverse();
    let latest = ledger.equity(key, Some(LATEST)).await?;
    let points = match known.and_then(|book| extended(&book.points, &latest)) {
        Some(points) => points,
        None => ledger.equity(key, Some(SESSIONS)).await?,
    };
    Ok(Book {
        points,
        cash: account.cash,
        positions: account.positions,
        orders,
        order_counts: ledger.order_counts(key).await?,
        decision_counts: ledger.decision_counts(key).await?,
        decision: ledger.last_decision(key).await?,
        halts: ledger.halts(key).await?,
        run: ledger.runs(key).await?.pop().map(|(_, run)| run),
    })
}

/// The known sessions with the latest in their place; nothing when there may be sessions between the two.
fn extended(known: &[EquityPoint], latest: &[EquityPoint]) -> Option<Vec<EquityPoint>> {
    let first = latest.first()?.session;
    let kept = known.partition_point(|point| point.session < first);
    // The two meet where a known session is read again.
    known.get(kept).filter(|point| point.session == first)?;
    let mut points: Vec<EquityPoint> = known.iter().take(kept).chain(latest).cloned().collect();
    let most = usize::try_from(SESSIONS).unwrap_or(usize::MAX);
    points.drain(..points.len().saturating_sub(most));
    Some(points)
}

/// One ledger, as it was at the last try.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LedgerState {
    /// Why it could not be read; nothing when it was.
    pub problem: Option<String>,
    /// When it was last read.
    pub read_at: Option<Timestamp>,
}

/// All ledgers and books of a namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Books {
    /// The ledgers that strategies use.
    pub ledgers: BTreeMap<LedgerName, LedgerState>,
    /// What was last read, by strategy.
    pub books: BTreeMap<StrategyKey, Book>,
}

/// What is known of a strategy's books.
#[derive(Debug, Clone, Copy)]
pub struct BookView<'a> {
    /// As they were last read.
    pub book: Option<&'a Book>,
    /// Their ledger; nothing before the first try.
    pub ledger: Option<&'a LedgerState>,
}

impl Books {
    /// The books of a strategy; nothing for one that has no ledger.
    pub fn of(&self, strategy: &Strategy) -> Option<BookView<'_>> {
        let ledger = self.ledgers.get(&LedgerName::of(strategy)?);
        let book = key_of(strategy).ok().and_then(|key| self.books.get(&key));
        Some(BookView { book, ledger })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(days: std::ops::RangeInclusive<i8>, equity: i64) -> Vec<EquityPoint> {
        let point = |day| EquityPoint {
            session: jiff::civil::date(2024, 1, day),
            equity: equity.into(),
            cash: Decimal::ZERO,
            gross_exposure: Decimal::ZERO,
            net_exposure: Decimal::ZERO,
            drawdown: Decimal::ZERO,
        };
        days.map(point).collect()
    }

    #[test]
    fn known_sessions_are_kept_and_the_latest_replaced() {
        let extended_ = extended(&points(1..=9, 1), &points(8..=10, 2)).unwrap();
        assert_eq!(extended_, [points(1..=7, 1), points(8..=10, 2)].concat());
        // A gap, nothing known, nothing new: all are read.
        assert_eq!(extended(&points(1..=5, 1), &points(6..=9, 2)), None);
        assert_eq!(extended(&[], &points(1..=3, 2)), None);
        assert_eq!(extended(&points(1..=3, 1), &[]), None);
        // Another book under the same key.
        assert_eq!(extended(&points(8..=9, 1), &points(1..=3, 2)), None);
    }
}
