//! A namespace with an object in each state that matters, and the books of two strategies.

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use ats_ledger::{
    Cut, Decision, DecisionOutcome, EquityPoint, Halt, HaltCause, Holding, OrderKind, OrderRow, OrderState,
    Purpose, Run, RunMode, Side,
};
use ats_monitoring::{Book, Books, Interruptions, LedgerName, LedgerState, Objects, View, key_of};
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn d(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn digest(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2024-01-10T10:00:00Z",
    })
}

fn metadata(name: &str) -> Value {
    json!({
        "name": name, "namespace": "trading", "uid": format!("uid-{name}"), "generation": 2,
        "creationTimestamp": "2024-01-01T12:00:00Z",
    })
}

/// A stage that took so many seconds.
fn done(name: &str, seconds: i64) -> Value {
    let end = at("2024-01-10T09:30:00Z");
    json!({
        "name": name, "state": "Succeeded", "attempt": 1, "progress": "8/8", "computed": 6, "reused": 2,
        "key": digest('a'), "digest": digest('b'), "message": format!("{name}: 6 computed, 2 reused"),
        "startedAt": (end - jiff::SignedDuration::from_secs(seconds)).to_string(), "finishedAt": end.to_string(),
    })
}

pub fn universe(name: &str) -> TradingUniverse {
    serde_json::from_value(json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": metadata(name),
        "spec": {
            "tickers": ["AAPL", "GE", "IBM"], "source": {"synthetic": {"seed": 7}},
            "history": {"start": "2020-01-02", "end": "2021-03-31"},
        },
        "status": {
            "observedGeneration": 2, "activeTickers": 3, "focusTickers": 2, "asOfSession": "2024-01-09",
            "conditions": [
                condition("Ready", "True", "Succeeded", "dataset as of session 2024-01-09 is published"),
                condition("Fresh", "True", "Refreshed", "the refresh of 2024-01-09 has succeeded"),
            ],
            "stages": [done("acquire", 95), done("features", 12), done("publish", 1)],
            "artifact": {"stage": "publish", "key": digest('a'), "digest": digest('b'), "shortDigest": "bbbbbbbbbbbb"},
            "inputs": [{"name": "acquire", "digest": digest('c')}],
            "history": [
                {"digest": digest('b'), "generation": 2, "at": "2024-01-10T09:30:00Z"},
                {"digest": digest('9'), "generation": 1, "at": "2024-01-09T09:30:00Z"},
            ],
            "metrics": {"activeTickers": "3", "missingSessions": "0.0012"},
        },
    }))
    .unwrap()
}

/// A universe whose files cannot be read.
pub fn broken_universe(name: &str) -> TradingUniverse {
    let mut broken = serde_json::to_value(universe(name)).unwrap();
    let words = "stage acquire: 1 of 3 tickers could not be read";
    broken["status"] = json!({
        "observedGeneration": 2,
        "conditions": [
            condition("Ready", "False", "SourceUnreadable", words),
            condition("Stalled", "True", "SourceUnreadable", words),
        ],
        "stages": [
            {
                "name": "acquire", "state": "Failed", "attempt": 3, "progress": "2/3", "message": "no file GE.csv",
                "startedAt": "2024-01-10T11:00:00Z", "finishedAt": "2024-01-10T11:03:05Z",
            },
            {"name": "features", "state": "Pending", "attempt": 0},
        ],
        "failures": [{
            "stage": "acquire", "shard": 1, "ticker": "GE", "category": "Unreadable",
            "message": "no file GE.csv below /data: put it there, or take GE out of spec.tickers",
        }],
    });
    serde_json::from_value(broken).unwrap()
}

