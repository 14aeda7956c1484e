//! The planner: from checked specs and the outputs that are known to stages with keys. Pure; the operator and the
//! command line call the same functions, so a stage has one key everywhere.
//!
//! A stage's key needs the digests of the stages before it. A shell therefore plans, runs what is ready, and plans
//! again with the new digest, until nothing is pending.

use ats_crds::status::StageName;
use ats_expression::Phase;
use jiff::civil::Date;

use crate::{
    Digest, StageKey,
    check::{CheckedModel, CheckedStrategy, CheckedUniverse},
    contract::{Owner, StageFile, StageInput, StoreLocation},
    key::KeyError,
    shard,
    spec::{AcquireSpec, FeaturesSpec, PublishSpec, SelectSpec, StageSpec},
};

/// A stage that can run: everything that a pod is told, but where and under which name it runs.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStage {
    /// Its key.
    pub key: StageKey,
    /// What decides its output.
    pub spec: StageSpec,
    /// Outputs of earlier stages.
    pub inputs: Vec<StageInput>,
    /// Decides every random choice.
    pub seed: i64,
    /// Part of the key.
    pub rerun_nonce: Option<String>,
    /// How many shards its units are divided into.
    pub shards: u32,
    /// How many of them run at once.
    pub parallelism: u32,
    /// Where the source's files lie.
    pub source: Option<StoreLocation>,
    /// Digest of that place. The place is in no key, so a record of this stage stands only where both are equal.
    pub source_digest: Option<Digest>,
}

impl PlannedStage {
    /// The stage.
    pub fn stage(&self) -> StageName {
        self.spec.stage()
    }

    /// The document for a pod, or for a run in process.
    pub fn to_file(&self, owner: Owner, run: impl Into<String>, store: StoreLocation) -> StageFile {
        StageFile {
            version: crate::contract::VERSION,
            owner,
            key: self.key,
            spec: self.spec.clone(),
            inputs: self.inputs.clone(),
            seed: self.seed,
            rerun_nonce: self.rerun_nonce.clone(),
            shards: self.shards,
            run: run.into(),
            store,
            source: self.source.clone(),
        }
    }

    /// As an input of a later stage, once its output is known.
    pub fn as_input(&self, digest: Digest) -> StageInput {
        StageInput { stage: self.stage(), key: self.key, digest }
    }
}

/// A stage of an object's pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct StagePlan {
    /// The stage.
    pub name: StageName,
    /// What to run; none while an earlier stage has no output.
    pub stage: Option<PlannedStage>,
    /// Its output, where it is known.
    pub output: Option<Digest>,
}

impl StagePlan {
    fn pending(name: StageName) -> Self {
        Self { name, stage: None, output: None }
    }

    /// The stage's output as an input of another object's stage.
    pub fn published(&self) -> Option<StageInput> {
        Some(self.stage.as_ref()?.as_input(self.output?))
    }
}

/// What is known of a stage's output: asked with its planned form, answered with the recorded digest.
pub type Known<'a> = &'a dyn Fn(&PlannedStage) -> Option<Digest>;

/// The first stage that is ready and has no output yet.
pub fn next(plan: &[StagePlan]) -> Option<&PlannedStage> {
    let open = plan.iter().find(|entry| entry.name != StageName::Trade && entry.output.is_none());
    open.and_then(|entry| entry.stage.as_ref())
}

/// `acquire`, `features`, `publish` of a universe as of a session.
///
/// # Errors
/// When a spec has no canonical JSON, which is a defect.
pub fn universe(
    universe: &CheckedUniverse,
    as_of: Date,
    known: Known<'_>,
) -> Result<Vec<StagePlan>, KeyError> {
    let mut plan = Chain::new(known, 0, universe.rerun_nonce.clone());
    let tickers = universe.acquired();
    let per_shard = universe.sharding.tickers_per_shard.unsigned_abs();
    let shards = shard::count(tickers.len(), per_shard);
    let parallelism = universe.sharding.parallelism.unsigned_abs().clamp(1, shards);
    let acquire = AcquireSpec {
        tickers,
        membership: universe.membership.clone(),
        columns: universe.columns.clone(),
        common: universe.acquire_unit(as_of),
    };
    plan.push(Work {
        spec: StageSpec::Acquire(acquire),
        inputs: vec![],
        shards,
        parallelism,
        source: universe.location.clone(),
    })?;
    let bars = plan.output();
    plan.push_after(&[bars.as_ref()], StageName::Features, |inputs| Work {
        spec: StageSpec::Features(FeaturesSpec {
            features: universe.phase(Phase::TimeSeries),
            adjustment: universe.adjustment,
            interval: universe.interval,
            calendar: universe.calendar,
        }),
        inputs,
        shards,
        parallelism,
        source: None,
    })?;
    let features = plan.output();
    plan.push_after(&[bars.as_ref(), features.as_ref()], StageName::Publish, |inputs| Work {
        spec: StageSpec::Publish(PublishSpec {
            tickers: universe.tickers.clone(),
            start: universe.start,
            end: as_of,
            interval: universe.interval,
            calendar: universe.calendar,
            adjustment: universe.adjustment,
            quality: universe.quality.clone(),
            membership: universe.membership.is_some(),
            selection: universe.selection.clone(),
            time_series: universe.phase(Phase::TimeSeries),
            cross_section: universe.phase(Phase::CrossSectional),
        }),
        inputs,
        shards: 1,
        parallelism: 1,
        source: None,
    })?;
    Ok(plan.entries)
}

