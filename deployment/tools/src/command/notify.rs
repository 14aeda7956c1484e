//! `ats-delivery notify`.

use std::process::ExitCode;

use ats_deployment_tools::Result;
use ats_deployment_tools::http::address;
use ats_deployment_tools::notify::{Results, Run, payload};
use reqwest::Method;

use super::{client, needed, setting};

pub async fn run() -> Result<ExitCode> {
    let results = Results::from_needs(&needed("NEEDS")?)?;
    let server = setting("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
    let run = Run::new(
        &server,
        &needed("GITHUB_REPOSITORY")?,
        &needed("BRANCH")?,
        &needed("COMMIT")?,
        &needed("GITHUB_RUN_ID")?,
    )?;
    let message = payload(&run, &results);
    let Some(webhook) = setting("SLACK_WEBHOOK_URL") else {
        println!("SLACK_WEBHOOK_URL is not set: nothing is sent");
        println!("{message:#}");
        return Ok(ExitCode::SUCCESS);
    };
    let webhook = address("SLACK_WEBHOOK_URL", &webhook)?;
    client()?.send("Slack", Method::POST, &webhook, None, Some(&message)).await?.or_refused("Slack")?;
    println!("sent: {}", message["text"].as_str().unwrap_or_default());
    Ok(ExitCode::SUCCESS)
}
