//! Universes whose members a table names, through a store in a folder.

use std::collections::BTreeMap;

use crate::support::{Found, Universe, World, walk};
use ats_calendar::{Calendar, Interval, Session};
use ats_columns::column::{sessions, strings};
use ats_crds::Rebalance;
use ats_crds::universe::OnBreach;
use ats_feature_engineering::publish::report::Lineage;
use ats_pipeline::spec::SelectionSpec;
use ats_pipeline::{Category, StageSpec};
use jiff::civil::{Date, date};
use proptest::prelude::*;

fn days() -> &'static [Session] {
    Calendar::xnys().sessions(date(2021, 1, 4), date(2021, 4, 30))
}

fn universe(selection: Option<SelectionSpec>) -> Universe {
    Universe {
        tickers: vec!["AAA", "BBB", "CCC", "DDD"],
        interval: Interval::D1,
        start: date(2021, 1, 4),
        end: date(2021, 4, 30),
        time_series: vec![("momentum", "close / delay(close, 5) - 1")],
        cross_section: vec![("place", "rank(momentum)")],
        membership: true,
        selection,
        max_missing: "0.1",
        on_breach: OnBreach::Deactivate,
    }
}

fn found() -> BTreeMap<&'static str, Found> {
    let of =
        |ticker, from: usize, to: usize, seed| (ticker, Found::Bars(walk(ticker, &days()[from..to], seed)));
    let all = days().len();
    // CCC is listed late, DDD ends early.
    BTreeMap::from([of("AAA", 0, all, 1), of("BBB", 0, all, 2), of("CCC", 20, all, 3), of("DDD", 0, 40, 4)])
}

#[tokio::test]
async fn a_ticker_counts_only_while_the_table_says_so() {
    let world = World::new();
    // Neither end of AAA's first span is a session; CCC joins before it is listed; BBB is never a member.
    let table = [
        ("AAA", date(2021, 1, 9), date(2021, 1, 31)),
        ("AAA", date(2021, 3, 1), date(9999, 12, 31)),
        ("CCC", date(1990, 1, 1), date(2021, 2, 12)),
        ("DDD", date(2021, 1, 1), date(2021, 3, 2)),
    ];
    let acquired = world.acquire_with(&found(), &table).await;
    let published = world.publish(&universe(None), &acquired).await.unwrap();
    let listed = days()[20];
    assert_eq!(
        published.membership().await,
        [
            "AAA 2021-01-11..2021-01-29 focus".to_owned(),
            "AAA 2021-03-01..2021-04-30 focus".to_owned(),
            format!("CCC {listed}..2021-02-12 focus"),
            "DDD 2021-01-04..2021-03-02 focus".to_owned(),
        ]
    );
    // Features across tickers know members alone.
    let frame = published.frame("cross_section.parquet").await;
    assert!(!strings("c", &frame, "ticker").unwrap().contains(&"BBB".to_owned()));
    assert!(!published.report().await.fixed_list);
    let lineage: Lineage = serde_json::from_slice(&published.bytes("dataset.json").await).unwrap();
    assert!(!lineage.fixed_list);

    // DDD has no bar after the table lets it go: nothing that anybody asked for is missing.
    let strict = Universe { on_breach: OnBreach::Fail, ..universe(None) };
    assert!(world.publish(&strict, &acquired).await.is_ok());
    let longer = [&table[..3], &[("DDD", date(2021, 1, 1), date(2021, 4, 30))]].concat();
    let acquired = world.acquire_with(&found(), &longer).await;
    let error = world.publish(&strict, &acquired).await.err().unwrap();
    assert!(error.message.contains("DDD lacks"), "{}", error.message);
}

