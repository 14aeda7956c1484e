//! ConfigMaps of strings to kustomize overlays of typed objects: what `ats convert` computes, without a file.
//!
//! | key | becomes |
//! | --- | --- |
//! | `environment` | the overlay's folder, namespace and label |
//! | `log_level` | `ATS_LOG_LEVEL` and `ATS_WORKLOAD_LOG_LEVEL` of the operator's ConfigMap |
//! | `prometheus_port`, `grafana_port` | checked: metrics and the page have fixed ports |
//! | `max_active_tickers`, `focus_universe_size` | `selection` of every TradingUniverse of the base |
//! | `risk_percentage`, `max_position_size` | `risk` of every Strategy of the base |
//!
//! Every other key is a problem: nothing is dropped in silence.

use std::collections::BTreeSet;

use ats_crds::{PositiveDecimal, PositiveFraction, strategy::Mode};
use serde_json::{Map, Value};

/// Port of the metrics of every component.
const METRICS_PORT: &str = "9090";
/// Port of the page of monitoring.
const PAGE_PORT: &str = "3000";
/// Most tickers that a universe has.
const MOST_TICKERS: i64 = 5000;
/// What a strategy that trades has: Argo CD leaves it when its file is gone. It ends by somebody's hand.
const KEPT: &str = ", annotations: {argocd.argoproj.io/sync-options: \"Prune=false,Delete=false\"}";

/// One environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlay {
    /// Its name.
    pub environment: String,
    namespace: String,
    /// Lines below `literals`.
    settings: Vec<String>,
    /// (kind, more of `metadata`, lines below `spec`).
    patches: Vec<(&'static str, &'static str, Vec<String>)>,
}

impl Overlay {
    /// `kustomization.yaml`, on a base at a path relative to it.
    #[must_use]
    pub fn kustomization(&self, base: &str) -> String {
        let mut text = format!(
            "# Made by `ats convert`.\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: \
             {}\nlabels:\n  - includeTemplates: true\n    pairs:\n      trading.ats.dev/environment: {}\nresources:\n  \
             - {base}\n",
            self.namespace, self.environment
        );
        if !self.settings.is_empty() {
            text.push_str("configMapGenerator:\n  - name: ats-config\n    behavior: merge\n    literals:\n");
            self.settings.iter().for_each(|line| text.push_str(&format!("      - {line}\n")));
        }
        if !self.patches.is_empty() {
            text.push_str("patches:\n");
        }
        for (kind, metadata, lines) in &self.patches {
            text.push_str(&format!(
                "  - target: {{kind: {kind}}}\n    patch: |-\n      apiVersion: trading.ats.dev/v1alpha1\n      kind: \
                 {kind}\n      metadata: {{name: any{metadata}}}\n      spec:\n"
            ));
            lines.iter().for_each(|line| text.push_str(&format!("        {line}\n")));
        }
        text
    }
}

/// The environments of some documents; `mode`, where given, is set on every strategy.
///
/// # Errors
/// Every problem, each with the file and the object that it is in.
pub fn overlays(documents: &[(String, Value)], mode: Option<Mode>) -> Result<Vec<Overlay>, Vec<String>> {
    let mut problems = Vec::new();
    let mut overlays: Vec<Overlay> = Vec::new();
    for (file, document) in documents {
        match overlay(document, mode) {
            Ok(overlay) if overlays.iter().any(|other| other.environment == overlay.environment) => {
                let environment = overlay.environment;
                problems.push(format!("{file}: environment {environment:?} is there twice: remove one"));
            }
            Ok(overlay) => overlays.push(overlay),
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{file}: {problem}"))),
        }
    }
    if documents.is_empty() {
        problems.push("the files hold no ConfigMap".to_owned());
    }
    if problems.is_empty() { Ok(overlays) } else { Err(problems) }
}

fn overlay(document: &Value, mode: Option<Mode>) -> Result<Overlay, Vec<String>> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("/kind"), text("/metadata/name"));
    if kind != "ConfigMap" {
        let what =
            if kind.is_empty() { "a document without a kind".to_owned() } else { format!("{kind}/{name}") };
        return Err(vec![format!("{what} is no ConfigMap: take it out of the file")]);
    }
    let mut keys = Keys { name, data: Map::new(), problems: Vec::new() };
    match document.get("data") {
        Some(Value::Object(data)) if !data.is_empty() => keys.data = data.clone(),
        _ => keys.problem("data", "holds nothing to convert"),
    }
    if document.get("binaryData").is_some() {
        keys.problem("binaryData", "is not understood: only text is");
    }
    let namespace = text("/metadata/namespace");
    let overlay = keys.overlay(namespace, mode);
    keys.unknown();
    match overlay {
        Some(overlay) if keys.problems.is_empty() => Ok(overlay),
        _ => Err(keys.problems),
    }
}

/// The keys of one ConfigMap that nobody has read yet.
struct Keys<'a> {
    name: &'a str,
    data: Map<String, Value>,
    problems: Vec<String>,
}

