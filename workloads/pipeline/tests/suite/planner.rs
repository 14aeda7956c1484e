//! What is planned when, and what a change computes again.

use ats_pipeline::{
    Digest, PlannedStage, StageInput, StageKey, StageName, StagePlan, plan,
    spec::{PruningSpec, Rung, SourceSpec, StageSpec},
};
use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::{checked_model, checked_strategy, checked_universe, spec, universe_spec, with};

/// Each stage's output is the digest of its name.
pub fn all_known(stage: &PlannedStage) -> Option<Digest> {
    Some(Digest::of(stage.stage().as_str().as_bytes()))
}

pub fn as_of() -> Date {
    "2013-03-01".parse().unwrap()
}

fn nothing_known(_: &PlannedStage) -> Option<Digest> {
    None
}

fn known_up_to(last: StageName) -> impl Fn(&PlannedStage) -> Option<Digest> {
    move |stage| all_known(stage).filter(|_| stage.stage() <= last)
}

/// A published dataset of nowhere.
pub fn dataset() -> StageInput {
    let key = StageKey::new(StageName::Publish, 1, &json!({}), &[], 0, None).unwrap();
    StageInput { stage: StageName::Publish, key, digest: Digest::of(b"publish") }
}

fn universe_plan(changes: &Value, known: plan::Known<'_>) -> Vec<StagePlan> {
    plan::universe(&checked_universe(&with(&universe_spec(), changes)), as_of(), known).unwrap()
}

fn keys(plan: &[StagePlan]) -> Vec<Option<StageKey>> {
    plan.iter().map(|entry| entry.stage.as_ref().map(|stage| stage.key)).collect()
}

fn stage(plan: &[StagePlan], name: StageName) -> &PlannedStage {
    plan.iter().find(|entry| entry.name == name).unwrap().stage.as_ref().unwrap()
}

#[test]
fn a_stage_waits_for_its_inputs() {
    let ready =
        |plan: &[StagePlan]| plan.iter().map(|entry| (entry.name, entry.stage.is_some())).collect::<Vec<_>>();
    let universe = |known: plan::Known<'_>| universe_plan(&json!({}), known);
    use StageName::{Acquire, Backtest, Features, Publish, Select, Trade, Train};

    let plan = universe(&nothing_known);
    assert_eq!(ready(&plan), [(Acquire, true), (Features, false), (Publish, false)]);
    assert_eq!(plan::next(&plan).unwrap().stage(), Acquire);
    let plan = universe(&known_up_to(Acquire));
    assert_eq!(ready(&plan), [(Acquire, true), (Features, true), (Publish, false)]);
    assert_eq!(plan::next(&plan).unwrap().stage(), Features);
    let plan = universe(&all_known);
    assert_eq!(ready(&plan), [(Acquire, true), (Features, true), (Publish, true)]);
    assert_eq!(plan::next(&plan), None);
    let inputs = &stage(&plan, Publish).inputs;
    assert_eq!(inputs.iter().map(|input| input.stage).collect::<Vec<_>>(), [Acquire, Features]);
    assert_eq!(plan[2].published().unwrap().digest, Digest::of(b"publish"));

    let net = checked_model(&spec("models", "us-large-caps-net"));
    assert_eq!(
        ready(&plan::model(&net, &dataset(), None, &nothing_known).unwrap()),
        [(Train, true), (Select, false)]
    );
    let plan = plan::model(&net, &dataset(), None, &all_known).unwrap();
    assert_eq!(ready(&plan), [(Train, true), (Select, true)]);
    assert_eq!(stage(&plan, Select).inputs[0], dataset());

    let paper = checked_strategy(&with(&spec("strategies", "dip-buyer"), &json!({"mode": "Paper"})));
    let plan = plan::strategy(&paper, &dataset(), None, &nothing_known).unwrap();
    assert_eq!(ready(&plan), [(Backtest, true), (Trade, false)]);
    let plan = plan::strategy(&paper, &dataset(), None, &known_up_to(Backtest)).unwrap();
    assert_eq!(ready(&plan), [(Backtest, true), (Trade, true)]);
    let backtest = checked_strategy(&spec("strategies", "dip-buyer"));
    assert_eq!(plan::strategy(&backtest, &dataset(), None, &all_known).unwrap().len(), 1);
}

