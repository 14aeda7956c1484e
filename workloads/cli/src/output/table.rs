//! Tables as `kubectl get` prints them: columns from the definitions' printer columns.

use ats_crds::manifests::definitions;
use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde_json::Value;

use super::Listed;

/// Objects by kind, each kind with its own columns.
pub(super) fn objects(listed: &[Listed]) -> String {
    let mut text = String::new();
    for definition in definitions() {
        let kind = &definition.spec.names.kind;
        let mine: Vec<&Listed> = listed.iter().filter(|one| one.kind == *kind).collect();
        let Some(version) = definition.spec.versions.first().filter(|_| !mine.is_empty()) else { continue };
        let columns: Vec<_> = version
            .additional_printer_columns
            .iter()
            .flatten()
            .filter(|column| {
                column.name != "Age" && (column.priority.unwrap_or(0) == 0 || column.name == "Message")
            })
            .collect();
        let header: Vec<String> = std::iter::once("NAME".to_owned())
            .chain(columns.iter().map(|column| column.name.to_uppercase()))
            .collect();
        let body = mine.iter().map(|one| {
            let name = format!("{}/{}", definition.spec.names.singular.as_deref().unwrap_or(kind), one.name);
            std::iter::once(name)
                .chain(columns.iter().map(|column| cell(&one.object, &column.json_path)))
                .collect()
        });
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&rows(&header, body));
    }
    text
}

/// A plain table.
pub(crate) fn rows(header: &[String], body: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.to_vec());
    for row in body {
        table.add_row(row);
    }
    let mut text: String =
        table.lines().map(|line| line.trim_end().trim_start_matches(' ').to_owned() + "\n").collect();
    if text.is_empty() {
        text.push('\n');
    }
    text
}

/// The value at a printer column's path: plain members, and the one filter that our columns use.
fn cell(object: &Value, path: &str) -> String {
    let found = match path.strip_prefix(".status.conditions[?(@.type=='") {
        Some(rest) => rest.split_once("')].").and_then(|(kind, field)| {
            let all = object.pointer("/status/conditions")?.as_array()?;
            all.iter().find(|condition| condition["type"] == kind)?.get(field)
        }),
        None => object.pointer(&path.replace('.', "/")),
    };
    match found {
        // A status keeps every digit; a table is for people.
        Some(Value::String(text)) if path.starts_with(".status.metrics.") => rounded(text),
        Some(Value::String(text)) => shortened(text),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The first line of a text, cut to what fits beside the other columns.
fn shortened(text: &str) -> String {
    const WIDTH: usize = 100;
    let line = text.lines().next().unwrap_or_default();
    if line == text && line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(['…']).collect()
}

/// A figure with six decimals at most, without trailing zeros.
fn rounded(text: &str) -> String {
    let Ok(value) = text.parse::<f64>() else { return text.to_owned() };
    let short = format!("{value:.6}");
    let short = short.trim_end_matches('0').trim_end_matches('.');
    if short == "-0" { "0".to_owned() } else { short.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_rounded_for_people() {
        for (text, shown) in [
            ("0.47630812345", "0.476308"),
            ("12", "12"),
            ("-0.0000001", "0"),
            ("100.5", "100.5"),
            ("none", "none"),
        ] {
            assert_eq!(rounded(text), shown);
        }
    }
}
