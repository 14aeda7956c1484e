//! Keys that stay. A snapshot is named after the revisions of the stages in it: a key that changes while the revisions
//! do not fails here, and a raised revision brings a new snapshot to review.

use ats_pipeline::{
    StageInput, StagePlan, plan,
    spec::{acquire, backtest, features, publish, select, train},
};
use serde_json::json;

use crate::{
    documents::{checked_model, checked_strategy, spec, universe, with},
    planner::{all_known, as_of, dataset},
};

fn lines(object: &str, plan: &[StagePlan]) -> String {
    plan.iter()
        .map(|entry| format!("{object} {} {}\n", entry.name, entry.stage.as_ref().unwrap().key))
        .collect()
}

#[test]
fn keys_of_the_samples() {
    let mut text = lines("us-large-caps", &plan::universe(&universe(), as_of(), &all_known).unwrap());
    for name in ["us-large-caps-net", "us-large-caps-forest"] {
        let model = checked_model(&spec("models", name));
        text.push_str(&lines(name, &plan::model(&model, &dataset(), None, &all_known).unwrap()));
    }
    let model: StageInput =
        plan::model(&checked_model(&spec("models", "us-large-caps-net")), &dataset(), None, &all_known)
            .unwrap()
            .last()
            .unwrap()
            .published()
            .unwrap();
    for (name, model) in [("dip-buyer", None), ("net-weekly", Some(&model))] {
        let strategy = checked_strategy(&with(&spec("strategies", name), &json!({"mode": "Paper"})));
        text.push_str(&lines(name, &plan::strategy(&strategy, &dataset(), model, &all_known).unwrap()));
    }
    let name = format!(
        "keys-acquire{}-features{}-publish{}-train{}-select{}-backtest{}-trade{}",
        acquire::REVISION,
        features::REVISION,
        publish::REVISION,
        train::REVISION,
        select::REVISION,
        backtest::REVISION,
        backtest::TRADE_REVISION,
    );
    insta::assert_snapshot!(name, text);
}
