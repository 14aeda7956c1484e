//! What is refused in a `TradingUniverse`, in the words that a user reads.

use ats_crds::TradingUniverseSpec;
use ats_pipeline::check;
use serde_json::json;

use crate::documents::{checked_universe, read, report, universe_spec, with};

#[test]
fn problems_of_a_universe() {
    let feature = |expression: &str| json!({"features": [{"name": "wanted", "expression": expression}]});
    let cases = [
        ("a ticker that is there twice", json!({"tickers": ["AAPL", "IBM", "AAPL"]})),
        ("a ticker that is none", json!({"tickers": ["aapl", "BRK B", "IBM"]})),
        ("no source", json!({"source": {"files": null}})),
        ("two sources", json!({"source": {"synthetic": {"seed": 1}}})),
        ("a date that is none", json!({"history": {"start": "2001-02-30", "end": "13 March"}})),
        ("an end before the start", json!({"history": {"start": "2013-03-02"}})),
        ("a start before the calendar", json!({"history": {"start": "1960-01-04"}})),
        ("an end after the calendar", json!({"history": {"end": "2190-01-04"}})),
        ("no end and no schedule", json!({"history": {"end": null}})),
        ("a schedule that cannot be read", json!({"schedule": {"cron": "every day at noon"}})),
        ("a schedule of seconds", json!({"schedule": {"cron": "* * * * * *"}})),
        ("a schedule that never ticks", json!({"schedule": {"cron": "0 0 30 2 *"}})),
        ("an unknown time zone", json!({"schedule": {"cron": "0 18 * * 1-5", "timeZone": "Mars/Base"}})),
        ("a share of missing sessions above one", json!({"quality": {"maxMissingSessions": "1.5"}})),
        ("a share that is no decimal", json!({"quality": {"maxMissingSessions": "2%"}})),
        ("an unknown feature", feature("sma(closing, 20)")),
        ("a number where a condition belongs", feature("close and volume > 0")),
        ("a price against a constant", feature("close > 100")),
        ("a sum of a price and a volume", feature("close + volume")),
        ("an expression that does not end", feature("sma(close, 20")),
        ("a feature by the name of a column", json!({"features": [{"name": "close", "expression": "open"}]})),
        (
            "a wrong feature behind others by name",
            json!({"features": [{"name": "z", "expression": "close /"}, {"name": "a", "expression": "close / open"}]}),
        ),
        (
            "two features of one name",
            json!({"features": [{"name": "a", "expression": "close / open"}, {"name": "a", "expression": "open / close"}]}),
        ),
        (
            "two features that use each other",
            json!({"features": [{"name": "a", "expression": "b + 1"}, {"name": "b", "expression": "a + 1"}]}),
        ),
        ("a ranking by a condition", json!({"selection": {"rankBy": "close > open"}})),
        ("a ranking by an unknown name", json!({"selection": {"rankBy": "dollar_volume"}})),
        ("a focus greater than the selection", json!({"selection": {"focusUniverseSize": 6}})),
        ("negative counts", json!({"selection": {"focusUniverseSize": -2, "maxActiveTickers": -1}})),
        (
            "a claim that the files do not lie on",
            json!({"source": {"files": {"uri": "file:///database/bars"}}}),
        ),
        ("a claim left by two dots", json!({"source": {"files": {"uri": "file:///data/../etc"}}})),
        (
            "a mount path that is not absolute",
            json!({"source": {"files": {"volumeClaim": {"mountPath": "data"}}}}),
        ),
        (
            "a mount path with two dots",
            json!({"source": {"files": {"volumeClaim": {"mountPath": "/data/../etc"}}}}),
        ),
        ("the root as a mount path", json!({"source": {"files": {"volumeClaim": {"mountPath": "//"}}}})),
        (
            "a mount path that is taken",
            json!({"source": {"files": {"volumeClaim": {"mountPath": "/etc/ats/"}}}}),
        ),
        (
            "a store on a path that is taken",
            json!({"artifactStore": {"volumeClaim": {"claimName": "artifacts", "mountPath": "/tmp/store"}}}),
        ),
        (
            "two claims at one path",
            json!({"artifactStore": {"volumeClaim": {"claimName": "artifacts", "mountPath": "/data/"}}}),
        ),
        (
            "a membership table beside made-up bars",
            json!({"source": {"files": null, "synthetic": {"seed": 1}}, "membership": {"file": "members.csv"}}),
        ),
        (
            "own columns without files, of one name, of a feature's name, of a column's name",
            json!({
                "source": {"files": null, "synthetic": {"seed": 1}},
                "features": [{"name": "a", "expression": "close / open"}],
                "columns": [
                    {"name": "mood", "file": "news.csv"}, {"name": "mood", "file": "b.csv"},
                    {"name": "a", "file": "news.csv"}, {"name": "close", "file": "news.csv"},
                ],
            }),
        ),
        ("an own column without its declaration", feature("own(\"mood\")")),
        (
            "a store below a source that is only read",
            json!({"artifactStore": {"volumeClaim": {"claimName": "artifacts", "mountPath": "/data/store"}}}),
        ),
        (
            "several at once",
            json!({"tickers": ["x"], "history": {"start": "soon"}, "features": [{"name": "a", "expression": "nothing"}]}),
        ),
    ];
    insta::assert_snapshot!(report(&universe_spec(), &cases, |spec: &TradingUniverseSpec| check::universe(
        spec
    )));
}

