//! The fields of a strategy that a search may set.

use ats_crds::StrategySpec;
use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::Value;

/// A number of the spec.
pub(super) struct Field {
    /// Its path below `spec`.
    pub(super) path: &'static str,
    /// Bounds of a whole number, as in the schema; none: a decimal, whose bounds its type knows.
    pub(super) whole: Option<(i32, i32)>,
}

const fn decimal(path: &'static str) -> Field {
    Field { path, whole: None }
}

const fn whole(path: &'static str, least: i32, most: i32) -> Field {
    Field { path, whole: Some((least, most)) }
}

/// All of them.
pub(super) const FIELDS: [Field; 21] = [
    decimal("portfolio.rebalanceThreshold"),
    decimal("portfolio.sizing.targetWeight.cashBuffer"),
    decimal("portfolio.sizing.targetWeight.weight"),
    decimal("portfolio.sizing.volatilityTarget.annual"),
    whole("portfolio.sizing.volatilityTarget.window", 2, 252),
    whole("portfolio.maxPositions", 1, 5000),
    decimal("risk.maxDrawdown.limit"),
    decimal("risk.maxGrossExposure"),
    whole("risk.maxHoldingBars", 1, 100_000),
    decimal("risk.maxPortfolioHeat"),
    decimal("risk.maxPositionSize"),
    decimal("risk.riskPercentage"),
    decimal("risk.stop.atr.multiple"),
    whole("risk.stop.atr.period", 1, 252),
    decimal("risk.stop.percent"),
    decimal("risk.takeProfit.percent"),
    decimal("risk.takeProfit.riskMultiple"),
    whole("signal.model.exitRank", 1, 5000),
    decimal("signal.model.minimumScore"),
    whole("signal.scores.exitRank", 1, 5000),
    decimal("signal.scores.minimumScore"),
];

/// The field of a path.
pub(super) fn by_path(path: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.path == path)
}

impl Field {
    /// Whether a whole number is one that its field takes.
    pub(super) fn check(&self, value: Decimal) -> Result<(), String> {
        match self.whole {
            Some((least, most))
                if !value.is_integer()
                    || value.to_i32().is_none_or(|value| !(least..=most).contains(&value)) =>
            {
                Err(format!("a whole number from {least} to {most}"))
            }
            _ => Ok(()),
        }
    }

    /// Puts a value into a spec whose object around the field is there.
    pub(super) fn set(&self, spec: &mut StrategySpec, value: Decimal) -> Result<(), String> {
        let mut document = serde_json::to_value(&*spec).map_err(|error| error.to_string())?;
        let (around, name) = self.path.rsplit_once('.').unwrap_or(("", self.path));
        let members = document
            .pointer_mut(&format!("/{}", around.replace('.', "/")))
            .and_then(Value::as_object_mut)
            .ok_or_else(|| format!("{} belongs to {around}, which is not set: set it", self.path))?;
        let value = match (self.whole, value.to_i32()) {
            (Some(_), Some(number)) => Value::from(number),
            _ => Value::from(value.to_string()),
        };
        members.insert(name.to_owned(), value);
        *spec = serde_json::from_value(document).map_err(|error| error.to_string())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ats_crds::manifests::definitions;

    use super::*;

    const GUIDE: &str = include_str!("../../../../../docs/guide/backtests.md");

    /// The schema of a strategy's spec.
    fn schema() -> Value {
        let definitions = definitions();
        let strategy = definitions.iter().find(|definition| definition.spec.names.kind == "Strategy");
        let definition = serde_json::to_value(strategy.unwrap()).unwrap();
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"].clone()
    }

    /// What a number takes by its schema, in the words that a user reads; none of what is no number.
    fn takes(schema: &Value) -> Option<String> {
        if schema["type"] == "integer" {
            let (least, most) = (schema["minimum"].as_f64()?, schema["maximum"].as_f64()?);
            return Some(format!("a whole number from {least} to {most}"));
        }
        let message = schema["x-kubernetes-validations"][0]["message"].as_str()?;
        let (what, _) = message.strip_prefix("must be ")?.split_once(" in a string")?;
        Some(what.to_owned())
    }

    /// The numbers at and below a property, with what each takes.
    fn numbers(path: &str, schema: &Value, found: &mut BTreeMap<String, String>) {
        if let Some(takes) = takes(schema) {
            found.insert(path.to_owned(), takes);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            numbers(&format!("{path}.{name}"), property, found);
        }
    }

    /// All numbers that a search could set.
    fn searchable() -> BTreeMap<String, String> {
        let schema = schema();
        let mut found = BTreeMap::new();
        for part in ["signal", "portfolio", "risk"] {
            numbers(part, &schema["properties"][part], &mut found);
        }
        found
    }

    /// The bounds are those of the schema, and every path is one of it.
    #[test]
    fn fields_are_those_of_the_schema() {
        let spec = schema();
        for field in &FIELDS {
            let pointer: String = field.path.split('.').map(|name| format!("/properties/{name}")).collect();
            let schema = spec.pointer(&pointer).unwrap_or_else(|| panic!("{} is no field", field.path));
            let bounds = schema["minimum"].as_f64().zip(schema["maximum"].as_f64());
            let ours = field.whole.map(|(least, most)| (f64::from(least), f64::from(most)));
            assert_eq!(bounds, ours, "{}", field.path);
            assert_eq!(
                schema["type"],
                if field.whole.is_some() { "integer" } else { "string" },
                "{}",
                field.path
            );
        }
    }

    /// A number that the spec gets fails here until it can be searched.
    #[test]
    fn every_number_of_signal_portfolio_and_risk_can_be_searched() {
        let mut ours: Vec<&str> = FIELDS.iter().map(|field| field.path).collect();
        ours.sort_unstable();
        assert_eq!(ours, searchable().keys().collect::<Vec<_>>());
    }

    #[test]
    fn the_guide_lists_every_field_with_what_it_takes() {
        let section = GUIDE.split("\n### Fields that a search may set\n").nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let mut listed = BTreeMap::new();
        for row in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [field, takes, meaning] = cells[..] else { panic!("{row}") };
            assert!(!meaning.is_empty(), "{row}");
            let before = listed.insert(field.trim_matches('`').to_owned(), takes.to_owned());
            assert_eq!(before, None, "{field} has two rows");
        }
        assert_eq!(listed, searchable());
    }
}
