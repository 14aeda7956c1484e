//! Searches to test with.

use std::collections::BTreeMap;

use ats_crds::strategy::StrategySearchMetric;
use ats_pipeline::spec::{SearchSpec, StrategyCore, StrategyTrial};
use rust_decimal::Decimal;

/// Every pair of values with the first below the second; `core` makes a trial's strategy. Returns the first of them,
/// too.
pub fn pairs(
    fast: &[u32],
    slow: &[u32],
    core: impl Fn(u32, u32) -> StrategyCore,
    windows: (u32, u32, Option<u32>),
) -> (StrategyCore, SearchSpec) {
    let values: Vec<(u32, u32)> = fast
        .iter()
        .flat_map(|fast| slow.iter().map(|slow| (*fast, *slow)))
        .filter(|(fast, slow)| fast < slow)
        .collect();
    let base = core(values[0].0, values[0].1);
    let trials = values
        .iter()
        .map(|(fast, slow)| {
            let parameters = BTreeMap::from([
                ("fast".to_owned(), Decimal::from(*fast)),
                ("slow".to_owned(), Decimal::from(*slow)),
            ]);
            StrategyTrial::new(parameters, &base, &core(*fast, *slow)).unwrap()
        })
        .collect();
    let (folds, test_sessions, train_sessions) = windows;
    let metric = StrategySearchMetric::Sharpe;
    (base, SearchSpec { metric, folds, test_sessions, train_sessions, trials })
}
