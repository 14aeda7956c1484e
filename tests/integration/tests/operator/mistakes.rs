//! What a user who slipped is told on the object: each case of `fixtures/mistakes`, all in one namespace, with sound
//! objects beside them that come to Ready. The workloads are the real binaries, so the words are those of a pod. The
//! same cases go through the command line in `workloads/cli/tests/suite/mistakes.rs`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ats_crds::{ModelTrainingJob, Strategy, TradingUniverse, status::HasCommonStatus};
use ats_integration_tests::{
    Kubelet, Node, Place,
    objects::{condition, universe},
    place,
};
use ats_operator::kind::Managed;
use serde_json::json;

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/mistakes"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).unwrap();
        }
    }
}

struct Case {
    name: String,
    way: &'static str,
    kind: String,
    reason: String,
    words: String,
    text: String,
}

/// The cases, each with its own name for its object and its folder of data.
fn cases() -> Vec<Case> {
    let mut folders: Vec<PathBuf> =
        fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.join("objects.yaml").is_file());
    folders.sort();
    let cases = folders.into_iter().map(|folder| {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(folder.join("objects.yaml")).unwrap();
        let head = |key: &str| text.lines().find_map(|line| line.strip_prefix(&format!("# {key}: ")));
        let ways = ["ready", "told", "invalid", "waits", "refused"];
        let (way, rest) =
            ways.into_iter().find_map(|way| Some((way, head(way)?))).expect("a case says its way");
        let (kind, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let words = head("there").or_else(|| head("words")).expect("a case has words").to_owned();
        let (kind, reason) = (kind.to_owned(), reason.to_owned());
        let own = format!("name: {name}\n");
        let text = text.replace("name: mistake\n", &own).replace("/data/mistake", &format!("/data/{name}"));
        assert!(text.contains(&own), "{name}: its object is not named mistake");
        Case { name, way, kind, reason, words, text }
    });
    cases.collect()
}

/// Folders for the claims, with the data of every case.
fn claims(cases: &[Case]) -> tempfile::TempDir {
    let claims = tempfile::tempdir().unwrap();
    fs::create_dir(claims.path().join("artifacts")).unwrap();
    let data = claims.path().join("market-data");
    copy(&fixtures().join("data"), &data.join("healthy"));
    for case in cases {
        let own = fixtures().join(&case.name).join("data");
        let own = if own.is_dir() { own } else { fixtures().join("data") };
        copy(&own, &data.join(&case.name));
    }
    claims
}

async fn expect<K: Managed>(place: &Place, case: &Case) -> Result<(), String> {
    let (type_, status, stalled) = match case.way {
        "ready" => ("Ready", "True", false),
        "waits" => ("Ready", "Unknown", false),
        _ => ("Ready", "False", true),
    };
    let object = place.condition::<K>(&case.name, type_, status, &case.reason).await;
    let common = object.status().unwrap().common();
    let message = &condition(common, "Ready").unwrap().message;
    if !message.contains(&case.words) {
        return Err(format!("{}: {:?} is not in {message:?}", case.name, case.words));
    }
    // Never both, and what waits for the user says so to tools, too.
    let has = |type_: &str| condition(common, type_).is_some();
    if (has("Stalled"), has("Reconciling")) != (stalled, case.way == "waits") {
        return Err(format!("{}: {:?}", case.name, common.conditions));
    }
    Ok(())
}

