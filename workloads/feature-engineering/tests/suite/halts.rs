//! A halt on the session of a ranking, as a session without a bar and as a bar without volume.

use std::collections::BTreeMap;

use ats_calendar::{Calendar, Interval, Session};
use ats_columns::column::{floats, integers, sessions, strings, timestamps};
use ats_crds::Rebalance;
use ats_crds::universe::OnBreach;
use ats_pipeline::spec::SelectionSpec;
use jiff::civil::date;

use crate::support::{Found, Universe, World, bars};

/// Closes that double from day to day from a first price on, with the volumes of those days; `None`: no bar.
fn doubling(ticker: &str, first: f64, days: &[Session], volume: impl Fn(usize) -> Option<f64>) -> Found {
    let rows: Vec<(Session, [f64; 5])> = days
        .iter()
        .enumerate()
        .filter_map(|(place, session)| {
            let close = first * f64::from(1_u32 << place);
            Some((*session, [close, close, close, close, volume(place)?]))
        })
        .collect();
    Found::Bars(bars(ticker, &rows))
}

/// Rankings on 26 March, 1 April and 9 April. On 1 April, the seventh day, HALT has no bar and ZERO one without volume.
#[tokio::test]
async fn a_ticker_without_a_bar_is_absent_and_one_without_volume_is_not() {
    let world = World::new();
    let days = Calendar::xnys().sessions(date(2021, 3, 24), date(2021, 4, 14));
    let seventh = days[6];
    assert_eq!(seventh.date(), date(2021, 4, 1));
    let acquired = world
        .acquire(&BTreeMap::from([
            ("FULL", doubling("FULL", 3.0, days, |_| Some(1000.0))),
            ("HALT", doubling("HALT", 2.0, days, |place| (place != 6).then_some(1000.0))),
            ("ZERO", doubling("ZERO", 1.0, days, |place| Some(if place == 6 { 0.0 } else { 1000.0 }))),
        ]))
        .await;
    let universe = Universe {
        tickers: vec!["FULL", "HALT", "ZERO"],
        interval: Interval::D1,
        start: date(2021, 3, 24),
        end: date(2021, 4, 14),
        time_series: vec![("ret", "returns(close, 1)")],
        cross_section: vec![("above", "demean(ret)")],
        membership: false,
        selection: Some(SelectionSpec {
            max_active_tickers: 3,
            focus_universe_size: 3,
            rank_by: "raw_close".to_owned(),
            rebalance: Rebalance::Weekly,
        }),
        max_missing: "0.2",
        on_breach: OnBreach::Fail,
    };
    let published = world.publish(&universe, &acquired).await.unwrap();
    // Not ranked on 1 April, HALT is out until the next ranking.
    assert_eq!(
        published.membership().await,
        [
            "FULL 2021-03-29..2021-04-14 focus",
            "HALT 2021-03-29..2021-04-01 focus",
            "HALT 2021-04-12..2021-04-14 focus",
            "ZERO 2021-03-29..2021-04-14 focus",
        ]
    );
    let ranking = published.frame("ranking.parquet").await;
    let tickers = strings("r", &ranking, "ticker").unwrap();
    let ranks = integers("r", &ranking, "rank").unwrap();
    let at = sessions("r", &ranking, "session").unwrap();
    let ranked: Vec<(&str, i64)> = (0..tickers.len())
        .filter(|row| at[*row] == seventh)
        .map(|row| (tickers[row].as_str(), ranks[row]))
        .collect();
    assert_eq!(ranked, [("FULL", 1), ("ZERO", 2)]);

    // Returns of that day are 1, and so is their mean. The day after HALT is no longer active; its return, from the last
    // bar before, is 3 (`features.parquet`).
    let across = published.frame("cross_section.parquet").await;
    let tickers = strings("c", &across, "ticker").unwrap();
    let starts = timestamps("c", &across, "timestamp").unwrap();
    let above = floats("c", &across, "above").unwrap();
    let open = Calendar::xnys().open(seventh).unwrap().as_microsecond();
    let of_day: Vec<(&str, f64)> = (0..tickers.len())
        .filter(|row| starts[*row] == open)
        .map(|row| (tickers[row].as_str(), above[row]))
        .collect();
    assert_eq!(of_day, [("FULL", 0.0), ("ZERO", 0.0)]);
    let bytes = world.bytes(&published.features, "HALT", "features.parquet").await;
    let features = ats_columns::read_parquet("f", bytes, None).unwrap();
    let returns = floats("f", &features, "ret").unwrap();
    assert_eq!(returns[5..8], [1.0, 3.0, 1.0]);
}
