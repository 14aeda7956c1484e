//! Stage `select`: one unit.

use std::collections::BTreeMap;
use std::sync::Arc;

use ats_pipeline::spec::{AlgorithmSpec, TrainSpec};
use ats_pipeline::{Outcome, StageFile, StageName};
use ats_store::{StageContext, StageError, StoreError, UnitOutput, run_single};
use futures::{StreamExt, TryStreamExt, stream};

use super::tables::{on_matrix, read_predictions, to_parquet};
use super::train::unit_key;
use super::{
    CARD, FIGURES, LazyMatrix, MODEL, PREDICTIONS, TEST_PREDICTIONS, TRIALS, blocking, input, output,
};
use crate::dataset::Matrix;
use crate::error::TrainingError;
use crate::search::course;
use crate::select::{Request, Selection, select};
use crate::spec;
use crate::train::{Predictions, UnitReport};
use crate::trials::{Trial, Trials};

/// Runs the stage.
pub(super) async fn run(
    file: &StageFile,
    spec: &TrainSpec,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let plan = spec::plan(spec, file.seed)?;
    let specifications = spec.trial_digests(file.seed)?;
    let lazy = LazyMatrix::new(file, spec, context)?;
    let compute = || async {
        let specifications = specifications.clone();
        let earlier = read_earlier(file, context).await?.without(&specifications);
        let matrix = lazy.get().await?;
        let units = read_units(file, spec, context, &matrix).await?;
        let (plan, dataset) = (plan.clone(), lazy.dataset.digest.to_string());
        let trials: Vec<AlgorithmSpec> = spec.trials.iter().map(|trial| trial.algorithm.clone()).collect();
        let (metric, pruning) = ((trials.len() > 1).then_some(spec.metric), spec.pruning);
        blocking(move || {
            let request = Request {
                plan: &plan,
                trials: &trials,
                metric,
                pruning,
                earlier: &earlier,
                dataset: &dataset,
            };
            let selection = select(&matrix, &request, units)?;
            let predictions = if plan.validation.is_causal() { PREDICTIONS } else { TEST_PREDICTIONS };
            let periods_per_year = plan.scale(&matrix, selection.card.score).periods_per_year();
            let own = specifications.into_iter().zip(&selection.card.trials);
            let own = own.map(|(specification, trial)| Trial {
                specification,
                sharpe_per_period: trial.figures.sharpe_per_period,
                periods_per_year,
            });
            let all = Trials::new(own.chain(earlier.iter().cloned()));
            stage_output(&matrix, &selection, &all, predictions)
        })
        .await
    };
    run_single(file, context, compute).await
}

/// What was tried before this specification, by the output of the one before it; nothing for a model's first.
async fn read_earlier(file: &StageFile, context: &StageContext) -> Result<Trials, StageError> {
    let Some(earlier) = file.input(StageName::Select) else { return Ok(Trials::new([])) };
    let store = &context.store;
    let lost = |error: StoreError| match error {
        StoreError::Missing { .. } | StoreError::Damaged { .. } => StageError::data_refused(format!(
            "{TRIALS} of select/{}, the output of the specification before this one, is missing or damaged in the store \
             at {}, and without it the trials so far cannot be counted: bring that folder back, from the store that it \
             was written to, or begin a new count: delete the model and make it anew, or give it another name",
            earlier.key,
            store.uri()
        )),
        other => other.into(),
    };
    let dataset = store.dataset(earlier).await.map_err(lost)?;
    let Some((folder, stored)) = store.unit_of(&dataset, "").await.map_err(lost)? else {
        return Err(StageError::internal(format!("select/{} is not one unit", earlier.key)));
    };
    let bytes = folder.named(&stored.manifest, TRIALS).await.map_err(lost)?;
    Ok(Trials::from_json(&bytes)?)
}

type Units = Vec<Vec<(UnitReport, Predictions)>>;

