//! Equity of paper strategies, from the ledger.

use std::collections::BTreeMap;

use ats_ledger::{Ledger, LedgerError};
use rust_decimal::prelude::ToPrimitive;

/// Most points of a curve.
const POINTS: u32 = 2_520;

/// Equity by session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// Session and dollars, oldest first.
    pub points: Vec<(String, f64)>,
    /// The fall from the peak at the last session, 0 or below.
    pub drawdown: Option<f64>,
    /// Gross exposure over equity at the last session.
    pub exposure: Option<f64>,
    /// Orders ever decided.
    pub orders: u64,
}

/// Curves by strategy.
pub type Curves = BTreeMap<String, Curve>;

/// The curves of a namespace's strategies.
///
/// # Errors
/// When the ledger cannot be read.
pub(crate) async fn read(ledger: &Ledger, namespace: &str) -> Result<Curves, LedgerError> {
    let mut curves = Curves::new();
    for strategy in ledger.strategies(None).await? {
        if strategy.namespace.as_deref().is_some_and(|own| own != namespace) {
            continue;
        }
        let key = strategy.key();
        let points = ledger.equity(&key, Some(POINTS)).await?;
        let last = points.last();
        let orders = ledger.orders(&key, ats_ledger::OrderFilter::default()).await?.len() as u64;
        let curve = Curve {
            drawdown: last.and_then(|point| point.drawdown.to_f64()),
            exposure: last.and_then(|point| (point.gross_exposure.checked_div(point.equity))?.to_f64()),
            points: points
                .iter()
                .filter_map(|point| Some((point.session.to_string(), point.equity.to_f64()?)))
                .collect(),
            orders,
        };
        curves.insert(strategy.name, curve);
    }
    Ok(curves)
}
