//! What the files ask for: `.github/rulesets/*.json` and `.github/settings.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Error, Result};

/// Everything that a repository should have.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// Rulesets as GitHub's API takes them, by name.
    pub rulesets: Vec<Value>,
    /// Environments of deployments.
    pub environments: Vec<Environment>,
    /// Labels.
    pub labels: Vec<Label>,
    /// Variables of the workflows.
    pub variables: Vec<Variable>,
}

/// An environment of deployments.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Environment {
    /// Name.
    pub name: String,
    /// Teams of the owner, one of whose members has to approve.
    pub reviewers: Vec<String>,
    /// Patterns of branches that may deploy to it.
    pub branches: Vec<String>,
}

/// A label of issues and pull requests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// Name.
    pub name: String,
    /// Six hexadecimal digits.
    pub color: String,
    /// What it says.
    pub description: String,
}

/// A variable of the workflows, with the value that it gets where it is not set yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    environments: Vec<Environment>,
    labels: Vec<Label>,
    variables: Vec<Variable>,
}

impl Desired {
    /// Reads the files of a checkout's `.github`. `deployer` is the number of the GitHub App that commits deployments;
    /// it alone may go around the rules of branch `deployments`.
    ///
    /// # Errors
    /// When a file is not there or has another form.
    pub fn read(folder: &Path, deployer: Option<u64>) -> Result<Self> {
        let text = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| Error::File { path: path.to_owned(), source })
        };
        let form = |path: &Path, error: serde_json::Error| Error::form(path.display().to_string(), &error);
        let path = folder.join("settings.json");
        let settings: Settings = serde_json::from_str(&text(&path)?).map_err(|error| form(&path, error))?;
        let mut rulesets = Vec::new();
        for name in ["main", "develop", "release", "deployments"] {
            let path = folder.join("rulesets").join(format!("{name}.json"));
            let mut rules: Value = serde_json::from_str(&text(&path)?).map_err(|error| form(&path, error))?;
            if rules["name"] != name {
                return Err(Error::form(path.display().to_string(), &format!("its name is not {name}")));
            }
            if let (Some(number), "deployments") = (deployer, name) {
                rules["bypass_actors"] =
                    json!([{"actor_id": number, "actor_type": "Integration", "bypass_mode": "always"}]);
            }
            rulesets.push(rules);
        }
        let Settings { environments, labels, variables } = settings;
        Ok(Self { rulesets, environments, labels, variables })
    }
}
