//! What a running stage shows on `/metrics`.

use std::{sync::Arc, time::Instant};

use ats_pipeline::StageName;
use ats_store::Progress;
use prometheus::{Encoder, Gauge, IntCounter, IntGauge, Registry, TextEncoder};

/// Counters of a stage.
#[derive(Debug, Clone)]
pub struct StageMetrics {
    registry: Registry,
    computed: IntCounter,
    reused: IntCounter,
    total: IntGauge,
    seconds: Gauge,
    started: Arc<Instant>,
}

impl StageMetrics {
    /// Fresh counters.
    ///
    /// # Errors
    /// When a name is taken twice, which is a defect.
    pub fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new(),
            computed: IntCounter::new("ats_stage_units_computed_total", "Units computed by this pod.")?,
            reused: IntCounter::new("ats_stage_units_reused_total", "Units found in the store by this pod.")?,
            total: IntGauge::new("ats_stage_units", "Units of this pod's shard.")?,
            seconds: Gauge::new("ats_stage_running_seconds", "Seconds since the stage began.")?,
            started: Arc::new(Instant::now()),
        };
        metrics.registry.register(Box::new(metrics.computed.clone()))?;
        metrics.registry.register(Box::new(metrics.reused.clone()))?;
        metrics.registry.register(Box::new(metrics.total.clone()))?;
        metrics.registry.register(Box::new(metrics.seconds.clone()))?;
        Ok(metrics)
    }

    /// The registry, for a workload that adds its own.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The text that Prometheus reads.
    ///
    /// # Errors
    /// When a metric does not encode, which is a defect.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        self.seconds.set(self.started.elapsed().as_secs_f64());
        let mut buffer = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer).into_owned())
    }
}

impl Progress for StageMetrics {
    fn unit_done(&self, stage: StageName, unit: &str, done: usize, total: usize, reused: bool) {
        if reused {
            self.reused.inc();
        } else {
            self.computed.inc();
        }
        self.total.set(i64::try_from(total).unwrap_or(i64::MAX));
        tracing::info!(%stage, unit, done, total, reused, "unit done");
    }
}
