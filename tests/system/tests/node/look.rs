//! What users see: kubectl's tables, descriptions and explanations, as they are once the samples are Ready.

use ats_system_tests::Place;
use insta::{Settings, assert_snapshot};

/// Compares what kubectl shows of the samples with the snapshots.
pub async fn look(place: &Place) {
    // Bound before it is used: the settings belong to a thread, and a task may move between two.
    let mut shown = Vec::new();
    for (name, line) in [
        ("get-universes", "get tradinguniverses"),
        ("get-universes-wide", "get tradinguniverses -o wide"),
        ("get-models", "get modeltrainingjobs"),
        ("get-models-wide", "get modeltrainingjobs -o wide"),
        ("get-strategies", "get strategies"),
        ("get-strategies-wide", "get strategies -o wide"),
        ("get-trading", "get trading"),
        ("describe-universe", "describe tradinguniverse us-large-caps"),
        ("describe-model", "describe modeltrainingjob us-large-caps-net"),
        ("describe-strategy", "describe strategy dip-buyer"),
        ("explain-universe", "explain tradinguniverse"),
        ("explain-universe-spec", "explain tradinguniverse.spec"),
        ("explain-universe-status", "explain tradinguniverse.status"),
        ("explain-model-spec", "explain modeltrainingjob.spec"),
        ("explain-model-status", "explain modeltrainingjob.status"),
        ("explain-strategy-spec", "explain strategy.spec"),
        ("explain-strategy-status", "explain strategy.status"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        shown.push((name, line, without_repetition(&place.kubectl(&arguments).await)));
    }
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(&place.namespace, "NAMESPACE");
    settings.add_filter(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID");
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "INSTANT");
    settings.add_filter(r"(Resource Version: +)\d+", "${1}N");
    // What a stage's revision changes is held by the golden artifacts; here it would only make work.
    settings.add_filter(r"\b[0-9a-f]{64}\b", "DIGEST");
    settings.add_filter(r"\b[0-9a-f]{12}\b", "SHORT-DIGEST");
    settings.add_filter(r"-[0-9a-f]{10}-(\d+)\b", "-KEY-${1}");
    // The column of ages is as wide as its widest value.
    settings.add_filter(r"(?m)\b(\d+m\d+s|\d+[ms])( +|$)", "AGE ");
    settings.add_filter(r"(?m)\bAGE +", "AGE ");
    settings.add_filter(r"(?m) +$", "");
    settings.bind(|| {
        for (name, line, text) in &shown {
            assert_snapshot!(*name, format!("$ kubectl {line}\n{text}"));
        }
    });
}

/// A description without its events: which of them are folded into one depends on the moment.
fn without_repetition(text: &str) -> String {
    text.split_inclusive('\n').take_while(|line| !line.starts_with("Events:")).collect()
}