/// A model in training.
pub fn model(name: &str) -> ModelTrainingJob {
    serde_json::from_value(json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "ModelTrainingJob", "metadata": metadata(name),
        "spec": {
            "universeRef": {"name": "shares"}, "label": {"forwardReturn": {"horizonBars": 5}},
            "algorithm": {"elasticNet": {}}, "validation": {"walkForward": {"folds": 2, "testBars": 21}},
        },
        "status": {
            "observedGeneration": 2, "algorithm": "elasticNet",
            "conditions": [
                condition("Ready", "Unknown", "Progressing", "stage train: 37 of 120 units"),
                condition("Reconciling", "True", "Progressing", "stage train: 37 of 120 units"),
            ],
            "stages": [
                {"name": "train", "state": "Running", "attempt": 1, "progress": "37/120", "startedAt": "2024-01-10T11:50:00Z"},
                {"name": "select", "state": "Pending", "attempt": 0},
            ],
        },
    }))
    .unwrap()
}

/// A strategy that trades on paper.
pub fn paper(name: &str) -> Strategy {
    serde_json::from_value(json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy", "metadata": metadata(name),
        "spec": {
            "universeRef": {"name": "shares"},
            "signal": {"rules": {"entry": "close > sma(close, 50)", "exit": "close < sma(close, 50)"}},
            "portfolio": {"maxPositions": 2, "sizing": {"equalWeight": {}}},
            "risk": {}, "backtest": {"start": "2020-06-01"}, "mode": "Paper",
        },
        "status": {
            "observedGeneration": 2, "halted": "False",
            "conditions": [
                condition("Ready", "True", "Succeeded", "trades on paper"),
                condition("BacktestPassed", "True", "GatesPassed", "2 of 2 gates hold"),
                condition("Running", "True", "Trading", "decided up to session 2024-01-09"),
                condition("WithinRiskLimits", "True", "WithinLimits", "no halt stands"),
            ],
            "stages": [
                done("backtest", 22),
                {"name": "trade", "state": "Running", "attempt": 1, "startedAt": "2024-01-10T09:30:01Z"},
            ],
            "metrics": {"sharpe": "1.25", "maxDrawdown": "-0.10031", "equity": "101000.5"},
        },
    }))
    .unwrap()
}

/// The same with a ledger of its own, and halted.
pub fn halted(name: &str) -> Strategy {
    let mut halted = serde_json::to_value(paper(name)).unwrap();
    halted["spec"]["ledger"] = json!({"urlSecretRef": {"name": "mine", "key": "dsn"}});
    let reason = "equity at the close of 2024-01-09 is 0.21 below its peak";
    halted["status"]["halted"] = json!("True");
    halted["status"]["halt"] =
        json!({"id": "drawdown-20240109", "reason": reason, "at": "2024-01-09T21:05:00Z"});
    halted["status"]["conditions"][3] = condition("WithinRiskLimits", "False", "DrawdownLatched", reason);
    serde_json::from_value(halted).unwrap()
}

/// A strategy that the operator has not seen.
pub fn backtest(name: &str) -> Strategy {
    let mut plain = serde_json::to_value(paper(name)).unwrap();
    plain["spec"]["mode"] = json!("Backtest");
    plain["status"] = json!({"observedGeneration": -1});
    serde_json::from_value(plain).unwrap()
}

fn order(number: i64, ticker: &str, side: Side, state: OrderState) -> OrderRow {
    let session = day("2024-01-05").saturating_add(jiff::Span::new().days(number));
    OrderRow {
        client_order_id: format!("paper-{ticker}-{number}").parse().unwrap(),
        entry: number,
        epoch: 1,
        bar: at("2024-01-08T21:00:00Z"),
        created_session: session,
        ticker: ticker.to_owned(),
        side,
        quantity: 100.into(),
        kind: if side == Side::Buy { OrderKind::MarketOnOpen } else { OrderKind::Stop },
        price: (side == Side::Sell).then(|| d("181.50")),
        trigger_price: None,
        purpose: if side == Side::Buy { Purpose::Entry } else { Purpose::Exit },
        reason: if side == Side::Buy { "Signal" } else { "Stop" }.to_owned(),
        cuts: if number == 1 {
            vec![Cut { rule: "MaxPositionSize".to_owned(), from: 250.into(), to: 100.into() }]
        } else {
            Vec::new()
        },
        state,
        working_quantity: 100.into(),
        working_price: None,
        working_trigger_price: None,
        filled_quantity: if state == OrderState::Filled { 100.into() } else { 0.into() },
        broker_order_id: None,
        message: (state == OrderState::Rejected).then(|| "no <b>short</b> sales".to_owned()),
        created_at: at("2024-01-08T21:05:00Z"),
        updated_at: at("2024-01-09T14:30:00Z"),
    }
}

