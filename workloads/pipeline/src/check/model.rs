//! Checks of a `ModelTrainingJob` against the universe that it learns from.

use std::collections::BTreeSet;

use ats_crds::{
    ModelTrainingJobSpec, Reason,
    model::{Label, ModelMetric, SearchMetric, Validation},
};

use super::{CheckedUniverse, Problem, Problems, bound, instead, source, trials};
use crate::{
    Digest, KeyError,
    gate::Gate,
    spec::{
        CombinatorialSpec, LabelSpec, PruningSpec, PurgedKFoldSpec, TrainSpec, ValidationSpec,
        WalkForwardSpec,
    },
};

/// A model whose every field is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedModel {
    /// What decides the trials.
    pub train: TrainSpec,
    /// The dataset to stay with.
    pub pinned: Option<Digest>,
    /// What the figures must hold to be published.
    pub gates: Vec<Gate>,
    /// Decides every random choice.
    pub seed: i64,
    /// Part of every key.
    pub rerun_nonce: Option<String>,
}

impl CheckedModel {
    /// Digest by which this specification is told from those that the model had before.
    ///
    /// # Errors
    /// When the spec has no canonical JSON, which is a defect.
    pub fn specification(&self) -> Result<Digest, KeyError> {
        self.train.digest(self.seed)
    }
}

/// Checks a model's spec.
///
/// # Errors
/// Every problem found.
pub fn model(spec: &ModelTrainingJobSpec, universe: &CheckedUniverse) -> Result<CheckedModel, Vec<Problem>> {
    let mut problems = Problems::default();
    source::store(&mut problems, &spec.run);
    let features = features(&mut problems, spec, universe);
    let label = label(&mut problems, &spec.label);
    let trials = trials::trials(&mut problems, spec);
    trials::fit_for(&mut problems, spec, universe);
    let pinned = match &spec.dataset.digest {
        Some(digest) => problems.take("spec.dataset.digest", digest.parse::<Digest>()),
        None => None,
    };
    let validation = validation(&mut problems, &spec.validation);
    let pruning = pruning(&mut problems, spec, validation.as_ref());
    let mut gates = Vec::new();
    for (index, gate) in spec.gates.iter().enumerate() {
        if let Some(value) = problems.take(&format!("spec.gates[{index}].value"), gate.value.decimal()) {
            gates.push(Gate {
                metric: metric_name(gate.metric).to_owned(),
                operator: gate.operator,
                bound: bound(value),
            });
        }
    }
    let checked = (|| {
        let trials = trials?;
        Some(CheckedModel {
            train: TrainSpec {
                features,
                feature_scaling: spec.preprocess.features,
                label_scaling: spec.preprocess.label,
                label: label?,
                sample_weights: spec.sample_weights,
                calibration: spec.calibration,
                // Of a single trial nothing can be left out: its keys are those without pruning.
                pruning: pruning.filter(|_| trials.len() > 1),
                trials,
                metric: spec.search.as_ref().map_or(SearchMetric::default(), |search| search.metric),
                validation: validation?,
                interval: universe.interval,
                calendar: universe.calendar,
            },
            pinned,
            gates,
            seed: spec.seed,
            rerun_nonce: spec.run.rerun_nonce.clone(),
        })
    })();
    problems.finish(checked)
}

/// Whether a strategy may trade a model: its predictions must be ones that could have been made at their time.
///
/// # Errors
/// A model whose folds train on later sessions.
pub fn tradable(name: &str, model: &ModelTrainingJobSpec) -> Result<(), Problem> {
    if model.validation.walk_forward.is_some() {
        return Ok(());
    }
    Err(Problem {
        path: "spec.signal.model.name".to_owned(),
        reason: Reason::InvalidSpec,
        message: format!(
            "the model {name} is validated by folds that train on later sessions, which a backtest would trade on: \
             judge specifications so, and trade a model with validation.walkForward"
        ),
    })
}

/// Name of a figure in the model card, in `status.metrics` and in gates.
pub fn metric_name(metric: ModelMetric) -> &'static str {
    match metric {
        ModelMetric::RankIc => "rankIc",
        ModelMetric::Ic => "ic",
        ModelMetric::Icir => "icir",
        ModelMetric::HitRate => "hitRate",
        ModelMetric::MeanSquaredError => "meanSquaredError",
        ModelMetric::ProbabilisticSharpe => "probabilisticSharpe",
        ModelMetric::DeflatedSharpe => "deflatedSharpe",
    }
}

fn features(problems: &mut Problems, spec: &ModelTrainingJobSpec, universe: &CheckedUniverse) -> Vec<String> {
    use ats_expression::Kind;
    let numeric: BTreeSet<&str> = universe
        .graph
        .features()
        .iter()
        .filter(|feature| feature.typed.kind() == Kind::Number)
        .map(|feature| feature.name.as_str())
        .collect();
    if spec.features.is_empty() {
        if numeric.is_empty() {
            problems.add(
                "spec.features",
                "the universe has no numeric feature to learn from: add features to it",
            );
        }
        return numeric.into_iter().map(str::to_owned).collect();
    }
    let mut chosen = BTreeSet::new();
    for (index, name) in spec.features.iter().enumerate() {
        let path = format!("spec.features[{index}]");
        if !numeric.contains(name.as_str()) {
            let instead = instead(name, numeric.iter().copied());
            problems.add(path, format!("the universe has no numeric feature {name:?}; {instead}"));
        } else if !chosen.insert(name.clone()) {
            problems.add(path, format!("{name:?} is there twice: remove one"));
        }
    }
    chosen.into_iter().collect()
}

