//! Who asked the API server for what: its audit log, so that tests can count requests.

use std::path::Path;

use serde::Deserialize;

use crate::error::{FileContext as _, JsonContext as _, Result};

/// One answered request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Who asked: `system:serviceaccount:ats-system:ats-operator`.
    pub user: String,
    /// What program asked, by its own account.
    pub user_agent: String,
    /// The API group; empty for the core.
    pub group: String,
    /// The resource, in the plural: `jobs`. Empty for what is no resource, such as `/readyz`.
    pub resource: String,
    /// `status`, `scale`, ... or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The object's name, or empty (for a list, and for a creation in older versions).
    pub name: String,
    /// Whether it asked only what would become of it (`dryRun=All`).
    pub dry_run: bool,
    /// The HTTP status of the answer.
    pub code: u16,
    /// When the answer was complete, as the log has it (RFC 3339, UTC, microseconds): it sorts as text.
    pub at: String,
}

impl Event {
    /// Whether it was to change something.
    #[must_use]
    pub fn is_write(&self) -> bool {
        !self.dry_run
            && matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }
}

/// A selection of requests; each method narrows it.
///
/// ```no_run
/// # async fn example(cluster: &ats_test_cluster::Cluster) -> ats_test_cluster::Result<()> {
/// let mark = cluster.audit_mark()?;
/// // ...
/// let writes = cluster.audit_since(mark)?.by("system:serviceaccount:ats-system:ats-operator").writes();
/// assert_eq!(writes.resource("jobs").verb("create").len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit(Vec<Event>);

/// A place in the audit log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(u64);

impl Audit {
    /// Reads what was logged after a mark.
    pub(crate) fn read(log: &Path, since: Mark) -> Result<Self> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = std::fs::File::open(log).file("read", log)?;
        file.seek(SeekFrom::Start(since.0)).file("read", log)?;
        let mut text = String::new();
        file.read_to_string(&mut text).file("read", log)?;
        // The last line may be half written.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().map(parse).collect::<Result<Vec<_>>>().map(Self)
    }

    /// The end of the log as it is now, found from behind: after a long run the log has hundreds of megabytes.
    pub(crate) fn mark(log: &Path) -> Result<Mark> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        const BLOCK: u64 = 64 * 1024;
        let mut file = std::fs::File::open(log).file("read", log)?;
        let mut end = file.metadata().file("read", log)?.len();
        while end > 0 {
            let start = end.saturating_sub(BLOCK);
            file.seek(SeekFrom::Start(start)).file("read", log)?;
            let mut block = Vec::new();
            file.by_ref().take(end - start).read_to_end(&mut block).file("read", log)?;
            if let Some(last) = block.iter().rposition(|byte| *byte == b'\n') {
                return Ok(Mark(start + last as u64 + 1));
            }
            end = start;
        }
        Ok(Mark(0))
    }

    /// Those for which `keep` holds.
    #[must_use]
    pub fn filter(mut self, keep: impl Fn(&Event) -> bool) -> Self {
        self.0.retain(keep);
        self
    }

    /// Those by one user.
    #[must_use]
    pub fn by(self, user: &str) -> Self {
        self.filter(|event| event.user == user)
    }

    /// Those with one verb.
    #[must_use]
    pub fn verb(self, verb: &str) -> Self {
        self.filter(|event| event.verb == verb)
    }

    /// Those that were to change something.
    #[must_use]
    pub fn writes(self) -> Self {
        self.filter(Event::is_write)
    }

    /// Those that were answered with success.
    #[must_use]
    pub fn succeeded(self) -> Self {
        self.filter(|event| (200..300).contains(&event.code))
    }

    /// Those on one resource, subresources included.
    #[must_use]
    pub fn resource(self, resource: &str) -> Self {
        self.filter(|event| event.resource == resource)
    }

    /// Those on one subresource, such as `status`; the empty text for the object itself.
    #[must_use]
    pub fn subresource(self, subresource: &str) -> Self {
        self.filter(|event| event.subresource == subresource)
    }

    /// Those in one namespace.
    #[must_use]
    pub fn namespace(self, namespace: &str) -> Self {
        self.filter(|event| event.namespace == namespace)
    }

    /// Those on one object.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.filter(|event| event.name == name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The requests, in the order in which they were answered.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0
    }
}

/// The parts that are wanted of a line of the log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    verb: String,
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: Object,
    #[serde(rename = "requestURI", default)]
    request_uri: String,
    #[serde(default)]
    response_status: Status,
    #[serde(default)]
    stage_timestamp: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    code: u16,
}

fn parse(line: &str) -> Result<Event> {
    let line: Line = serde_json::from_str(line).json("a line of the audit log")?;
    Ok(Event {
        verb: line.verb,
        user: line.user.username,
        user_agent: line.user_agent,
        group: line.object_ref.api_group,
        resource: line.object_ref.resource,
        subresource: line.object_ref.subresource,
        namespace: line.object_ref.namespace,
        name: line.object_ref.name,
        dry_run: line.request_uri.contains("dryRun=All"),
        code: line.response_status.code,
        at: line.stage_timestamp,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        r#"{"kind":"Event","verb":"patch","user":{"username":"operator"},"userAgent":"ats","objectRef":"#,
        r#"{"resource":"strategies","namespace":"a","name":"s","apiGroup":"trading.ats.dev","subresource":"status"},"#,
        r#""responseStatus":{"code":200},"stageTimestamp":"2030-01-01T00:00:00.000000Z"}"#,
        "\n",
        r#"{"kind":"Event","verb":"patch","user":{"username":"operator"},"objectRef":{"resource":"strategies"},"#,
        r#""requestURI":"/apis/trading.ats.dev/v1alpha1/namespaces/a/strategies/s?dryRun=All&force=true","#,
        r#""responseStatus":{"code":200}}"#,
        "\n",
        r#"{"kind":"Event","verb":"get","user":{"username":"someone"},"requestURI":"/readyz"}"#,
        "\n{\"half",
    );

    #[test]
    fn whole_lines_are_read_and_narrowed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.jsonl");
        std::fs::write(&log, LOG).unwrap();
        let audit = Audit::read(&log, Mark::default()).unwrap();
        assert_eq!(audit.len(), 3);
        assert_eq!(audit.clone().by("operator").writes().len(), 1, "what was only tried is no write");
        let writes = audit.by("operator").writes().resource("strategies").subresource("status").succeeded();
        assert_eq!(writes.events()[0].name, "s");

        let mark = Audit::mark(&log).unwrap();
        assert_eq!(mark.0 as usize, LOG.len() - "{\"half".len());
        assert!(Audit::read(&log, mark).unwrap().is_empty());
    }

    #[test]
    fn a_mark_is_found_behind_a_line_of_any_length() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("audit.jsonl");
        for (text, end) in [
            (String::new(), 0),
            ("half".to_owned(), 0),
            ("a\n".to_owned(), 2),
            (format!("a\n{}", "b".repeat(200_000)), 2),
            (format!("{}\nc", "b".repeat(65_536)), 65_537),
        ] {
            std::fs::write(&log, &text).unwrap();
            assert_eq!(Audit::mark(&log).unwrap(), Mark(end), "{} bytes", text.len());
        }
    }
}
