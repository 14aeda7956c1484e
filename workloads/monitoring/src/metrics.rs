//! The namespace as Prometheus reads it.

use jiff::Timestamp;
use prometheus::{Encoder, GaugeVec, Opts, Registry, TextEncoder};

use crate::{Curves, Objects};

/// The text of `/metrics`. Gauges are made anew for each scrape, so an object that is gone leaves nothing behind.
///
/// # Errors
/// When a metric does not encode, which is a defect.
pub fn text(objects: &Objects, curves: &Curves, now: Timestamp) -> Result<String, prometheus::Error> {
    let registry = Registry::new();
    let gauge = |name: &str, help: &str, labels: &[&str]| {
        let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
        registry.register(Box::new(gauge.clone()))?;
        Ok::<_, prometheus::Error>(gauge)
    };
    let object = ["kind", "name"];
    let ready = gauge("ats_object_ready", "1 when the object is Ready, 0 when it is not.", &object)?;
    let fresh =
        gauge("ats_universe_fresh", "1 when the latest refresh that is due has succeeded.", &["name"])?;
    let age = gauge(
        "ats_object_published_age_seconds",
        "Seconds since the last stage of the object was done.",
        &object,
    )?;
    let failures = gauge("ats_object_failures", "Failures on the object's status.", &object)?;
    let stage_seconds = gauge(
        "ats_stage_seconds",
        "Seconds that the last run of the stage took.",
        &["kind", "name", "stage"],
    )?;
    let halted = gauge("ats_strategy_halted", "1 while trading is halted.", &["name"])?;
    let figure = gauge("ats_object_figure", "A figure of status.metrics.", &["kind", "name", "figure"])?;
    let equity =
        gauge("ats_strategy_equity_dollars", "Equity at the last session in the ledger.", &["name"])?;
    let drawdown = gauge(
        "ats_strategy_drawdown",
        "Fall from the peak at the last session in the ledger, 0 or below.",
        &["name"],
    )?;
    let exposure = gauge(
        "ats_strategy_gross_exposure",
        "Gross exposure over equity at the last session in the ledger.",
        &["name"],
    )?;
    let orders = gauge("ats_strategy_orders", "Orders in the ledger.", &["name"])?;
    for summary in objects.summaries() {
        let labels = [summary.kind, summary.name];
        let is = |kind: &str| {
            f64::from(u8::from(summary.condition(kind).is_some_and(|condition| condition.status == "True")))
        };
        ready.with_label_values(&labels).set(is("Ready"));
        if summary.kind == "TradingUniverse" {
            fresh.with_label_values(&[summary.name]).set(is("Fresh"));
        }
        if summary.kind == "Strategy" {
            halted.with_label_values(&[summary.name]).set(f64::from(u8::from(summary.halted)));
        }
        if let Some(at) = summary.published_at() {
            age.with_label_values(&labels).set(now.duration_since(at).as_secs_f64());
        }
        let Some(status) = summary.status else { continue };
        failures.with_label_values(&labels).set(status.failures.len() as f64);
        for stage in &status.stages {
            if let (Some(from), Some(to)) = (&stage.started_at, &stage.finished_at) {
                let seconds = to.0.duration_since(from.0).as_secs_f64();
                stage_seconds
                    .with_label_values(&[summary.kind, summary.name, stage.name.as_str()])
                    .set(seconds);
            }
        }
        for (name, value) in &status.metrics {
            if let Ok(value) = value.parse() {
                figure.with_label_values(&[summary.kind, summary.name, name]).set(value);
            }
        }
    }
    for (name, curve) in curves {
        let name = [name.as_str()];
        orders.with_label_values(&name).set(curve.orders as f64);
        if let Some((_, value)) = curve.points.last() {
            equity.with_label_values(&name).set(*value);
        }
        if let Some(value) = curve.drawdown {
            drawdown.with_label_values(&name).set(value);
        }
        if let Some(value) = curve.exposure {
            exposure.with_label_values(&name).set(value);
        }
    }
    let mut buffer = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer).into_owned())
}