fn label(problems: &mut Problems, label: &Label) -> Option<LabelSpec> {
    let path = "spec.label";
    match (&label.forward_return, &label.forward_direction, &label.triple_barrier) {
        (Some(forward), None, None) => Some(LabelSpec::ForwardReturn {
            horizon_bars: problems.count("spec.label.forwardReturn.horizonBars", forward.horizon_bars),
            entry: forward.entry,
        }),
        (None, Some(forward), None) => Some(LabelSpec::ForwardDirection {
            horizon_bars: problems.count("spec.label.forwardDirection.horizonBars", forward.horizon_bars),
            entry: forward.entry,
        }),
        (None, None, Some(barrier)) => {
            let horizon_bars = problems.count("spec.label.tripleBarrier.horizonBars", barrier.horizon_bars);
            let profit_taking =
                problems.take("spec.label.tripleBarrier.profitTaking", barrier.profit_taking.decimal());
            let stop_loss = problems.take("spec.label.tripleBarrier.stopLoss", barrier.stop_loss.decimal());
            Some(LabelSpec::TripleBarrier {
                horizon_bars,
                profit_taking: profit_taking?,
                stop_loss: stop_loss?,
            })
        }
        _ => {
            problems.add(path, "set exactly one of forwardReturn, forwardDirection and tripleBarrier");
            None
        }
    }
}

/// How the search is pruned: only where a fold's test window comes after all that the folds before it have seen, and
/// only where a fold is left to leave trials out of.
fn pruning(
    problems: &mut Problems,
    spec: &ModelTrainingJobSpec,
    validation: Option<&ValidationSpec>,
) -> Option<PruningSpec> {
    let path = "spec.search.pruning";
    let pruning = spec.search.as_ref()?.pruning.as_ref()?;
    let checked = PruningSpec {
        factor: problems.count(&format!("{path}.factor"), pruning.factor),
        minimum_folds: problems.count(&format!("{path}.minimumFolds"), pruning.minimum_folds),
    };
    match validation? {
        ValidationSpec::WalkForward(walk) if walk.folds <= checked.minimum_folds => problems.add(
            format!("{path}.minimumFolds"),
            format!(
                "{} of {} folds are run before any trial is pruned, so that none is: take a minimumFolds below \
                 validation.walkForward.folds, or leave pruning out",
                checked.minimum_folds, walk.folds
            ),
        ),
        ValidationSpec::WalkForward(_) => {}
        other => problems.add(
            path,
            format!(
                "pruning needs validation.walkForward: the folds of {} train on what other folds test, and would prune \
                 by what they have seen of it",
                other.name()
            ),
        ),
    }
    Some(checked)
}

/// Most folds of a combinatorial scheme: each is a fit of every trial.
const MOST_CHOICES: usize = 500;

fn validation(problems: &mut Problems, validation: &Validation) -> Option<ValidationSpec> {
    match (&validation.walk_forward, &validation.purged_k_fold, &validation.combinatorial) {
        (Some(walk), None, None) => Some(ValidationSpec::WalkForward(WalkForwardSpec {
            folds: problems.count("spec.validation.walkForward.folds", walk.folds),
            test_bars: problems.count("spec.validation.walkForward.testBars", walk.test_bars),
            train_bars: walk
                .train_bars
                .map(|bars| problems.count("spec.validation.walkForward.trainBars", bars)),
        })),
        (None, Some(fold), None) => Some(ValidationSpec::PurgedKFold(PurgedKFoldSpec {
            folds: problems.count("spec.validation.purgedKFold.folds", fold.folds),
            embargo_bars: problems.count("spec.validation.purgedKFold.embargoBars", fold.embargo_bars),
        })),
        (None, None, Some(combinatorial)) => {
            let path = "spec.validation.combinatorial";
            let spec = CombinatorialSpec {
                folds: problems.count("spec.validation.combinatorial.folds", combinatorial.folds),
                test_folds: problems
                    .count("spec.validation.combinatorial.testFolds", combinatorial.test_folds),
                embargo_bars: problems
                    .count("spec.validation.combinatorial.embargoBars", combinatorial.embargo_bars),
            };
            if spec.test_folds >= spec.folds {
                problems.add(path, "testFolds must be below folds: the others are trained on");
            } else if spec.choices() > MOST_CHOICES {
                problems.add(
                    path,
                    format!(
                        "choosing {} of {} folds makes {} fits of each trial, at most {MOST_CHOICES} are allowed: take \
                         fewer folds",
                        spec.test_folds,
                        spec.folds,
                        spec.choices()
                    ),
                );
            }
            Some(ValidationSpec::Combinatorial(spec))
        }
        _ => {
            problems.add("spec.validation", "set exactly one of walkForward, purgedKFold and combinatorial");
            None
        }
    }
}
