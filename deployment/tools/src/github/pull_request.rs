//! A pull request of the pipeline: asked for once, however often its branch is written.

use reqwest::Method;
use serde_json::{Value, json};

use super::Api;
use crate::Result;

/// What has become of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A pull request is open now.
    New,
    /// One was open already, and has the branch's new commit.
    Before,
    /// There is no such branch: nothing changed.
    Nothing,
}

/// Asks for the merge of branch `head` into branch `base`.
///
/// # Errors
/// When the server refuses, does not answer, or answers something else.
pub async fn ask(api: &mut Api, head: &str, base: &str, title: &str) -> Result<Asked> {
    if api.read(&api.path(&format!("branches/{head}"))).await?.is_none() {
        return Ok(Asked::Nothing);
    }
    let open = api.path(&format!("pulls?state=open&head={}:{head}&base={base}", api.owner()));
    let open = api.read(&open).await?;
    if open.as_ref().and_then(Value::as_array).is_some_and(|open| !open.is_empty()) {
        return Ok(Asked::Before);
    }
    let body = "Made by the deployment pipeline. Merging it deploys; a revert goes back.";
    let request = json!({"title": title, "head": head, "base": base, "body": body});
    let path = api.path("pulls");
    api.write(Method::POST, &path, &request).await?;
    Ok(Asked::New)
}
