//! Figures of the pipeline for Prometheus.

use prometheus::{Encoder as _, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use super::{Outcome, Run};
use crate::{Error, Result};

/// The text that Prometheus reads: of each branch the last run, of each environment the last deployment, and counts of
/// both by how they ended.
///
/// # Errors
/// When two figures have one name, which is a defect.
pub fn text(runs: &[Run]) -> Result<String> {
    let registry = Registry::new();
    let failed = |error: prometheus::Error| Error::form("figures", &error);
    let gauge = |name: &str, help: &str, label: &str| -> Result<GaugeVec> {
        let gauge = GaugeVec::new(Opts::new(name, help), &[label]).map_err(failed)?;
        registry.register(Box::new(gauge.clone())).map_err(failed)?;
        Ok(gauge)
    };
    let counter = |name: &str, help: &str, label: &str| -> Result<IntCounterVec> {
        let counter = IntCounterVec::new(Opts::new(name, help), &[label, "result"]).map_err(failed)?;
        registry.register(Box::new(counter.clone())).map_err(failed)?;
        Ok(counter)
    };
    let build = gauge("ats_pipeline_build_seconds", "Time of the last run's build", "branch")?;
    let coverage =
        gauge("ats_pipeline_coverage_percent", "Lines that ran in the last run's tests", "branch")?;
    let tests = gauge("ats_pipeline_tests", "Tests of the last run", "branch")?;
    let failures = gauge("ats_pipeline_test_failures", "Tests of the last run that failed", "branch")?;
    let at = gauge("ats_pipeline_last_run_timestamp_seconds", "When the last run ended", "branch")?;
    let total = counter("ats_pipeline_runs_total", "Runs", "branch")?;
    let deployment = gauge("ats_pipeline_deployment_seconds", "Time of the last deployment", "environment")?;
    let deployments = counter("ats_pipeline_deployments_total", "Deployments", "environment")?;
    // In order: the last one stands.
    for run in runs {
        let branch = [run.branch.as_str()];
        build.with_label_values(&branch).set(run.build_seconds);
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are fewer than 2^52")]
        at.with_label_values(&branch).set(run.at.as_second() as f64);
        // From 0 on, so that a first failure is a rise.
        for outcome in [Outcome::Success, Outcome::Failure] {
            let one = u64::from(outcome == run.result);
            total.with_label_values(&[run.branch.as_str(), outcome.text()]).inc_by(one);
        }
        if let Some(percent) = run.coverage {
            coverage.with_label_values(&branch).set(percent);
        }
        #[expect(clippy::cast_precision_loss, reason = "tests are fewer than 2^52")]
        if let Some(counts) = run.tests {
            tests.with_label_values(&branch).set(counts.count as f64);
            failures.with_label_values(&branch).set(counts.failures as f64);
        }
        if let Some(one) = &run.deployment {
            deployment.with_label_values(&[one.environment.as_str()]).set(one.seconds);
            for outcome in [Outcome::Success, Outcome::Failure] {
                let count = u64::from(outcome == one.result);
                deployments.with_label_values(&[one.environment.as_str(), outcome.text()]).inc_by(count);
            }
        }
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).map_err(failed)?;
    String::from_utf8(text).map_err(|error| Error::form("figures", &error))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{about, jobs};
    use super::*;

    #[test]
    fn the_last_run_stands_and_all_are_counted() {
        let first = Run::of(about(), &jobs()).unwrap();
        let mut late = jobs();
        late[5].conclusion = Some("failure".to_owned());
        let mut second = Run::of(about(), &late).unwrap();
        second.coverage = Some(90.5);
        let text = text(&[first.clone(), first, second]).unwrap();
        for line in [
            "ats_pipeline_build_seconds{branch=\"develop\"} 1810",
            "ats_pipeline_coverage_percent{branch=\"develop\"} 90.5",
            "ats_pipeline_tests{branch=\"develop\"} 900",
            "ats_pipeline_test_failures{branch=\"develop\"} 0",
            "ats_pipeline_runs_total{branch=\"develop\",result=\"success\"} 2",
            "ats_pipeline_runs_total{branch=\"develop\",result=\"failure\"} 1",
            "ats_pipeline_deployment_seconds{environment=\"development\"} 540",
            "ats_pipeline_deployments_total{environment=\"development\",result=\"failure\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert_eq!(self::text(&[]).unwrap(), "");
    }
}
