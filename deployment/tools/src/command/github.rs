//! `ats-delivery github-setup` and `ats-delivery pull-request`.

use std::path::PathBuf;
use std::process::ExitCode;

use ats_deployment_tools::github::pull_request::{self, Asked};
use ats_deployment_tools::github::{self, Api, Desired, Mode};
use ats_deployment_tools::http::address;
use ats_deployment_tools::{Error, Result};

use super::{client, needed, setting};

fn api(repository: &str, mode: Mode) -> Result<Api> {
    let server = setting("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
    Api::new(client()?, address("GITHUB_API_URL", &server)?, needed("GITHUB_TOKEN")?, repository, mode)
}

/// The repository that this run of the pipeline belongs to.
pub fn repository() -> Result<Api> {
    api(&needed("GITHUB_REPOSITORY")?, Mode::Apply)
}

pub async fn setup() -> Result<ExitCode> {
    let mode = match setting("DRY_RUN").as_deref() {
        None | Some("0") => Mode::Apply,
        Some("1") => Mode::DryRun,
        Some(other) => return Err(Error::setting("DRY_RUN", format!("{other:?} is neither 0 nor 1"))),
    };
    let deployer = setting("DEPLOY_APP_ID")
        .map(|text| {
            let wrong = |_| Error::setting("DEPLOY_APP_ID", format!("{text:?} is no number of an App"));
            text.parse().map_err(wrong)
        })
        .transpose()?;
    let mut api = api(&needed("REPO")?, mode)?;
    let desired = Desired::read(&PathBuf::from(".github"), deployer)?;
    if deployer.is_none() {
        eprintln!("DEPLOY_APP_ID is not set: nobody may commit deployments without a pull request");
    }
    let ended = github::setup(&mut api, &desired).await;
    // Also what was written before something failed.
    for line in api.told() {
        println!("{}{line}", if mode == Mode::DryRun { "would " } else { "" });
    }
    ended?;
    if api.told().is_empty() {
        println!("everything is as it should be");
    }
    Ok(ExitCode::SUCCESS)
}

/// The branch that deployments are merged into.
const BASE: &str = "deployments";

pub async fn pull_request() -> Result<ExitCode> {
    let head = needed("PULL_REQUEST_HEAD")?;
    let mut api = repository()?;
    match pull_request::ask(&mut api, &head, BASE, &needed("PULL_REQUEST_TITLE")?).await? {
        Asked::New => println!("asked for the merge of {head} into {BASE}"),
        Asked::Before => println!("a pull request for {head} is open already; it has the new commit"),
        Asked::Nothing => println!("there is no branch {head}: nothing changed"),
    }
    Ok(ExitCode::SUCCESS)
}
