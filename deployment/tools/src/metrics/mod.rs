//! Figures of the pipeline's runs: one line of JSON for each run of a branch, kept on branch `metrics`.

pub mod export;
mod jobs;
pub mod weekly;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use jobs::Job;

/// The form of a line; another one is another number.
const VERSION: u32 = 1;

/// A run of the pipeline, a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Run {
    version: u32,
    /// When its last job ended.
    pub at: Timestamp,
    /// Its number at GitHub.
    pub run: u64,
    /// Of which commit.
    pub commit: String,
    /// Of which branch.
    pub branch: String,
    /// How it ended.
    pub result: Outcome,
    /// From the first job's beginning to the last one's end, but those of deployment.
    pub build_seconds: f64,
    /// Tests that ran; nothing where none were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<Tests>,
    /// Percent of lines that ran in them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// What was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Deployment>,
    /// Digests of images that were published, by component.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// How something ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// As it should.
    Success,
    /// Not so; somebody who stopped it counts as that, too.
    Failure,
}

impl Outcome {
    fn of(succeeded: bool) -> Self {
        if succeeded { Self::Success } else { Self::Failure }
    }

    /// The word for it in figures.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// Counts of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tests {
    /// That ran.
    pub count: u64,
    /// Of these, that failed.
    pub failures: u64,
}

impl Tests {
    /// Counts what `cargo test` told, over all its programs; nothing when it told of none.
    #[must_use]
    pub fn told(text: &str) -> Option<Self> {
        let mut all: Option<Self> = None;
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
            // `ok. 71 passed; 0 failed; 3 ignored; ...`
            let words: Vec<&str> = line.split_whitespace().collect();
            let before = |word: &str| {
                let place = words.iter().position(|found| *found == word)?;
                words.get(place.checked_sub(1)?)?.parse::<u64>().ok()
            };
            if let (Some(passed), Some(failed)) = (before("passed;"), before("failed;")) {
                let all = all.get_or_insert_default();
                all.count += passed + failed;
                all.failures += failed;
            }
        }
        all
    }
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Where to.
    pub environment: String,
    /// How it ended, its verification included.
    pub result: Outcome,
    /// From the beginning of its first job to the end of its last.
    pub seconds: f64,
}

/// What is known of a run beside its jobs.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// Its number at GitHub.
    pub run: u64,
    /// Of which commit.
    pub commit: String,
    /// Of which branch.
    pub branch: String,
    /// Tests that ran.
    pub tests: Option<Tests>,
    /// Percent of lines that ran in them.
    pub coverage: Option<f64>,
    /// Digests of images that were published, by component.
    pub images: BTreeMap<String, String>,
}

impl Run {
    /// The line of a run, from its jobs.
    ///
    /// # Errors
    /// When no job has ended.
    pub fn of(about: About, jobs: &[Job]) -> Result<Self> {
        let about_build = jobs::span(jobs, Job::is_build)
            .ok_or_else(|| Error::form("jobs", &"none of the run has ended"))?;
        let last = jobs.iter().filter_map(|job| job.completed_at).max().unwrap_or(about_build.end);
        let About { run, commit, branch, tests, coverage, images } = about;
        let result = Outcome::of(jobs.iter().all(Job::is_well));
        let (build_seconds, deployment) = (about_build.seconds(), jobs::deployment(jobs));
        Ok(Self {
            version: VERSION,
            at: last,
            run,
            commit,
            branch,
            result,
            build_seconds,
            tests,
            coverage,
            deployment,
            images,
        })
    }

    /// The line, without its end.
    ///
    /// # Errors
    /// When a figure is no number.
    pub fn line(&self) -> Result<String> {
        let figures =
            [Some(self.build_seconds), self.coverage, self.deployment.as_ref().map(|one| one.seconds)];
        if figures.iter().flatten().any(|figure| !figure.is_finite()) {
            return Err(Error::form("metrics", &"a figure is no number"));
        }
        serde_json::to_string(self).map_err(|error| Error::form("metrics", &error))
    }
}

