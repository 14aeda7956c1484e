//! No look-ahead across tickers: with bars after a session, or after an hour of one, cut away, random features across
//! tickers, a random ranking and the selection that follows from it give the bits that they gave with all bars.

use std::collections::BTreeMap;

use crate::support::{Found, Published, Universe, World, walk_of};
use ats_calendar::{Calendar, Interval, Session};
use ats_columns::DataFrame;
use ats_columns::column::{booleans, floats, sessions, strings, timestamps};
use ats_crds::Rebalance;
use ats_crds::universe::OnBreach;
use ats_expression::testing::Generator;
use ats_expression::{Scope, check, parse};
use ats_pipeline::spec::SelectionSpec;
use jiff::civil::date;
use proptest::prelude::*;

const TICKERS: [&str; 6] = ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"];

/// Sessions of some length of bar: hours are seven in one of them.
fn history(interval: Interval) -> &'static [Session] {
    let sessions = if interval == Interval::D1 { 130 } else { 45 };
    &Calendar::xnys().sessions(date(2019, 1, 2), date(2020, 6, 30))[..sessions]
}

/// Tickers that begin on different days, one with a gap that divides its history and one with a short hole; of each the
/// bars that have begun at an instant.
fn market(interval: Interval, seed: u64, instant: i64) -> BTreeMap<&'static str, Found> {
    let all = history(interval);
    let mut found = BTreeMap::new();
    for (i, ticker) in TICKERS.iter().chain(&["SPY"]).enumerate() {
        let mut days = all[i * all.len() / 26..].to_vec();
        let middle = days.len() / 2;
        match *ticker {
            "CCC" => days.drain(middle..middle + 8).for_each(drop),
            "EEE" => days.drain(middle..middle + 2).for_each(drop),
            _ => {}
        }
        let bars = walk_of(ticker, &days, interval, seed + i as u64);
        let known = bars.timestamp().partition_point(|start| *start <= instant);
        found.insert(*ticker, Found::Bars(bars.head(known)));
    }
    found
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A number, or a boolean as one.
fn across(source: String) -> &'static str {
    let typed = check(&parse(&source).unwrap(), &Scope::new()).unwrap();
    leaked(if typed.is_cross_sectional() { source } else { format!("rank({source})") })
}

fn generator(cross_sectional: bool) -> Generator {
    Generator { max_period: 12, depth: 2, cross_sectional, tickers: vec!["SPY".to_owned()] }
}

/// Lines of a table up to an instant, or, where it is a table of sessions, up to one of those: its text columns, and the
/// bits of its numbers.
fn lines(frame: &DataFrame, last: Session, instant: i64) -> Vec<String> {
    let names = frame.get_column_names_owned();
    let tickers = strings("t", frame, "ticker").unwrap();
    let by_session = names.iter().any(|name| name == "session");
    let at: Vec<i64> = if by_session {
        sessions("t", frame, "session").unwrap().iter().map(|day| i64::from(day.epoch_days())).collect()
    } else {
        timestamps("t", frame, "timestamp").unwrap()
    };
    let end = if by_session { i64::from(last.epoch_days()) } else { instant };
    let numbers: Vec<Vec<f64>> = names
        .iter()
        .filter(|name| !["ticker", "timestamp", "session", "rank"].contains(&name.as_str()))
        .map(|name| floats("t", frame, name).unwrap())
        .collect();
    let line = |row: usize| {
        let bits: Vec<Option<u64>> =
            numbers.iter().map(|n| (!n[row].is_nan()).then(|| n[row].to_bits())).collect();
        format!("{} {} {bits:?}", at[row], tickers[row])
    };
    let mut lines: Vec<String> = (0..at.len()).filter(|row| at[*row] <= end).map(line).collect();
    lines.sort();
    lines
}

/// Who is active and in focus at each session up to the last.
async fn members(published: &Published<'_>, history: &[Session], last: Session) -> Vec<String> {
    let frame = published.frame("membership.parquet").await;
    let (from, to) = (sessions("m", &frame, "from").unwrap(), sessions("m", &frame, "to").unwrap());
    let (tickers, focus) = (strings("m", &frame, "ticker").unwrap(), booleans("m", &frame, "focus").unwrap());
    let mut found = Vec::new();
    for session in history.iter().filter(|session| **session <= last) {
        for i in (0..tickers.len()).filter(|i| from[*i] <= *session && *session <= to[*i]) {
            found.push(format!("{session} {} {}", tickers[i], focus[i]));
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_depends_on_what_comes_later(
        series in generator(false).plain(),
        condition in generator(false).boolean(),
        first in generator(true).plain(),
        ranking in generator(false).plain(),
        interval in prop::sample::select(vec![Interval::D1, Interval::H1]),
        seed in 0..1000_u64,
        cut in any::<prop::sample::Index>(),
        bars_of_last in 1..=7_usize,
        rebalance in prop::sample::select(vec![Rebalance::Daily, Rebalance::Weekly, Rebalance::Monthly]),
    ) {
        let all = history(interval);
        // All tickers have begun, and so has the first month's ranking, when the bars are cut: at the start of the last
        // one that is left of the last session.
        let least = if interval == Interval::D1 { 50 } else { 25 };
        let cut = least + cut.index(all.len() - least);
        let last = all[cut - 1];
        let starts = Calendar::xnys().bar_starts(last, interval).unwrap();
        let whole_session = bars_of_last >= starts.len();
        let instant = starts[bars_of_last.min(starts.len()) - 1].as_microsecond();
        // A session is ranked at its close.
        let last_ranked = if whole_session { last } else { all[cut - 2] };
        let universe = |end: Session| Universe {
            tickers: TICKERS.to_vec(),
            interval,
            start: all[0].date(),
            end: end.date(),
            time_series: vec![("series", leaked(series.clone())), ("condition", leaked(condition.clone()))],
            cross_section: vec![
                ("first", across(first.clone())),
                ("second", "zscore(delay(first, 1)) + if(condition, rank(series), first)"),
                ("third", "sma(second, 3) > winsorize(first, 0.1)"),
            ],
            membership: false,
            selection: Some(SelectionSpec {
                max_active_tickers: 4,
                focus_universe_size: 2,
                rank_by: ranking.clone(),
                rebalance,
            }),
            max_missing: "0.05",
            on_breach: OnBreach::Deactivate,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let acquired = world.acquire(&market(interval, seed, i64::MAX)).await;
            let known = world.acquire(&market(interval, seed, instant)).await;
            let whole = world.publish(&universe(all[all.len() - 1]), &acquired).await.unwrap();
            let part = world.publish(&universe(last), &known).await.unwrap();
            for table in ["cross_section.parquet", "ranking.parquet"] {
                let (whole, part) = (whole.frame(table).await, part.frame(table).await);
                let (whole, part) = (lines(&whole, last_ranked, instant), lines(&part, last_ranked, instant));
                prop_assert_eq!(whole, part, "{} cut at {}, {} bars", table, last, bars_of_last);
            }
            prop_assert_eq!(members(&whole, all, last).await, members(&part, all, last).await);
            for ticker in TICKERS {
                let read = async |published: &Published<'_>| {
                    let bytes = world.bytes(&published.features, ticker, "features.parquet").await;
                    lines(&ats_columns::read_parquet("f", bytes, None).unwrap(), last, instant)
                };
                prop_assert_eq!(read(&whole).await, read(&part).await, "{}", ticker);
            }
            Ok(())
        })?;
    }
}
