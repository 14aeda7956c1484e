//! Coordination against an API server that is a few lines: what is asked for, and what is written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use ats_pipeline::contract::STATE_KEY;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::trade::cluster::{ClusterCoordination, ClusterIdentity};
use crate::trade::*;

/// Objects by path; resource versions count writes.
#[derive(Default)]
struct Server {
    objects: Mutex<BTreeMap<String, Value>>,
    writes: Mutex<Vec<(String, String)>>,
}

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/trading/leases/m-trade";
const STATE: &str = "/api/v1/namespaces/trading/configmaps/m-state";
const STRATEGIES: &str = "/apis/trading.ats.dev/v1alpha1/namespaces/trading/strategies";

impl Server {
    fn put(&self, path: &str, mut object: Value) -> Value {
        let mut writes = self.writes.lock().unwrap();
        writes.push((path.to_owned(), object.to_string()));
        object["metadata"]["resourceVersion"] = json!(writes.len().to_string());
        self.objects.lock().unwrap().insert(path.to_owned(), object.clone());
        object
    }

    fn get(&self, path: &str) -> Option<Value> {
        self.objects.lock().unwrap().get(path).cloned()
    }

    fn written(&self, path: &str) -> usize {
        self.writes.lock().unwrap().iter().filter(|(to, _)| to == path).count()
    }

    fn answer(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let status = |code: u16, reason: &str| {
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
                "message": reason}),
            )
        };
        let parsed: Value = serde_json::from_str(body).unwrap_or_default();
        match method {
            "GET" if path == STRATEGIES => {
                let items: Vec<Value> = self.get(&format!("{STRATEGIES}/m")).into_iter().collect();
                let list = json!({"kind": "StrategyList", "apiVersion": "trading.ats.dev/v1alpha1",
                    "metadata": {"resourceVersion": "1"}, "items": items});
                (200, list)
            }
            "GET" => self.get(path).map_or_else(|| status(404, "NotFound"), |object| (200, object)),
            "POST" => {
                (201, self.put(&format!("{path}/{}", parsed["metadata"]["name"].as_str().unwrap()), parsed))
            }
            "PUT" => {
                let stands = self.get(path).map(|object| object["metadata"]["resourceVersion"].clone());
                match stands {
                    Some(version) if version == parsed["metadata"]["resourceVersion"] => {
                        (200, self.put(path, parsed))
                    }
                    _ => status(409, "Conflict"),
                }
            }
            "PATCH" => match self.get(path) {
                Some(mut object) => {
                    object["data"] = parsed["data"].clone();
                    (200, self.put(path, object))
                }
                None => status(404, "NotFound"),
            },
            _ => status(405, "MethodNotAllowed"),
        }
    }
}

async fn serve(server: Arc<Server>, mut stream: TcpStream) {
    let mut lines = BufReader::new(&mut stream);
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).await.unwrap();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).await.unwrap();
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).await.unwrap();
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    if query.contains("watch=true") {
        // A watch on which nothing happens.
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        return;
    }
    let (code, answer) = server.answer(method, path, &String::from_utf8(body).unwrap());
    let text = answer.to_string();
    let head = format!(
        "HTTP/1.1 {code} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn started() -> (Arc<Server>, kube::Client) {
    let server = Arc::new(Server::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = Arc::clone(&server);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Arc::clone(&behind), stream));
        }
    });
    let config = kube::Config::new(format!("http://{address}").parse().unwrap());
    (server, kube::Client::try_from(config).unwrap())
}

fn coordination(client: &kube::Client, pod: &str) -> ClusterCoordination {
    let identity =
        ClusterIdentity { namespace: "trading".into(), name: "m".into(), uid: "u1".into(), pod: pod.into() };
    ClusterCoordination::new(client.clone(), identity)
}

fn state(open_orders: u32) -> TradingState {
    let mut state: TradingState = serde_json::from_str(
        r#"{"epoch":1,"session":null,"equity":"100.5","cash":"1","drawdown":"0","exposure":"0","openPositions":0,
            "positions":[],"openOrders":0,"halt":null,"heartbeat":"2024-01-02T21:05:00Z"}"#,
    )
    .unwrap();
    state.open_orders = open_orders;
    state
}

#[tokio::test]
async fn the_lease_the_state_and_the_halt() {
    let (server, client) = started().await;
    server.put(STATE, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m-state"}}));
    server.put(
        &format!("{STRATEGIES}/m"),
        json!({"apiVersion": "trading.ats.dev/v1alpha1", "kind": "Strategy",
            "metadata": {"name": "m", "namespace": "trading", "uid": "u1",
                "annotations": {"trading.ats.dev/halt": "earnings"}},
            "spec": {"killSwitch": true}}),
    );
    let first = coordination(&client, "pod-1");
    first.acquire().await.unwrap();
    let lease = server.get(LEASE).unwrap();
    assert_eq!(
        (&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]),
        (&json!("pod-1"), &json!(1))
    );
    let now = "2024-01-02T21:05:00Z".parse().unwrap();
    // Held a moment ago: nothing is written again.
    first.hold(now).await.unwrap();
    assert_eq!(server.written(LEASE), 1);
    let wants = first.directives().await.unwrap();
    assert_eq!((wants.kill_switch, wants.halt.as_deref()), (true, Some("earnings")));
    // Told once, although it changed: every 15 seconds at most.
    first.publish(&state(1)).await.unwrap();
    first.publish(&state(2)).await.unwrap();
    let told = server.get(STATE).unwrap();
    let told: TradingState = serde_json::from_str(told["data"][STATE_KEY].as_str().unwrap()).unwrap();
    assert_eq!(told, state(1));
    // Another pod does not get the Lease while it is held, and gets it at once when it is given up.
    let second = coordination(&client, "pod-2");
    let held = second.hold(now).await.unwrap_err();
    assert!(held.to_string().contains("pod-1 holds it"), "{held}");
    first.release().await.unwrap();
    second.acquire().await.unwrap();
    let lease = server.get(LEASE).unwrap();
    assert_eq!(
        (&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]),
        (&json!("pod-2"), &json!(2))
    );
    // What is not ours any more is not given up.
    first.release().await.unwrap();
    assert_eq!(server.get(LEASE).unwrap()["spec"]["holderIdentity"], json!("pod-2"));
}

#[tokio::test]
async fn without_the_object_nothing_is_opened() {
    let (_server, client) = started().await;
    let wants = coordination(&client, "pod-1").directives().await.unwrap();
    assert_eq!(wants.halt.as_deref(), Some("the Strategy object is gone"));
}

/// A state that cannot be told is no reason to stop: the ConfigMap is not there yet.
#[tokio::test]
async fn the_state_waits_for_its_document() {
    let (server, client) = started().await;
    let pod = coordination(&client, "pod-1");
    pod.publish(&state(1)).await.unwrap();
    assert_eq!(server.written(STATE), 0);
    server.put(STATE, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m-state"}}));
    pod.publish(&state(1)).await.unwrap();
    assert_eq!(server.written(STATE), 2);
}