/// The units of stage `train` by trial and fold; of a pruned search rung by rung, as what a rung found decides which
/// units the next one has.
async fn read_units(
    file: &StageFile,
    spec: &TrainSpec,
    context: &StageContext,
    matrix: &Arc<Matrix>,
) -> Result<Units, StageError> {
    let store = &context.store;
    let trained = store.dataset(input(file, StageName::Train)?).await?;
    let dataset = input(file, StageName::Publish)?.digest;
    let folds = spec.validation.folds();
    let read = |(place, name): (usize, String)| {
        let (trained, matrix) = (&trained, Arc::clone(matrix));
        async move {
            context.check_cancelled()?;
            let key = unit_key(spec, place / folds, place % folds, dataset, file)?;
            let unit = store.unit_of(trained, &name).await?.filter(|(_, stored)| stored.manifest.key == key);
            let Some((folder, stored)) = unit else {
                let message = format!("{name} is not in the output of stage train");
                return Err(StageError::data_refused(message));
            };
            let figures = folder.named(&stored.manifest, FIGURES).await?;
            let predictions = folder.named(&stored.manifest, PREDICTIONS).await?;
            blocking(move || {
                let report: UnitReport = serde_json::from_slice(&figures)
                    .map_err(|error| TrainingError::Data(format!("{FIGURES} of {name}: {error}")))?;
                Ok((report, on_matrix(&matrix, &read_predictions(&predictions)?)?))
            })
            .await
        }
    };
    let names = spec.unit_names();
    let mut reports: Vec<Vec<UnitReport>> = vec![Vec::new(); spec.trials.len()];
    let mut predictions: Vec<Vec<Predictions>> = vec![Vec::new(); spec.trials.len()];
    let rungs = spec.rungs();
    for (place, rung) in rungs.iter().enumerate() {
        // All rungs before this one have been read, so the course is known up to it.
        let running = course(&reports, &rungs, spec.metric)?.into_iter().nth(place).unwrap_or_default();
        let wanted: Vec<(usize, String)> = running
            .iter()
            .flat_map(|trial| (rung.from..rung.to).map(move |fold| trial * folds + fold))
            .map(|unit| (unit, names[unit].clone()))
            .collect();
        let mut units = stream::iter(wanted).map(read).buffered(context.jobs.max(1));
        // They come in the order in which they are asked for.
        let mut trials = running.iter().flat_map(|trial| std::iter::repeat_n(*trial, rung.to - rung.from));
        while let Some((report, table)) = units.try_next().await? {
            let Some(trial) = trials.next() else { break };
            reports[trial].push(report);
            predictions[trial].push(table);
        }
    }
    Ok(reports.into_iter().zip(predictions).map(|(r, p)| r.into_iter().zip(p).collect()).collect())
}

fn stage_output(
    matrix: &Matrix,
    selection: &Selection,
    all: &Trials,
    name: &str,
) -> Result<UnitOutput, TrainingError> {
    let Selection { model, predictions, card } = selection;
    let table = to_parquet(matrix, predictions)?;
    let mut unit = UnitOutput::done(vec![
        output(name, table, Some(predictions.row.len())),
        output(MODEL, model.to_json()?, None),
        output(CARD, card.to_json()?, None),
        output(TRIALS, all.to_json()?, None),
    ]);
    unit.figures = card.metrics();
    unit.counts = BTreeMap::from([
        ("trials".to_owned(), card.number_of_trials as u64),
        ("folds".to_owned(), card.folds.len() as u64),
        ("rows".to_owned(), matrix.len() as u64),
        ("dropped".to_owned(), card.rows.dropped as u64),
        ("unlabelled".to_owned(), card.rows.unlabelled as u64),
    ]);
    unit.notes.insert("algorithm".to_owned(), card.specification.name().to_owned());
    let session = |row: &usize| matrix.sessions[matrix.session[*row] as usize].to_string();
    if let (Some(first), Some(last)) = (predictions.row.first(), predictions.row.last()) {
        unit.notes.insert("firstSession".to_owned(), session(first));
        unit.notes.insert("lastSession".to_owned(), session(last));
    }
    if !card.notes.is_empty() {
        unit.notes.insert("remarks".to_owned(), card.notes.join(" "));
    }
    Ok(unit)
}
