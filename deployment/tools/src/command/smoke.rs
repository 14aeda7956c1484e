//! `ats-delivery smoke`.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ats_deployment_tools::images::Image;
use ats_deployment_tools::smoke::cluster::Cluster;
use ats_deployment_tools::smoke::{Environment, Outcome, Report, Verdict, backtest, objects, rollout};
use ats_deployment_tools::{Error, Result};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ConfigMap, Service};

use super::{needed, setting};

const PAUSE: Duration = Duration::from_secs(2);
/// What a smoke test that somebody killed has left is removed by one that begins so much later.
const LEFT: Duration = Duration::from_secs(3600);

pub async fn run() -> Result<ExitCode> {
    let environment = Environment::named(&needed("ENVIRONMENT")?)?;
    let limit = match setting("TIMEOUT_SECONDS") {
        None => Duration::from_secs(900),
        Some(text) => Duration::from_secs(text.parse().map_err(|_| {
            Error::setting("TIMEOUT_SECONDS", format!("{text:?} is no whole number of seconds"))
        })?),
    };
    let images = match setting("IMAGES_JSON") {
        None => None,
        Some(path) => Some(Image::read_all(&super::read(Path::new(&path))?)?),
    };
    let cluster = Cluster::connect(environment.namespace()).await?;
    let mut report = Report::new(environment, limit);
    state(&mut report, &cluster, images.as_deref()).await;
    if report.passed {
        made(&mut report, &cluster).await?;
    }
    tell(&report)?;
    Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is there: versions first, for a Deployment that has rolled out may be the one before.
async fn state(report: &mut Report, cluster: &Cluster, images: Option<&[Image]>) {
    if let Some(images) = images {
        let look = async || {
            let settings = cluster.list::<ConfigMap>().await?;
            let deployments = cluster.list().await?;
            let settings = rollout::settings(&deployments, &settings);
            Ok(rollout::versions(images, &deployments, settings))
        };
        report.check("versions", PAUSE, look).await;
    }
    let look = async || Ok(rollout::deployments(&cluster.list().await?, &cluster.list().await?));
    report.check("rollouts", PAUSE, look).await;
    let look = async || {
        // Services of monitoring belong to objects; those are asked for themselves.
        let services: Vec<Service> = cluster.list().await?;
        Ok(rollout::endpoints(&services, &cluster.list().await?))
    };
    report.check("endpoints", PAUSE, look).await;
    let look = async || Ok(objects::conditions(&cluster.objects().await?));
    report.check("conditions", PAUSE, look).await;
}

/// A backtest of its own, which is removed whatever comes.
async fn made(report: &mut Report, cluster: &Cluster) -> Result<()> {
    let now = Timestamp::now();
    for (kind, name) in cluster.left_behind(now - LEFT).await? {
        eprintln!("removing {kind}/{name}, which a smoke test has left");
        cluster.delete(&kind, &name).await?;
    }
    // The seconds of this century and the process make a name that no other run has.
    let name = format!("smoke-{}-{}", now.as_second(), std::process::id());
    let ended = tokio::select! {
        ended = backtest(report, cluster, &name) => ended,
        _ = tokio::signal::ctrl_c() => Err(Error::setting("smoke", "was interrupted")),
    };
    let began = Instant::now();
    let cleaned = clean(cluster, &name).await;
    report.cleaned(began.elapsed().as_secs_f64(), &cleaned);
    ended
}

async fn backtest(report: &mut Report, cluster: &Cluster, name: &str) -> Result<()> {
    for object in backtest::objects(name) {
        cluster.create(&object).await?;
    }
    let look = async || {
        Ok(match cluster.object("Strategy", name).await? {
            Some(strategy) => backtest::done(&strategy),
            None => Verdict::Failed("somebody has removed it".to_owned()),
        })
    };
    report.check("backtest", PAUSE, look).await;
    Ok(())
}

/// Removes the two objects and waits until they are gone.
async fn clean(cluster: &Cluster, name: &str) -> Result<()> {
    for kind in ["Strategy", "TradingUniverse"] {
        cluster.delete(kind, name).await?;
        let end = Instant::now() + Duration::from_secs(120);
        while cluster.object(kind, name).await?.is_some() {
            if Instant::now() > end {
                return Err(Error::form(
                    format!("{kind}/{name}"),
                    &"is still there, two minutes after its deletion",
                ));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(())
}

fn tell(report: &Report) -> Result<()> {
    for check in &report.checks {
        let outcome = match check.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "skipped",
        };
        eprintln!("{outcome:<8} {:<12} {:>6.1} s  {}", check.name, check.seconds, check.message);
    }
    let text = serde_json::to_string_pretty(report).map_err(|error| Error::form("report", &error))?;
    println!("{text}");
    Ok(())
}
