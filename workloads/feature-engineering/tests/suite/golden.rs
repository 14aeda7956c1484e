//! The output's digests on the sample data, pinned beside the stages' revisions: when a digest changes, its revision
//! (in `ats_pipeline::spec`) is raised, so that no store mixes the old output with the new.

use std::collections::BTreeMap;
use std::path::Path;

use crate::support::{Found, Universe, World, bars};
use ats_calendar::{Interval, Session};
use ats_crds::Rebalance;
use ats_crds::universe::OnBreach;
use ats_pipeline::spec::{SelectionSpec, features, publish};
use jiff::civil::date;

const TICKERS: [&str; 5] = ["AAPL", "FB", "GOOG", "IBM", "MSFT"];

/// The sample data from 2010 on.
fn samples() -> BTreeMap<&'static str, Found> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/samples/data/us-large-caps/bars");
    let mut found = BTreeMap::new();
    for ticker in TICKERS {
        let text = std::fs::read_to_string(folder.join(format!("{ticker}.csv"))).unwrap();
        let rows: Vec<(Session, [f64; 5])> = text
            .lines()
            .skip(1)
            .map(|line| {
                let mut cells = line.split(',');
                let session: Session = cells.next().unwrap().parse().unwrap();
                (session, std::array::from_fn(|_| cells.next().unwrap().parse().unwrap()))
            })
            .filter(|(session, _)| session.date() >= date(2010, 1, 4))
            .collect();
        found.insert(ticker, Found::Bars(bars(ticker, &rows)));
    }
    found
}

#[tokio::test]
async fn the_output_changes_only_with_the_revision() {
    let universe = Universe {
        tickers: TICKERS.to_vec(),
        interval: Interval::D1,
        start: date(2010, 1, 4),
        end: date(2013, 3, 1),
        // One function of each family, so that a change in any of them shows.
        time_series: vec![
            ("momentum_12_1", "delay(close, 21) / delay(close, 252) - 1"),
            ("rsi_14", "rsi(close, 14)"),
            ("macd_histogram", "macd(close, 12, 26, 9).histogram / close"),
            ("band", "(close - bollinger(close, 20, 2).lower) / close"),
            ("range", "atr(14) / close"),
            ("direction", "adx(14)"),
            ("oscillator", "stochastic(14, 3, 3).d"),
            ("shape", "skew(returns(close, 1), 63) + kurtosis(returns(close, 1), 63)"),
            ("middle", "median(close, 21) / quantile(close, 0.9, 21)"),
            ("trend", "slope(log(close), 21)"),
            ("memory", "autocorrelation(returns(close, 1), 63)"),
            ("together", "correlation(returns(close, 1), returns(volume, 1), 63)"),
            ("versus", "beta(\"MSFT\", 63)"),
            ("yang_zhang_21", "sqrt(yang_zhang(21))"),
            ("klass", "garman_klass(21) + parkinson(21) + realized_volatility(21)"),
            ("spread", "roll_spread(21) / close"),
            ("illiquidity", "amihud(21) * dollar_volume(21)"),
            ("weighted", "vwap(21) / wma(close, 21) - ema(close, 21) / sma(close, 21)"),
            ("crossing", "cross_above(sma(close, 10), sma(close, 30)) or day_of_week == 1"),
        ],
        cross_section: vec![
            ("momentum_rank", "rank(momentum_12_1)"),
            ("momentum_smooth", "ema(momentum_rank, 10)"),
            ("score", "zscore(rsi_14) + winsorize(versus, 0.1) - demean(range)"),
        ],
        membership: false,
        selection: Some(SelectionSpec {
            max_active_tickers: 3,
            focus_universe_size: 2,
            rank_by: "mean(raw_close * raw_volume, 21)".to_owned(),
            rebalance: Rebalance::Monthly,
        }),
        max_missing: "0.02",
        on_breach: OnBreach::Deactivate,
    };
    let world = World::new();
    let acquired = world.acquire(&samples()).await;
    let published = world.publish(&universe, &acquired).await.unwrap();
    let pinned = format!(
        "features revision {}: {}\npublish revision {}: {}",
        features::REVISION,
        published.features.digest,
        publish::REVISION,
        published.dataset.digest
    );
    insta::assert_snapshot!(pinned);
}