#[test]
fn what_decides_no_output_is_in_no_key() {
    let base = keys(&universe_plan(&json!({}), &all_known));
    let provenance = [
        json!({"sharding": {"tickersPerShard": 1, "parallelism": 2}}),
        json!({"suspend": true, "deadlineSeconds": 60, "retryLimit": 1}),
        json!({"artifactStore": {"uri": "s3://elsewhere/artifacts"}}),
        json!({"source": {"files": {"uri": "s3://elsewhere/bars", "volumeClaim": null, "credentialsSecretRef": {"name": "keys"}}}}),
        json!({"source": {"files": {"uri": "file:///data/us-large-caps/"}}}),
        json!({"schedule": {"cron": "0 18 * * 1-5"}}),
        json!({"podTemplate": {"labels": {"team": "research"}}}),
        json!({"tickers": ["MSFT", "IBM", "GOOG", "FB", "AAPL"]}),
        json!({"quality": {"maxMissingSessions": "0.020"}}),
    ];
    let mut reversed = universe_spec()["features"].as_array().unwrap().clone();
    reversed.reverse();
    for change in provenance.into_iter().chain([json!({"features": reversed})]) {
        assert_eq!(keys(&universe_plan(&change, &all_known)), base, "{change}");
    }
    let places = |change: Value| stage(&universe_plan(&change, &all_known), StageName::Acquire).source_digest;
    assert_ne!(places(json!({})), places(json!({"source": {"files": {"uri": "file:///data/other"}}})));
}

