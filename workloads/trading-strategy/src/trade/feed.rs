//! Completed bars, in order.

use std::future::Future;
use std::sync::Arc;

use jiff::Timestamp;

use super::TradeError;
use crate::engine::{EngineConfig, Slice};

/// A completed bar of all tickers.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedBar {
    /// What the engine is told; `control` and `reset_latch` are the trader's to set.
    pub slice: Slice,
    /// The instant when the bar was complete, which names it in the ledger.
    pub known_at: Timestamp,
    /// The open at which orders of this bar fill: a decision after it is too late. None where nobody waits, as in
    /// the last bar that a calendar knows.
    pub decide_by: Option<Timestamp>,
    /// What the engine trades by in it, where parameters change in the course of time; none: as at the start.
    pub config: Option<Arc<EngineConfig>>,
}

/// Where bars come from. With new data of the universe a feed goes on where it was.
pub trait Feed: Send {
    /// The first bar that was complete after an instant (any bar when there is none), or nothing when it is not
    /// there yet.
    fn next(
        &mut self,
        after: Option<Timestamp>,
    ) -> impl Future<Output = Result<Option<FeedBar>, TradeError>> + Send;
}

/// Bars that are all there.
#[derive(Debug, Clone)]
pub struct RecordedFeed {
    bars: Vec<FeedBar>,
}

impl RecordedFeed {
    /// From bars in order of `known_at`.
    #[must_use]
    pub fn new(mut bars: Vec<FeedBar>) -> Self {
        bars.sort_by_key(|bar| bar.known_at);
        Self { bars }
    }
}

impl Feed for RecordedFeed {
    async fn next(&mut self, after: Option<Timestamp>) -> Result<Option<FeedBar>, TradeError> {
        let first = after.map_or(0, |after| self.bars.partition_point(|bar| bar.known_at <= after));
        Ok(self.bars.get(first).cloned())
    }
}
