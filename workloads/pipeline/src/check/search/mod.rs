//! A strategy's search: from values of parameters to specifications, each checked as if it stood alone.

mod condition;
mod field;

use std::collections::{BTreeMap, BTreeSet};

use ats_calendar::Calendar;
use ats_crds::{
    Reason, StrategySpec,
    strategy::{RulesSignal, StrategySearch},
};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{CheckedUniverse, Problem, Problems, instead, strategy};
use crate::spec::{SearchSpec, StrategyCore, StrategyTrial, search::FEWEST_TRAINING_SESSIONS};
use condition::Condition;
use field::Field;

/// Combinations that are looked at; which of them are trials `where` says.
const MOST_COMBINATIONS: usize = 10_000;
/// Bytes of all trials: a stage's spec must fit into a ConfigMap.
const MOST_BYTES: usize = 400_000;
/// Characters of a parameter's name.
const LONGEST_NAME: usize = 31;

/// Values of the parameters, by name.
type Values<'a> = BTreeMap<&'a str, Decimal>;

/// A parameter and what it may be.
struct Parameter<'a> {
    name: &'a str,
    /// The field whose value it replaces; none: a name for expressions.
    field: Option<&'static Field>,
    values: BTreeSet<Decimal>,
}

/// Path of a parameter's values, as the API server writes it.
fn path_of(parameter: &str) -> String {
    let separator = if parameter.contains('.') { ("[", "]") } else { (".", "") };
    format!("spec.search.grid{}{parameter}{}", separator.0, separator.1)
}

/// The first trial's core, and all trials: each distinct specification once, in the order of names and values.
pub(super) fn search(
    problems: &mut Problems,
    spec: &StrategySpec,
    search: &StrategySearch,
    universe: &CheckedUniverse,
) -> Option<(StrategyCore, SearchSpec)> {
    let parameters = parameters(problems, search)?;
    if !all_names_are_used(problems, spec, search, &parameters) {
        return None;
    }
    let combinations = combinations(problems, search, &parameters)?;
    let mut base: Option<StrategyCore> = None;
    let mut cores: BTreeSet<String> = BTreeSet::new();
    let mut trials = Vec::new();
    let mut bytes = 0;
    for values in &combinations {
        let core = trial(problems, spec, &parameters, values, universe)?;
        let base = base.get_or_insert_with(|| core.clone());
        let parameters = values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let trial = problems.take("spec.search", StrategyTrial::new(parameters, base, &core))?;
        let changes = problems.take("spec.search", serde_json::to_string(&trial.changes))?;
        bytes += changes.len();
        // Values that make no other strategy are no other trial.
        if cores.insert(changes) {
            trials.push(trial);
        }
    }
    if bytes > MOST_BYTES {
        problems.add(
            "spec.search",
            format!(
                "the trials take {bytes} bytes, a stage holds {MOST_BYTES}: give long rules a name among the universe's features, or take fewer trials"
            ),
        );
        return None;
    }
    let windows = &search.walk_forward;
    let spec = SearchSpec {
        metric: search.metric,
        folds: problems.count("spec.search.walkForward.folds", windows.folds),
        test_sessions: problems.count("spec.search.walkForward.testSessions", windows.test_sessions),
        train_sessions: windows
            .train_sessions
            .map(|count| problems.count("spec.search.walkForward.trainSessions", count)),
        trials,
    };
    Some((base?, spec))
}

/// Whether the backtest has so many sessions, where its end is known.
pub(super) fn sessions(
    problems: &mut Problems,
    search: &SearchSpec,
    universe: &CheckedUniverse,
    start: Option<Date>,
    end: Option<Date>,
) {
    let (Some(start), Some(end)) = (start, end.or(universe.end)) else { return };
    let Ok(calendar) = Calendar::by_name(universe.calendar.as_str()) else { return };
    let there = calendar.sessions(start, end).len();
    let needed = search.needed_sessions();
    if start <= end && there < needed {
        let before = search.train_sessions.unwrap_or(FEWEST_TRAINING_SESSIONS);
        problems.add(
            "spec.search.walkForward",
            format!(
                "{} windows of {} sessions and {before} before the first need {needed} sessions, the backtest from {start} to {end} has {there}: take fewer or shorter windows, or an earlier backtest.start",
                search.folds, search.test_sessions
            ),
        );
    }
}

