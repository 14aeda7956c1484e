//! Prometheus metrics of the operator.

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics; each operator has its own registry, so that several run in one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Reconciles by kind and result.
    pub reconciles: IntCounterVec,
    /// Seconds of a reconcile, by kind.
    pub duration: HistogramVec,
    /// Errors by kind and reason.
    pub errors: IntCounterVec,
    /// Wake-ups that wait, by kind.
    pub queue: IntGaugeVec,
    /// Writes to the API server by resource, verb and result.
    pub writes: IntCounterVec,
    /// Seconds of a request to the API server, by resource and verb.
    pub requests: HistogramVec,
    /// Restarts of watches by resource.
    pub watch_errors: IntCounterVec,
    /// 1 while this replica leads.
    pub leader: IntGauge,
    /// Objects by kind and readiness.
    pub objects: IntGaugeVec,
}

impl Metrics {
    /// Metrics at zero.
    ///
    /// # Errors
    /// When a name is taken, which is a defect.
    pub fn new() -> Result<Self, prometheus::Error> {
        let buckets = vec![0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0];
        let opts = |name: &str, help: &str| Opts::new(format!("ats_operator_{name}"), help);
        let histogram = |name: &str, help: &str| {
            HistogramOpts::new(format!("ats_operator_{name}"), help).buckets(buckets.clone())
        };
        let metrics = Self {
            registry: Registry::new(),
            reconciles: IntCounterVec::new(
                opts("reconciles_total", "Reconciles that ended"),
                &["kind", "result"],
            )?,
            duration: HistogramVec::new(
                histogram("reconcile_seconds", "Duration of a reconcile"),
                &["kind"],
            )?,
            errors: IntCounterVec::new(opts("errors_total", "Reconciles that failed"), &["kind", "reason"])?,
            queue: IntGaugeVec::new(opts("queue_length", "Wake-ups that wait to be taken up"), &["kind"])?,
            writes: IntCounterVec::new(
                opts("writes_total", "Writes to the API server"),
                &["resource", "verb", "result"],
            )?,
            requests: HistogramVec::new(
                histogram("api_request_seconds", "Duration of a write to the API server"),
                &["resource", "verb"],
            )?,
            watch_errors: IntCounterVec::new(
                opts("watch_errors_total", "Interrupted watches"),
                &["resource"],
            )?,
            leader: IntGauge::with_opts(opts("leader", "1 while this replica leads"))?,
            objects: IntGaugeVec::new(
                opts("objects", "Objects by the status of their Ready condition"),
                &["kind", "ready"],
            )?,
        };
        let registry = &metrics.registry;
        registry.register(Box::new(metrics.reconciles.clone()))?;
        registry.register(Box::new(metrics.duration.clone()))?;
        registry.register(Box::new(metrics.errors.clone()))?;
        registry.register(Box::new(metrics.queue.clone()))?;
        registry.register(Box::new(metrics.writes.clone()))?;
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.watch_errors.clone()))?;
        registry.register(Box::new(metrics.leader.clone()))?;
        registry.register(Box::new(metrics.objects.clone()))?;
        Ok(metrics)
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    /// When a metric cannot be written as text, which is a defect.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
