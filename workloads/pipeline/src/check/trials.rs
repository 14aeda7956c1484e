//! Checks of a model's algorithm, and the specifications that its search tries.

use std::collections::{BTreeMap, BTreeSet};

use ats_calendar::Calendar;
use ats_crds::{
    ModelTrainingJobSpec,
    model::{Calibration, Kernel, SearchMetric, SupportVector},
};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::draw::{Source, drawn};
use super::{CheckedUniverse, Problems, instead};
use crate::spec::{AlgorithmSpec, TrialSpec, algorithm::MOST_SUPPORT_VECTOR_ROWS};

/// A combination of parameters, by their names in the API.
pub(super) type Parameters = BTreeMap<&'static str, Decimal>;

/// What the algorithm needs of the label, the search and the universe.
pub(super) fn fit_for(problems: &mut Problems, spec: &ModelTrainingJobSpec, universe: &CheckedUniverse) {
    let classification = spec.label.forward_direction.is_some();
    if spec.algorithm.logistic.is_some() && !classification {
        problems.add(
            "spec.algorithm.logistic",
            "logistic regression needs label.forwardDirection; for a return use another algorithm, such as elasticNet \
             or randomForest",
        );
    }
    if spec.calibration != Calibration::None && !classification {
        problems.add(
            "spec.calibration",
            "calibration makes probabilities of a direction: it needs label.forwardDirection",
        );
    }
    let Some(machine) = &spec.algorithm.support_vector else { return };
    if classification && machine.epsilon.is_some() {
        problems.add(
            "spec.algorithm.supportVector.epsilon",
            "epsilon is the tube of a regression; with label.forwardDirection leave it out",
        );
    }
    if machine.gamma.is_some() && machine.kernel != Kernel::Gaussian {
        problems.add("spec.algorithm.supportVector.gamma", "gamma belongs to kernel Gaussian");
    }
    let by_error = spec.search.as_ref().is_some_and(|search| search.metric == SearchMetric::MeanSquaredError);
    if classification && by_error {
        problems.add(
            "spec.search.metric",
            "supportVector gives a direction a score and no probability, so that there is no squared error: choose \
             RankIc, Ic or HitRate",
        );
    }
    if let Some((tickers, sessions, bars)) = rows(universe) {
        let rows = tickers.saturating_mul(sessions).saturating_mul(bars);
        if rows > MOST_SUPPORT_VECTOR_ROWS {
            problems.add(
                "spec.algorithm.supportVector",
                format!(
                    "the universe may have {rows} rows ({tickers} active tickers x {sessions} sessions x {bars} bars), \
                     a support vector machine learns from at most {MOST_SUPPORT_VECTOR_ROWS}: shorten history, lower \
                     selection.maxActiveTickers, or use gradientBoosting"
                ),
            );
        }
    }
}

/// Active tickers, sessions and bars a session that a universe has at most, where its end is known.
fn rows(universe: &CheckedUniverse) -> Option<(usize, usize, usize)> {
    let calendar = Calendar::by_name(universe.calendar.as_str()).ok()?;
    let sessions = calendar.sessions(universe.start, universe.end?);
    let bars = calendar.bar_starts(*sessions.first()?, universe.interval).ok()?.len();
    let listed = universe.tickers.len();
    let active = universe.selection.as_ref().map_or(listed, |s| listed.min(s.max_active_tickers as usize));
    Some((active, sessions.len(), bars))
}

