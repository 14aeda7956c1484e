//! Checks of what a strategy decides by: its signal, and the expressions that it names.

use ats_crds::{AnyDecimal, StrategySpec, strategy::Direction};
use ats_expression::{Facts, Kind, Scope, Typed};
use rust_decimal::Decimal;

use super::{CheckedUniverse, Problems, expression};
use crate::spec::SignalSpec;

/// What says when to buy and sell.
pub(super) fn signal(
    problems: &mut Problems,
    spec: &StrategySpec,
    universe: &CheckedUniverse,
) -> Option<SignalSpec> {
    match (&spec.signal.model, &spec.signal.rules, &spec.signal.scores) {
        (Some(model), None, None) => {
            let (minimum_score, exit_rank) =
                held(problems, "spec.signal.model", spec, &model.minimum_score, model.exit_rank)?;
            Some(SignalSpec::Model { minimum_score, exit_rank })
        }
        (None, None, Some(scores)) => {
            let source = ("score", scores.expression.as_str());
            let expression = comparable(problems, "spec.signal.scores.expression", source, universe);
            let (minimum_score, exit_rank) =
                held(problems, "spec.signal.scores", spec, &scores.minimum_score, scores.exit_rank)?;
            Some(SignalSpec::Scores { expression: expression?, minimum_score, exit_rank })
        }
        (None, Some(rules), None) => {
            let path = |name: &str| format!("spec.signal.rules.{name}");
            let entry = rule(problems, &path("entry"), &rules.entry, universe, Kind::Boolean);
            let exit = rule(problems, &path("exit"), &rules.exit, universe, Kind::Boolean);
            let mut short = |name: &str, source: &Option<String>| {
                source.as_ref().map(|source| rule(problems, &path(name), source, universe, Kind::Boolean))
            };
            let (short_entry, short_exit) =
                (short("shortEntry", &rules.short_entry), short("shortExit", &rules.short_exit));
            if spec.portfolio.direction == Direction::LongShort
                && (short_entry.is_none() || short_exit.is_none())
            {
                problems.add(
                    "spec",
                    "direction LongShort with rules needs signal.rules.shortEntry and shortExit",
                );
            }
            if spec.portfolio.direction == Direction::LongOnly
                && (short_entry.is_some() || short_exit.is_some())
            {
                problems
                    .add("spec.signal.rules", "shortEntry and shortExit need portfolio.direction LongShort");
            }
            Some(SignalSpec::Rules {
                entry: entry?,
                exit: exit?,
                short_entry: short_entry.flatten(),
                short_exit: short_exit.flatten(),
            })
        }
        _ => {
            problems.add("spec.signal", "set exactly one of model, rules and scores");
            None
        }
    }
}

/// Which scores are held: the minimum, and the rank up to which a holding stays.
fn held(
    problems: &mut Problems,
    path: &str,
    spec: &StrategySpec,
    minimum_score: &AnyDecimal,
    exit_rank: Option<i32>,
) -> Option<(Decimal, u32)> {
    let minimum_score = problems.take(&format!("{path}.minimumScore"), minimum_score.decimal())?;
    let path = format!("{path}.exitRank");
    let slots = problems.count("spec.portfolio.maxPositions", spec.portfolio.max_positions);
    let exit_rank = exit_rank.map_or(slots, |rank| problems.count(&path, rank));
    let (held, what) = match spec.portfolio.direction {
        Direction::LongOnly => (slots, "maxPositions"),
        Direction::LongShort => (slots.div_ceil(2), "half of maxPositions"),
    };
    if exit_rank < held {
        problems
            .add(path, format!("{exit_rank} is below {what} ({held}): what is bought would leave at once"));
    }
    Some((minimum_score, exit_rank))
}

/// A number that can be compared across tickers, in canonical form: what it is, and its text.
pub(super) fn comparable(
    problems: &mut Problems,
    path: &str,
    (what, source): (&str, &str),
    universe: &CheckedUniverse,
) -> Option<String> {
    let typed = checked(problems, path, source, universe, Kind::Number)?;
    if let Err(error) = typed.comparable_across_tickers(what, source) {
        expression::add(problems, path, &error);
    }
    Some(typed.to_string())
}

/// A strategy's rule in canonical form.
fn rule(
    problems: &mut Problems,
    path: &str,
    source: &str,
    universe: &CheckedUniverse,
    kind: Kind,
) -> Option<String> {
    Some(checked(problems, path, source, universe, kind)?.to_string())
}

/// A strategy's expression: over bars and the universe's features, not across tickers by itself.
fn checked(
    problems: &mut Problems,
    path: &str,
    source: &str,
    universe: &CheckedUniverse,
    kind: Kind,
) -> Option<Typed> {
    let typed = expression::typed(problems, path, source, universe.graph.scope(), kind)?;
    for ticker in typed.tickers() {
        acquired(problems, path, ticker.as_str(), universe);
    }
    if compares_tickers_itself(source, universe) {
        problems.add_as(
            path,
            ats_crds::Reason::InvalidExpression,
            "functions across tickers (rank, zscore, demean, winsorize) belong to the universe's features: add one there and use it by name",
        );
    }
    Some(typed)
}

/// Whether the universe has bars of a ticker.
pub(super) fn acquired(problems: &mut Problems, path: &str, name: &str, universe: &CheckedUniverse) {
    let mut known = universe.tickers.iter().chain(&universe.benchmarks);
    if !known.clone().any(|known| known == name) {
        let near = ats_expression::did_you_mean(name, known.by_ref().map(String::as_str));
        let near = near.map(|near| format!("{near} If not, ")).unwrap_or_default();
        problems.add(path, format!("the universe does not acquire {name}: {near}add it to its tickers, or use it in one of its features"));
    }
}

/// Whether the expression itself, not a feature that it uses, compares tickers.
fn compares_tickers_itself(source: &str, universe: &CheckedUniverse) -> bool {
    let mut scope = Scope::new();
    for (name, facts) in universe.graph.scope().iter() {
        scope.insert(name.clone(), Facts { cross_sectional: false, ..facts });
    }
    let typed = ats_expression::parse(source).and_then(|parsed| ats_expression::check(&parsed, &scope));
    typed.is_ok_and(|typed| typed.is_cross_sectional())
}
