//! `ats-delivery metrics-line`, `metrics-serve` and `weekly-report`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ats_deployment_tools::coverage::Lines;
use ats_deployment_tools::images::Image;
use ats_deployment_tools::metrics::{self, About, Job, Run, Tests, export, weekly};
use ats_deployment_tools::{Error, Result};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use clap::Args;
use jiff::Timestamp;
use serde::Deserialize;

use super::{github, needed, read, setting, write};

/// Reads what a run left and what GitHub knows of its jobs; prints the run's line.
pub async fn line() -> Result<ExitCode> {
    let number = needed("GITHUB_RUN_ID")?;
    let run =
        number.parse().map_err(|_| Error::setting("GITHUB_RUN_ID", format!("{number:?} is no number")))?;
    let api = github::repository()?;
    let jobs = api.list(&api.path(&format!("actions/runs/{run}/jobs")), Some("jobs")).await?;
    let jobs: Vec<Job> = jobs
        .into_iter()
        .map(|job| serde_json::from_value(job).map_err(|error| Error::form("jobs", &error)))
        .collect::<Result<_>>()?;
    // What a job before did not leave is not there: it failed, or nothing was published.
    let left = |name: &str| -> Result<Option<String>> {
        setting(name).map(PathBuf::from).filter(|path| path.exists()).map(|path| read(&path)).transpose()
    };
    let images = match left("IMAGES_JSON")? {
        None => BTreeMap::new(),
        Some(text) => {
            Image::read_all(&text)?.into_iter().map(|image| (image.component, image.digest)).collect()
        }
    };
    let about = About {
        run,
        commit: needed("COMMIT")?,
        branch: needed("BRANCH")?,
        tests: left("TESTS")?.as_deref().and_then(Tests::told),
        coverage: left("COVERAGE_JSON")?.as_deref().map(coverage).transpose()?.flatten(),
        images,
    };
    println!("{}", Run::of(about, &jobs)?.line()?);
    Ok(ExitCode::SUCCESS)
}

/// Percent of all lines, as `cargo llvm-cov report --json --summary-only` has it.
fn coverage(text: &str) -> Result<Option<f64>> {
    #[derive(Deserialize)]
    struct Document {
        data: Vec<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        totals: Totals,
    }
    #[derive(Deserialize)]
    struct Totals {
        lines: Lines,
    }
    let document: Document =
        serde_json::from_str(text).map_err(|error| Error::form("COVERAGE_JSON", &error))?;
    Ok(document.data.first().and_then(|data| data.totals.lines.percent()))
}

#[derive(Args)]
pub struct Serve {
    /// The lines, which are read again at each request.
    #[arg(long)]
    runs: PathBuf,
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:9108")]
    address: SocketAddr,
}

/// Serves `/metrics` until it is ended.
pub async fn serve(options: Serve) -> Result<ExitCode> {
    let Serve { runs, address } = options;
    // What is no list of runs is told at once, not at the first request.
    figures(&runs)?;
    let answer = move || {
        let figures = figures(&runs);
        std::future::ready(figures.map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())))
    };
    let failed = |error: std::io::Error| Error::setting("--address", format!("{address}: {error}"));
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    println!("http://{}/metrics", listener.local_addr().map_err(failed)?);
    let ended = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    let served = axum::serve(listener, Router::new().route("/metrics", get(answer)));
    served.with_graceful_shutdown(ended).await.map_err(failed)?;
    Ok(ExitCode::SUCCESS)
}

fn figures(runs: &Path) -> Result<String> {
    export::text(&metrics::read(&read(runs)?)?)
}

#[derive(Args)]
pub struct Weekly {
    /// The lines.
    #[arg(long)]
    runs: PathBuf,
    /// The end of the seven days; left out: now.
    #[arg(long)]
    until: Option<Timestamp>,
    /// The page.
    #[arg(long, default_value = "weekly-report.html")]
    output: PathBuf,
}

/// Writes the page of a week.
pub fn weekly(options: &Weekly) -> Result<ExitCode> {
    let runs = metrics::read(&read(&options.runs)?)?;
    write(&options.output, &weekly::page(&runs, options.until.unwrap_or_else(Timestamp::now)))?;
    println!("{}", options.output.display());
    Ok(ExitCode::SUCCESS)
}