/// The algorithm's parameters as decimals, by their names in the API.
fn parameters(problems: &mut Problems, spec: &ModelTrainingJobSpec) -> Option<(&'static str, Parameters)> {
    let algorithm = &spec.algorithm;
    let mut members: Vec<(&'static str, Option<Parameters>)> = Vec::new();
    if let Some(net) = &algorithm.elastic_net {
        let penalty = problems.take("spec.algorithm.elasticNet.penalty", net.penalty.decimal());
        let l1_ratio = problems.take("spec.algorithm.elasticNet.l1Ratio", net.l1_ratio.decimal());
        members.push(("elasticNet", all([("penalty", penalty), ("l1Ratio", l1_ratio)])));
    }
    if let Some(logistic) = &algorithm.logistic {
        let penalty = problems.take("spec.algorithm.logistic.penalty", logistic.penalty.decimal());
        members.push(("logistic", all([("penalty", penalty)])));
    }
    if let Some(tree) = &algorithm.decision_tree {
        let depths = [("maxDepth", whole(tree.max_depth)), ("minSamplesLeaf", whole(tree.min_samples_leaf))];
        members.push(("decisionTree", all(depths)));
    }
    if let Some(forest) = &algorithm.random_forest {
        let counts = [
            ("trees", whole(forest.trees)),
            ("maxDepth", whole(forest.max_depth)),
            ("minSamplesLeaf", whole(forest.min_samples_leaf)),
        ];
        members.push(("randomForest", all(counts)));
    }
    if let Some(boosting) = &algorithm.gradient_boosting {
        let path = "spec.algorithm.gradientBoosting";
        let rate = problems.take(&format!("{path}.learningRate"), boosting.learning_rate.decimal());
        let share = problems.take(&format!("{path}.subsample"), boosting.subsample.decimal());
        let values = [
            ("trees", whole(boosting.trees)),
            ("learningRate", rate),
            ("maxDepth", whole(boosting.max_depth)),
            ("minSamplesLeaf", whole(boosting.min_samples_leaf)),
            ("subsample", share),
        ];
        members.push(("gradientBoosting", all(values)));
    }
    if let Some(machine) = &algorithm.support_vector {
        let classification = spec.label.forward_direction.is_some();
        members.push(("supportVector", machine_parameters(problems, machine, classification)));
    }
    let one = members.pop();
    match (one, members.is_empty()) {
        (Some((name, parameters)), true) => Some((name, parameters?)),
        _ => {
            problems.add(
                "spec.algorithm",
                "set exactly one of elasticNet, logistic, decisionTree, randomForest, gradientBoosting and supportVector",
            );
            None
        }
    }
}

/// Those that the kernel and the label have: a classification has no epsilon, the linear kernel no gamma.
fn machine_parameters(
    problems: &mut Problems,
    machine: &SupportVector,
    classification: bool,
) -> Option<Parameters> {
    let path = "spec.algorithm.supportVector";
    let mut values = vec![("cost", problems.take(&format!("{path}.cost"), machine.cost.decimal()))];
    if !classification {
        let epsilon = match &machine.epsilon {
            Some(epsilon) => problems.take(&format!("{path}.epsilon"), epsilon.decimal()),
            None => Some(Decimal::new(1, 1)),
        };
        values.push(("epsilon", epsilon));
    }
    if machine.kernel == Kernel::Gaussian {
        let gamma = match &machine.gamma {
            Some(gamma) => problems.take(&format!("{path}.gamma"), gamma.decimal()),
            None => Some(Decimal::ONE),
        };
        values.push(("gamma", gamma));
    }
    all(values)
}

fn whole(value: i32) -> Option<Decimal> {
    Some(Decimal::from(value))
}

fn all(values: impl IntoIterator<Item = (&'static str, Option<Decimal>)>) -> Option<Parameters> {
    values.into_iter().map(|(name, value)| Some((name, value?))).collect()
}

/// The specifications that are tried, each once, in the order of names and values.
pub(super) fn trials(problems: &mut Problems, spec: &ModelTrainingJobSpec) -> Option<Vec<TrialSpec>> {
    let (name, base) = parameters(problems, spec)?;
    let combinations = match &spec.search {
        None => vec![base],
        Some(search) => match (&search.grid, &search.random) {
            (Some(values), None) => {
                let mut grid = Vec::new();
                for (parameter, values) in values {
                    let path = format!("spec.search.grid.{parameter}");
                    let known = known(problems, &path, name, &base, parameter)?;
                    let mut numbers = BTreeSet::new();
                    for value in &values.0 {
                        numbers.insert(problems.take(&path, value.decimal())?);
                    }
                    grid.push((known, numbers));
                }
                every_combination(problems, base, &grid, search.max_trials)?
            }
            (None, Some(ranges)) => {
                let mut sources = Vec::new();
                for (parameter, range) in ranges {
                    let path = format!("spec.search.random.{parameter}");
                    let known = known(problems, &path, name, &base, parameter)?;
                    sources.push((known, Source::new(problems, &path, known, range)?));
                }
                drawn(&base, &sources, spec.seed, search.max_trials)
            }
            _ => {
                problems.add("spec.search", "set exactly one of grid and random");
                return None;
            }
        },
    };
    let field = |parameter: &str| {
        let (grid, random) = spec
            .search
            .as_ref()
            .map_or((None, None), |search| (search.grid.as_ref(), search.random.as_ref()));
        if grid.is_some_and(|grid| grid.contains_key(parameter)) {
            format!("spec.search.grid.{parameter}")
        } else if random.is_some_and(|random| random.contains_key(parameter)) {
            format!("spec.search.random.{parameter}")
        } else {
            format!("spec.algorithm.{name}.{parameter}")
        }
    };
    combinations
        .iter()
        .map(|combination| algorithm(problems, name, combination, &field))
        .collect::<Option<Vec<_>>>()
}

/// A parameter that the algorithm has.
fn known(
    problems: &mut Problems,
    path: &str,
    name: &str,
    base: &Parameters,
    parameter: &str,
) -> Option<&'static str> {
    let known = base.keys().copied().find(|known| *known == parameter);
    if known.is_none() {
        let instead = instead(parameter, base.keys().copied());
        problems.add(path, format!("{name} has no parameter {parameter:?}; {instead}"));
    }
    known
}

fn every_combination(
    problems: &mut Problems,
    base: Parameters,
    grid: &[(&'static str, BTreeSet<Decimal>)],
    most: i32,
) -> Option<Vec<Parameters>> {
    // Counted before they are made: a grid may name more combinations than fit into memory.
    let count = grid.iter().fold(1usize, |count, (_, numbers)| count.saturating_mul(numbers.len()));
    if count > most.max(1) as usize {
        problems.add(
            "spec.search",
            format!(
                "the grid has {count} combinations, maxTrials allows {most}: take fewer values or raise it"
            ),
        );
        return None;
    }
    let mut combinations = vec![base];
    for (known, numbers) in grid {
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
    Some(combinations)
}

/// One combination as a trial; `field` names where a parameter's value comes from.
fn algorithm(
    problems: &mut Problems,
    name: &'static str,
    values: &Parameters,
    field: &dyn Fn(&str) -> String,
) -> Option<TrialSpec> {
    let mut reader = Reader { problems, values, field };
    let algorithm = match name {
        "elasticNet" => AlgorithmSpec::ElasticNet {
            penalty: reader.decimal("penalty", "a decimal number of 0 or more", |_| true)?,
            l1_ratio: reader.decimal("l1Ratio", "a fraction from 0 to 1", |value| value <= Decimal::ONE)?,
        },
        "logistic" => AlgorithmSpec::Logistic {
            penalty: reader.decimal("penalty", "a decimal number of 0 or more", |_| true)?,
        },
        "decisionTree" => AlgorithmSpec::DecisionTree {
            max_depth: reader.whole("maxDepth", 32)?,
            min_samples_leaf: reader.whole("minSamplesLeaf", 100_000)?,
        },
        "randomForest" => AlgorithmSpec::RandomForest {
            trees: reader.whole("trees", 2000)?,
            max_depth: reader.whole("maxDepth", 32)?,
            min_samples_leaf: reader.whole("minSamplesLeaf", 100_000)?,
        },
        "gradientBoosting" => AlgorithmSpec::GradientBoosting {
            trees: reader.whole("trees", 2000)?,
            learning_rate: reader.decimal("learningRate", SHARE, is_share)?,
            max_depth: reader.whole("maxDepth", 32)?,
            min_samples_leaf: reader.whole("minSamplesLeaf", 100_000)?,
            subsample: reader.decimal("subsample", SHARE, is_share)?,
        },
        _ => AlgorithmSpec::SupportVector {
            cost: reader.decimal("cost", "above 0", |value| value > Decimal::ZERO)?,
            epsilon: reader.optional("epsilon", "a decimal number of 0 or more", |_| true)?,
            gamma: reader.optional("gamma", "above 0", |value| value > Decimal::ZERO)?,
        },
    };
    Some(TrialSpec { algorithm })
}

const SHARE: &str = "a fraction above 0 and up to 1";

fn is_share(value: Decimal) -> bool {
    value > Decimal::ZERO && value <= Decimal::ONE
}

/// Reads one combination; what is out of its bounds becomes a problem at the field that it came from.
struct Reader<'a> {
    problems: &'a mut Problems,
    values: &'a Parameters,
    field: &'a dyn Fn(&str) -> String,
}

impl Reader<'_> {
    fn refuse(&mut self, parameter: &str, value: Decimal, expected: &str) {
        self.problems.add((self.field)(parameter), format!("{value} is not {expected}"));
    }

    fn decimal(&mut self, parameter: &str, expected: &str, holds: fn(Decimal) -> bool) -> Option<Decimal> {
        let value = self.values.get(parameter).copied()?;
        if !holds(value) {
            self.refuse(parameter, value, expected);
            return None;
        }
        Some(value)
    }

    /// Of a parameter that not every form of the algorithm has.
    fn optional(
        &mut self,
        parameter: &str,
        expected: &str,
        holds: fn(Decimal) -> bool,
    ) -> Option<Option<Decimal>> {
        if !self.values.contains_key(parameter) {
            return Some(None);
        }
        self.decimal(parameter, expected, holds).map(Some)
    }

    fn whole(&mut self, parameter: &str, greatest: u32) -> Option<u32> {
        let value = self.values.get(parameter).copied()?;
        let number = value.to_u32().filter(|number| value.is_integer() && (1..=greatest).contains(number));
        if number.is_none() {
            self.refuse(parameter, value, &format!("a whole number from 1 to {greatest}"));
        }
        number
    }
}
