//! A strategy that trades on paper in a real pod, with its books in a real database.

use std::{collections::BTreeSet, time::Duration};

use ats_ledger::{Ledger, LedgerOptions, OrderFilter, OrderRow, Purpose, StrategyIdentity, StrategyKey};
use ats_system_tests::{Place, condition, place};
use serde_json::{Value, json};

fn universe(end: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "TradingUniverse", "metadata": {"name": "made-up"},
        "spec": {
            "tickers": ["AAA", "BBB", "CCC", "DDD", "EEE", "FFF"],
            "source": {"synthetic": {"seed": 7, "model": "RegimeSwitching"}},
            "history": {"start": "2019-01-02", "end": end},
        },
    })
}

fn strategy(name: &str) -> Value {
    json!({
        "apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy", "metadata": {"name": name},
        "spec": {
            "universeRef": {"name": "made-up"},
            "signal": {"rules": {
                "entry": "rsi(close, 2) < 20 and close > sma(close, 50)",
                "exit": "rsi(close, 2) > 60",
            }},
            "portfolio": {"maxPositions": 4, "sizing": {"riskPerTrade": {}}},
            "risk": {"riskPercentage": "0.01", "stop": {"atr": {"period": 14, "multiple": "2"}}},
            "costs": {"commissionPerShare": "0.005", "minimumCommission": "1", "slippageBasisPoints": "2"},
            "mode": "Paper",
            "haltAction": "Hold",
            "backtest": {"start": "2019-07-01", "initialCash": "100000"},
            "podTemplate": {"resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "512Mi"}}},
        },
    })
}

/// The ledger, as the pods write it.
struct Books {
    ledger: Ledger,
    namespace: String,
}

impl Books {
    async fn open(place: &Place) -> Self {
        let url = place.cluster.postgres().unwrap().url("postgres");
        // The node's pods and other tests have these cores, too.
        let patient = LedgerOptions { acquire_timeout: Duration::from_secs(90), ..LedgerOptions::default() };
        let ledger = Ledger::open_with(&url, patient).await.unwrap();
        Self { ledger, namespace: place.namespace.clone() }
    }

    /// A strategy's key, once its pod has begun.
    async fn key(&self, name: &str) -> Option<StrategyKey> {
        let all = self.ledger.strategies(Some(name)).await.unwrap();
        let ours = |one: &&StrategyIdentity| one.namespace.as_deref() == Some(&self.namespace);
        all.iter().find(ours).map(StrategyIdentity::key)
    }

    async fn orders(&self, name: &str) -> Vec<OrderRow> {
        match self.key(name).await {
            Some(key) => self.ledger.orders(&key, OrderFilter::default()).await.unwrap(),
            None => Vec::new(),
        }
    }

    /// The last session that was decided, and the equity at its end.
    async fn decided(&self, name: &str) -> (String, String) {
        let Some(key) = self.key(name).await else { return (String::new(), String::new()) };
        let equity = self.ledger.equity(&key, Some(1)).await.unwrap();
        equity.last().map(|point| (point.session.to_string(), point.equity.to_string())).unwrap_or_default()
    }

    async fn runs(&self, name: &str) -> usize {
        match self.key(name).await {
            Some(key) => self.ledger.runs(&key).await.unwrap().len(),
            None => 0,
        }
    }

    /// Waits until a strategy has decided a session.
    async fn reached(&self, place: &Place, name: &str, session: &str) {
        place
            .until(&format!("{name} at {session}"), async || {
                let (last, _) = self.decided(name).await;
                if last.as_str() == session { Ok(()) } else { Err(format!("it is at {last}")) }
            })
            .await;
    }
}

/// What an order was for, without what differs between two strategies or two pods.
fn terms(orders: &[OrderRow]) -> Vec<String> {
    let terms = |order: &OrderRow| {
        format!(
            "{} {} {} {} {} {:?} {}",
            order.bar,
            order.ticker,
            order.side,
            order.purpose,
            order.quantity,
            order.state,
            order.filled_quantity
        )
    };
    orders.iter().map(terms).collect()
}

async fn trading_pod(place: &Place, name: &str) -> Option<Value> {
    let selector = format!("trading.ats.dev/name={name},trading.ats.dev/stage=trade");
    let pods = place.list(&["pods", "-l", &selector]).await;
    pods.into_iter().find(|pod| pod["metadata"]["deletionTimestamp"].is_null())
}

/// The sum of the figures whose name and labels begin so, in the metrics of the namespace's monitoring.
async fn figure(place: &Place, figure: &str) -> Option<f64> {
    let path =
        format!("/api/v1/namespaces/{}/services/ats-monitoring:metrics/proxy/metrics", place.namespace);
    let text = place.cluster.kubectl(["get", "--raw", &path]).await.unwrap().stdout;
    let found = text.lines().filter(|line| line.starts_with(figure));
    let values: Vec<f64> = found.filter_map(|line| line.rsplit_once(' ')?.1.parse().ok()).collect();
    (!values.is_empty()).then(|| values.iter().sum())
}

async fn shows(place: &Place, name: &str, expected: f64) {
    place
        .until(&format!("{name} {expected} in the metrics of monitoring"), async || {
            let found = figure(place, name).await;
            if found == Some(expected) { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
}

#[tokio::test]
async fn a_killed_pod_resumes_without_a_duplicate_and_a_halted_one_opens_nothing() {
    let place = place("paper").await;
    place.apply(&[universe("2021-06-30"), strategy("victim"), strategy("twin")]).await;
    let books = Books::open(&place).await;

    // Killed in the midst of its history, then deleted in the midst of what is left of it.
    let mut seen = 0;
    for round in 0..2 {
        place
            .until("orders of the victim's present run", async || {
                let (runs, there) = (books.runs("victim").await, books.orders("victim").await.len());
                let enough = runs == round + 1 && there >= seen + 5;
                if enough { Ok(()) } else { Err(format!("{runs} runs, {there} orders")) }
            })
            .await;
        seen = books.orders("victim").await.len();
        let pod = trading_pod(&place, "victim").await.unwrap();
        let (name, uid) = (&pod["metadata"]["name"], pod["metadata"]["uid"].as_str().unwrap());
        if round == 0 {
            assert_eq!(place.cluster.kill_pod(uid).unwrap(), 1);
        } else {
            place.kubectl(&["delete", "pod", name.as_str().unwrap(), "--force", "--grace-period=0"]).await;
        }
        let (session, _) = books.decided("victim").await;
        println!("victim ended at {session}");
        assert!(session.as_str() < "2021-06-30", "it had decided everything: this proves nothing");
    }
    for name in ["victim", "twin"] {
        books.reached(&place, name, "2021-06-30").await;
    }
    assert_eq!((books.runs("victim").await, books.runs("twin").await), (3, 1));

    for name in ["victim", "twin"] {
        place.ready(&format!("strategy/{name}")).await;
        // A pod tells its state every fifteen seconds at most.
        place.condition(&format!("strategy/{name}"), "Running", "True", "Trading").await;
    }
    let (_, equity) = books.decided("victim").await;
    assert_eq!(equity, books.decided("twin").await.1);
    place
        .until("the equity on the object", async || {
            let told = place.get("strategy/victim").await["status"]["metrics"]["equity"].clone();
            if told == equity.as_str() { Ok(()) } else { Err(format!("{told} is not {equity}")) }
        })
        .await;
    let orders = books.orders("victim").await;
    let ids: BTreeSet<&str> = orders.iter().map(|order| order.client_order_id.as_str()).collect();
    assert_eq!(ids.len(), orders.len());
    assert!(orders.len() > 50, "{}", orders.len());
    assert_eq!(terms(&orders), terms(&books.orders("twin").await));
    shows(&place, "ats_strategy_orders_total{name=\"victim\"", orders.len() as f64).await;
    shows(&place, "ats_strategy_halted{name=\"victim\"}", 0.0).await;

    // The kill switch: told, shown, and nothing is opened on half a year of new bars, on which the twin trades.
    place.patch("strategy/victim", &json!({"spec": {"killSwitch": true}})).await;
    let halted = place.condition("strategy/victim", "WithinRiskLimits", "False", "KillSwitch").await;
    assert_eq!(halted["status"]["halted"], "True");
    shows(&place, "ats_strategy_halted{name=\"victim\"}", 1.0).await;
    shows(&place, "ats_strategy_halted{name=\"twin\"}", 0.0).await;
    place.apply(&[universe("2021-12-31")]).await;
    for name in ["victim", "twin"] {
        books.reached(&place, name, "2021-12-31").await;
    }
    let opened = async |name: &str| {
        let orders = books.orders(name).await;
        let opens = |order: &&OrderRow| {
            matches!(order.purpose, Purpose::Entry | Purpose::Increase)
                && order.created_session.to_string().as_str() > "2021-06-30"
        };
        orders.iter().filter(opens).count()
    };
    assert_eq!(opened("victim").await, 0);
    assert!(opened("twin").await > 5, "{}", opened("twin").await);

    place.patch("strategy/victim", &json!({"spec": {"killSwitch": false}})).await;
    place.condition("strategy/victim", "WithinRiskLimits", "True", "WithinLimits").await;
    shows(&place, "ats_strategy_halted{name=\"victim\"}", 0.0).await;
    // The annotation does the same, and a GitOps tool leaves it alone.
    place.kubectl(&["annotate", "strategy", "twin", "trading.ats.dev/halt=earnings week"]).await;
    place
        .until("the twin's halt, as its pod tells it", async || {
            let twin = place.get("strategy/twin").await;
            let message = condition(&twin, "WithinRiskLimits").unwrap()["message"].to_string();
            let by_pod = message.contains("halt annotation-") && message.contains("earnings week");
            if by_pod { Ok(()) } else { Err(message) }
        })
        .await;

    // Another URL in the Secret, of the same ledger: the pods end and begin again with it.
    let runs = books.runs("victim").await;
    let url = format!("{}?application_name=rotated", place.cluster.postgres().unwrap().url("postgres"));
    place.patch("secret/ats-ledger", &json!({"stringData": {"url": url}})).await;
    place
        .until("a run of the victim with the new Secret", async || {
            let now = books.runs("victim").await;
            if now > runs { Ok(()) } else { Err(format!("{now} runs, as before")) }
        })
        .await;

    // Deleted: the Deployments go, the books stay.
    let before = books.orders("twin").await.len();
    place.delete_objects().await;
    assert!(place.list(&["deployments", "-l", "trading.ats.dev/stage=trade"]).await.is_empty());
    assert_eq!(books.orders("twin").await.len(), before);
    place.end().await;
}
