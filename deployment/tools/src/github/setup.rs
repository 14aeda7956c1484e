//! Writes what differs.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, Desired, Environment, covers};
use crate::{Error, Result};

/// A request that brings a part of a repository to what is asked for.
struct Write {
    method: Method,
    path: String,
    body: Value,
}

/// Brings a repository to what is asked for. Everything is looked up before anything is written, so that what
/// cannot be leaves nothing half done.
///
/// # Errors
/// When the server refuses or does not answer, or the owner has not a team that is to review.
pub async fn setup(api: &mut Api, desired: &Desired) -> Result<()> {
    let mut writes = rulesets(api, &desired.rulesets).await?;
    for environment in &desired.environments {
        writes.extend(self::environment(api, environment).await?);
    }
    writes.extend(labels(api, desired).await?);
    writes.extend(variables(api, desired).await?);
    for write in writes {
        api.write(write.method, &write.path, &write.body).await?;
    }
    Ok(())
}

async fn rulesets(api: &Api, wanted: &[Value]) -> Result<Vec<Write>> {
    let path = api.path("rulesets");
    let there = api.list(&path, None).await?;
    let mut writes = Vec::new();
    for rules in wanted {
        let Some(found) =
            there.iter().find(|one| one["name"] == rules["name"] && one["source_type"] != "Organization")
        else {
            writes.push(Write { method: Method::POST, path: path.clone(), body: rules.clone() });
            continue;
        };
        // A list has no rules in it.
        let path = format!("{path}/{}", found["id"]);
        let found = api.read(&path).await?.unwrap_or(Value::Null);
        if !covers(&found, rules) {
            writes.push(Write { method: Method::PUT, path, body: rules.clone() });
        }
    }
    Ok(writes)
}

async fn environment(api: &Api, wanted: &Environment) -> Result<Vec<Write>> {
    let mut reviewers = Vec::new();
    for team in &wanted.reviewers {
        let path = format!("/orgs/{}/teams/{team}", api.owner());
        let found = api.read(&path).await?.ok_or_else(|| {
            Error::form(&path, &"there is no such team, which .github/settings.json asks to review")
        })?;
        reviewers.push(json!({"type": "Team", "id": found["id"]}));
    }
    let body = json!({
        "wait_timer": 0,
        "prevent_self_review": !reviewers.is_empty(),
        "reviewers": reviewers,
        "deployment_branch_policy": {"protected_branches": false, "custom_branch_policies": true},
    });
    let mut writes = Vec::new();
    let path = api.path(&format!("environments/{}", wanted.name));
    let there = api.read(&path).await?.unwrap_or(Value::Null);
    let policies_path = format!("{path}/deployment-branch-policies");
    // GitHub has no list of them for an environment that does not go by them yet, or is not there.
    let policies = if there["deployment_branch_policy"]["custom_branch_policies"] == true {
        api.list(&policies_path, Some("branch_policies")).await?
    } else {
        Vec::new()
    };
    if !covers(&as_written(&there), &body) {
        writes.push(Write { method: Method::PUT, path, body });
    }
    for branch in &wanted.branches {
        if !policies.iter().any(|policy| policy["name"] == branch.as_str()) {
            let body = json!({"name": branch, "type": "branch"});
            writes.push(Write { method: Method::POST, path: policies_path.clone(), body });
        }
    }
    for policy in &policies {
        if !wanted.branches.iter().any(|branch| policy["name"] == branch.as_str()) {
            let path = format!("{policies_path}/{}", policy["id"]);
            writes.push(Write { method: Method::DELETE, path, body: Value::Null });
        }
    }
    Ok(writes)
}

/// An environment as it is written, from how GitHub shows it.
fn as_written(there: &Value) -> Value {
    let rules = || there["protection_rules"].as_array().into_iter().flatten();
    let review = rules().find(|rule| rule["type"] == "required_reviewers").cloned().unwrap_or(Value::Null);
    let reviewers = review["reviewers"].as_array().into_iter().flatten();
    let reviewers: Vec<_> =
        reviewers.map(|one| json!({"type": one["type"], "id": one["reviewer"]["id"]})).collect();
    let timer =
        rules().find(|rule| rule["type"] == "wait_timer").and_then(|rule| rule["wait_timer"].as_u64());
    json!({
        "wait_timer": timer.unwrap_or(0),
        "prevent_self_review": review["prevent_self_review"].as_bool().unwrap_or(false),
        "reviewers": reviewers,
        "deployment_branch_policy": there["deployment_branch_policy"],
    })
}

async fn labels(api: &Api, desired: &Desired) -> Result<Vec<Write>> {
    let path = api.path("labels");
    let there = api.list(&path, None).await?;
    let mut writes = Vec::new();
    for label in &desired.labels {
        let wanted = json!(label);
        let same_name =
            |one: &&Value| one["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&label.name));
        match there.iter().find(same_name) {
            None => writes.push(Write { method: Method::POST, path: path.clone(), body: wanted }),
            Some(found) if covers(found, &wanted) => {}
            Some(_) => {
                let body =
                    json!({"new_name": label.name, "color": label.color, "description": label.description});
                let path = format!("{path}/{}", encoded(&label.name));
                writes.push(Write { method: Method::PATCH, path, body });
            }
        }
    }
    Ok(writes)
}

/// A variable that is set already belongs to whoever set it.
async fn variables(api: &Api, desired: &Desired) -> Result<Vec<Write>> {
    let path = api.path("actions/variables");
    let there = api.list(&path, Some("variables")).await?;
    let mut writes = Vec::new();
    for variable in &desired.variables {
        if !there.iter().any(|one| one["name"] == variable.name.as_str()) {
            writes.push(Write { method: Method::POST, path: path.clone(), body: json!(variable) });
        }
    }
    Ok(writes)
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
