//! Gates judge what was measured.

use std::collections::BTreeMap;

use ats_crds::GateOperator::{self, GreaterOrEqual, LessOrEqual};
use ats_pipeline::gate::{Gate, failures, judge, judge_all};
use proptest::prelude::*;

fn gate(metric: &str, operator: GateOperator, bound: f64) -> Gate {
    Gate { metric: metric.to_owned(), operator, bound }
}

#[test]
fn a_gate_says_what_was_measured_and_what_it_asks_for() {
    let figures = BTreeMap::from([
        ("sharpe".to_owned(), Some(0.21)),
        ("maxDrawdown".to_owned(), Some(-0.4)),
        ("calmar".to_owned(), None),
        ("cagr".to_owned(), Some(f64::NAN)),
        ("trades".to_owned(), Some(30.0)),
        ("winRate".to_owned(), Some(0.4999999)),
    ]);
    let gates = [
        gate("sharpe", GreaterOrEqual, 0.3),
        gate("maxDrawdown", GreaterOrEqual, -0.35),
        gate("calmar", GreaterOrEqual, 0.0),
        gate("cagr", LessOrEqual, 0.0),
        gate("rankIc", GreaterOrEqual, 0.0),
        gate("trades", GreaterOrEqual, 30.0),
        gate("trades", LessOrEqual, 30.0),
        gate("winRate", GreaterOrEqual, 0.5),
    ];
    insta::assert_snapshot!(failures(&gates, &figures).join("\n"), @"
    sharpe is 0.210000, the gate asks for >= 0.3
    maxDrawdown is -0.400000, the gate asks for >= -0.35
    calmar is not defined on this data, the gate asks for >= 0
    cagr is not defined on this data, the gate asks for <= 0
    rankIc is not defined on this data, the gate asks for >= 0
    winRate is 0.4999999, the gate asks for >= 0.5
    ");
}

#[test]
fn gates_that_hold_are_counted_and_none_is_told_as_none() {
    let figures = BTreeMap::from([("sharpe".to_owned(), Some(0.5))]);
    let told = |bounds: &[f64]| {
        let gates: Vec<Gate> = bounds.iter().map(|bound| gate("sharpe", GreaterOrEqual, *bound)).collect();
        let judgement = judge_all(&gates, &figures);
        (judgement.passed, judgement.message)
    };
    assert_eq!(told(&[]), (true, "no gate is set".to_owned()));
    assert_eq!(told(&[0.1]), (true, "the gate holds".to_owned()));
    assert_eq!(told(&[0.1, 0.2]), (true, "all 2 gates hold".to_owned()));
    assert_eq!(told(&[0.1, 0.9]), (false, "sharpe is 0.500000, the gate asks for >= 0.9".to_owned()));
}

proptest! {
    #[test]
    fn a_gate_passes_on_its_side_of_the_bound(measured in any::<f64>(), bound in -1e6f64..1e6) {
        let figures = BTreeMap::from([("sharpe".to_owned(), Some(measured))]);
        let passes = |operator| judge(&gate("sharpe", operator, bound), &figures).passed;
        prop_assert_eq!(passes(GreaterOrEqual), !measured.is_nan() && measured >= bound);
        prop_assert_eq!(passes(LessOrEqual), !measured.is_nan() && measured <= bound);
    }
}
