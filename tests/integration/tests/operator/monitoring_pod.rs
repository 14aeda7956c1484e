//! The monitoring binary as a process, with the rights and the files that its Deployment gives it: real objects from
//! the API server, real ledgers.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse};
use ats_integration_tests::{
    Kubelet, Place, counters,
    objects::{model, strategy, universe},
    place,
};
use ats_ledger::{
    Decision, DecisionOutcome, EquityPoint, HaltCause, Ledger, NewHalt, NewOrder, OrderKind, Purpose, Side,
    StrategyIdentity,
};
use ats_test_cluster::Postgres;
use k8s_openapi::{
    ByteString,
    api::{
        apps::v1::Deployment,
        core::v1::{Secret, VolumeProjection},
    },
};
use kube::{Api, ResourceExt, api::DeleteParams};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Child,
};

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The monitoring of a namespace, as its pod would run it.
struct Pod {
    child: Child,
    page: u16,
    metrics: u16,
    folder: TempDir,
}

/// A request as a scraper makes it: the status and the body.
async fn get(port: u16, path: &str) -> Result<(u16, String), String> {
    let answer = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(Duration::from_secs(10), answer).await;
    let answer = answer.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
    Ok((status, answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()))
}

impl Pod {
    /// Waits for the Deployment to name so many ledgers, and does what a kubelet would: account, files, process.
    async fn start(place: &Place, ledgers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = sources(place, ledgers).await;
        mount(place, &sources, &folder.path().join("ledgers")).await;
        let kubeconfig = folder.path().join("kubeconfig");
        place
            .cluster
            .service_account_kubeconfig(&place.namespace, "ats-monitoring", &kubeconfig)
            .await
            .unwrap();
        let (page, metrics) = (free_port(), free_port());
        let child = tokio::process::Command::new(binary())
            .env_clear()
            .envs(counters())
            .env("KUBECONFIG", &kubeconfig)
            .env("ATS_NAMESPACE", &place.namespace)
            .env("ATS_LEDGERS", folder.path().join("ledgers"))
            .env("ATS_LEDGER_SECONDS", "1")
            .env("ATS_PAGE_PORT", page.to_string())
            .env("ATS_METRICS_PORT", metrics.to_string())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let pod = Self { child, page, metrics, folder };
        place
            .until("readiness", async || match get(metrics, "/readyz").await? {
                (200, _) => Ok(()),
                other => Err(format!("{other:?}")),
            })
            .await;
        pod
    }

    /// Waits until a page has these words.
    async fn shows(&self, place: &Place, path: &str, words: &[&str]) -> String {
        place
            .until(&format!("{words:?} on {path}"), async || {
                let (status, body) = get(self.page, path).await?;
                let absent: Vec<_> = words.iter().filter(|&&words| !body.contains(words)).collect();
                if absent.is_empty() {
                    Ok(body)
                } else {
                    Err(format!("{status}, without {absent:?}: {body}"))
                }
            })
            .await
    }

    /// Waits until a scrape has these lines.
    async fn exports(&self, place: &Place, lines: &[&str]) -> String {
        place
            .until(&format!("{lines:?}"), async || {
                let (_, body) = get(self.metrics, "/metrics").await?;
                let absent: Vec<_> =
                    lines.iter().filter(|&&line| !body.lines().any(|found| found == line)).collect();
                if absent.is_empty() { Ok(body) } else { Err(format!("without {absent:?}: {body}")) }
            })
            .await
    }

