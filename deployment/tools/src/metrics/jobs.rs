//! Jobs of a run, as GitHub's API has them.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Deployment, Outcome};

/// Workflows that the pipeline calls, by the names that their jobs have in front.
const DEPLOY: &str = "Deploy Pipeline / ";
const VERIFY: &str = "Verify Deployment / ";
/// The job of deployment that is no environment's.
const PUBLISH: &str = "Publish";

/// A job.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Job {
    /// Its name; of a called workflow with the caller's in front.
    pub name: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// How it ended; nothing while it runs.
    pub conclusion: Option<String>,
}

impl Job {
    fn is_deployment(&self) -> bool {
        self.name.starts_with(DEPLOY) || self.name.starts_with(VERIFY)
    }

    /// Whether it belongs to the time that a build takes.
    pub(super) fn is_build(&self) -> bool {
        !self.is_deployment() && self.ran()
    }

    fn ran(&self) -> bool {
        self.conclusion.as_deref().is_some_and(|conclusion| conclusion != "skipped")
    }

    /// Whether it has not gone wrong: it may still run, or have been left out.
    pub(super) fn is_well(&self) -> bool {
        self.conclusion.as_deref().is_none_or(|conclusion| ["success", "skipped"].contains(&conclusion))
    }
}

/// A beginning and an end.
pub(super) struct Span {
    begin: Timestamp,
    pub(super) end: Timestamp,
}

impl Span {
    pub(super) fn seconds(&self) -> f64 {
        self.end.duration_since(self.begin).as_secs_f64()
    }
}

/// From the first beginning to the last end of jobs; nothing where none has ended.
pub(super) fn span(jobs: &[Job], of: impl Fn(&Job) -> bool) -> Option<Span> {
    let times =
        jobs.iter().filter(|job| of(job)).filter_map(|job| Some((job.started_at?, job.completed_at?)));
    times
        .map(|(begin, end)| Span { begin, end })
        .reduce(|all, one| Span { begin: all.begin.min(one.begin), end: all.end.max(one.end) })
}

/// The deployment among jobs.
pub(super) fn deployment(jobs: &[Job]) -> Option<Deployment> {
    let environment = jobs
        .iter()
        .filter(|job| job.ran())
        .find_map(|job| job.name.strip_prefix(DEPLOY).filter(|environment| *environment != PUBLISH))?;
    let seconds = span(jobs, |job| job.is_deployment() && job.ran())?.seconds();
    let well = jobs.iter().filter(|job| job.is_deployment()).all(Job::is_well);
    Some(Deployment { environment: environment.to_owned(), result: Outcome::of(well), seconds })
}