/// `train`, `select` of a model on a published dataset. `earlier`: what `select` gave for the specification before this
/// one ([`crate::status::specifications`]), whose trials `select` counts on.
///
/// # Errors
/// When a spec has no canonical JSON, which is a defect.
pub fn model(
    model: &CheckedModel,
    dataset: &StageInput,
    earlier: Option<&StageInput>,
    known: Known<'_>,
) -> Result<Vec<StagePlan>, KeyError> {
    const MOST_SHARDS: usize = 16;
    let mut plan = Chain::new(known, model.seed, model.rerun_nonce.clone());
    let shards = match model.train.pruning {
        None => {
            let units = model.train.unit_names().len();
            shard::count(units, units.div_ceil(MOST_SHARDS).max(4).try_into().unwrap_or(u32::MAX))
        }
        // Who goes on to the next rung is decided by all trials, and shards do not wait for each other.
        Some(_) => 1,
    };
    plan.push(Work {
        spec: StageSpec::Train(model.train.clone()),
        inputs: vec![dataset.clone()],
        shards,
        parallelism: shards.min(4),
        source: None,
    })?;
    let trials = plan.output();
    let mut inputs = vec![Some(dataset), trials.as_ref()];
    inputs.extend(earlier.map(Some));
    plan.push_after(&inputs, StageName::Select, |inputs| Work {
        spec: StageSpec::Select(SelectSpec(model.train.clone())),
        inputs,
        shards: 1,
        parallelism: 1,
        source: None,
    })?;
    Ok(plan.entries)
}

/// `backtest` of a strategy on a published dataset (and a published model), and `trade` where its mode says so.
/// `trade` has no output: it runs as long as the strategy does.
///
/// # Errors
/// When a spec has no canonical JSON, which is a defect.
pub fn strategy(
    strategy: &CheckedStrategy,
    dataset: &StageInput,
    model: Option<&StageInput>,
    known: Known<'_>,
) -> Result<Vec<StagePlan>, KeyError> {
    let mut plan = Chain::new(known, 0, strategy.rerun_nonce.clone());
    let inputs: Vec<StageInput> = [Some(dataset), model].into_iter().flatten().cloned().collect();
    plan.push(Work {
        spec: StageSpec::Backtest(strategy.backtest.clone()),
        inputs: inputs.clone(),
        shards: 1,
        parallelism: 1,
        source: None,
    })?;
    if let Some(trade) = &strategy.trade {
        match plan.output() {
            Some(backtest) => {
                // Which parameters are traded by, the backtest has chosen.
                let chosen = trade.search.as_ref().map(|_| backtest);
                plan.push(Work {
                    spec: StageSpec::Trade(trade.clone()),
                    inputs: inputs.into_iter().chain(chosen).collect(),
                    shards: 1,
                    parallelism: 1,
                    source: None,
                })?;
            }
            None => plan.entries.push(StagePlan::pending(StageName::Trade)),
        }
    }
    Ok(plan.entries)
}

struct Work {
    spec: StageSpec,
    inputs: Vec<StageInput>,
    shards: u32,
    parallelism: u32,
    source: Option<StoreLocation>,
}

/// Builds stages one after the other.
struct Chain<'a> {
    known: Known<'a>,
    seed: i64,
    rerun_nonce: Option<String>,
    entries: Vec<StagePlan>,
}

impl<'a> Chain<'a> {
    fn new(known: Known<'a>, seed: i64, rerun_nonce: Option<String>) -> Self {
        Self { known, seed, rerun_nonce, entries: Vec::new() }
    }

    fn push(&mut self, work: Work) -> Result<(), KeyError> {
        let Work { spec, inputs, shards, parallelism, source } = work;
        let digests: Vec<Digest> = inputs.iter().map(|input| input.digest).collect();
        let key = {
            let (stage, revision, nonce) = (spec.stage(), spec.revision(), self.rerun_nonce.as_deref());
            let seed = self.seed;
            match &spec {
                StageSpec::Acquire(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Features(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Publish(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Train(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Select(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Backtest(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
                StageSpec::Trade(spec) => StageKey::new(stage, revision, spec, &digests, seed, nonce),
            }?
        };
        let source_digest = source.as_ref().map(|source| Digest::of(source.uri.as_bytes()));
        let stage = PlannedStage {
            key,
            spec,
            inputs,
            seed: self.seed,
            rerun_nonce: self.rerun_nonce.clone(),
            shards,
            parallelism,
            source,
            source_digest,
        };
        let output = (self.known)(&stage);
        self.entries.push(StagePlan { name: stage.stage(), stage: Some(stage), output });
        Ok(())
    }

    /// Pushes a stage whose inputs are all there, or a pending one.
    fn push_after(
        &mut self,
        inputs: &[Option<&StageInput>],
        name: StageName,
        work: impl FnOnce(Vec<StageInput>) -> Work,
    ) -> Result<(), KeyError> {
        match inputs.iter().map(|input| input.cloned()).collect::<Option<Vec<_>>>() {
            Some(inputs) => self.push(work(inputs)),
            None => {
                self.entries.push(StagePlan::pending(name));
                Ok(())
            }
        }
    }

    /// The output of the last stage pushed.
    fn output(&self) -> Option<StageInput> {
        self.entries.last().and_then(StagePlan::published)
    }
}
