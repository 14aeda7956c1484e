//! Stage `train`: a unit is one trial on one fold.

use std::collections::{BTreeMap, HashMap, HashSet};

use ats_crds::model::{Calibration, FeatureScaling, LabelScaling, SampleWeights};
use ats_pipeline::spec::train::REVISION;
use ats_pipeline::spec::{AlgorithmSpec, LabelSpec, Rung, TrainSpec, ValidationSpec, is_default};
use ats_pipeline::{Digest, Outcome, StageFile, StageKey, StageName};
use ats_store::{StageContext, StageError, UnitOutput, UnitWork, run_units};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use super::tables::to_parquet;
use super::{FIGURES, LazyMatrix, PREDICTIONS, blocking, output};
use crate::error::TrainingError;
use crate::search::course;
use crate::spec;
use crate::train::{Plan, Predictions, UnitReport, run_unit};

/// Runs this shard of the stage.
pub(super) async fn run(
    file: &StageFile,
    spec: &TrainSpec,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let plan = spec::plan(spec, file.seed)?;
    let (units, rungs) = (spec.unit_names(), spec.rungs());
    let places = units.iter().cloned().zip(0..).collect();
    if rungs.len() > 1 && file.shards != 1 {
        return Err(StageError::bad_spec(format!(
            "a pruned search runs in one shard, as all trials decide which of them go on; the stage's file says {}",
            file.shards
        )));
    }
    let work = Trials {
        file,
        context,
        spec,
        plan,
        units,
        places,
        rungs,
        matrix: LazyMatrix::new(file, spec, context)?,
    };
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
    #[serde(skip_serializing_if = "is_default")]
    sample_weights: SampleWeights,
    #[serde(skip_serializing_if = "is_default")]
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
    context: &'a StageContext,
    spec: &'a TrainSpec,
    plan: Plan,
    /// Names of the units of every trial on every fold, trial by trial.
    units: Vec<String>,
    /// Their places there.
    places: HashMap<String, usize>,
    /// Which part of the trials runs on which folds.
    rungs: Vec<Rung>,
    matrix: LazyMatrix<'a>,
}

impl Trials<'_> {
    /// The places of a unit's trial and fold.
    fn place(&self, unit: &str) -> Result<(usize, usize), StageError> {
        let folds = self.spec.validation.folds();
        let Some(place) = self.places.get(unit) else {
            return Err(StageError::internal(format!("stage train has no unit {unit}")));
        };
        Ok((place / folds, place % folds))
    }

    /// Names of the units of some trials on the folds of a rung.
    fn names(&self, trials: &[usize], rung: Rung) -> Vec<String> {
        let folds = self.spec.validation.folds();
        let of = |trial: &usize| self.units[trial * folds + rung.from..trial * folds + rung.to].to_vec();
        trials.iter().flat_map(of).collect()
    }

    /// What a finished unit found.
    async fn report(&self, trial: usize, fold: usize) -> Result<UnitReport, StageError> {
        let key = unit_key(self.spec, trial, fold, self.matrix.dataset.digest, self.file)?;
        let folder = self.context.store.unit(StageName::Train, key);
        let name = || &self.units[trial * self.spec.validation.folds() + fold];
        let Some(stored) = folder.manifest().await? else {
            return Err(StageError::internal(format!("{} is finished and not in the store", name())));
        };
        let figures = folder.named(&stored.manifest, FIGURES).await?;
        serde_json::from_slice(&figures)
            .map_err(|error| TrainingError::Data(format!("{FIGURES} of {}: {error}", name())).into())
    }
}

impl UnitWork for Trials<'_> {
    /// The places of the trial and the fold.
    type Prepared = (usize, usize);

    fn units(&self) -> Vec<String> {
        let all: Vec<usize> = (0..self.spec.trials.len()).collect();
        self.rungs.first().map(|first| self.names(&all, *first)).unwrap_or_default()
    }

    /// The units of the next rung, of the trials that the finished rungs leave. They are read back from the store, so
    /// that a stage that starts again decides on the same bytes.
    async fn further(&self, finished: &[String]) -> Result<Vec<String>, StageError> {
        if self.rungs.len() == 1 {
            return Ok(Vec::new());
        }
        let mut places = Vec::with_capacity(finished.len());
        for unit in finished {
            places.push(self.place(unit)?);
        }
        places.sort_unstable();
        let mut reports = vec![Vec::new(); self.spec.trials.len()];
        let read = |(trial, fold): (usize, usize)| async move {
            Ok::<_, StageError>((trial, self.report(trial, fold).await?))
        };
        let mut found = stream::iter(places).map(read).buffered(self.context.jobs.max(1));
        while let Some((trial, report)) = found.try_next().await? {
            reports[trial].push(report);
        }
        let course = course(&reports, &self.rungs, self.spec.metric)?;
        let (Some(running), Some(rung)) = (course.last(), self.rungs.get(course.len() - 1)) else {
            return Ok(Vec::new());
        };
        // After the last rung its own units are all there.
        let mut names = self.names(running, *rung);
        let finished: HashSet<&String> = finished.iter().collect();
        names.retain(|name| !finished.contains(name));
        Ok(names)
    }

    fn coming(&self) -> usize {
        self.rungs.iter().skip(1).map(Rung::units).sum()
    }

    async fn prepare(&self, unit: &str) -> Result<(StageKey, Self::Prepared), StageError> {
        let (trial, fold) = self.place(unit)?;
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