/// The parameters with their values.
fn parameters<'a>(problems: &mut Problems, search: &'a StrategySearch) -> Option<Vec<Parameter<'a>>> {
    let mut found = Vec::new();
    let before = problems.0.len();
    for (name, values) in &search.grid {
        let path = path_of(name);
        let field = field::by_path(name);
        if field.is_none() && !is_name(name) {
            let known = field::FIELDS.iter().map(|field| field.path);
            problems.add(
                &path,
                format!(
                    "{name:?} is neither a name (a lower-case letter, then lower-case letters, digits and _, {LONGEST_NAME} at most) nor a field that can be searched; {}",
                    instead(name, known)
                ),
            );
            continue;
        }
        let mut numbers = BTreeSet::new();
        for value in &values.0 {
            let Some(number) = problems.take(&path, value.decimal()) else { continue };
            match field.map_or(Ok(()), |field| field.check(number)) {
                Ok(()) => {
                    numbers.insert(number);
                }
                Err(expected) => problems.add(&path, format!("{number} is not {expected}")),
            }
        }
        found.push(Parameter { name, field, values: numbers });
    }
    (problems.0.len() == before).then_some(found)
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Whether expressions name parameters that there are, and every one.
fn all_names_are_used(
    problems: &mut Problems,
    spec: &StrategySpec,
    search: &StrategySearch,
    parameters: &[Parameter<'_>],
) -> bool {
    let before = problems.0.len();
    let names: Vec<&str> = named(parameters).collect();
    let mut used = BTreeSet::new();
    let condition = search.condition.iter().map(|text| ("spec.search.where".to_owned(), text, false));
    for (path, text, counts) in expressions(spec).map(|(path, text)| (path, text, true)).chain(condition) {
        for placeholder in placeholders(text) {
            if !names.contains(&placeholder) {
                problems.add_as(
                    path.clone(),
                    Reason::InvalidExpression,
                    format!(
                        "${placeholder} is no parameter of spec.search.grid; {}",
                        instead(placeholder, names.iter().copied())
                    ),
                );
            }
            if counts {
                used.insert(placeholder);
            }
        }
    }
    for name in names.iter().filter(|name| !used.contains(*name)) {
        problems.add(
            path_of(name),
            format!(
                "no expression uses it, so that its values make no difference: write ${name} in one, or remove it"
            ),
        );
    }
    problems.0.len() == before
}

fn named<'a>(parameters: &'a [Parameter<'_>]) -> impl Iterator<Item = &'a str> {
    parameters.iter().filter(|parameter| parameter.field.is_none()).map(|parameter| parameter.name)
}

/// The expressions in which a parameter may stand.
fn expressions(spec: &StrategySpec) -> impl Iterator<Item = (String, &String)> {
    let rules = spec.signal.rules.iter().flat_map(|rules| {
        let RulesSignal { entry, exit, short_entry, short_exit } = rules;
        [
            ("entry", Some(entry)),
            ("exit", Some(exit)),
            ("shortEntry", short_entry.as_ref()),
            ("shortExit", short_exit.as_ref()),
        ]
    });
    let rules = rules.filter_map(|(name, text)| text.map(|text| (format!("spec.signal.rules.{name}"), text)));
    let weight = spec.portfolio.sizing.target_weight.as_ref().and_then(|target| target.expression.as_ref());
    let others = [
        ("spec.signal.scores.expression", spec.signal.scores.as_ref().map(|scores| &scores.expression)),
        ("spec.portfolio.rankBy", spec.portfolio.rank_by.as_ref()),
        ("spec.portfolio.sizing.targetWeight.expression", weight),
    ];
    rules.chain(others.into_iter().filter_map(|(path, text)| text.map(|text| (path.to_owned(), text))))
}

/// Names behind `$`.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('$').skip(1).map(name_at)
}

fn name_at(rest: &str) -> &str {
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    &rest[..end]
}

/// The text with numbers for the names behind `$`.
fn substituted(text: &str, values: &Values<'_>) -> String {
    let mut parts = text.split('$');
    let mut done = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let name = name_at(rest);
        match values.get(name) {
            Some(value) if value.is_sign_negative() => done.push_str(&format!("({value})")),
            Some(value) => done.push_str(&value.to_string()),
            // Reported before.
            None => done.push_str(name),
        }
        done.push_str(&rest[name.len()..]);
    }
    done
}

