//! Notification of Slack: what became of the workflows of a run.
//!
//! Names of branches are written by whoever opens a pull request. Nothing here pastes text into JSON, and no text
//! becomes a mention, a link or formatting: <https://docs.slack.dev/messaging/formatting-message-text>.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Error, Result};

/// The longest value that a message shows, in characters.
const LONGEST: usize = 200;

/// Workflows in the order of a message, with the jobs of the pipeline that make them up.
const WORKFLOWS: [(&str, &[&str]); 4] = [
    (
        "CI Pipeline",
        &[
            "branch",
            "check",
            "unit",
            "images",
            "security",
            "compatibility",
            "speed",
            "coverage",
            "ci-ok",
            "metrics",
        ],
    ),
    ("Test Pipeline", &["test"]),
    ("Deploy Pipeline", &["deploy"]),
    ("Verify Deployment", &["verify"]),
];

/// How a job ended, as GitHub says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// It was not wanted.
    Skipped,
    /// It did what it should.
    Success,
    /// Somebody or a newer run ended it.
    Cancelled,
    /// It failed.
    Failure,
}

impl fmt::Display for Conclusion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Skipped => "skipped",
            Self::Success => "success",
            Self::Cancelled => "cancelled",
            Self::Failure => "failure",
        })
    }
}

/// Of which run a message tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// `owner/name`.
    pub repository: String,
    /// Branch, as its author named it.
    pub branch: String,
    /// Commit, hexadecimal.
    pub commit: String,
    /// Where the run can be looked at.
    pub link: String,
}

impl Run {
    /// A run by what GitHub says of it.
    ///
    /// # Errors
    /// When the repository, the commit or the number cannot be what they should be: the link is made of them.
    pub fn new(server: &str, repository: &str, branch: &str, commit: &str, number: &str) -> Result<Self> {
        let part = |text: &str| {
            !text.is_empty() && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
        };
        let server = crate::http::address("GITHUB_SERVER_URL", server)?;
        match repository.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => {}
            _ => {
                return Err(Error::setting("GITHUB_REPOSITORY", format!("{repository:?} is not owner/name")));
            }
        }
        if commit.len() != 40 || !commit.chars().all(|one| one.is_ascii_hexdigit()) {
            return Err(Error::setting("COMMIT", format!("{commit:?} is no commit")));
        }
        if number.is_empty() || !number.chars().all(|one| one.is_ascii_digit()) {
            return Err(Error::setting("GITHUB_RUN_ID", format!("{number:?} is no number")));
        }
        let link = format!("{}/{repository}/actions/runs/{number}", server.as_str().trim_end_matches('/'));
        Ok(Self {
            repository: repository.to_owned(),
            branch: branch.to_owned(),
            commit: commit.to_owned(),
            link,
        })
    }
}

/// How each workflow of a run ended, in the order of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results(Vec<(&'static str, Conclusion)>);

impl Results {
    /// Results from GitHub's `needs` context as JSON: a job's name to an object with `result`. A workflow is as bad as
    /// the worst of its jobs; one without a job in `needs` is not told.
    ///
    /// # Errors
    /// When it is no such JSON, or names none of the four workflows.
    pub fn from_needs(needs: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Job {
            result: Conclusion,
        }
        let jobs: BTreeMap<String, Job> =
            serde_json::from_str(needs).map_err(|error| Error::setting("NEEDS", error.to_string()))?;
        let worst =
            |names: &[&str]| names.iter().filter_map(|name| jobs.get(*name)).map(|job| job.result).max();
        let results: Vec<_> =
            WORKFLOWS.iter().filter_map(|(name, jobs)| Some((*name, worst(jobs)?))).collect();
        if results.is_empty() {
            return Err(Error::setting("NEEDS", "names no job of the pipeline"));
        }
        Ok(Self(results))
    }

    /// The worst of all.
    #[must_use]
    pub fn overall(&self) -> Conclusion {
        self.0.iter().map(|(_, result)| *result).max().unwrap_or(Conclusion::Skipped)
    }
}

/// Text that Slack shows as it is: one line, not too long, `&<>` escaped so that nothing is a mention or a link.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for one in text.chars().take(LONGEST) {
        match one {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            one if is_invisible(one) => shown.push(' '),
            one => shown.push(one),
        }
    }
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

/// Ends of lines, and marks that turn or hide what comes after them.
fn is_invisible(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Text as code, which nothing in it can end.
fn code(text: &str) -> String {
    format!("`{}`", plain(text).replace('`', "'"))
}

/// The message: `text` for where blocks are not shown, a heading with the link, and the fields Repository, Branch,
/// Commit and Status.
#[must_use]
pub fn payload(run: &Run, results: &Results) -> Value {
    let markdown = |text: String| json!({"type": "mrkdwn", "text": text, "verbatim": true});
    let field = |name: &str, value: &str| markdown(format!("*{name}:*\n{value}"));
    let told: Vec<_> = results.0.iter().map(|(name, result)| format!("{name} {result}")).collect();
    let title = format!("GitHub Action {}: {}", plain(&run.repository), results.overall());
    json!({
        "text": format!("{title} ({})", told.join(", ")),
        "blocks": [
            {"type": "section", "text": markdown(format!("*{title}*\n<{}>", run.link))},
            {"type": "section", "fields": [
                field("Repository", &code(&run.repository)),
                field("Branch", &code(&run.branch)),
                field("Commit", &code(&run.commit)),
                field("Status", &told.join("\n")),
            ]},
        ],
    })
}
