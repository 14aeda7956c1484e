//! Writes what differs.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, Desired, Environment, covers};
use crate::{Error, Result};

/// Brings a repository to what is asked for.
///
/// # Errors
/// When the server refuses or does not answer, or the owner has not a team that is to review.
pub async fn setup(api: &mut Api, desired: &Desired) -> Result<()> {
    rulesets(api, &desired.rulesets).await?;
    for environment in &desired.environments {
        self::environment(api, environment).await?;
    }
    labels(api, desired).await?;
    variables(api, desired).await
}

async fn rulesets(api: &mut Api, wanted: &[Value]) -> Result<()> {
    let path = api.path("rulesets");
    let there = api.list(&path, None).await?;
    for rules in wanted {
        let Some(found) =
            there.iter().find(|one| one["name"] == rules["name"] && one["source_type"] != "Organization")
        else {
            api.write(Method::POST, &path, rules).await?;
            continue;
        };
        // A list has no rules in it.
        let path = format!("{path}/{}", found["id"]);
        let found = api.read(&path).await?.unwrap_or(Value::Null);
        if !covers(&found, rules) {
            api.write(Method::PUT, &path, rules).await?;
        }
    }
    Ok(())
}

async fn environment(api: &mut Api, wanted: &Environment) -> Result<()> {
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
    let path = api.path(&format!("environments/{}", wanted.name));
    let there = api.read(&path).await?;
    if !there.as_ref().is_some_and(|there| covers(&as_written(there), &body)) {
        api.write(Method::PUT, &path, &body).await?;
    }

    let path = format!("{path}/deployment-branch-policies");
    // The environment may be new, and in a dry run is not there at all.
    let policies = match there {
        Some(_) => api.list(&path, Some("branch_policies")).await?,
        None => Vec::new(),
    };
    for branch in &wanted.branches {
        if !policies.iter().any(|policy| policy["name"] == branch.as_str()) {
            api.write(Method::POST, &path, &json!({"name": branch, "type": "branch"})).await?;
        }
    }
    for policy in &policies {
        if !wanted.branches.iter().any(|branch| policy["name"] == branch.as_str()) {
            api.write(Method::DELETE, &format!("{path}/{}", policy["id"]), &Value::Null).await?;
        }
    }
    Ok(())
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

async fn labels(api: &mut Api, desired: &Desired) -> Result<()> {
    let path = api.path("labels");
    let there = api.list(&path, None).await?;
    for label in &desired.labels {
        let wanted = json!(label);
        let same_name =
            |one: &&Value| one["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(&label.name));
        match there.iter().find(same_name) {
            None => api.write(Method::POST, &path, &wanted).await?,
            Some(found) if covers(found, &wanted) => {}
            Some(_) => {
                let body =
                    json!({"new_name": label.name, "color": label.color, "description": label.description});
                api.write(Method::PATCH, &format!("{path}/{}", encoded(&label.name)), &body).await?;
            }
        }
    }
    Ok(())
}

/// A variable that is set already belongs to whoever set it.
async fn variables(api: &mut Api, desired: &Desired) -> Result<()> {
    let path = api.path("actions/variables");
    let there = api.list(&path, Some("variables")).await?;
    for variable in &desired.variables {
        if !there.iter().any(|one| one["name"] == variable.name.as_str()) {
            api.write(Method::POST, &path, &json!(variable)).await?;
        }
    }
    Ok(())
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}