impl Keys<'_> {
    fn problem(&mut self, key: &str, problem: impl AsRef<str>) {
        self.problems.push(format!("ConfigMap/{}: {key} {}", self.name, problem.as_ref()));
    }

    /// The text of a key; numbers without quotes, which a ConfigMap refuses, are a problem.
    fn take(&mut self, key: &str) -> Option<String> {
        match self.data.remove(key)? {
            Value::String(text) => Some(text.trim().to_owned()),
            other => {
                self.problem(key, format!("is {other}; a ConfigMap holds text, in quotes"));
                None
            }
        }
    }

    fn count(&mut self, key: &str) -> Option<i64> {
        let text = self.take(key)?;
        let count = text.parse::<i64>().ok().filter(|count| (1..=MOST_TICKERS).contains(count));
        if count.is_none() {
            self.problem(key, format!("is {text:?}; it must be a whole number from 1 to {MOST_TICKERS}"));
        }
        count
    }

    fn fixed(&mut self, key: &str, port: &str, what: &str) {
        if let Some(text) = self.take(key)
            && text != port
        {
            self.problem(
                key,
                format!("is {text:?}; {what} {port} whatever the environment: let its readers ask there, and set it to {port}"),
            );
        }
    }

    fn overlay(&mut self, namespace: &str, mode: Option<Mode>) -> Option<Overlay> {
        let environment = self.environment(namespace);
        let settings = self.settings();
        self.fixed("prometheus_port", METRICS_PORT, "metrics are served on");
        self.fixed("grafana_port", PAGE_PORT, "the page is served on");
        let (active, focus) = (self.count("max_active_tickers"), self.count("focus_universe_size"));
        if let (Some(active), Some(focus)) = (active, focus)
            && focus > active
        {
            self.problem("focus_universe_size", format!("is {focus}, above max_active_tickers, {active}"));
        }
        let risk = self.decimal("risk_percentage", |text| PositiveFraction::new(text).decimal());
        let size = self.decimal("max_position_size", |text| PositiveDecimal::new(text).decimal());
        let environment = environment?;
        let lines = |pairs: [(&str, Option<String>); 2]| -> Vec<String> {
            pairs.into_iter().filter_map(|(field, value)| Some(format!("  {field}: {}", value?))).collect()
        };
        let under = |parent: &str, mut lines: Vec<String>| {
            if !lines.is_empty() {
                lines.insert(0, format!("{parent}:"));
            }
            lines
        };
        let selection = under(
            "selection",
            lines([
                ("maxActiveTickers", active.map(|count| count.to_string())),
                ("focusUniverseSize", focus.map(|count| count.to_string())),
            ]),
        );
        let quoted = |value: Option<String>| value.map(|value| format!("\"{value}\""));
        let mut strategy =
            under("risk", lines([("riskPercentage", quoted(risk)), ("maxPositionSize", quoted(size))]));
        strategy.extend(mode.map(|mode| format!("mode: {mode:?}")));
        let kept = if mode == Some(Mode::Paper) { KEPT } else { "" };
        let patches = [("TradingUniverse", "", selection), ("Strategy", kept, strategy)];
        Some(Overlay {
            namespace: if namespace.is_empty() { format!("ats-{environment}") } else { namespace.to_owned() },
            environment,
            settings,
            patches: patches.into_iter().filter(|(_, _, lines)| !lines.is_empty()).collect(),
        })
    }

    /// The key, or else what follows `ats-` in the namespace.
    fn environment(&mut self, namespace: &str) -> Option<String> {
        let named = self.data.contains_key("environment");
        let environment = if named {
            self.take("environment")?
        } else {
            namespace.strip_prefix("ats-").unwrap_or_default().to_owned()
        };
        let label = |text: &str| {
            (1..=63).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && !text.starts_with('-')
                && !text.ends_with('-')
        };
        if label(&environment) {
            return Some(environment);
        }
        let problem = if named || !environment.is_empty() {
            format!("is {environment:?}; it names a namespace: lower-case letters, digits and hyphens")
        } else {
            "is missing, and the namespace is not ats-<environment>: add it".to_owned()
        };
        self.problem("environment", problem);
        None
    }

    /// What the operator and its pods log, by the level's old name.
    fn settings(&mut self) -> Vec<String> {
        let Some(level) = self.take("log_level") else { return Vec::new() };
        let (level, libraries) = match level.to_ascii_uppercase().as_str() {
            "DEBUG" => ("debug", ",kube=info,hyper_util=info"),
            "INFO" => ("info", ",kube=warn"),
            "WARNING" | "WARN" => ("warn", ""),
            "ERROR" | "CRITICAL" => ("error", ""),
            _ => {
                let problem = format!("is {level:?}; it is one of DEBUG, INFO, WARNING, ERROR and CRITICAL");
                self.problem("log_level", problem);
                return Vec::new();
            }
        };
        vec![format!("ATS_LOG_LEVEL={level}{libraries}"), format!("ATS_WORKLOAD_LOG_LEVEL={level}")]
    }

    fn decimal<E: std::fmt::Display>(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<rust_decimal::Decimal, E>,
    ) -> Option<String> {
        let text = self.take(key)?;
        match read(&text) {
            Ok(value) => Some(value.normalize().to_string()),
            Err(error) => {
                self.problems.push(format!("ConfigMap/{}: {key}: {error}", self.name));
                None
            }
        }
    }

    /// What is left is not understood.
    fn unknown(&mut self) {
        let unknown: BTreeSet<String> = self.data.keys().cloned().collect();
        for key in unknown {
            self.problem(&key, "is not understood: say in a custom resource what it says, and take it out");
        }
    }
}
