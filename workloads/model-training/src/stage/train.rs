//! Stage `train`: a unit is one trial on one fold.

use std::collections::BTreeMap;

use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights};
use ats_pipeline::spec::train::{REVISION, is_equal, is_uncalibrated};
use ats_pipeline::spec::{AlgorithmSpec, LabelSpec, TrainSpec, ValidationSpec};
use ats_pipeline::{Digest, Outcome, StageFile, StageKey, StageName};
use ats_store::{StageContext, StageError, UnitOutput, UnitWork, run_units};
use serde::Serialize;

use super::tables::to_parquet;
use super::{FIGURES, LazyMatrix, PREDICTIONS, blocking, output};
use crate::error::TrainingError;
use crate::spec;
use crate::train::{Plan, Predictions, UnitReport, run_unit};

/// Runs this shard of the stage.
pub(super) async fn run(
    file: &StageFile,
    spec: &TrainSpec,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let plan = spec::plan(spec, file.seed)?;
    let units = spec.unit_names();
    let work = Trials { file, spec, plan, units, matrix: LazyMatrix::new(file, spec, context)? };
    run_units(&work, file, context).await
}

/// What decides a unit's output. The other trials and the search metric do not: a larger grid, or another metric,
/// computes only what is new.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UnitKeySpec<'a> {
    features: &'a [String],
    feature_scaling: FeatureScaling,
    label_scaling: LabelScaling,
    label: &'a LabelSpec,
    #[serde(skip_serializing_if = "is_equal")]
    sample_weights: SampleWeights,
    #[serde(skip_serializing_if = "is_uncalibrated")]
    calibration: Calibration,
    algorithm: &'a AlgorithmSpec,
    #[serde(flatten)]
    validation: &'a ValidationSpec,
    fold: usize,
}

/// The key of the unit of a trial and a fold.
pub(super) fn unit_key(
    spec: &TrainSpec,
    trial: usize,
    fold: usize,
    dataset: Digest,
    file: &StageFile,
) -> Result<StageKey, StageError> {
    let Some(trial) = spec.trials.get(trial) else {
        return Err(StageError::internal(format!("trial {trial} is not in the spec")));
    };
    let spec = UnitKeySpec {
        features: &spec.features,
        feature_scaling: spec.feature_scaling,
        label_scaling: spec.label_scaling,
        label: &spec.label,
        sample_weights: spec.sample_weights,
        calibration: spec.calibration,
        algorithm: &trial.algorithm,
        validation: &spec.validation,
        fold,
    };
    Ok(StageKey::new(StageName::Train, REVISION, &spec, &[dataset], file.seed, file.rerun_nonce.as_deref())?)
}

struct Trials<'a> {
    file: &'a StageFile,
    spec: &'a TrainSpec,
    plan: Plan,
    /// Names of the units, trial by trial.
    units: Vec<String>,
    matrix: LazyMatrix<'a>,
}

impl UnitWork for Trials<'_> {
    /// The places of the trial and the fold.
    type Prepared = (usize, usize);

    fn units(&self) -> Vec<String> {
        self.units.clone()
    }

    async fn prepare(&self, unit: &str) -> Result<(StageKey, Self::Prepared), StageError> {
        let folds = self.spec.validation.folds();
        let Some(place) = self.units.iter().position(|name| name == unit) else {
            return Err(StageError::internal(format!("stage train has no unit {unit}")));
        };
        let (trial, fold) = (place / folds, place % folds);
        let key = unit_key(self.spec, trial, fold, self.matrix.dataset.digest, self.file)?;
        Ok((key, (trial, fold)))
    }

    async fn compute(&self, _unit: &str, (trial, fold): (usize, usize)) -> Result<UnitOutput, StageError> {
        let matrix = self.matrix.get().await?;
        let (plan, algorithm) = (self.plan.clone(), self.spec.trials[trial].algorithm.clone());
        blocking(move || {
            let folds = plan.folds(&matrix)?;
            let (report, predictions) = run_unit(&matrix, &plan, &algorithm, &folds, fold)?;
            unit_output(&report, &predictions, to_parquet(&matrix, &predictions)?)
        })
        .await
    }
}

fn unit_output(
    report: &UnitReport,
    predictions: &Predictions,
    table: Vec<u8>,
) -> Result<UnitOutput, TrainingError> {
    let json =
        serde_json::to_vec(report).map_err(|error| TrainingError::Data(format!("{FIGURES}: {error}")))?;
    let mut unit = UnitOutput::done(vec![
        output(PREDICTIONS, table, Some(predictions.row.len())),
        output(FIGURES, json, None),
    ]);
    unit.counts = BTreeMap::from([
        ("trainRows".to_owned(), report.outer.train_rows as u64),
        ("purged".to_owned(), report.outer.purged as u64),
        ("testRows".to_owned(), report.outer.test_rows as u64),
    ]);
    unit.notes = BTreeMap::from([
        ("firstSession".to_owned(), report.outer.test.from.to_string()),
        ("lastSession".to_owned(), report.outer.test.to.to_string()),
    ]);
    Ok(unit)
}