#[test]
fn a_summary_names_the_first_and_counts_the_rest() {
    let changed = with(&universe_spec(), &json!({"tickers": ["a", "b", "c", "d", "e"]}));
    let problems = check::universe(&read::<TradingUniverseSpec>(&changed)).unwrap_err();
    insta::assert_snapshot!(check::summary(&problems), @r#"spec.tickers[0]: "a" is not a ticker: write upper-case letters, digits, `.` and `-`; spec.tickers[1]: "b" is not a ticker: write upper-case letters, digits, `.` and `-`; spec.tickers[2]: "c" is not a ticker: write upper-case letters, digits, `.` and `-`; and 2 more: `ats validate` lists all"#);
    insta::assert_snapshot!(check::summary(&problems[..1]), @r#"spec.tickers[0]: "a" is not a ticker: write upper-case letters, digits, `.` and `-`"#);
}

#[test]
fn a_mount_path_may_end_with_a_slash_and_equal_the_uri() {
    let changed = with(
        &universe_spec(),
        &json!({"source": {"files": {"uri": "file:///data", "volumeClaim": {"mountPath": "/data/"}}}}),
    );
    let checked = checked_universe(&changed);
    assert_eq!(checked.volume.unwrap().mount_path, "/data");
    assert_eq!(checked.location.unwrap().uri, "file:///data");
}

#[test]
fn tickers_that_only_expressions_name_are_benchmarks() {
    let changed = with(
        &universe_spec(),
        &json!({"features": [{"name": "market_beta", "expression": "beta(\"SPY\", 60)"}]}),
    );
    match check::universe(&read::<TradingUniverseSpec>(&changed)) {
        Ok(checked) => {
            assert_eq!(checked.benchmarks, ["SPY"]);
            assert_eq!(checked.acquired(), ["AAPL", "FB", "GOOG", "IBM", "MSFT", "SPY"]);
            assert_eq!(checked.tickers, ["AAPL", "FB", "GOOG", "IBM", "MSFT"]);
        }
        Err(problems) => panic!("{}", check::summary(&problems)),
    }
}

#[test]
fn the_as_of_session_follows_the_schedules_latest_tick_and_stops_at_the_end() {
    let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
    let scheduled = json!({
        "history": {"start": "2026-11-02", "end": null},
        "schedule": {"cron": "30 18 * * 1-5"},
    });
    let checked = checked_universe(&with(&universe_spec(), &scheduled));
    // Friday 2026-11-20, 18:30 in New York, is 23:30 UTC; until Monday's tick nothing is newer.
    assert_eq!(checked.as_of(at("2026-11-20T23:29:59Z")).unwrap().to_string(), "2026-11-19");
    assert_eq!(checked.as_of(at("2026-11-20T23:30:00Z")).unwrap().to_string(), "2026-11-20");
    assert_eq!(checked.as_of(at("2026-11-23T23:29:59Z")).unwrap().to_string(), "2026-11-20");
    assert_eq!(
        checked.as_of(at("2026-10-30T12:00:00Z")),
        None,
        "before the start there is nothing to acquire"
    );
    let ended = checked_universe(&universe_spec());
    assert_eq!(ended.as_of(at("2026-11-20T23:30:00Z")).unwrap().to_string(), "2013-03-01");
    assert_eq!(ended.as_of(at("2012-07-04T12:00:00Z")).unwrap().to_string(), "2012-07-03");
}