/// Reads lines, in the order in which runs ended.
///
/// # Errors
/// With the number of a line that is none, or of another version.
pub fn read(text: &str) -> Result<Vec<Run>> {
    let mut runs = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("metrics, line {}", number + 1);
        let run: Run = serde_json::from_str(line).map_err(|error| Error::form(place(), &error))?;
        if run.version != VERSION {
            return Err(Error::form(place(), &format!("version {} is not {VERSION}", run.version)));
        }
        runs.push(run);
    }
    runs.sort_by_key(|run| (run.at, run.run));
    Ok(runs)
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    fn job(name: &str, from: &str, to: &str, conclusion: &str) -> Job {
        let at = |time: &str| format!("2026-08-03T{time}Z");
        serde_json::from_value(
            json!({"name": name, "started_at": at(from), "completed_at": at(to), "conclusion": conclusion}),
        )
        .unwrap()
    }

    pub(crate) fn jobs() -> Vec<Job> {
        vec![
            job("Format, lints", "10:00:00", "10:05:00", "success"),
            job("Test Pipeline / System tests", "10:05:10", "10:30:00", "success"),
            job("ci-ok", "10:30:05", "10:30:10", "success"),
            job("Deploy Pipeline / Publish", "10:31:00", "10:33:00", "success"),
            job("Deploy Pipeline / development", "10:33:10", "10:34:00", "success"),
            job("Verify Deployment / development", "10:34:10", "10:40:00", "success"),
            serde_json::from_value(json!({"name": "Metrics", "started_at": "2026-08-03T10:40:05Z", "completed_at": null, "conclusion": null})).unwrap(),
        ]
    }

    pub(crate) fn about() -> About {
        let images = BTreeMap::from([("operator".to_owned(), "sha256:1".to_owned())]);
        let tests = Some(Tests { count: 900, failures: 0 });
        About { run: 7, commit: "abc".into(), branch: "develop".into(), tests, coverage: Some(89.5), images }
    }

    #[test]
    fn a_run_is_its_jobs() {
        let run = Run::of(about(), &jobs()).unwrap();
        assert_eq!(run.build_seconds, 1810.0);
        assert_eq!(run.at.to_string(), "2026-08-03T10:40:00Z");
        let deployment = run.deployment.clone().unwrap();
        assert_eq!((deployment.environment.as_str(), deployment.seconds), ("development", 540.0));
        assert_eq!((run.result, deployment.result), (Outcome::Success, Outcome::Success));
        assert_eq!(read(&run.line().unwrap()).unwrap(), [run]);
    }

    #[test]
    fn a_verification_that_fails_fails_the_deployment_and_the_run() {
        let mut jobs = jobs();
        jobs[5].conclusion = Some("failure".to_owned());
        let run = Run::of(about(), &jobs).unwrap();
        assert_eq!((run.result, run.deployment.unwrap().result), (Outcome::Failure, Outcome::Failure));
    }

    #[test]
    fn without_a_deployment_there_is_none() {
        let mut jobs = jobs();
        for job in &mut jobs[3..6] {
            job.conclusion = Some("skipped".to_owned());
        }
        let run = Run::of(about(), &jobs).unwrap();
        assert_eq!((run.deployment, run.result), (None, Outcome::Success));
        assert!(Run::of(about(), &[]).unwrap_err().to_string().contains("none of the run has ended"));
    }

    #[test]
    fn tests_are_counted_over_all_programs() {
        let text = "running 2 tests\ntest result: ok. 71 passed; 0 failed; 3 ignored; 0 measured\n\
            test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\nno test result: here\n";
        assert_eq!(Tests::told(text), Some(Tests { count: 74, failures: 2 }));
        assert_eq!(Tests::told("error: could not compile"), None);
    }

    #[test]
    fn lines_are_read_in_order_or_told() {
        let first = Run::of(about(), &jobs()).unwrap();
        let second = Run { run: 8, at: "2026-08-04T00:00:00Z".parse().unwrap(), ..first.clone() };
        let text = format!("{}\n\n{}\n", second.line().unwrap(), first.line().unwrap());
        assert_eq!(read(&text).unwrap(), [first.clone(), second]);
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert!(refused(&format!("{}\nnothing", first.line().unwrap())).starts_with("metrics, line 2: "));
        let other = first.line().unwrap().replace("\"version\":1", "\"version\":2");
        assert!(refused(&other).contains("version 2 is not 1"));
        assert!(
            refused(&first.line().unwrap().replace("\"run\"", "\"ran\"")).contains("unknown field `ran`")
        );
        let bad = Run { coverage: Some(f64::NAN), ..first };
        assert!(bad.line().is_err());
    }
}
