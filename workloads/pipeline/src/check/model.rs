//! Checks of a `ModelTrainingJob` against the universe that it learns from.

use std::collections::{BTreeMap, BTreeSet};

use ats_crds::{
    ModelTrainingJobSpec, Reason,
    model::{Algorithm, Label, ModelMetric, SearchMetric, Validation},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{CheckedUniverse, Problem, Problems, bound, instead, source};
use crate::{
    Digest,
    gate::Gate,
    spec::{
        AlgorithmSpec, CombinatorialSpec, LabelSpec, PurgedKFoldSpec, TrainSpec, TrialSpec, ValidationSpec,
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

/// Checks a model's spec.
///
/// # Errors
/// Every problem found.
pub fn model(spec: &ModelTrainingJobSpec, universe: &CheckedUniverse) -> Result<CheckedModel, Vec<Problem>> {
    let mut problems = Problems::default();
    source::store(&mut problems, &spec.run);
    let features = features(&mut problems, spec, universe);
    let label = label(&mut problems, &spec.label);
    let trials = trials(&mut problems, spec);
    let classification = matches!(label, Some(LabelSpec::ForwardDirection { .. }));
    if spec.algorithm.logistic.is_some() && !classification {
        problems.add(
            "spec.algorithm.logistic",
            "logistic regression needs label.forwardDirection; for a return use elasticNet or randomForest",
        );
    }
    let pinned = match &spec.dataset.digest {
        Some(digest) => problems.take("spec.dataset.digest", digest.parse::<Digest>()),
        None => None,
    };
    let validation = validation(&mut problems, &spec.validation);
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
        Some(CheckedModel {
            train: TrainSpec {
                features,
                feature_scaling: spec.preprocess.features,
                label_scaling: spec.preprocess.label,
                label: label?,
                trials: trials?,
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

/// The algorithm's parameters as decimals, by their names in the API.
fn parameters(
    problems: &mut Problems,
    algorithm: &Algorithm,
) -> Option<(&'static str, BTreeMap<&'static str, Decimal>)> {
    let whole = |value: i32| Decimal::from(value);
    match (&algorithm.elastic_net, &algorithm.logistic, &algorithm.random_forest) {
        (Some(net), None, None) => {
            let penalty = problems.take("spec.algorithm.elasticNet.penalty", net.penalty.decimal());
            let l1_ratio = problems.take("spec.algorithm.elasticNet.l1Ratio", net.l1_ratio.decimal());
            Some(("elasticNet", BTreeMap::from([("penalty", penalty?), ("l1Ratio", l1_ratio?)])))
        }
        (None, Some(logistic), None) => {
            let penalty = problems.take("spec.algorithm.logistic.penalty", logistic.penalty.decimal())?;
            Some(("logistic", BTreeMap::from([("penalty", penalty)])))
        }
        (None, None, Some(forest)) => Some((
            "randomForest",
            BTreeMap::from([
                ("trees", whole(forest.trees)),
                ("maxDepth", whole(forest.max_depth)),
                ("minSamplesLeaf", whole(forest.min_samples_leaf)),
            ]),
        )),
        _ => {
            problems.add("spec.algorithm", "set exactly one of elasticNet, logistic and randomForest");
            None
        }
    }
}

/// Every combination of the grid, each once, in the order of names and values.
fn trials(problems: &mut Problems, spec: &ModelTrainingJobSpec) -> Option<Vec<TrialSpec>> {
    let (name, base) = parameters(problems, &spec.algorithm)?;
    let mut combinations = vec![base.clone()];
    if let Some(search) = &spec.search {
        let mut grid = Vec::new();
        for (parameter, values) in &search.grid {
            let path = format!("spec.search.grid.{parameter}");
            let Some(known) = base.keys().copied().find(|known| known == parameter) else {
                let instead = instead(parameter, base.keys().copied());
                problems.add(path, format!("{name} has no parameter {parameter:?}; {instead}"));
                return None;
            };
            let mut numbers = BTreeSet::new();
            for value in &values.0 {
                numbers.insert(problems.take(&path, value.decimal())?);
            }
            grid.push((known, numbers));
        }
        // Counted before they are made: a grid may name more combinations than fit into memory.
        let count = grid.iter().fold(1usize, |count, (_, numbers)| count.saturating_mul(numbers.len()));
        if count > search.max_trials.max(1) as usize {
            problems.add(
                "spec.search",
                format!(
                    "the grid has {count} combinations, maxTrials allows {}: take fewer values or raise it",
                    search.max_trials
                ),
            );
            return None;
        }
        for (known, numbers) in &grid {
            combinations = combinations
                .iter()
                .flat_map(|combination| {
                    numbers.iter().map(move |number| {
                        let mut next = combination.clone();
                        next.insert(known, *number);
                        next
                    })
                })
                .collect();
        }
    }
    let searched =
        |parameter: &str| spec.search.as_ref().is_some_and(|search| search.grid.contains_key(parameter));
    combinations
        .iter()
        .map(|combination| algorithm(problems, name, combination, &searched))
        .collect::<Option<Vec<_>>>()
}

/// One combination as a trial; `searched` says whether a parameter's values come from the grid.
fn algorithm(
    problems: &mut Problems,
    name: &str,
    values: &BTreeMap<&'static str, Decimal>,
    searched: &dyn Fn(&str) -> bool,
) -> Option<TrialSpec> {
    let decimal = |parameter: &str| values.get(parameter).copied().unwrap_or_default();
    let mut whole = |parameter: &str, greatest: u32| {
        let value = decimal(parameter);
        let number = value.to_u32().filter(|number| value.is_integer() && (1..=greatest).contains(number));
        if number.is_none() {
            let path = match searched(parameter) {
                true => format!("spec.search.grid.{parameter}"),
                false => format!("spec.algorithm.{name}.{parameter}"),
            };
            problems.add(path, format!("{value} is not a whole number from 1 to {greatest}"));
        }
        number
    };
    let algorithm = match name {
        "elasticNet" => {
            let l1_ratio = decimal("l1Ratio");
            if l1_ratio > Decimal::ONE {
                problems.add("spec.search.grid.l1Ratio", format!("{l1_ratio} is not a fraction from 0 to 1"));
                return None;
            }
            AlgorithmSpec::ElasticNet { penalty: decimal("penalty"), l1_ratio }
        }
        "logistic" => AlgorithmSpec::Logistic { penalty: decimal("penalty") },
        _ => AlgorithmSpec::RandomForest {
            trees: whole("trees", 2000)?,
            max_depth: whole("maxDepth", 32)?,
            min_samples_leaf: whole("minSamplesLeaf", 100_000)?,
        },
    };
    Some(TrialSpec { algorithm })
}
