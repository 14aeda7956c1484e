//! Whose the repository is: its place on GitHub, its registry, the teams that are asked. A fork says others in the same
//! files, so tests take them from there.

use std::path::Path;

use regex::Regex;
use serde_json::Value;

/// The names that a fork replaces, as the files say them that say them first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// `owner/name` on GitHub, of `Cargo.toml`.
    pub repository: String,
    /// Registry and folder of the images, of `config/operator/deployment.yaml`.
    pub image_prefix: String,
}

/// A pattern of `.github/CODEOWNERS` and who owns what matches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owned {
    /// The pattern.
    pub pattern: String,
    /// The owners, `@organisation/team` or `@user`.
    pub owners: Vec<String>,
}

/// What a place in a file names.
#[derive(Debug, Clone, Copy)]
enum Named {
    /// The repository's address on GitHub.
    Address,
    /// Registry and folder of the images.
    Images,
}

/// Files that have to say the same: each match of the pattern, of which there is one at least.
const PLACES: [(&str, &str, Named); 14] = [
    ("deployment/argocd/project.yaml", r"sourceRepos: \[(.+)\]", Named::Address),
    ("deployment/argocd/cluster.yaml", r"repoURL: (.+)", Named::Address),
    ("deployment/argocd/environments.yaml", r"repoURL: (.+)", Named::Address),
    ("deployment/helm/ats/Chart.yaml", r"(?m)^sources: \[(.+)\]$", Named::Address),
    ("deployment/docker/operator.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/data-acquisition.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/feature-engineering.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/model-training.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/trading-strategy.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/monitoring.Dockerfile", SOURCE, Named::Address),
    ("deployment/docker/images.sh", r"\$\{ATS_IMAGE_PREFIX:-([^}]+)\}", Named::Images),
    ("deployment/compose/compose.yaml", r"\$\{ATS_IMAGE_PREFIX:-([^}]+)\}", Named::Images),
    ("deployment/helm/ats/values.yaml", r"repository: (.+)/operator\n", Named::Images),
    ("operator/src/options.rs", r#"const IMAGE_PREFIX: &str = "(.+)";"#, Named::Images),
];

/// The label that says where an image's source is; GitHub joins a package to its repository by it.
const SOURCE: &str = r#"image\.source="(.+)""#;

impl Names {
    /// The names of a checkout.
    ///
    /// # Panics
    /// When one of the two files does not say its name.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            repository: the(
                root,
                "Cargo.toml",
                r#"(?m)^repository = "https://github\.com/([^/"]+/[^/"]+)"$"#,
            ),
            image_prefix: the(root, "config/operator/deployment.yaml", r"image: (\S+)/operator:"),
        }
    }

    /// Who owns the repository.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// The repository's address on GitHub.
    #[must_use]
    pub fn address(&self) -> String {
        format!("https://github.com/{}", self.repository)
    }

    /// Where other files of a checkout name somebody else, a line each; nothing when all agree.
    ///
    /// # Panics
    /// When a file is not there, or has another form.
    #[must_use]
    pub fn disagreements(&self, root: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for (file, pattern, named) in PLACES {
            let wanted = match named {
                Named::Address => self.address(),
                Named::Images => self.image_prefix.clone(),
            };
            let there = all(root, file, pattern);
            if there.is_empty() {
                found.push(format!("{file} does not name {wanted}"));
            }
            let others = there.into_iter().filter(|name| *name != wanted);
            found.extend(others.map(|name| format!("{file} names {name}, not {wanted}")));
        }
        let owned = owners(&read(root, ".github/CODEOWNERS"));
        for Owned { pattern, owners } in &owned {
            for owner in owners {
                // A user has no organisation.
                let of = owner.trim_start_matches('@').split_once('/').map(|(of, _)| of);
                if !owner.starts_with('@') || of.is_some_and(|of| of != self.owner()) {
                    found.push(format!("CODEOWNERS: {pattern} belongs to {owner}, not to {}", self.owner()));
                }
            }
        }
        for (environment, reviewer) in reviewers(root) {
            let team = format!("@{}/{reviewer}", self.owner());
            if !owned.iter().any(|one| one.owners.contains(&team)) {
                found.push(format!("settings.json: {environment} is reviewed by {team}, which owns nothing"));
            }
        }
        found
    }
}

/// What a text of code owners says, line by line.
#[must_use]
pub fn owners(text: &str) -> Vec<Owned> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().split_whitespace());
    lines
        .filter_map(|mut words| {
            let pattern = words.next()?.to_owned();
            Some(Owned { pattern, owners: words.map(str::to_owned).collect() })
        })
        .collect()
}

/// Environments of `.github/settings.json` of a checkout with the teams that review them, a pair each.
///
/// # Panics
/// When it cannot be read, or has another form.
#[must_use]
pub fn reviewers(root: &Path) -> Vec<(String, String)> {
    let settings: Value =
        serde_json::from_str(&read(root, ".github/settings.json")).expect("settings.json is JSON");
    let text = |value: &Value| value.as_str().expect("a name is a text").to_owned();
    let environments = settings["environments"].as_array().expect("environments are a list");
    environments
        .iter()
        .flat_map(|one| {
            let teams = one["reviewers"].as_array().expect("reviewers are a list");
            teams.iter().map(|team| (text(&one["name"]), text(team))).collect::<Vec<_>>()
        })
        .collect()
}

fn read(root: &Path, file: &str) -> String {
    std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What a pattern finds in a file.
fn all(root: &Path, file: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern of this module is one");
    pattern.captures_iter(&read(root, file)).map(|found| found[1].to_owned()).collect()
}

fn the(root: &Path, file: &str, pattern: &str) -> String {
    let found = all(root, file, pattern);
    assert_eq!(found.len(), 1, "{file} names one: {found:?}");
    found.into_iter().next().expect("there is one")
}
