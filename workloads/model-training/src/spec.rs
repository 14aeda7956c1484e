//! From the stage's spec to the values that training computes with.

use ats_crds::model::LabelEntry;
use ats_pipeline::spec::{LabelSpec, TrainSpec, ValidationSpec};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::error::TrainingError;
use crate::label::{Label, LabelKind};
use crate::train::Plan;
use crate::validation::{Combinatorial, PurgedKFold, Scheme, WalkForward};

/// What all trials of a spec share.
///
/// # Errors
/// A value out of its range.
pub fn plan(spec: &TrainSpec, seed: i64) -> Result<Plan, TrainingError> {
    Ok(Plan {
        label: label(&spec.label)?,
        features: spec.feature_scaling,
        label_scaling: spec.label_scaling,
        sample_weights: spec.sample_weights,
        calibration: spec.calibration,
        validation: scheme(&spec.validation),
        seed: u64::try_from(seed)
            .map_err(|_| TrainingError::Specification(format!("seed is {seed}; it must not be negative")))?,
    })
}

/// The label of a spec. A triple barrier is entered at the next open.
///
/// # Errors
/// A barrier that is too large for a float.
pub fn label(spec: &LabelSpec) -> Result<Label, TrainingError> {
    Ok(match spec {
        LabelSpec::ForwardReturn { horizon_bars, entry } => {
            Label { kind: LabelKind::ForwardReturn, horizon: *horizon_bars as usize, entry: *entry }
        }
        LabelSpec::ForwardDirection { horizon_bars, entry } => {
            Label { kind: LabelKind::ForwardDirection, horizon: *horizon_bars as usize, entry: *entry }
        }
        LabelSpec::TripleBarrier { horizon_bars, profit_taking, stop_loss } => Label {
            kind: LabelKind::TripleBarrier {
                profit_taking: float(*profit_taking, "profitTaking")?,
                stop_loss: float(*stop_loss, "stopLoss")?,
            },
            horizon: *horizon_bars as usize,
            entry: LabelEntry::NextOpen,
        },
    })
}

/// The validation scheme of a spec.
#[must_use]
pub fn scheme(spec: &ValidationSpec) -> Scheme {
    match spec {
        ValidationSpec::WalkForward(spec) => Scheme::WalkForward(WalkForward {
            folds: spec.folds as usize,
            test_sessions: spec.test_bars as usize,
            train_sessions: spec.train_bars.map(|bars| bars as usize),
        }),
        ValidationSpec::PurgedKFold(spec) => Scheme::PurgedKFold(PurgedKFold {
            folds: spec.folds as usize,
            embargo: spec.embargo_bars as usize,
        }),
        ValidationSpec::Combinatorial(spec) => Scheme::Combinatorial(Combinatorial {
            folds: spec.folds as usize,
            test_folds: spec.test_folds as usize,
            embargo: spec.embargo_bars as usize,
        }),
    }
}

fn float(value: Decimal, field: &str) -> Result<f64, TrainingError> {
    value.to_f64().ok_or_else(|| {
        TrainingError::Specification(format!("label.tripleBarrier.{field} is {value}, which is too large"))
    })
}
