//! The trials under a model's name: what makes one, and that each is counted once by what the status keeps.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use ats_crds::{
    GateOperator, Reason,
    status::{ModelStatus, SpecificationStatus},
};
use ats_pipeline::{
    CheckedModel, Digest, PlannedStage, StageInput, StageKey, StageName,
    gate::Gate,
    plan,
    status::{Before, Current, Way, input, model::conclude, specifications},
};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    documents::{checked_model, spec, with},
    planner::{all_known, dataset},
};

fn net(change: &Value) -> CheckedModel {
    checked_model(&with(&spec("models", "us-large-caps-net"), change))
}

fn trials(model: &CheckedModel) -> Vec<String> {
    model.train.trial_digests(model.seed).unwrap()
}

#[test]
fn a_trial_is_another_one_by_what_decides_its_figures() {
    let unchanged = trials(&net(&json!({})));
    assert_eq!(unchanged.iter().collect::<BTreeSet<_>>().len(), 3);
    assert!(unchanged.iter().all(|digest| digest.len() == 12), "{unchanged:?}");
    for same in [
        json!({"search": {"metric": "HitRate"}}),
        json!({"search": {"pruning": {}, "maxTrials": 30}}),
        json!({"gates": [{"metric": "RankIc", "operator": "GreaterOrEqual", "value": "0.1"}]}),
        json!({"rerunNonce": "again"}),
        // Least squares draw nothing.
        json!({"seed": 43}),
    ] {
        assert_eq!(trials(&net(&same)), unchanged, "{same}");
    }
    for other in [
        json!({"label": {"forwardReturn": {"horizonBars": 10}}}),
        json!({"features": ["rsi_14", "momentum_12_1"]}),
        json!({"preprocess": {"features": "Standardize"}}),
        json!({"sampleWeights": "Uniqueness"}),
        json!({"validation": {"walkForward": {"folds": 5}}}),
    ] {
        let others = trials(&net(&other));
        assert!(others.iter().all(|digest| !unchanged.contains(digest)), "{other}");
    }
    let more = trials(&net(&json!({"search": {"grid": {"penalty": ["0.01", "0.1", "0.0010"]}}})));
    assert_eq!(more.iter().filter(|digest| unchanged.contains(digest)).count(), 2);

    let forest = |seed: i64| {
        trials(&checked_model(&with(&spec("models", "us-large-caps-forest"), &json!({"seed": seed}))))
    };
    assert_ne!(forest(42), forest(43), "another seed is another forest");
}

/// What `select` gave on a dataset after another specification, where all is known.
fn selected(model: &CheckedModel, earlier: Option<&StageInput>) -> (Vec<StageInput>, StageInput) {
    let plan = plan::model(model, &dataset(), earlier, &all_known).unwrap();
    let select = plan[1].stage.clone().unwrap();
    (select.inputs, plan[1].published().unwrap())
}

#[test]
fn what_was_tried_before_is_in_the_key_of_select_alone() {
    let model = net(&json!({}));
    let (inputs, first) = selected(&model, None);
    assert_eq!(
        inputs.iter().map(|input| input.stage).collect::<Vec<_>>(),
        [StageName::Publish, StageName::Train]
    );
    let (after, second) = selected(&model, Some(&first));
    assert_eq!(after, [inputs, vec![first.clone()]].concat());
    assert_ne!(second.key, first.key);
    // Its key in the store is not: the output decides.
    let moved = StageInput { key: second.key, ..first };
    assert_eq!(selected(&model, Some(&moved)).1.key, second.key);
}