    fn healthcheck(&self) -> bool {
        let status = Command::new(binary())
            .arg("healthcheck")
            .env("ATS_METRICS_PORT", self.metrics.to_string())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Ends it as a kubelet would; how long that took.
    async fn stop(mut self) -> Duration {
        let pid = self.child.id().unwrap().to_string();
        let begun = Instant::now();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await;
        assert!(ended.expect("it ends on SIGTERM").unwrap().success());
        begun.elapsed()
    }
}

fn binary() -> std::path::PathBuf {
    ats_test_cluster::binary("ats-monitoring", "monitoring").unwrap()
}

/// What the Deployment mounts, as soon as it names so many ledgers.
async fn sources(place: &Place, ledgers: usize) -> Vec<VolumeProjection> {
    let deployments: Api<Deployment> = Api::namespaced(place.client.clone(), &place.namespace);
    place
        .until("the Deployment with its ledgers", async || {
            let deployment = deployments.get("ats-monitoring").await.map_err(|error| error.to_string())?;
            let pod = deployment.spec.unwrap().template.spec.unwrap();
            let mount = pod.containers[0].volume_mounts.iter().flatten();
            let mount = mount.into_iter().find(|mount| mount.name == "ledgers").unwrap().mount_path.clone();
            let folder =
                pod.containers[0].env.iter().flatten().find(|variable| variable.name == "ATS_LEDGERS");
            assert_eq!(folder.unwrap().value.as_ref(), Some(&mount), "the pod looks where the files are");
            let volume = pod.volumes.unwrap().into_iter().find(|volume| volume.name == "ledgers").unwrap();
            let sources = volume.projected.unwrap().sources.unwrap();
            if sources.len() == ledgers { Ok(sources) } else { Err(format!("{sources:?}")) }
        })
        .await
}

/// Writes the files of a projected volume, as a kubelet would.
async fn mount(place: &Place, sources: &[VolumeProjection], folder: &Path) {
    let secrets: Api<Secret> = Api::namespaced(place.client.clone(), &place.namespace);
    for source in sources {
        let wanted = source.secret.as_ref().unwrap();
        let secret = secrets.get_opt(&wanted.name).await.unwrap();
        for item in wanted.items.iter().flatten() {
            let value = secret.as_ref().and_then(|secret| secret.data.as_ref()?.get(&item.key));
            let Some(ByteString(value)) = value else {
                assert_eq!(wanted.optional, Some(true), "the pod would not start");
                continue;
            };
            let file = folder.join(&item.path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, value).unwrap();
        }
    }
}

async fn secret(place: &Place, name: &str, key: &str, value: &str) {
    let secrets: Api<Secret> = Api::namespaced(place.client.clone(), &place.namespace);
    let secret = json!({"metadata": {"name": name}, "stringData": {key: value}});
    secrets.create(&Default::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
}

/// Applies a strategy that trades on paper, and writes the books that its pod would have written.
async fn trades(place: &Place, name: &str, ledger: Option<(&str, &str)>, url: &str, equity: &str) {
    let mut object = strategy(name, "u");
    object["spec"]["mode"] = json!("Paper");
    if let Some((secret, key)) = ledger {
        object["spec"]["ledger"] = json!({"urlSecretRef": {"name": secret, "key": key}});
    }
    place.apply(&object).await;
    let uid = place.api::<Strategy>().get(name).await.unwrap().uid().unwrap();
    let identity = StrategyIdentity::cluster(&place.namespace, name, &uid).unwrap();
    let now = "2021-04-01T13:31:00Z".parse().unwrap();
    let ledger = Ledger::open(url).await.unwrap();
    let lease =
        ledger.acquire_lease(&identity, "pod", jiff::SignedDuration::from_secs(60), now).await.unwrap();
    let mut writer = ledger.write(&lease).await.unwrap();
    for (session, equity, drawdown) in [("2021-03-30", "100000", "0"), ("2021-03-31", equity, "-0.0125")] {
        let equity: rust_decimal::Decimal = equity.parse().unwrap();
        let point = EquityPoint {
            session: session.parse().unwrap(),
            equity,
            cash: equity / rust_decimal::Decimal::TWO,
            gross_exposure: equity / rust_decimal::Decimal::TWO,
            net_exposure: equity / rust_decimal::Decimal::TWO,
            drawdown: drawdown.parse().unwrap(),
        };
        writer.record_equity(&point).await.unwrap();
    }
    let order = NewOrder {
        client_order_id: format!("{name}-20210331-GE-B-1").parse().unwrap(),
        bar: "2021-03-31T20:00:00Z".parse().unwrap(),
        session: "2021-03-31".parse().unwrap(),
        ticker: "GE".to_owned(),
        side: Side::Buy,
        quantity: 1_250.into(),
        kind: OrderKind::MarketOnOpen,
        price: None,
        trigger_price: None,
        purpose: Purpose::Entry,
        reason: "Signal".to_owned(),
        cuts: Vec::new(),
    };
    writer.insert_orders(&[order], now).await.unwrap();
    let decision = Decision {
        bar: "2021-03-31T20:00:00Z".parse().unwrap(),
        session: "2021-03-31".parse().unwrap(),
        outcome: DecisionOutcome::Decided,
        orders: 1,
        message: None,
        decided_at: now,
    };
    writer.record_decision(&decision).await.unwrap();
    let halt = NewHalt {
        id: "earnings".to_owned(),
        cause: HaltCause::Annotation,
        reason: "earnings <week>".to_owned(),
        session: None,
        at: now,
    };
    writer.record_halt(&halt).await.unwrap();
    writer.commit().await.unwrap();
    ledger.close().await;
}

#[tokio::test]
async fn objects_and_books_are_shown_while_they_are_there() {
    let place = place("monitoring-pod").await;
    let operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    let postgres = Postgres::start().await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}", files.path().join("ledger.db").display());
    // One ledger is a strategy's own; the default's Secret comes later.
    secret(&place, "mine", "dsn", &postgres.url("postgres")).await;
    place.apply(&universe("u")).await;
    place.apply(&model("m", "u")).await;
    place.ready::<TradingUniverse>("u").await;
    place.ready::<ModelTrainingJob>("m").await;
    trades(&place, "own", Some(("mine", "dsn")), &postgres.url("postgres"), "98750.25").await;
    trades(&place, "shared", None, &sqlite, "101500.5").await;

    let pod = Pod::start(&place, 2).await;
    assert!(pod.healthcheck());
    let text = pod
        .exports(
            &place,
            &[
                "ats_object_ready{kind=\"TradingUniverse\",name=\"u\"} 1",
                "ats_object_ready{kind=\"ModelTrainingJob\",name=\"m\"} 1",
                "ats_universe_fresh{name=\"u\"} 1",
                "ats_ledger_up{ledger=\"mine/dsn\"} 1",
                "ats_ledger_up{ledger=\"default\"} 0",
                "ats_strategy_equity_dollars{name=\"own\"} 98750.25",
                "ats_strategy_drawdown_ratio{name=\"own\"} -0.0125",
                "ats_strategy_gross_exposure_ratio{name=\"own\"} 0.5",
                "ats_strategy_halted{name=\"own\"} 1",
                "ats_strategy_orders_total{name=\"own\",side=\"Buy\"} 1",
                "ats_strategy_decisions_total{name=\"own\",outcome=\"Decided\"} 1",
                "ats_watch_up{kind=\"Strategy\"} 1",
            ],
        )
        .await;
    assert!(
        text.contains("ats_stage_duration_seconds{kind=\"TradingUniverse\",name=\"u\",stage=\"acquire\"}")
    );
    assert!(!text.contains("ats_strategy_equity_dollars{name=\"shared\"}"), "{text}");
    pod.shows(&place, "/", &["$98,750.25", "session 2021-03-31", "Ledger default cannot be read."]).await;
    let page =
        pod.shows(&place, "/strategy/own", &["earnings &lt;week&gt;", "GE", "1,250", "annotation"]).await;
    assert!(!page.contains("earnings <week>"), "{page}");
    pod.shows(&place, "/tradinguniverse/u", &["acquire", "features", "publish"]).await;
    assert_eq!(get(pod.page, "/strategy/none").await.unwrap().0, 404);
    for file in ["/style.css", "/script.js", "/icon.svg"] {
        assert_eq!(get(pod.page, file).await.unwrap().0, 200, "{file}");
    }

    // The default's Secret is made: the pod need not start anew.
    secret(&place, "ledger", "url", &sqlite).await;
    mount(&place, &sources(&place, 2).await, &pod.folder.path().join("ledgers")).await;
    pod.exports(
        &place,
        &["ats_ledger_up{ledger=\"default\"} 1", "ats_strategy_equity_dollars{name=\"shared\"} 101500.5"],
    )
    .await;

    // A database that ends takes its own figures with it and nothing else.
    drop(postgres);
    let text = pod
        .exports(
            &place,
            &[
                "ats_ledger_up{ledger=\"mine/dsn\"} 0",
                "ats_ledger_up{ledger=\"default\"} 1",
                "ats_strategy_equity_dollars{name=\"shared\"} 101500.5",
                "ats_object_ready{kind=\"TradingUniverse\",name=\"u\"} 1",
            ],
        )
        .await;
    assert!(!text.contains("ats_strategy_equity_dollars{name=\"own\"}"), "{text}");
    let page =
        pod.shows(&place, "/", &["Ledger mine/dsn cannot be read.", "$101,500.50", "$98,750.25"]).await;
    assert!(!page.contains("Ledger default cannot"), "{page}");
    assert!(pod.healthcheck(), "a ledger that is away is no reason to be killed");

    // What is deleted vanishes.
    place.api::<Strategy>().delete("shared", &DeleteParams::background()).await.unwrap();
    place
        .until("the end of the strategy", async || {
            let (_, scrape) = get(pod.metrics, "/metrics").await?;
            let (_, page) = get(pod.page, "/").await?;
            let left = scrape.contains("shared") || page.contains("shared");
            if left { Err(scrape) } else { Ok(()) }
        })
        .await;
    assert_eq!(get(pod.page, "/strategy/shared").await.unwrap().0, 404);

    let (metrics, took) = (pod.metrics, pod.stop().await);
    assert!(took < Duration::from_secs(12), "{took:?}");
    assert!(get(metrics, "/healthz").await.is_err());
    operator.stop().await;
}

#[tokio::test]
async fn the_pod_may_look_and_nothing_else() {
    let place = place("monitoring-rights").await;
    let _operator = place.operator(&[]).await;
    place.apply(&universe("u")).await;
    sources(&place, 1).await;
    let account = format!("--as=system:serviceaccount:{}:ats-monitoring", place.namespace);
    let may = async |verb: &str, resource: &str, namespace: &str| {
        let arguments = ["auth", "can-i", verb, resource, &account, "-n", namespace];
        place.cluster.kubectl(arguments).await.unwrap().stdout.trim() == "yes"
    };
    for kind in ["tradinguniverses", "modeltrainingjobs", "strategies"] {
        let resource = format!("{kind}.trading.ats.dev");
        place
            .until("the right to look", async || {
                if may("watch", &resource, &place.namespace).await { Ok(()) } else { Err(resource.clone()) }
            })
            .await;
        assert!(may("list", &resource, &place.namespace).await, "{resource}");
        assert!(!may("list", &resource, "default").await, "{resource} of another namespace");
        for verb in ["create", "update", "patch", "delete"] {
            assert!(!may(verb, &resource, &place.namespace).await, "{verb} {resource}");
        }
    }
    for resource in ["secrets", "configmaps", "pods", "events", "deployments.apps", "jobs.batch"] {
        for verb in ["get", "list", "watch", "create", "delete"] {
            assert!(!may(verb, resource, &place.namespace).await, "{verb} {resource}");
        }
    }
}
