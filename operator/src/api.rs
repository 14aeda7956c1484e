//! Writes to the API server: each is fenced by leadership, bounded in time, counted.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use kube::Client;

use crate::{
    error::{Error, is_terminating},
    leader::Fence,
    telemetry::Metrics,
};

/// Field manager of children.
pub const MANAGER: &str = "ats-operator";
/// Field manager of status.
pub const STATUS_MANAGER: &str = "ats-operator-status";

/// The way to write.
#[derive(Clone)]
pub struct Writer {
    /// The client.
    pub client: Client,
    /// Asked before every write.
    pub fence: Fence,
    /// How long a request may take.
    pub timeout: Duration,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

/// What a write does, for metrics and messages.
#[derive(Debug, Clone, Copy)]
pub struct Act<'a> {
    /// `create`, `patch`, `delete`.
    pub verb: &'static str,
    /// `jobs`.
    pub resource: &'static str,
    /// The object's name.
    pub name: &'a str,
}

impl Writer {
    /// Sends a write.
    ///
    /// # Errors
    /// When this replica may not write, the API server refuses, or it does not answer in time.
    pub async fn send<T>(
        &self,
        act: Act<'_>,
        request: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, Error> {
        // The end of our term ends the request, too: what is sent must be over when another replica takes over.
        let limit = self.fence.check()?.map_or(self.timeout, |left| left.min(self.timeout));
        let action = || format!("{} {} {}", act.verb, act.resource, act.name);
        let began = Instant::now();
        let answer = tokio::time::timeout(limit, request).await;
        self.metrics
            .requests
            .with_label_values(&[act.resource, act.verb])
            .observe(began.elapsed().as_secs_f64());
        let result = match &answer {
            Ok(Ok(_)) => "ok",
            Ok(Err(kube::Error::Api(status))) if status.is_already_exists() || status.is_not_found() => {
                "moot"
            }
            Ok(Err(_)) => "refused",
            Err(_) => "timeout",
        };
        self.metrics.writes.with_label_values(&[act.resource, act.verb, result]).inc();
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(source)) => Err(Error::Api { action: action(), source: Box::new(source) }),
            Err(_) => Err(Error::Timeout(limit, action())),
        }
    }
}

/// An answer that means "it is there already".
pub fn exists<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    forgive(result, |status| status.is_already_exists())
}

/// An answer that means "it is gone already", or that its namespace goes.
pub fn gone<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    forgive(result, |status| status.is_not_found() || is_terminating(status))
}

fn forgive<T>(
    result: Result<T, Error>,
    harmless: impl Fn(&kube::core::Status) -> bool,
) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Api { source, .. }) if matches!(source.as_ref(), kube::Error::Api(status) if harmless(status)) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
