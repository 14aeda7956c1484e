//! The loop around a trader.

use std::future::Future;
use std::time::Duration;

use super::{Broker, Coordination, Feed, Processed, TradeError, Trader};

/// Why the loop came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// The feed has no more bars at present, and the caller did not want to wait.
    CaughtUp {
        /// Bars that were decided.
        decided: u64,
    },
    /// It was asked to stop.
    Stopped,
}

/// Decides the feed's bars in order. With `follow` it waits for new ones, looking at the feed that often; else it ends
/// when there is none. `stop` ends it between two bars. The leases are given up at the end.
///
/// # Errors
/// As [`Trader::process`]; the leases then end by themselves.
pub async fn run<B: Broker, C: Coordination>(
    mut trader: Trader<B, C>,
    feed: &mut impl Feed,
    follow: Option<Duration>,
    stop: impl Future<Output = ()> + Send,
) -> Result<RunEnd, TradeError> {
    let mut stop = std::pin::pin!(stop);
    let mut decided = 0;
    let end = loop {
        // A stop that is there already goes first.
        if futures::poll!(&mut stop).is_ready() {
            break RunEnd::Stopped;
        }
        match (feed.next(trader.last_bar()).await?, follow) {
            (Some(bar), _) => {
                if let Processed::Decided { outcome, orders } = trader.process(&bar).await? {
                    decided += 1;
                    tracing::debug!(session = %bar.slice.session, %outcome, orders, "decided");
                }
            }
            (None, None) => {
                // Without a new bar, too, a halt that was asked for stands, and the state says so.
                trader.idle().await?;
                break RunEnd::CaughtUp { decided };
            }
            (None, Some(pause)) => {
                trader.idle().await?;
                tokio::select! {
                    () = &mut stop => break RunEnd::Stopped,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    };
    trader.finish().await?;
    Ok(end)
}
