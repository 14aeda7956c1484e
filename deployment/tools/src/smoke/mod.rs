//! Whether an environment works after a deployment: what is asked, in which order, and what is told.
//!
//! The modules judge objects as the API server has them, as functions of values; [`cluster`] reads and writes them.
//! Nothing asks a pod over the network: a Service's endpoint is ready because its kubelet has asked the pod, and the
//! environments let nobody else in.

pub mod backtest;
pub mod cluster;
pub mod objects;
pub mod rollout;

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::{Error, Result};

/// An environment of the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Environment {
    /// Where a change arrives first.
    Development,
    /// A rehearsal of production.
    Staging,
    /// What trades.
    Production,
}

impl Environment {
    /// By its name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "development" => Ok(Self::Development),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            other => Err(Error::setting(
                "ENVIRONMENT",
                format!("there is no {other:?}: development, staging, production"),
            )),
        }
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Development => "ats-development",
            Self::Staging => "ats-staging",
            Self::Production => "ats-production",
        }
    }
}

/// What one look at something says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is as it should be.
    Passed(String),
    /// It may still become so; what it waits for.
    Waiting(String),
    /// It will not become so by waiting.
    Failed(String),
}

impl Verdict {
    /// All problems together, or what is well where there is none.
    fn of(problems: &[String], well: impl FnOnce() -> String) -> Self {
        if problems.is_empty() { Self::Passed(well()) } else { Self::Waiting(problems.join("; ")) }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Not so, to the end of the time or for good.
    Failed,
    /// Not looked at, for one before it failed.
    Skipped,
}

/// A check and how it ended.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// What was found, or what is missing.
    pub message: String,
}

/// What was found out of an environment.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Which.
    pub environment: Environment,
    /// Whether every check passed.
    pub passed: bool,
    /// In the order in which they ran.
    pub checks: Vec<Check>,
    #[serde(skip)]
    end: Instant,
}

impl Report {
    /// One without a check; all checks together have this long.
    #[must_use]
    pub fn new(environment: Environment, limit: Duration) -> Self {
        Self { environment, passed: true, checks: Vec::new(), end: Instant::now() + limit }
    }

    /// Looks every `pause` until the verdict is final or the time is over; not at all when a check before failed.
    ///
    /// A look that fails as a request does is one that waits: an API server may be away for a moment.
    pub async fn check(
        &mut self,
        name: &'static str,
        pause: Duration,
        mut look: impl AsyncFnMut() -> Result<Verdict>,
    ) {
        if !self.passed {
            let message = "a check before failed".to_owned();
            return self.checks.push(Check { name, outcome: Outcome::Skipped, seconds: 0.0, message });
        }
        let began = Instant::now();
        let (outcome, message) = loop {
            let waits = match look().await {
                Ok(Verdict::Passed(message)) => break (Outcome::Passed, message),
                Ok(Verdict::Failed(message)) => break (Outcome::Failed, message),
                Ok(Verdict::Waiting(message)) => message,
                Err(error) => error.to_string(),
            };
            if Instant::now() + pause > self.end {
                break (Outcome::Failed, format!("not in time: {waits}"));
            }
            tokio::time::sleep(pause).await;
        };
        self.passed = outcome == Outcome::Passed;
        self.checks.push(Check { name, outcome, seconds: began.elapsed().as_secs_f64(), message });
    }

    /// Adds what became of the clean-up, which is done whatever failed before.
    pub fn cleaned(&mut self, seconds: f64, result: &Result<()>) {
        let (outcome, message) = match result {
            Ok(()) => (Outcome::Passed, "what was made is gone".to_owned()),
            Err(error) => (Outcome::Failed, error.to_string()),
        };
        self.passed &= outcome == Outcome::Passed;
        self.checks.push(Check { name: "clean-up", outcome, seconds, message });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_millis(1);

    fn report(limit: Duration) -> Report {
        Report::new(Environment::Staging, limit)
    }

    #[tokio::test]
    async fn a_check_waits_and_what_follows_a_failure_is_skipped() {
        let mut report = report(Duration::from_secs(60));
        let mut looks = 0;
        report
            .check("first", PAUSE, async || {
                looks += 1;
                Ok(if looks < 3 {
                    Verdict::Waiting("two more".into())
                } else {
                    Verdict::Passed("well".into())
                })
            })
            .await;
        report.check("second", PAUSE, async || Ok(Verdict::Failed("broken".into()))).await;
        report.check("third", PAUSE, async || -> Result<Verdict> { panic!("is not looked at") }).await;
        report.cleaned(0.1, &Ok(()));
        assert_eq!(looks, 3);
        assert!(!report.passed);
        let outcomes: Vec<_> = report.checks.iter().map(|check| (check.name, check.outcome)).collect();
        assert_eq!(
            outcomes,
            [
                ("first", Outcome::Passed),
                ("second", Outcome::Failed),
                ("third", Outcome::Skipped),
                ("clean-up", Outcome::Passed)
            ]
        );
    }

    #[tokio::test]
    async fn what_waits_to_the_end_fails_with_what_it_waited_for() {
        let mut report = report(Duration::ZERO);
        report.check("rollout", PAUSE, async || Ok(Verdict::Waiting("0 of 1 pods".into()))).await;
        assert_eq!(report.checks[0].message, "not in time: 0 of 1 pods");
        let mut report = self::report(Duration::ZERO);
        report.check("rollout", PAUSE, async || Err(Error::setting("KUBECONFIG", "no answer"))).await;
        assert_eq!(report.checks[0].message, "not in time: KUBECONFIG: no answer");
    }

    #[test]
    fn a_clean_up_that_fails_fails_all() {
        let mut report = report(Duration::ZERO);
        report.cleaned(0.0, &Err(Error::setting("strategy", "is still there")));
        assert!(!report.passed);
    }

    #[test]
    fn environments_have_names_and_namespaces() {
        for name in ["development", "staging", "production"] {
            let environment = Environment::named(name).unwrap();
            assert_eq!(environment.namespace(), format!("ats-{name}"));
            assert_eq!(serde_json::to_value(environment).unwrap(), name);
        }
        assert!(Environment::named("testing").unwrap_err().to_string().contains("there is no \"testing\""));
    }
}
