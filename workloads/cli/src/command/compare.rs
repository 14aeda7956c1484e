//! `ats compare`: the backtests of strategies side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use ats_pipeline::{StageName, StoreLocation};
use ats_store::{Settings, Store};
use serde_json::{Value, json};

use super::report::file_of;
use crate::{CompareArguments, Failure, OutputFormat, local::store_uri, output, state::State};

/// Numbers that are shown without `--all`, in this order.
const USUAL: [&str; 24] = [
    "sessions",
    "finalEquity",
    "totalReturn",
    "cagr",
    "volatility",
    "sharpe",
    "probabilisticSharpe",
    "sortino",
    "maxDrawdown",
    "calmar",
    "longestDrawdown",
    "exposure",
    "turnover",
    "trades",
    "winRate",
    "profitFactor",
    "averageTrade",
    "averageHolding",
    "costs",
    "costsOfTradedValue",
    "alpha",
    "beta",
    "informationRatio",
    "benchmarkReturn",
];

/// Shown too where a strategy searched its parameters.
const OF_A_SEARCH: [&str; 2] = ["deflatedSharpe", "numberOfTrials"];

/// What is compared of one strategy.
struct Compared {
    name: String,
    statistics: Value,
    settings: BTreeMap<String, String>,
}

pub(super) fn compare(arguments: &CompareArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    let compared = super::runtime()?.block_on(async {
        let mut compared = Vec::new();
        for name in &arguments.names {
            compared.push(read(&state, &store, name).await?);
        }
        Ok::<_, Failure>(compared)
    })?;
    let names: Vec<String> = match arguments.all {
        false => {
            let searched = OF_A_SEARCH
                .into_iter()
                .filter(|name| compared.iter().any(|one| one.statistics.get(name).is_some()));
            USUAL.into_iter().chain(searched).map(str::to_owned).collect()
        }
        true => compared
            .iter()
            .flat_map(|one| numbers(&one.statistics))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    };
    let differing: BTreeSet<&String> = compared
        .iter()
        .flat_map(|one| one.settings.keys())
        .filter(|path| compared.iter().any(|one| one.settings.get(*path) != compared[0].settings.get(*path)))
        .collect();
    if arguments.output != OutputFormat::Table {
        let all: Vec<Value> = compared
            .iter()
            .map(|one| {
                let numbers: BTreeMap<&String, &Value> =
                    names.iter().map(|name| (name, &one.statistics[name])).collect();
                let settings: BTreeMap<&&String, Option<&String>> =
                    differing.iter().map(|path| (path, one.settings.get(*path))).collect();
                json!({"strategy": one.name, "statistics": numbers, "differentSettings": settings})
            })
            .collect();
        super::write(output::value(&json!(all), arguments.output)?.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let header = |first: &str| -> Vec<String> {
        std::iter::once(first.to_owned()).chain(compared.iter().map(|one| one.name.to_uppercase())).collect()
    };
    // Last, so that the longest of them moves no number.
    let mut with_formulas = header("NUMBER");
    with_formulas.push("FORMULA".to_owned());
    let mut text = output::rows(
        &with_formulas,
        names.iter().map(|name| {
            let cells = compared.iter().map(|one| shown(&one.statistics[name]["value"]));
            std::iter::once(name.clone()).chain(cells).chain([formula(&compared, name)]).collect()
        }),
    );
    if !differing.is_empty() {
        text.push('\n');
        text.push_str(&output::rows(
            &header("SETTING"),
            differing.iter().map(|path| {
                let cells = compared.iter().map(|one| one.settings.get(*path).cloned().unwrap_or_default());
                std::iter::once((*path).clone()).chain(cells).collect()
            }),
        ));
    }
    super::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

async fn read(state: &State, store: &Store, name: &str) -> Result<Compared, Failure> {
    let (_, object) = state.resolve(name, &["Strategy"])?;
    let statistics = file_of(store, &object, StageName::Backtest, "statistics.json").await?;
    let statistics = serde_json::from_slice(&statistics)
        .map_err(|error| Failure::Failed(format!("statistics.json of {name}: {error}")))?;
    let mut settings = BTreeMap::new();
    flatten("", &object["spec"], &mut settings);
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or(name).to_owned();
    Ok(Compared { name, statistics, settings })
}

/// The formula of a number: one, or that of each strategy where they differ, as by a rate.
fn formula(compared: &[Compared], number: &str) -> String {
    let formulas: Vec<(&str, &str)> = compared
        .iter()
        .filter_map(|one| Some((one.name.as_str(), one.statistics[number]["formula"].as_str()?)))
        .collect();
    match formulas.first() {
        None => String::new(),
        Some((_, first)) if formulas.iter().all(|(_, formula)| formula == first) => (*first).to_owned(),
        Some(_) => {
            let each: Vec<String> =
                formulas.iter().map(|(name, formula)| format!("{name}: {formula}")).collect();
            each.join("; ")
        }
    }
}

/// Names of what has a value and a formula.
fn numbers(statistics: &Value) -> Vec<String> {
    let members = statistics.as_object().into_iter().flatten();
    members.filter(|(_, value)| value.get("formula").is_some()).map(|(name, _)| name.clone()).collect()
}

/// The leaves of an object by their paths.
fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                flatten(&path, value, leaves);
            }
        }
        Value::String(text) => {
            leaves.insert(path.to_owned(), text.clone());
        }
        other => {
            leaves.insert(path.to_owned(), other.to_string());
        }
    }
}

/// A number to six digits after the point; `n/a` where it is not defined.
fn shown(value: &Value) -> String {
    match value.as_f64() {
        None => "n/a".to_owned(),
        Some(value) => {
            let text = format!("{value:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(name: &str, statistics: Value) -> Compared {
        Compared { name: name.to_owned(), statistics, settings: BTreeMap::new() }
    }

    #[test]
    fn a_formula_is_told_once_or_for_each() {
        let free = compared("a", json!({"sharpe": {"value": 1, "formula": "mean(r) / std(r)"}}));
        let other = compared("b", json!({"sharpe": {"value": 1, "formula": "mean(r - rf) / std(r)"}}));
        let none = compared("c", json!({}));
        let both = [free, none];
        assert_eq!(formula(&both, "sharpe"), "mean(r) / std(r)");
        assert_eq!(formula(&both, "alpha"), "");
        let [free, none] = both;
        let told = formula(&[free, other, none], "sharpe");
        assert_eq!(told, "a: mean(r) / std(r); b: mean(r - rf) / std(r)");
    }
}