#[tokio::test]
async fn only_members_are_ranked() {
    let world = World::new();
    let selection = SelectionSpec {
        max_active_tickers: 2,
        focus_universe_size: 1,
        rank_by: "mean(raw_close, 3)".to_owned(),
        rebalance: Rebalance::Weekly,
    };
    let table = [
        ("AAA", date(2021, 1, 1), date(2021, 2, 26)),
        ("BBB", date(2021, 2, 1), date(2021, 4, 30)),
        ("CCC", date(2021, 2, 1), date(2021, 4, 30)),
    ];
    let acquired = world.acquire_with(&found(), &table).await;
    let published = world.publish(&universe(Some(selection)), &acquired).await.unwrap();
    let frame = published.frame("ranking.parquet").await;
    let (names, at) = (strings("r", &frame, "ticker").unwrap(), sessions("r", &frame, "session").unwrap());
    assert!(names.len() > 20);
    for (name, session) in names.iter().zip(&at) {
        let member =
            |row: &&(&str, Date, Date)| row.0 == name && row.1 <= session.date() && session.date() <= row.2;
        assert!(table.iter().any(|row| member(&row)), "{name} is ranked at {session}");
    }
    // The last ranking of February ranks AAA, and the table takes it out before that ranking holds.
    assert!(names.iter().zip(&at).any(|(name, at)| name == "AAA" && at.date() == date(2021, 2, 26)));
    for line in published.membership().await {
        assert!(!line.starts_with("AAA 2021-03"), "{line}");
    }
}

#[tokio::test]
async fn another_table_publishes_again_and_computes_no_feature() {
    let world = World::new();
    let table = [("AAA", date(2021, 1, 1), date(2021, 2, 26)), ("BBB", date(2021, 1, 1), date(2021, 4, 30))];
    let universe = universe(None);
    let first = world.acquire_with(&found(), &table).await;
    let before = world.publish(&universe, &first).await.unwrap();
    let second = world.acquire_with(&found(), &table[1..]).await;
    let features = StageSpec::Features(universe.features_spec());
    let (outcome, _) = world.run(&world.file(features, &[&second], 1)).await.unwrap();
    assert_eq!((outcome.category, outcome.computed, outcome.reused), (Category::CacheHit, 0, 4));
    let after = world.publish(&universe, &second).await.unwrap();
    assert_eq!(after.outcome.computed, 1);
    assert_eq!(after.features.digest, before.features.digest);
    assert_ne!(after.dataset.digest, before.dataset.digest);
    // The keys of a universe that is a list hold nothing of tables.
    let list = Universe { membership: false, ..universe };
    let text = serde_json::to_string(&list.publish_spec()).unwrap();
    assert!(!text.contains("membership"), "{text}");
}

#[tokio::test]
async fn a_ticker_that_the_universe_lacks_is_told() {
    let world = World::new();
    let table = [
        ("AAA", date(2021, 1, 1), date(2021, 2, 26)),
        ("ENRN", date(2021, 1, 1), date(2021, 1, 29)),
        ("ENRN", date(2021, 2, 1), date(2021, 2, 26)),
        ("LEH", date(2021, 1, 1), date(2021, 2, 26)),
    ];
    let acquired = world.acquire_with(&found(), &table).await;
    let error = world.publish(&universe(None), &acquired).await.err().unwrap();
    assert_eq!(error.category, Category::DataRefused);
    assert!(
        error.message.starts_with("the membership table names ENRN, LEH, which spec.tickers lacks"),
        "{}",
        error.message
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    /// Whatever the table, a row of `membership.parquet` lies inside a span of it, and at a session inside of one a
    /// ticker with a bar is active.
    #[test]
    fn the_published_table_is_the_given_one_less_what_is_not_listed(
        cuts in prop::collection::btree_set(0usize..38, 2..9),
        late in 0usize..30,
    ) {
        // Even ones, so that no two spans touch: those would be one row.
        let cuts: Vec<usize> = cuts.into_iter().map(|cut| 2 * cut).collect();
        let all = days();
        let table: Vec<(&str, Date, Date)> = cuts
            .chunks_exact(2)
            .map(|pair| ("AAA", all[pair[0]].date(), all[pair[1]].date()))
            .collect();
        let found = BTreeMap::from([
            ("AAA", Found::Bars(walk("AAA", &all[late..], 1))),
            ("BBB", Found::Bars(walk("BBB", all, 2))),
        ]);
        let universe = Universe { tickers: vec!["AAA", "BBB"], ..universe(None) };
        let lines = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let world = World::new();
            let acquired = world.acquire_with(&found, &table).await;
            let published = world.publish(&universe, &acquired).await.unwrap();
            published.membership().await
        });
        let expected: Vec<String> = cuts
            .chunks_exact(2)
            .filter(|pair| pair[1] >= late)
            .map(|pair| format!("AAA {}..{} focus", all[pair[0].max(late)], all[pair[1]]))
            .collect();
        prop_assert_eq!(lines, expected);
    }
}