#[test]
fn a_change_computes_again_what_it_decides() {
    let base = keys(&universe_plan(&json!({}), &all_known));
    // With outputs that stay what they were: the stages whose own spec changed.
    let changed = |change: Value| -> Vec<bool> {
        keys(&universe_plan(&change, &all_known)).iter().zip(&base).map(|(new, old)| new != old).collect()
    };
    assert_eq!(
        changed(json!({"tickers": ["AAPL", "FB", "GOOG", "IBM", "MSFT", "ORCL"]})),
        [true, false, true]
    );
    assert_eq!(changed(json!({"history": {"start": "2001-03-01"}})), [true, false, true]);
    assert_eq!(changed(json!({"adjustment": "Splits"})), [false, true, true]);
    assert_eq!(
        changed(json!({"features": [{"name": "rsi_14", "expression": "rsi(close, 14)"}]})),
        [false, true, true]
    );
    assert_eq!(changed(json!({"selection": {"focusUniverseSize": 3}})), [false, false, true]);
    assert_eq!(changed(json!({"quality": {"maxMissingSessions": "0.03"}})), [false, false, true]);
    assert_eq!(changed(json!({"rerunNonce": "again"})), [true, true, true]);
    // Another output of acquire moves what reads it.
    let other = |stage: &PlannedStage| match stage.stage() {
        StageName::Acquire => Some(Digest::of(b"other bars")),
        _ => all_known(stage),
    };
    let moved = keys(&universe_plan(&json!({}), &other));
    assert_eq!(moved.iter().zip(&base).map(|(new, old)| new != old).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn adding_a_ticker_changes_no_other_tickers_unit() {
    let common = |change: Value| match &stage(&universe_plan(&change, &all_known), StageName::Acquire).spec {
        StageSpec::Acquire(spec) => (spec.tickers.clone(), spec.common.clone()),
        other => panic!("{other:?}"),
    };
    let (tickers, unit) = common(json!({}));
    let (more, same) = common(json!({"tickers": ["AAPL", "FB", "GOOG", "IBM", "MSFT", "ORCL"]}));
    assert_eq!((tickers.len(), more.len()), (5, 6));
    assert_eq!(unit, same, "what a unit's key is made of changed");
    assert!(matches!(unit.source, SourceSpec::Files { .. }));
}

#[test]
fn a_strategys_risk_is_in_the_backtests_key_alone() {
    let base = spec("strategies", "dip-buyer");
    let key = |changes: &Value| {
        let checked = checked_strategy(&with(&base, changes));
        keys(&plan::strategy(&checked, &dataset(), None, &all_known).unwrap())
    };
    let unchanged = key(&json!({}));
    assert_ne!(key(&json!({"risk": {"riskPercentage": "0.02"}})), unchanged);
    assert_eq!(key(&json!({"risk": {"riskPercentage": "0.010"}})), unchanged);
    for provenance in [
        json!({"backtest": {"gates": [{"metric": "Sharpe", "operator": "GreaterOrEqual", "value": "1"}]}}),
        json!({"killSwitch": true}),
        json!({"haltAction": "Flatten"}),
        json!({"suspend": true}),
    ] {
        assert_eq!(key(&provenance), unchanged, "{provenance}");
    }
    // The universe's and the models' plans read no strategy: their stages' specs name nothing of it.
    let specs = universe_plan(&json!({}), &all_known)
        .iter()
        .map(|entry| serde_json::to_string(&entry.stage.as_ref().unwrap().spec).unwrap())
        .collect::<String>();
    assert!(!specs.contains("risk"), "{specs}");
}

#[test]
fn a_models_seed_and_inputs_are_in_its_keys_and_its_gates_are_not() {
    let base = spec("models", "us-large-caps-net");
    let key = |changes: &Value, dataset: &StageInput| {
        keys(&plan::model(&checked_model(&with(&base, changes)), dataset, None, &all_known).unwrap())
    };
    let unchanged = key(&json!({}), &dataset());
    assert_ne!(key(&json!({"seed": 43}), &dataset()), unchanged);
    assert_ne!(key(&json!({}), &StageInput { digest: Digest::of(b"newer"), ..dataset() }), unchanged);
    let gates = json!({"gates": [{"metric": "RankIc", "operator": "GreaterOrEqual", "value": "0.1"}]});
    assert_eq!(key(&gates, &dataset()), unchanged);
    let renamed = StageInput {
        key: StageKey::new(StageName::Publish, 9, &json!({}), &[], 0, None).unwrap(),
        ..dataset()
    };
    assert_eq!(key(&json!({}), &renamed), unchanged, "a dataset is its digest, whatever key gave it");
}

#[test]
fn sharding_follows_the_number_of_units() {
    let shards = |sharding: Value| {
        let plan = universe_plan(&json!({"sharding": sharding}), &all_known);
        let acquire = stage(&plan, StageName::Acquire);
        (acquire.shards, acquire.parallelism, stage(&plan, StageName::Publish).shards)
    };
    assert_eq!(shards(json!({})), (1, 1, 1));
    assert_eq!(shards(json!({"tickersPerShard": 2})), (3, 3, 1));
    assert_eq!(shards(json!({"tickersPerShard": 1, "parallelism": 2})), (5, 2, 1));
}

#[test]
fn pruning_is_in_a_models_keys_where_it_prunes() {
    let base = spec("models", "us-large-caps-net");
    let plan = |change: Value| {
        let plan = plan::model(&checked_model(&with(&base, &change)), &dataset(), None, &all_known).unwrap();
        (keys(&plan), stage(&plan, StageName::Train).shards)
    };
    let (whole, shards) = plan(json!({}));
    let pruned = plan(json!({"search": {"pruning": {}}}));
    assert!(shards > 1 && pruned.1 == 1, "all trials of a pruned search decide who goes on");
    assert!(pruned.0.iter().zip(&whole).all(|(pruned, whole)| pruned != whole));
    assert_eq!(plan(json!({"search": {"pruning": {"factor": 3, "minimumFolds": 1}}})), pruned);
    assert_ne!(plan(json!({"search": {"pruning": {"factor": 2}}})).0, pruned.0);
    // Of one trial nothing is left out: the keys are those of a search without pruning.
    let one = json!({"grid": {"penalty": ["0.01"]}});
    let pruned = with(&json!({"search": one}), &json!({"search": {"pruning": {}}}));
    assert_eq!(plan(pruned), plan(json!({"search": one})));
}

proptest! {
    /// The rungs have all folds once, one in `factor` trials goes on, and no more is computed than without pruning.
    #[test]
    fn rungs_of_any_search(trials in 1usize..1001, folds in 1usize..201, factor in 2u32..101, minimum_folds in 1u32..200) {
        let rungs = Rung::all(Some(PruningSpec { factor, minimum_folds }), trials, folds);
        let (first, last) = (rungs[0], rungs[rungs.len() - 1]);
        prop_assert_eq!((first.from, first.trials, last.to), (0, trials, folds));
        for (earlier, later) in rungs.iter().zip(&rungs[1..]) {
            prop_assert_eq!(earlier.to, later.from);
            prop_assert_eq!(later.trials, earlier.trials.div_ceil(factor as usize));
            prop_assert!(earlier.trials > later.trials, "a rung that leaves nobody out");
        }
        prop_assert!(rungs.iter().map(Rung::units).sum::<usize>() <= trials * folds);
        prop_assert!(rungs.len() <= 9);
    }
}
