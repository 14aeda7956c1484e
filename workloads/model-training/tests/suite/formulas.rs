//! Each number of a model card names its formula, and each formula is that of a number.

use std::collections::BTreeSet;

use ats_crds::model::{FeatureScaling, LabelEntry, SearchMetric};
use ats_model_training::formula::FORMULAS;
use ats_model_training::label::{Label, LabelKind};
use ats_pipeline::spec::AlgorithmSpec;
use rust_decimal::Decimal;
use serde_json::Value;

use crate::selection::{forests, nets, run};
use crate::support::{market, matrix, plan, two_bars};

/// What was asked for, and how rows were split: no figures.
const OTHERS: [&str; 10] = [
    "version",
    "seed",
    "searchMetric",
    "specification",
    "training",
    "folds",
    "formulas",
    "year",
    "trainSessions",
    "trainRows",
];

/// Names of the numbers in a value, those that are not defined among them.
fn numbers(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| !OTHERS.contains(&name.as_str())) {
                let is_number = |value: &Value| value.is_number() || value.is_null();
                if is_number(value) || value.as_array().is_some_and(|list| list.iter().any(is_number)) {
                    found.insert(name.clone());
                } else {
                    numbers(value, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| numbers(item, found)),
        _ => {}
    }
}

#[test]
fn every_number_of_a_card_names_its_formula() {
    let direction = Label { kind: LabelKind::ForwardDirection, horizon: 2, entry: LabelEntry::NextOpen };
    let logistic = [2, 1].map(|scale| AlgorithmSpec::Logistic { penalty: Decimal::new(1, scale) }).to_vec();
    let mut found = BTreeSet::new();
    for (label, trials, metric) in [
        (two_bars(), nets(&["0.001", "0.1"]), SearchMetric::RankIc),
        (two_bars(), forests(), SearchMetric::RankIc),
        (direction, logistic, SearchMetric::HitRate),
    ] {
        let matrix = matrix(&market(6, 140, 9), &label, FeatureScaling::CrossSectionalZScore);
        let card = run(&matrix, &plan(label), &trials, metric).unwrap().card;
        let mut card: Value = serde_json::from_slice(&card.to_json().unwrap()).unwrap();
        for (name, formula) in FORMULAS {
            assert_eq!(card["formulas"][name], formula);
        }
        // Of the card itself it says which rows were left out.
        card.as_object_mut().unwrap().remove("rows");
        numbers(&card, &mut found);
    }
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), FORMULAS.map(|(name, _)| name));
}
