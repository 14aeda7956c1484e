//! Gates: a measured figure against a bound. Pure, and outside of every key: another bound computes nothing again.

use std::collections::BTreeMap;

use ats_crds::GateOperator;

use crate::figures;

/// A gate with its bound as a number.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Name of the figure, as in `status.metrics`: `rankIc`, `sharpe`.
    pub metric: String,
    /// How it is held against the bound.
    pub operator: GateOperator,
    /// The bound.
    pub bound: f64,
}

/// What became of a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Whether it holds.
    pub passed: bool,
    /// `sharpe 0.21, the gate asks for >= 0.3`.
    pub message: String,
}

/// Judges a gate; a figure that is missing or not a number fails.
pub fn judge(gate: &Gate, measured: &BTreeMap<String, Option<f64>>) -> Verdict {
    let Gate { metric, operator, bound } = gate;
    match measured.get(metric).copied().flatten().filter(|measured| !measured.is_nan()) {
        Some(measured) => {
            let passed = operator.passes(measured, *bound);
            // Six decimals, unless they would tell another verdict: 0.2999999 against 0.3.
            let rounded = format!("{measured:.6}");
            let telling = rounded.parse().is_ok_and(|rounded| operator.passes(rounded, *bound) == passed);
            let shown = if telling { rounded } else { figures::text(measured) };
            Verdict { passed, message: format!("{metric} is {shown}, the gate asks for {operator} {bound}") }
        }
        None => Verdict {
            passed: false,
            message: format!("{metric} is not defined on this data, the gate asks for {operator} {bound}"),
        },
    }
}

/// What became of all gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Whether every one holds.
    pub passed: bool,
    /// Which do not, or that all do, or that there is none.
    pub message: String,
}

/// Judges all gates of an object.
pub fn judge_all(gates: &[Gate], figures: &BTreeMap<String, Option<f64>>) -> Judgement {
    let failed = failures(gates, figures);
    if !failed.is_empty() {
        return Judgement { passed: false, message: failed.join("; ") };
    }
    let message = match gates.len() {
        0 => "no gate is set".to_owned(),
        1 => "the gate holds".to_owned(),
        count => format!("all {count} gates hold"),
    };
    Judgement { passed: true, message }
}

/// The messages of the gates that fail; empty when all hold.
pub fn failures(gates: &[Gate], figures: &BTreeMap<String, Option<f64>>) -> Vec<String> {
    gates
        .iter()
        .map(|gate| judge(gate, figures))
        .filter(|verdict| !verdict.passed)
        .map(|verdict| verdict.message)
        .collect()
}
