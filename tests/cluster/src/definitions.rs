//! When objects of a kind that was defined just now can be made.

use std::time::Duration;

use serde_json::Value;

use crate::cluster::eventually;
use crate::error::{JsonContext as _, Result};

/// Lists all definitions.
pub(crate) const LIST: [&str; 3] = ["get", "customresourcedefinitions", "--output=json"];

/// Waits until every definition of a list, asked for again and again, is served.
///
/// `kubectl wait crd --all` does not do: a definition made this instant has `conditions: null`, which it takes for an
/// error.
pub(crate) async fn served(list: impl AsyncFn() -> Result<String>) -> Result<()> {
    eventually("definitions that are served", Duration::from_secs(60), async || {
        let text = list().await.map_err(|error| error.to_string())?;
        let waiting = waiting(&text).map_err(|error| error.to_string())?;
        if waiting.is_empty() { Ok(()) } else { Err(waiting.join(", ")) }
    })
    .await
}

/// The names of those that are not served yet.
fn waiting(list: &str) -> Result<Vec<String>> {
    let list: Value = serde_json::from_str(list).json("the list of definitions")?;
    let definitions = list["items"].as_array().into_iter().flatten();
    let served = |definition: &Value| {
        let conditions = definition["status"]["conditions"].as_array();
        conditions
            .into_iter()
            .flatten()
            .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    };
    Ok(definitions
        .filter(|definition| !served(definition))
        .map(|one| one["metadata"]["name"].to_string())
        .collect())
}
