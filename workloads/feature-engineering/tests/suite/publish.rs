//! Both stages, through a store in a folder.

use std::collections::BTreeMap;

use crate::support::{Found, Universe, World, bars, walk};
use ats_calendar::{Calendar, Interval, Session};
use ats_columns::column::{floats, integers, sessions, strings, timestamps};
use ats_crds::Rebalance;
use ats_crds::universe::OnBreach;
use ats_feature_engineering::publish::report::{Lineage, TickerReport};
use ats_pipeline::spec::SelectionSpec;
use ats_pipeline::{Category, StageSpec};
use jiff::civil::date;

fn history() -> &'static [Session] {
    Calendar::xnys().sessions(date(2019, 1, 2), date(2020, 6, 30))
}

fn universe(tickers: &[&'static str]) -> Universe {
    Universe {
        tickers: tickers.to_vec(),
        interval: Interval::D1,
        start: date(2019, 1, 2),
        end: date(2020, 6, 30),
        time_series: vec![],
        cross_section: vec![],
        membership: false,
        selection: None,
        max_missing: "0.02",
        on_breach: OnBreach::Deactivate,
    }
}

fn walks(tickers: &[&'static str]) -> BTreeMap<&'static str, Found> {
    let walk =
        |(i, ticker): (usize, &&'static str)| (*ticker, Found::Bars(walk(ticker, history(), i as u64 + 1)));
    tickers.iter().enumerate().map(walk).collect()
}

#[tokio::test]
async fn without_selection_every_listed_ticker_is_in_focus_unless_it_lacks_sessions() {
    let world = World::new();
    let all = history();
    let holes: Vec<Session> = [&all[..100], &all[110..]].concat();
    let found = BTreeMap::from([
        ("AAA", Found::Bars(walk("AAA", all, 1))),
        ("BAD", Found::Bad("NoData", "there is no file bars/BAD.csv")),
        ("HOLE", Found::Bars(walk("HOLE", &holes, 2))),
        ("LATE", Found::Bars(walk("LATE", &all[30..], 3))),
        ("STOP", Found::Bars(walk("STOP", &all[..300], 4))),
    ]);
    let acquired = world.acquire(&found).await;
    let published =
        world.publish(&universe(&["AAA", "BAD", "HOLE", "LATE", "STOP"]), &acquired).await.unwrap();
    // HOLE lacks ten sessions from place 100 on. While it has been listed for fewer than 252, one more than 2 % of
    // those is too many: from its third missing session (3 of 103) until 2 % of the window are at least ten, which
    // 252 sessions never are, and then until enough of the hole has left the window.
    let span = |ticker: &str, from: usize, to: usize| format!("{ticker} {}..{} focus", all[from], all[to]);
    let last = all.len() - 1;
    assert_eq!(
        published.membership().await,
        [
            span("AAA", 0, last),
            span("HOLE", 0, 101),
            span("HOLE", 100 + 4 + 252, last),
            span("LATE", 30, last),
            span("STOP", 0, 304),
        ]
    );
    let figures = &published.outcome.figures;
    assert_eq!(figures["activeTickers"], Some(3.0));
    assert_eq!((figures["usableTickers"], figures["badTickers"]), (Some(4.0), Some(1.0)));
    assert_eq!(published.outcome.notes["firstSession"], "2019-01-02");
    assert_eq!(published.outcome.notes["lastSession"], "2020-06-30");

    let report = published.report().await;
    assert_eq!((report.usable, report.bad, report.breached), (4, 1, 2));
    insta::assert_json_snapshot!(report);
    let lineage: Lineage = serde_json::from_slice(&published.bytes("dataset.json").await).unwrap();
    assert_eq!(lineage.tickers, ["AAA", "HOLE", "LATE", "STOP"]);
    assert_eq!((lineage.acquire, lineage.features), (acquired, published.features));
}

#[tokio::test]
async fn the_ranking_decides_from_the_next_session_on() {
    let world = World::new();
    let days = Calendar::xnys().sessions(date(2021, 3, 24), date(2021, 4, 14));
    // Closes: AAA rises, BBB falls, CCC ties with AAA on the first ranking, DDD begins on 30 March.
    let flat = |ticker: &str, closes: &[f64], sessions: &[Session]| {
        let row = |(session, close): (&Session, &f64)| (*session, [*close, *close, *close, *close, 1.0]);
        Found::Bars(bars(ticker, &sessions.iter().zip(closes).map(row).collect::<Vec<_>>()))
    };
    assert_eq!(days.len(), 15);
    let ramp = |from: f64, step: f64| -> Vec<f64> { (0..15).map(|i| from + step * f64::from(i)).collect() };
    let found = BTreeMap::from([
        ("AAA", flat("AAA", &ramp(10.0, 1.0), days)),
        ("BBB", flat("BBB", &ramp(30.0, -1.0), days)),
        ("CCC", flat("CCC", &[12.0; 15], days)),
        ("DDD", flat("DDD", &[100.0; 11], &days[4..])),
    ]);
    let mut universe = universe(&["AAA", "BBB", "CCC", "DDD"]);
    universe.start = date(2021, 3, 24);
    universe.end = date(2021, 4, 14);
    universe.selection = Some(SelectionSpec {
        max_active_tickers: 2,
        focus_universe_size: 1,
        rank_by: "raw_close".to_owned(),
        rebalance: Rebalance::Weekly,
    });
    let acquired = world.acquire(&found).await;
    let published = world.publish(&universe, &acquired).await.unwrap();
    // Rankings on 26 March (30-2 = 28, then AAA and CCC at 12: AAA by its name), 1 April (DDD 100, BBB 24), and
    // 9 April (DDD 100, AAA 22).
    assert_eq!(
        published.membership().await,
        [
            "AAA 2021-03-29..2021-04-01 active",
            "AAA 2021-04-12..2021-04-14 active",
            "BBB 2021-03-29..2021-04-01 focus",
            "BBB 2021-04-05..2021-04-09 active",
            "DDD 2021-04-05..2021-04-14 focus",
        ]
    );
    let ranking = published.frame("ranking.parquet").await;
    let (tickers, ranks) =
        (strings("r", &ranking, "ticker").unwrap(), integers("r", &ranking, "rank").unwrap());
    let (dates, values) =
        (sessions("r", &ranking, "session").unwrap(), floats("r", &ranking, "value").unwrap());
    let lines: Vec<String> = (0..tickers.len())
        .map(|i| format!("{} {} {} {}", dates[i], ranks[i], tickers[i], values[i]))
        .collect();
    assert_eq!(
        lines,
        [
            "2021-03-26 1 BBB 28",
            "2021-03-26 2 AAA 12",
            "2021-03-26 3 CCC 12",
            "2021-04-01 1 DDD 100",
            "2021-04-01 2 BBB 24",
            "2021-04-01 3 AAA 16",
            "2021-04-01 4 CCC 12",
            "2021-04-09 1 DDD 100",
            "2021-04-09 2 AAA 21",
            "2021-04-09 3 BBB 19",
            "2021-04-09 4 CCC 12",
        ]
    );
}

const TICKERS: [&str; 4] = ["AAA", "BBB", "CCC", "DDD"];

fn with_features(selection: bool) -> Universe {
    let mut universe = universe(&TICKERS);
    universe.time_series = vec![
        ("ret", "returns(close, 5)"),
        ("rising", "close > sma(close, 10)"),
        ("unused", "rsi(close, 14)"),
        ("versus", "beta(\"AAA\", 21)"),
    ];
    universe.cross_section = vec![
        ("ret_rank", "rank(ret)"),
        ("smooth", "sma(ret_rank, 3)"),
        ("both", "rank(delay(zscore(ret), 1)) + winsorize(smooth, 0.1)"),
        ("top", "rising and ret_rank > 0.6"),
    ];
    if selection {
        universe.selection = Some(SelectionSpec {
            max_active_tickers: 3,
            focus_universe_size: 1,
            rank_by: "ret + 0 * mean(raw_close * raw_volume, 21)".to_owned(),
            rebalance: Rebalance::Weekly,
        });
    }
    universe
}

/// The cross-sectional features of [`with_features`] computed date by date over whole columns, for all tickers.
#[tokio::test]
async fn cross_sectional_features_are_those_of_the_active_tickers() {
    for selection in [false, true] {
        let world = World::new();
        let found = walks(&TICKERS);
        let acquired = world.acquire(&found).await;
        let published = world.publish(&with_features(selection), &acquired).await.unwrap();
        let all = history();
        let rows = all.len();

        let membership = published.frame("membership.parquet").await;
        let members = strings("m", &membership, "ticker").unwrap();
        let (from, to) =
            (sessions("m", &membership, "from").unwrap(), sessions("m", &membership, "to").unwrap());
        let active = |ticker: &str, t: usize| {
            (0..members.len()).any(|i| members[i] == ticker && from[i] <= all[t] && all[t] <= to[i])
        };
        let mut ret = Vec::new();
        let mut rising = Vec::new();
        for ticker in TICKERS {
            let bytes = world.bytes(&published.features, ticker, "features.parquet").await;
            let frame = ats_columns::read_parquet("f", bytes, None).unwrap();
            assert_eq!(
                frame.get_column_names(),
                ["ticker", "timestamp", "ret", "rising", "unused", "versus"]
            );
            ret.push(floats("f", &frame, "ret").unwrap());
            rising.push(floats("f", &frame, "rising").unwrap());
        }
        type Columns = Vec<Vec<f64>>;
        let across = |x: &Columns, f: fn(&[f64]) -> Vec<f64>| -> Columns {
            let mut out = vec![vec![f64::NAN; rows]; 4];
            for t in 0..rows {
                let who: Vec<usize> = (0..4).filter(|i| active(TICKERS[*i], t)).collect();
                let values: Vec<f64> = who.iter().map(|i| x[*i][t]).collect();
                for (i, value) in who.iter().zip(f(&values)) {
                    out[*i][t] = value;
                }
            }
            out
        };
        let masked = |x: Columns| -> Columns {
            let at = |i: usize, t: usize, value: f64| if active(TICKERS[i], t) { value } else { f64::NAN };
            x.iter()
                .enumerate()
                .map(|(i, x)| x.iter().enumerate().map(|(t, v)| at(i, t, *v)).collect())
                .collect()
        };
        let each =
            |x: &Columns, f: &dyn Fn(&[f64]) -> Vec<f64>| -> Columns { x.iter().map(|x| f(x)).collect() };
        use ats_columns::cross_section::{rank, winsorize, zscore};
        use ats_columns::kernels::{change::delay, moving::sma};
        let ret_rank = across(&ret, rank);
        let smooth = masked(each(&ret_rank, &|x| sma(x, 3)));
        let late = across(&each(&across(&ret, zscore), &|x| delay(x, 1)), rank);
        let tails = across(&smooth, |values| winsorize(values, 0.1));

        let frame = published.frame("cross_section.parquet").await;
        assert_eq!(frame.get_column_names(), ["ticker", "timestamp", "ret_rank", "smooth", "both", "top"]);
        let tickers = strings("c", &frame, "ticker").unwrap();
        let at = timestamps("c", &frame, "timestamp").unwrap();
        let column = |name: &str| floats("c", &frame, name).unwrap();
        let (c_rank, c_smooth, c_both, c_top) =
            (column("ret_rank"), column("smooth"), column("both"), column("top"));
        let starts: Vec<i64> =
            all.iter().map(|s| Calendar::xnys().open(*s).unwrap().as_microsecond()).collect();
        let mut seen = 0;
        let mut defined = 0;
        for (i, ticker) in TICKERS.iter().enumerate() {
            for t in (0..rows).filter(|t| active(ticker, *t)) {
                assert_eq!((tickers[seen].as_str(), at[seen]), (*ticker, starts[t]));
                let same = |found: f64, expected: f64| {
                    assert!(
                        found.to_bits() == expected.to_bits() || (found.is_nan() && expected.is_nan()),
                        "{ticker} {}: {found} for {expected}",
                        all[t]
                    );
                };
                same(c_rank[seen], ret_rank[i][t]);
                same(c_smooth[seen], smooth[i][t]);
                same(c_both[seen], late[i][t] + tails[i][t]);
                let top = match (rising[i][t], ret_rank[i][t]) {
                    (0.0, _) => 0.0,
                    (_, rank) if rank <= 0.6 => 0.0,
                    (r, rank) if r.is_nan() || rank.is_nan() => f64::NAN,
                    _ => 1.0,
                };
                same(c_top[seen], top);
                defined += usize::from(!c_both[seen].is_nan());
                seen += 1;
            }
        }
        assert_eq!(seen, frame.height(), "no row of an inactive ticker");
        assert!(defined > 500, "{defined}");
        if selection {
            assert!(seen < 4 * rows, "some are inactive");
        }
    }
}

/// What is known at a session does not change when later sessions are cut away.
#[tokio::test]
async fn nothing_depends_on_what_comes_later() {
    let world = World::new();
    let whole = world.publish(&with_features(true), &world.acquire(&walks(&TICKERS)).await).await.unwrap();
    for cut in [60, 187, 188, 189, 200] {
        let all = &history()[..cut];
        let found: BTreeMap<&str, Found> = walks(&TICKERS)
            .into_iter()
            .map(|(ticker, found)| match found {
                Found::Bars(bars) => (ticker, Found::Bars(bars.head(cut))),
                bad @ Found::Bad(..) => (ticker, bad),
            })
            .collect();
        let mut universe = with_features(true);
        universe.end = all[cut - 1].date();
        let part = world.publish(&universe, &world.acquire(&found).await).await.unwrap();
        for (table, date) in [("cross_section.parquet", "timestamp"), ("ranking.parquet", "session")] {
            let (whole, part) = (whole.frame(table).await, part.frame(table).await);
            let lines = |frame: &ats_columns::DataFrame| -> Vec<String> {
                let tickers = strings("t", frame, "ticker").unwrap();
                let at: Vec<i64> = match date {
                    "timestamp" => timestamps("t", frame, "timestamp").unwrap(),
                    _ => sessions("t", frame, "session")
                        .unwrap()
                        .iter()
                        .map(|s| i64::from(s.epoch_days()))
                        .collect(),
                };
                let last = match date {
                    "timestamp" => Calendar::xnys().open(all[cut - 1]).unwrap().as_microsecond(),
                    _ => i64::from(all[cut - 1].epoch_days()),
                };
                let names = frame.get_column_names_owned();
                let values: Vec<Vec<f64>> = names
                    .iter()
                    .filter(|name| !["ticker", "timestamp", "session", "rank"].contains(&name.as_str()))
                    .map(|name| floats("t", frame, name).unwrap())
                    .collect();
                let line = |i: usize| {
                    let row: Vec<u64> = values.iter().map(|v| v[i].to_bits()).collect();
                    format!("{} {} {row:?}", at[i], tickers[i])
                };
                let mut lines: Vec<String> = (0..at.len()).filter(|i| at[*i] <= last).map(line).collect();
                lines.sort();
                lines
            };
            assert_eq!(lines(&whole), lines(&part), "{table} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn shards_and_reruns_give_the_same_dataset() {
    let world = World::new();
    let acquired = world.acquire(&walks(&TICKERS)).await;
    let spec = StageSpec::Features(with_features(true).features_spec());
    let file = world.file(spec.clone(), &[&acquired], 3);
    let (_, three) = world.run(&file).await.unwrap();
    let other = World::new();
    let acquired = other.acquire(&walks(&TICKERS)).await;
    let (outcome, one) = other.run(&other.file(spec.clone(), &[&acquired], 1)).await.unwrap();
    assert_eq!(three.digest, one.digest);
    assert_eq!((outcome.category, outcome.computed, outcome.reused), (Category::Done, 4, 0));
    let (outcome, again) = other.run(&other.file(spec, &[&acquired], 1)).await.unwrap();
    assert_eq!((outcome.category, outcome.computed, outcome.reused), (Category::CacheHit, 0, 4));
    assert_eq!(one, again);

    // Another bar of one ticker computes that ticker again, and those that read it as their benchmark.
    let mut changed = walks(&TICKERS);
    changed.insert("BBB", Found::Bars(walk("BBB", history(), 99)));
    let acquired = other.acquire(&changed).await;
    let spec = StageSpec::Features(with_features(true).features_spec());
    let (outcome, _) = other.run(&other.file(spec.clone(), &[&acquired], 1)).await.unwrap();
    assert_eq!((outcome.computed, outcome.reused), (1, 3));
    changed.insert("AAA", Found::Bars(walk("AAA", history(), 98)));
    let acquired = other.acquire(&changed).await;
    let (outcome, _) = other.run(&other.file(spec, &[&acquired], 1)).await.unwrap();
    assert_eq!((outcome.computed, outcome.reused), (4, 0));
}

#[tokio::test]
async fn what_cannot_be_published_is_told() {
    let world = World::new();
    let mut told = Vec::new();
    let bad = |message| Found::Bad("BrokenFile", message);

    let none =
        BTreeMap::from([("AAA", bad("line 7 has 3 fields")), ("BBB", Found::Bad("NoData", "no file"))]);
    let error = world.publish(&universe(&["AAA", "BBB"]), &world.acquire(&none).await).await.err().unwrap();
    assert_eq!(error.category, Category::DataRefused);
    told.push(error.message);

    let all = history();
    let mut found = walks(&["AAA", "BBB"]);
    found.insert("BBB", Found::Bars(walk("BBB", &[&all[..100], &all[110..]].concat(), 1)));
    let mut strict = universe(&["AAA", "BBB"]);
    strict.on_breach = OnBreach::Fail;
    let error = world.publish(&strict, &world.acquire(&found).await).await.err().unwrap();
    assert_eq!(error.category, Category::DataRefused);
    told.push(error.message);
    strict.max_missing = "0.2";
    assert!(world.publish(&strict, &world.acquire(&found).await).await.is_ok());

    found.insert("AAA", bad("line 7 has 3 fields"));
    let mut reads = universe(&["BBB"]);
    reads.time_series = vec![("versus", "beta(\"AAA\", 21)")];
    let error = world.publish(&reads, &world.acquire(&found).await).await.err().unwrap();
    assert_eq!(error.category, Category::DataRefused);
    told.push(error.message);

    let mut typo = universe(&["BBB"]);
    typo.time_series = vec![("wrong", "rsi(cloze, 14)")];
    let error = world.publish(&typo, &world.acquire(&found).await).await.err().unwrap();
    assert_eq!(error.category, Category::BadSpec);
    told.push(error.message);
    insta::assert_snapshot!(told.join("\n"));
}

#[tokio::test]
async fn a_benchmark_is_acquired_but_never_active() {
    let world = World::new();
    let acquired = world.acquire(&walks(&["AAA", "SPY"])).await;
    let mut universe = universe(&["AAA"]);
    universe.time_series = vec![("versus", "beta(\"SPY\", 21)")];
    let published = world.publish(&universe, &acquired).await.unwrap();
    assert!(published.membership().await.iter().all(|line| line.starts_with("AAA")));
    let report = published.report().await;
    assert_eq!(report.tickers.keys().collect::<Vec<_>>(), ["AAA"]);
    let TickerReport::Usable { rows, sessions_focus, .. } = &report.tickers["AAA"] else { panic!() };
    assert_eq!((*rows, *sessions_focus), (history().len(), history().len()));
}

/// Two bars a session: the ranking takes the last one, functions across tickers compare the same instants, and
/// missing sessions are counted in sessions.
#[tokio::test]
async fn intraday_bars_rank_at_the_session_close() {
    let world = World::new();
    let days = Calendar::xnys().sessions(date(2021, 3, 1), date(2021, 3, 12));
    // In the first hour the order of the closes is the other way round; CCC lacks the last bar of each session.
    let found: BTreeMap<&str, Found> = [("AAA", [1.0, 30.0]), ("BBB", [2.0, 20.0]), ("CCC", [3.0, 10.0])]
        .map(|(ticker, closes)| {
            let mut columns = ats_columns::BarColumns::default();
            for session in days {
                let open = Calendar::xnys().open(*session).unwrap().as_microsecond();
                for (hour, close) in closes.iter().enumerate().take(if ticker == "CCC" { 1 } else { 2 }) {
                    columns.session.push(*session);
                    columns.timestamp.push(open + hour as i64 * 3_600_000_000);
                    for prices in [&mut columns.open, &mut columns.high, &mut columns.low, &mut columns.close]
                    {
                        prices.push(*close);
                    }
                    columns.volume.push(100.0);
                    columns.split_factor.push(1.0);
                    columns.dividend_factor.push(1.0);
                }
            }
            (ticker, Found::Bars(ats_columns::Bars::new(ticker, columns).unwrap()))
        })
        .into();
    let mut universe = universe(&["AAA", "BBB", "CCC"]);
    universe.start = date(2021, 3, 1);
    universe.end = date(2021, 3, 12);
    universe.cross_section = vec![("place", "rank(raw_close)")];
    universe.selection = Some(SelectionSpec {
        max_active_tickers: 3,
        focus_universe_size: 1,
        rank_by: "raw_close".to_owned(),
        rebalance: Rebalance::Weekly,
    });
    let acquired = world.acquire(&found).await;
    let published = world.publish(&universe, &acquired).await.unwrap();
    assert_eq!(
        published.membership().await,
        [
            "AAA 2021-03-08..2021-03-12 focus",
            "BBB 2021-03-08..2021-03-12 active",
            "CCC 2021-03-08..2021-03-12 active",
        ]
    );
    let ranking = published.frame("ranking.parquet").await;
    let values = floats("r", &ranking, "value").unwrap();
    assert_eq!(values, [30.0, 20.0, 3.0, 30.0, 20.0, 3.0]);
    let table = published.frame("cross_section.parquet").await;
    let (tickers, place) = (strings("c", &table, "ticker").unwrap(), floats("c", &table, "place").unwrap());
    let of = |ticker: &str| -> Vec<f64> {
        tickers.iter().zip(&place).filter(|(name, _)| *name == ticker).map(|(_, place)| *place).collect()
    };
    // Five sessions; three tickers in the first hour, two in the second.
    assert_eq!(of("AAA"), [1.0 / 3.0, 1.0].repeat(5));
    assert_eq!(of("BBB"), [2.0 / 3.0, 0.5].repeat(5));
    assert_eq!(of("CCC"), [1.0; 5]);
}
