//! GitHub's REST API, as much of it as is used here.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::http::Client;
use crate::{Error, Result};

/// How many items a page has; the most that GitHub gives.
const PAGE: usize = 100;

/// Whether writes are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Apply,
    /// They are only told.
    DryRun,
}

/// A repository's part of the API.
pub struct Api {
    client: Client,
    server: Url,
    token: String,
    repository: String,
    mode: Mode,
    told: Vec<String>,
}

impl Api {
    /// The API of a server for a repository `owner/name`.
    ///
    /// # Errors
    /// When the repository is not named so.
    pub fn new(client: Client, server: Url, token: String, repository: &str, mode: Mode) -> Result<Self> {
        let part = |text: &str| {
            !text.is_empty()
                && !text.starts_with('.')
                && text.chars().all(|one| one.is_ascii_alphanumeric() || "-_.".contains(one))
        };
        match repository.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => {}
            _ => return Err(Error::setting("REPO", format!("{repository:?} is not owner/name"))),
        }
        Ok(Self { client, server, token, repository: repository.to_owned(), mode, told: Vec::new() })
    }

    /// The owner of the repository.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// What was written, or would have been, a line each.
    #[must_use]
    pub fn told(&self) -> &[String] {
        &self.told
    }

    /// A path below the repository.
    #[must_use]
    pub fn path(&self, below: &str) -> String {
        format!("/repos/{}/{below}", self.repository)
    }

    fn url(&self, path: &str) -> Result<Url> {
        let text = format!("{}{path}", self.server.as_str().trim_end_matches('/'));
        Url::parse(&text).map_err(|error| Error::form(path, &error))
    }

    /// Reads one thing; nothing when it is not there.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn read(&self, path: &str) -> Result<Option<Value>> {
        let what = format!("GET {path}");
        let answer = self.client.send(&what, Method::GET, &self.url(path)?, Some(&self.token), None).await?;
        match answer.status {
            404 => Ok(None),
            _ => Ok(Some(answer.or_refused(&what)?.body)),
        }
    }

    /// Reads a list to its last page; `field` names it where the answer is an object.
    ///
    /// # Errors
    /// When the server refuses, does not answer, or answers something else.
    pub async fn list(&self, path: &str, field: Option<&str>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("{path}?per_page={PAGE}&page={page}");
            let body = self
                .read(&path)
                .await?
                .ok_or_else(|| Error::form(&path, &"is not there; may the token see it?"))?;
            let items = field.map_or(&body, |field| &body[field]);
            let items = items.as_array().ok_or_else(|| Error::form(&path, &"no list came back"))?;
            all.extend(items.iter().cloned());
            if items.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }

    /// Writes; in a dry run only tells what would be written.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn write(&mut self, method: Method, path: &str, body: &Value) -> Result<()> {
        let what = format!("{method} {path}");
        self.told.push(format!("{what} {body}"));
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        let url = self.url(path)?;
        self.client.send(&what, method, &url, Some(&self.token), Some(body)).await?.or_refused(&what)?;
        Ok(())
    }
}