async fn apply(place: &Place, text: &str) -> Result<(), String> {
    let arguments = ["apply", "--server-side", "-n", &place.namespace, "-f", "-"];
    let output = place.cluster.kubectl_with_input(arguments, text).await.unwrap();
    if output.code == 0 { Ok(()) } else { Err(output.stderr) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_told_on_its_object_and_harms_no_other() {
    let cases = cases();
    let claims = claims(&cases);
    let place = place("mistakes").await;
    let _operator = place.operator(&[]).await;
    let _node = Node::start(&place, claims.path());
    let mut wrong = Vec::new();
    for case in &cases {
        match (apply(&place, &case.text).await, case.way) {
            (Err(said), "refused") if said.contains(&case.words) => {}
            (Ok(()), "refused") => wrong.push(format!("{}: the API server takes it", case.name)),
            (Err(said), _) => wrong.push(format!("{}: {said}", case.name)),
            (Ok(()), _) => {}
        }
    }
    apply(&place, &fs::read_to_string(fixtures().join("healthy.yaml")).unwrap()).await.unwrap();
    place.ready::<TradingUniverse>("healthy").await;
    place.ready::<Strategy>("healthy").await;
    for case in cases.iter().filter(|case| case.way != "refused") {
        let result = match case.kind.as_str() {
            "TradingUniverse" => expect::<TradingUniverse>(&place, case).await,
            "ModelTrainingJob" => expect::<ModelTrainingJob>(&place, case).await,
            "Strategy" => expect::<Strategy>(&place, case).await,
            other => Err(format!("{}: no kind {other}", case.name)),
        };
        wrong.extend(result.err());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    place.ready::<TradingUniverse>("healthy").await;
    place.ready::<Strategy>("healthy").await;
}

/// A store that does not answer is told when its tries are over; a Secret that is not there while the pod waits for it,
/// and once it is made everything goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_store_and_a_missing_secret_are_told() {
    let claims = tempfile::tempdir().unwrap();
    fs::create_dir(claims.path().join("artifacts")).unwrap();
    let place = place("silent").await;
    let _operator = place.operator(&[]).await;
    let _node = Node::start(&place, claims.path());
    // Nothing listens on port 1.
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "silent"},
        "stringData": {
            "AWS_ENDPOINT": "http://127.0.0.1:1", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing",
        },
    });
    apply(&place, &secret.to_string()).await.unwrap();
    let mut silent = universe("silent");
    silent["spec"]["artifactStore"] =
        json!({"uri": "s3://bucket/ats", "credentialsSecretRef": {"name": "silent"}});
    silent["spec"]["retryLimit"] = json!(0);
    place.apply(&silent).await;
    let mut missing = universe("missing");
    missing["spec"]["artifactStore"] =
        json!({"uri": "s3://bucket/ats", "credentialsSecretRef": {"name": "nowhere"}});
    missing["spec"]["retryLimit"] = json!(0);
    place.apply(&missing).await;
    place.apply(&universe("sound")).await;
    place.ready::<TradingUniverse>("sound").await;

    let object =
        place.condition::<TradingUniverse>("missing", "Reconciling", "True", "VolumeMountFailed").await;
    let common = object.status.unwrap().common;
    let message = &condition(&common, "Ready").unwrap().message;
    let mend = format!("secret \"nowhere\" not found; make it in namespace {}", place.namespace);
    assert!(message.contains(&mend), "{message}");

    let told = async |name: &str| {
        let object = place.condition::<TradingUniverse>(name, "Stalled", "True", "StageFailed").await;
        let common = object.status.unwrap().common;
        let message = condition(&common, "Ready").unwrap().message.clone();
        for words in ["s3://bucket/ats", "refused", "check that it is reachable and that the credentials"] {
            assert!(message.contains(words), "{message}");
        }
    };
    told("silent").await;
    // With the Secret the pod starts by itself; it comes to the next mistake.
    apply(&place, &secret.to_string().replace("\"silent\"", "\"nowhere\"")).await.unwrap();
    told("missing").await;
    place.ready::<TradingUniverse>("sound").await;
}

/// What is too large is refused with the words of `ats validate`; the largest that the schema takes goes through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_too_large_is_refused_and_the_largest_goes_through() {
    let place = place("large").await;
    let _operator = place.operator(&[]).await;
    let _kubelet = Kubelet::good(&place);
    let tickers = |count: usize| (0..count).map(|n| json!(format!("TICKER-{n:08}"))).collect::<Vec<_>>();
    let name = |n: usize| format!("a_feature_with_quite_a_long_name_for_a_column_of_a_table_{n:03}");
    // All but the first fifteen add these up.
    let sum = (0..15).map(name).collect::<Vec<_>>().join(" + ");
    let feature = |n: usize| {
        let expression = if n < 15 { format!("close / {}", n + 2) } else { format!("{sum} + close") };
        json!({"name": name(n), "expression": expression})
    };
    let with = |path: &str, value: serde_json::Value| {
        let mut object = universe("large");
        object["spec"][path] = value;
        object
    };
    let mut note = universe("large");
    note["metadata"]["annotations"] = json!({"note": "x".repeat(1 << 20)});
    let long = json!([{"name": "f", "expression": "x".repeat(1 << 20)}]);
    let many: Vec<_> = (0..1000).map(feature).collect();
    for (object, words) in [
        (with("tickers", json!(tickers(5001))), "spec.tickers: Too many: 5001: must have at most 5000 items"),
        (note, "metadata.annotations: Too long: may not be more than 262144 bytes"),
        (with("features", long), "spec.features[0].expression: Too long: may not be more than 4096 bytes"),
        (with("features", json!(many)), "spec.features: Too many: 1000: must have at most 200 items"),
    ] {
        let said = apply(&place, &object.to_string()).await.unwrap_err();
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    let mut largest = with("tickers", json!(tickers(5000)));
    // Two pods are enough: the size is what matters here.
    largest["spec"]["sharding"] = json!({"tickersPerShard": 2500, "parallelism": 2});
    largest["spec"]["features"] = json!((0..200).map(feature).collect::<Vec<_>>());
    assert!(largest.to_string().len() > 256 * 1024, "{} bytes", largest.to_string().len());
    apply(&place, &largest.to_string()).await.unwrap();
    place.apply(&universe("sound")).await;
    place.ready::<TradingUniverse>("sound").await;
    place.ready::<TradingUniverse>("large").await;
}