/// Books with some of everything.
pub fn book() -> Book {
    let point = |session: &str, equity: &str, gross: &str, drawdown: &str| EquityPoint {
        session: day(session),
        equity: d(equity),
        cash: d("60000"),
        gross_exposure: d(gross),
        net_exposure: d(gross),
        drawdown: d(drawdown),
    };
    Book {
        points: vec![
            point("2024-01-04", "100000", "0", "0"),
            point("2024-01-05", "101500.25", "40000", "0"),
            point("2024-01-08", "99500", "38000", "-0.0197067"),
            point("2024-01-09", "100400", "40160", "-0.0108399"),
        ],
        cash: d("60000.5"),
        positions: vec![Holding {
            ticker: "AAPL".to_owned(),
            quantity: 200.into(),
            cost: d("36210.40"),
            realized: d("-120.25"),
            commission: d("4"),
            opened_session: Some(day("2024-01-05")),
        }],
        orders: vec![
            order(4, "GE", Side::Buy, OrderState::Sent),
            order(3, "IBM", Side::Sell, OrderState::Rejected),
            order(1, "AAPL", Side::Buy, OrderState::Filled),
        ],
        order_counts: vec![
            (Side::Buy, OrderState::Sent, 1),
            (Side::Buy, OrderState::Filled, 12),
            (Side::Sell, OrderState::Filled, 11),
            (Side::Sell, OrderState::Rejected, 1),
        ],
        decision_counts: vec![(DecisionOutcome::Decided, 41), (DecisionOutcome::Stale, 2)],
        decision: Some(Decision {
            bar: at("2024-01-09T21:00:00Z"),
            session: day("2024-01-09"),
            outcome: DecisionOutcome::Decided,
            orders: 1,
            message: None,
            decided_at: at("2024-01-09T21:05:00Z"),
        }),
        halts: vec![Halt {
            id: "annotation-1".to_owned(),
            cause: HaltCause::Annotation,
            reason: "earnings week".to_owned(),
            session: Some(day("2024-01-04")),
            at: at("2024-01-04T21:05:00Z"),
            reset_at: Some(at("2024-01-05T09:00:00Z")),
            reset_by: Some("annotation".to_owned()),
        }],
        run: Some(Run {
            mode: RunMode::Paper,
            dataset_digest: digest('b'),
            model_digest: None,
            engine_revision: 7,
            started_at: at("2024-01-04T21:00:00Z"),
        }),
    }
}

/// The whole namespace at noon of 2024-01-10.
pub fn namespace() -> View {
    let objects = Objects {
        universes: vec![broken_universe("europe"), universe("shares")],
        models: vec![model("net")],
        strategies: vec![backtest("draft"), halted("momentum"), paper("paper-dips")],
        unreadable: Vec::new(),
    };
    let mut books = Books::default();
    let read = LedgerState { problem: None, read_at: Some(at("2024-01-10T11:59:55Z")) };
    books.ledgers.insert(LedgerName::Default, read.clone());
    books.ledgers.insert(LedgerName::Secret { name: "mine".to_owned(), key: "dsn".to_owned() }, read);
    let mut halted = book();
    halted.halts.push(Halt {
        id: "drawdown-20240109".to_owned(),
        cause: HaltCause::MaxDrawdown,
        reason: "equity at the close of 2024-01-09 is 0.21 below its peak".to_owned(),
        session: Some(day("2024-01-09")),
        at: at("2024-01-09T21:05:00Z"),
        reset_at: None,
        reset_by: None,
    });
    books.books.insert(key_of(&objects.strategies[1]).unwrap(), halted);
    books.books.insert(key_of(&objects.strategies[2]).unwrap(), book());
    let interruptions: Interruptions = ats_monitoring::KINDS.into_iter().map(|kind| (kind, None)).collect();
    View { namespace: "trading".to_owned(), objects, books, interruptions, now: at("2024-01-10T12:00:00Z") }
}