#[test]
fn a_specification_is_kept_when_there_is_a_model_whatever_its_gates_say() {
    let (model, other) = (net(&json!({})), net(&json!({"label": {"forwardReturn": {"horizonBars": 10}}})));
    let before = Before { conditions: vec![], generation: 1, published: false, now: Timestamp::UNIX_EPOCH };
    let gate = Gate { metric: "rankIc".to_owned(), operator: GateOperator::GreaterOrEqual, bound: 0.5 };
    let trained_on = input("TradingUniverse", "us-large-caps", &dataset());
    let mut status = ModelStatus::default();

    let stages = plan::model(&model, &dataset(), None, &all_known).unwrap();
    let way = Way { plan: &stages, current: &Current::Done };
    let present = model.specification().unwrap();
    conclude(&mut status, &before, way, &[gate], present, trained_on.clone());
    assert!(status.common.artifact.is_none(), "a gate fails");
    let output = stages[1].published().unwrap();
    let entry = SpecificationStatus {
        specification: present.to_string(),
        key: output.key.to_string(),
        digest: output.digest.to_string(),
    };
    assert_eq!(status.specifications, std::slice::from_ref(&entry));
    assert_eq!(specifications::earlier(&status.specifications, present), Ok(None));

    // The next one counts on it, and is not kept before it has a model itself.
    let next = other.specification().unwrap();
    let earlier = specifications::earlier(&status.specifications, next).unwrap();
    assert_eq!(earlier, Some(output));
    let stages = plan::model(&other, &dataset(), earlier.as_ref(), &|_: &PlannedStage| None).unwrap();
    let current = Current::Working {
        stage: StageName::Train,
        reason: Reason::Progressing,
        message: "stage train runs".to_owned(),
    };
    let way = Way { plan: &stages, current: &current };
    conclude(&mut status, &before, way, &[], next, trained_on);
    assert_eq!(status.specifications, [entry]);
}

#[test]
fn a_status_that_somebody_else_has_written_is_not_counted_on() {
    let text = |text: &str| text.to_owned();
    let kept = [SpecificationStatus { specification: text("a"), key: text("b"), digest: text("c") }];
    let error = specifications::earlier(&kept, Digest::of(b"present")).unwrap_err();
    insta::assert_snapshot!(error, @r#"status.specifications cannot be read: "b" is not a digest: 64 lower-case hexadecimal digits are expected; the trials before this specification are not known without it: restore the status, or make the object anew, which begins a new count of trials"#);
}

/// Specifications that share some trials, or all.
static MODELS: LazyLock<Vec<CheckedModel>> = LazyLock::new(|| {
    let changes = [
        json!({}),
        json!({"search": {"grid": {"penalty": ["0.001", "0.1"]}}}),
        json!({"label": {"forwardReturn": {"horizonBars": 10}}}),
        json!({"features": ["rsi_14", "momentum_12_1"]}),
        json!({"search": {"metric": "HitRate", "pruning": {}}}),
        json!({"seed": 43}),
    ];
    changes.iter().map(net).collect()
});

/// A model's life: what its status keeps, and what the outputs of `select` list.
#[derive(Default)]
struct Life {
    kept: Vec<SpecificationStatus>,
    lists: BTreeMap<Digest, BTreeSet<String>>,
}

impl Life {
    /// Runs a specification on a dataset: the key of `select`, and how many trials its output lists.
    fn run(&mut self, model: &CheckedModel, dataset: &StageInput) -> (StageKey, usize) {
        let present = model.specification().unwrap();
        let earlier = specifications::earlier(&self.kept, present).unwrap();
        // Whatever has another key has another output.
        let known = |stage: &PlannedStage| Some(Digest::of(stage.key.to_string().as_bytes()));
        let plan = plan::model(model, dataset, earlier.as_ref(), &known).unwrap();
        let output = plan[1].published().unwrap();
        let mut list = earlier.map(|earlier| self.lists[&earlier.digest].clone()).unwrap_or_default();
        list.extend(trials(model));
        let count = list.len();
        self.lists.insert(output.digest, list);
        specifications::record(&mut self.kept, present, &output);
        (output.key, count)
    }
}

proptest! {
    /// Edited in any order, with new data in between: each trial so far counts once, and what does not change keeps its
    /// key.
    #[test]
    fn any_life_counts_each_trial_once(steps in proptest::collection::vec((0usize..6, any::<bool>()), 1..25)) {
        let (mut life, mut all, mut session) = (Life::default(), BTreeSet::new(), 0u32);
        for (place, refreshed) in steps {
            let model = &MODELS[place];
            session += u32::from(refreshed);
            let dataset = StageInput { digest: Digest::of(&session.to_le_bytes()), ..dataset() };
            all.extend(trials(model));
            let (key, count) = life.run(model, &dataset);
            prop_assert_eq!(count, all.len());
            prop_assert_eq!(life.run(model, &dataset), (key, count));
            prop_assert!(life.kept.len() <= 2);
        }
    }
}
