//! Stage `trade`: paper trading, bar by bar, against a broker, with a ledger.
//!
//! The loop is the same with and without a cluster: a [`Trader`] takes completed bars from a [`Feed`], lets the
//! [`crate::engine`] decide, writes orders to the ledger before it sends them to a [`Broker`], and hears of halts and
//! tells its state through a [`Coordination`]. For each bar:
//!
//! 1. the lease is kept and what halts is read;
//! 2. the broker says what became of the working orders in the bar; the engine steps, and must come to the same fills;
//! 3. one transaction, conditional on the lease's epoch, holds everything that follows from the bar: fills, stops,
//!    splits, dividends, the decision, the new orders, equity, halts and the engine's state;
//! 4. the new orders are sent, and marked as sent.
//!
//! A process that dies anywhere in between leaves either the bar undone, and it is done again with the same result,
//! or the bar done and orders in state `New`, which are sent again under their old ids. [`Trader::start`] reconciles
//! before anything is sent: the ledger's snapshot with its journal, the engine with the ledger, the ledger with the
//! broker. What does not agree is never mended by made-up orders or fills: it is recorded as a halt and ends the
//! process with an error that names the difference.
//!
//! The engine reckons fills itself and cannot take in others. So the broker's fills are the facts that are recorded,
//! and a difference from the engine's is treated as any other that does not agree.

mod broker;
#[cfg(feature = "cluster")]
pub mod cluster;
mod control;
mod convert;
mod coordination;
mod error;
mod feed;
mod market_feed;
mod outcome;
mod pod;
mod record;
mod recover;
mod run;
mod simulated;
mod stage;
mod trader;

pub use ats_pipeline::contract::TradingState;
pub use broker::{Acceptance, Broker, BrokerAccount, BrokerOrder};
pub use coordination::{Coordination, Directives, LocalCoordination};
pub use error::TradeError;
pub use feed::{Feed, FeedBar, RecordedFeed};
pub use market_feed::MarketFeed;
pub use outcome::{Executed, OrderKey, Outcome, Outcomes};
#[cfg(feature = "cluster")]
pub use pod::run_in_cluster;
pub use pod::{run_local, run_pod};
pub use run::{RunEnd, run};
pub use simulated::SimulatedBroker;
pub use stage::{PaperTrading, order_prefix, paper};
pub use trader::{Clock, Processed, SystemClock, TradeSettings, Trader};

#[cfg(test)]
mod tests;