/// The combinations of values that `where` leaves.
fn combinations<'a>(
    problems: &mut Problems,
    search: &StrategySearch,
    parameters: &[Parameter<'a>],
) -> Option<Vec<Values<'a>>> {
    // Counted before they are made: a grid may name more combinations than fit into memory.
    let count =
        parameters.iter().fold(1usize, |count, parameter| count.saturating_mul(parameter.values.len()));
    if count > MOST_COMBINATIONS {
        problems.add(
            "spec.search.grid",
            format!(
                "the grid has {count} combinations, {MOST_COMBINATIONS} at most are looked at: take fewer values"
            ),
        );
        return None;
    }
    let mut combinations = vec![Values::new()];
    for parameter in parameters {
        combinations = combinations
            .iter()
            .flat_map(|combination| {
                parameter.values.iter().map(move |value| {
                    let mut next = combination.clone();
                    next.insert(parameter.name, *value);
                    next
                })
            })
            .collect();
    }
    if let Some(text) = &search.condition {
        let mut kept = Vec::new();
        for values in combinations {
            match Condition::new(&substituted(text, &values)).map(|condition| condition.holds()) {
                Ok(true) => kept.push(values),
                Ok(false) => {}
                Err(error) => {
                    problems.add_as("spec.search.where", Reason::InvalidExpression, error);
                    return None;
                }
            }
        }
        combinations = kept;
    }
    let most = search.max_trials.max(1) as usize;
    if combinations.is_empty() {
        problems.add(
            "spec.search.where",
            format!("it holds for none of the {count} combinations: nothing is left to try"),
        );
        return None;
    }
    if combinations.len() > most {
        problems.add(
            "spec.search",
            format!(
                "the grid has {} combinations, maxTrials allows {most}: take fewer values or raise it",
                combinations.len()
            ),
        );
        return None;
    }
    Some(combinations)
}

/// A trial's core. What is wrong with it is told with its values, at the values' place where a field's are.
fn trial(
    problems: &mut Problems,
    spec: &StrategySpec,
    parameters: &[Parameter<'_>],
    values: &Values<'_>,
    universe: &CheckedUniverse,
) -> Option<StrategyCore> {
    let mut of_trial = Problems::default();
    let mut standing = spec.clone();
    if let Some(rules) = &mut standing.signal.rules {
        let texts = [Some(&mut rules.entry), Some(&mut rules.exit)].into_iter();
        for text in texts.chain([rules.short_entry.as_mut(), rules.short_exit.as_mut()]).flatten() {
            *text = substituted(text, values);
        }
    }
    let scores = standing.signal.scores.as_mut().map(|scores| &mut scores.expression);
    let weight =
        standing.portfolio.sizing.target_weight.as_mut().and_then(|target| target.expression.as_mut());
    for text in [scores, standing.portfolio.rank_by.as_mut(), weight].into_iter().flatten() {
        *text = substituted(text, values);
    }
    let fields = parameters.iter().filter_map(|parameter| Some((parameter.field?, parameter.name)));
    for (field, name) in fields {
        let Some(value) = values.get(name) else { continue };
        if let Err(message) = field.set(&mut standing, *value) {
            of_trial.add(path_of(name), message);
        }
    }
    let core = strategy::core(&mut of_trial, &standing, universe);
    let shown = values.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ");
    let faulty = !of_trial.0.is_empty();
    for Problem { path, reason, message } in of_trial.0 {
        let field = path.strip_prefix("spec.").filter(|field| values.contains_key(field));
        let path = field.map_or_else(|| path.clone(), path_of);
        problems.add_as(path, reason, format!("in the trial {shown}: {message}"));
    }
    if faulty { None } else { core }
}
