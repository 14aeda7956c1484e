//! Universes, then models, then strategies: each planned, its stages run, its status written.

use std::{collections::BTreeMap, sync::Arc};

use ats_crds::{ConditionType, ModelTrainingJob, Reason, Strategy, TradingUniverse};
use ats_pipeline::{
    CheckedUniverse, Digest, Outcome, PlannedStage, StageInput, StageKey, StageName, StagePlan,
    StoreLocation, check, gate, plan,
};
use ats_store::{Settings, StageContext, Store};
use jiff::Timestamp;
use kube::ResourceExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Bars, object::Object, stages, status};
use crate::{Failure, PathMap, StateArguments, objects::Objects, state::State};

/// An object with the status that a run gave it.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its kind.
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
    /// The object.
    pub(crate) object: Value,
    /// Whether it is Ready.
    pub(crate) ready: bool,
}

/// Runs objects in this process.
#[derive(Debug)]
pub(crate) struct Runner {
    context: StageContext,
    location: StoreLocation,
    ledger: String,
    maps: Vec<PathMap>,
    bars: Arc<Bars>,
    state: State,
    now: Timestamp,
}

/// What others may use of a universe that is ready.
struct Published {
    name: String,
    checked: CheckedUniverse,
    dataset: StageInput,
}

/// Outputs of the stages that ran, by key.
type Outputs = BTreeMap<StageKey, Digest>;

/// A stage without an output.
struct StageFailed {
    reason: Reason,
    message: String,
}

impl Runner {
    /// A runner with its store open.
    pub(crate) fn new(
        folders: &StateArguments,
        jobs: usize,
        maps: Vec<PathMap>,
        cancel: CancellationToken,
    ) -> Result<Self, Failure> {
        let location = StoreLocation { uri: store_uri(&folders.store)? };
        let bars = Arc::new(Bars::new());
        let mut context = StageContext::new(Store::open(&location, &Settings::new())?);
        context.progress = bars.clone();
        context.cancel = cancel;
        if jobs > 0 {
            context.jobs = jobs;
        }
        Ok(Self {
            context,
            location,
            ledger: folders.ledger.clone(),
            maps,
            bars,
            state: State::new(&folders.state),
            now: Timestamp::now(),
        })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Whether the store has a stage's output.
    pub(super) async fn has(&self, output: &StageInput) -> Result<bool, Failure> {
        let name = format!("{}/{}/dataset-{}.json", output.stage, output.key, output.digest);
        Ok(self.context.store.contains(&name).await?)
    }

    /// Runs everything; an object that fails does not keep others from running.
    pub(crate) async fn run(&self, objects: Objects) -> Result<Vec<Finished>, Failure> {
        let mut finished = Vec::new();
        let mut universes = BTreeMap::new();
        for (name, mut universe) in objects.universes {
            let published = self.universe(&mut universe).await?;
            finished.push(self.finish(&universe)?);
            if let Some(published) = published {
                universes.insert(name, published);
            }
        }
        let mut models = BTreeMap::new();
        for (name, mut model) in objects.models {
            let published = self.model(&mut model, &universes).await?;
            finished.push(self.finish(&model)?);
            if let Some(published) = published {
                models.insert(name, published);
            }
        }
        for (_, mut strategy) in objects.strategies {
            self.strategy(&mut strategy, &universes, &models).await?;
            finished.push(self.finish(&strategy)?);
        }
        Ok(finished)
    }

    fn finish<O: Object>(&self, object: &O) -> Result<Finished, Failure> {
        let kind = O::kind(&()).into_owned();
        let name = object.name_any();
        let value = serde_json::to_value(object).map_err(|error| Failure::Failed(error.to_string()))?;
        self.state.keep(&kind, &name, &value)?;
        let ready = value
            .pointer("/status/conditions")
            .and_then(Value::as_array)
            .is_some_and(|all| all.iter().any(|one| one["type"] == "Ready" && one["status"] == "True"));
        Ok(Finished { kind, name, object: value, ready })
    }

    async fn universe(&self, object: &mut TradingUniverse) -> Result<Option<Published>, Failure> {
        begin(object);
        let checked = match check::universe(&object.spec) {
            Ok(checked) => checked,
            Err(problems) => {
                refuse(object, &problems);
                return Ok(None);
            }
        };
        let Some(as_of) = checked.as_of(self.now) else {
            status::fail(
                object.common_mut(),
                Reason::InvalidSpec,
                "no session is complete yet between history.start and now",
            );
            return Ok(None);
        };
        let result = self.stages(object, |known| plan::universe(&checked, as_of, known)).await?;
        let (plan, figures) = match result {
            Ok(done) => done,
            Err(failed) => {
                domain(
                    object,
                    &[
                        (ConditionType::DataAcquired, StageName::Acquire),
                        (ConditionType::FeaturesReady, StageName::Features),
                    ],
                );
                status::set(
                    object.common_mut(),
                    ConditionType::Fresh,
                    Some(false),
                    failed.reason,
                    &failed.message,
                );
                status::fail(object.common_mut(), failed.reason, &failed.message);
                return Ok(None);
            }
        };
        domain(
            object,
            &[
                (ConditionType::DataAcquired, StageName::Acquire),
                (ConditionType::FeaturesReady, StageName::Features),
            ],
        );
        let published = plan.last().and_then(StagePlan::published);
        let whole = |name: &str| figures.get(name).copied().flatten().map(|value| value as i64);
        let status_of = object.status_mut();
        status_of.active_tickers = whole("activeTickers");
        status_of.focus_tickers = whole("focusTickers");
        status_of.as_of_session = Some(as_of.to_string());
        let common = object.common_mut();
        common.artifact = published.as_ref().map(status::artifact);
        common.metrics = status::metrics(&figures);
        common.inputs = plan
            .iter()
            .take(2)
            .filter_map(|entry| Some(status::input(entry.name.as_str(), &entry.published()?)))
            .collect();
        status::set(
            common,
            ConditionType::Fresh,
            Some(true),
            Reason::UpToDate,
            &format!("as of session {as_of}"),
        );
        status::succeed(common, &format!("dataset as of session {as_of} is published"));
        let name = object.name_any();
        Ok(published.map(|dataset| Published { name, checked, dataset }))
    }

    async fn model(
        &self,
        object: &mut ModelTrainingJob,
        universes: &BTreeMap<String, Published>,
    ) -> Result<Option<StageInput>, Failure> {
        begin(object);
        let Some(universe) = self.reference(object, &object.spec.universe_ref.name.clone(), universes) else {
            return Ok(None);
        };
        let checked = match check::model(&object.spec, &universe.checked) {
            Ok(checked) => checked,
            Err(problems) => {
                refuse(object, &problems);
                return Ok(None);
            }
        };
        if let Some(pinned) = checked.pinned.filter(|pinned| *pinned != universe.dataset.digest) {
            let message = format!(
                "the pinned dataset {} is not the one that the universe gives ({})",
                pinned.short(),
                universe.dataset.digest.short()
            );
            status::fail(object.common_mut(), Reason::WaitingForReference, &message);
            return Ok(None);
        }
        object.status_mut().algorithm =
            checked.train.trials.first().map(|trial| trial.algorithm.name().to_owned());
        let result = self.stages(object, |known| plan::model(&checked, &universe.dataset, known)).await?;
        let (plan, figures) = match result {
            Ok(done) => done,
            Err(failed) => {
                status::set(
                    object.common_mut(),
                    ConditionType::Trained,
                    Some(false),
                    failed.reason,
                    &failed.message,
                );
                status::fail(object.common_mut(), failed.reason, &failed.message);
                return Ok(None);
            }
        };
        let output = plan.last().and_then(StagePlan::published);
        let common = object.common_mut();
        common.metrics = status::metrics(&figures);
        common.inputs = vec![status::input(&format!("TradingUniverse/{}", universe.name), &universe.dataset)];
        status::set(common, ConditionType::Trained, Some(true), Reason::Succeeded, "the model is trained");
        Ok(judge(
            common,
            &checked.gates,
            &figures,
            output,
            ConditionType::GatesPassed,
            Some(ConditionType::Published),
        ))
    }

    async fn strategy(
        &self,
        object: &mut Strategy,
        universes: &BTreeMap<String, Published>,
        models: &BTreeMap<String, StageInput>,
    ) -> Result<(), Failure> {
        begin(object);
        let Some(universe) = self.reference(object, &object.spec.universe_ref.name.clone(), universes) else {
            return Ok(());
        };
        let checked = match check::strategy(&object.spec, &universe.checked) {
            Ok(checked) => checked,
            Err(problems) => {
                refuse(object, &problems);
                return Ok(());
            }
        };
        let model = match &checked.model {
            Some(name) => match models.get(name) {
                Some(model) => Some(model),
                None => {
                    let message =
                        format!("ModelTrainingJob/{name} is not there or has not published a model");
                    status::fail(object.common_mut(), Reason::WaitingForReference, &message);
                    return Ok(());
                }
            },
            None => None,
        };
        let only_backtest = ats_pipeline::CheckedStrategy { trade: None, ..checked.clone() };
        let result = self
            .stages(object, |known| plan::strategy(&only_backtest, &universe.dataset, model, known))
            .await?;
        let (plan, figures) = match result {
            Ok(done) => done,
            Err(failed) => {
                status::set(
                    object.common_mut(),
                    ConditionType::BacktestPassed,
                    Some(false),
                    failed.reason,
                    &failed.message,
                );
                status::fail(object.common_mut(), failed.reason, &failed.message);
                return Ok(());
            }
        };
        let output = plan.last().and_then(StagePlan::published);
        let common = object.common_mut();
        common.metrics = status::metrics(&figures);
        common.inputs = vec![status::input(&format!("TradingUniverse/{}", universe.name), &universe.dataset)];
        if let (Some(name), Some(model)) = (&checked.model, model) {
            common.inputs.push(status::input(&format!("ModelTrainingJob/{name}"), model));
        }
        let passed = judge(common, &checked.gates, &figures, output, ConditionType::BacktestPassed, None);
        object.status_mut().halted = Some("False".to_owned());
        if let (Some(backtest), Some(_)) = (passed, &checked.trade) {
            let known = |stage: &PlannedStage| (stage.key == backtest.key).then_some(backtest.digest);
            let plan = plan::strategy(&checked, &universe.dataset, model, &known)
                .map_err(|error| Failure::Failed(error.to_string()))?;
            if let Some(trade) = plan.last().and_then(|entry| entry.stage.as_ref()) {
                self.paper(object, trade).await;
            }
        }
        Ok(())
    }

    /// Paper trading up to the dataset's last bar.
    async fn paper(&self, object: &mut Strategy, planned: &PlannedStage) {
        let title = object.title();
        let file = planned.to_file(object.owner(), "local", self.location.clone());
        let started = Timestamp::now();
        self.bars.begin(&title, StageName::Trade);
        let outcome = stages::trade(&file, &self.context, &self.ledger, object)
            .await
            .unwrap_or_else(|error| error.to_outcome());
        self.bars.end(&title, StageName::Trade, &outcome.message);
        let entry = status::stage(planned, &outcome, started);
        let common = object.common_mut();
        common.stages.push(entry);
        if !outcome.is_done() {
            let message = format!("stage trade failed: {}", outcome.message);
            status::set(common, ConditionType::Running, Some(false), outcome.category.reason(), &message);
            status::fail(common, outcome.category.reason(), &message);
            return;
        }
        common.metrics.extend(status::metrics(&outcome.figures));
        let last = outcome.notes.get("lastSession").map_or("no session yet", String::as_str);
        status::set(
            common,
            ConditionType::Running,
            Some(true),
            Reason::WaitingForData,
            &format!("decided up to {last}"),
        );
        match outcome.notes.get("halt") {
            Some(halt) => {
                let reason =
                    if halt.starts_with("drawdown") { Reason::DrawdownLatched } else { Reason::KillSwitch };
                status::set(common, ConditionType::WithinRiskLimits, Some(false), reason, halt);
                object.status_mut().halted = Some("True".to_owned());
            }
            None => status::set(
                common,
                ConditionType::WithinRiskLimits,
                Some(true),
                Reason::WithinLimits,
                "no halt stands",
            ),
        }
    }

    fn reference<'a, O: Object>(
        &self,
        object: &mut O,
        name: &str,
        universes: &'a BTreeMap<String, Published>,
    ) -> Option<&'a Published> {
        let found = universes.get(name);
        if found.is_none() {
            let message = format!("TradingUniverse/{name} is not there or is not ready");
            status::fail(object.common_mut(), Reason::WaitingForReference, &message);
        }
        found
    }

    /// Plans, runs what is ready, plans again, until every stage has an output or one fails.
    async fn stages<O, P>(
        &self,
        object: &mut O,
        plan_of: P,
    ) -> Result<Result<(Vec<StagePlan>, BTreeMap<String, Option<f64>>), StageFailed>, Failure>
    where
        O: Object,
        P: Fn(plan::Known<'_>) -> Result<Vec<StagePlan>, ats_pipeline::KeyError>,
    {
        let mut outputs = Outputs::new();
        let mut figures = BTreeMap::new();
        loop {
            let known = |stage: &PlannedStage| outputs.get(&stage.key).copied();
            let plan = plan_of(&known).map_err(|error| Failure::Failed(error.to_string()))?;
            let Some(next) = plan::next(&plan).cloned() else { return Ok(Ok((plan, figures))) };
            let started = Timestamp::now();
            let outcome = self.execute(object, &next).await;
            let common = object.common_mut();
            common.stages.push(status::stage(&next, &outcome, started));
            status::failures(common, &outcome.failures);
            match outcome.digest {
                Some(digest) if outcome.is_done() => {
                    outputs.insert(next.key, digest);
                    figures.extend(outcome.figures);
                }
                _ => {
                    let waiting = plan.iter().skip_while(|entry| entry.stage.as_ref() != Some(&next)).skip(1);
                    common.stages.extend(waiting.map(|entry| status::pending(entry.name)));
                    let message = format!("stage {} failed: {}", next.stage(), outcome.message);
                    return Ok(Err(StageFailed { reason: outcome.category.reason(), message }));
                }
            }
        }
    }

    async fn execute<O: Object>(&self, object: &O, planned: &PlannedStage) -> Outcome {
        let title = object.title();
        let mut file = planned.to_file(object.owner(), "local", self.location.clone());
        file.shards = 1;
        if let Some(source) = &mut file.source {
            source.uri = self.mapped(&source.uri);
        }
        self.bars.begin(&title, planned.stage());
        let outcome = stages::execute(&file, &self.context).await.unwrap_or_else(|error| error.to_outcome());
        let text = if outcome.is_done() {
            format!("{} computed, {} reused", outcome.computed, outcome.reused)
        } else {
            format!("failed: {}", outcome.message)
        };
        self.bars.end(&title, planned.stage(), &text);
        outcome
    }

    /// A `file://` URI with the first map that fits applied.
    fn mapped(&self, uri: &str) -> String {
        let Some(path) = uri.strip_prefix("file://") else { return uri.to_owned() };
        let fits = |map: &&PathMap| path == map.from || path.starts_with(&format!("{}/", map.from));
        let Some(map) = self.maps.iter().find(fits) else { return uri.to_owned() };
        let target = std::path::absolute(&map.to).unwrap_or_else(|_| map.to.clone());
        format!("file://{}{}", target.display(), &path[map.from.len()..])
    }
}

fn begin<O: Object>(object: &mut O) {
    let generation = object.meta().generation.unwrap_or(1);
    object.meta_mut().generation = Some(generation);
    *object.status_mut() = O::Status::default();
    object.common_mut().observed_generation = generation;
}

fn refuse<O: Object>(object: &mut O, problems: &[ats_pipeline::Problem]) {
    let reason = problems.first().map_or(Reason::InvalidSpec, |problem| problem.reason);
    status::fail(object.common_mut(), reason, &check::summary(problems));
}

/// Domain conditions that say whether a stage has its output.
fn domain<O: Object>(object: &mut O, conditions: &[(ConditionType, StageName)]) {
    for (kind, stage) in conditions {
        let common = object.common_mut();
        let found = common
            .stages
            .iter()
            .find(|entry| entry.name == *stage)
            .map(|entry| (entry.state, entry.message.clone()));
        match found {
            Some((state, _)) if state.is_done() => {
                status::set(common, *kind, Some(true), Reason::Succeeded, "done");
            }
            Some((ats_crds::status::StageState::Failed, message)) => {
                status::set(common, *kind, Some(false), Reason::StageFailed, &message.unwrap_or_default());
            }
            _ => {
                status::set(
                    common,
                    *kind,
                    Some(false),
                    Reason::Progressing,
                    "an earlier stage has no output",
                );
            }
        }
    }
}

/// Judges gates; the output is given on where all hold.
fn judge(
    common: &mut ats_crds::status::CommonStatus,
    gates: &[gate::Gate],
    figures: &BTreeMap<String, Option<f64>>,
    output: Option<StageInput>,
    passed: ConditionType,
    published: Option<ConditionType>,
) -> Option<StageInput> {
    let failures = gate::failures(gates, figures);
    if failures.is_empty() {
        let message = format!("{} of {} gates hold", gates.len(), gates.len());
        status::set(common, passed, Some(true), Reason::GatesPassed, &message);
        if let Some(kind) = published {
            status::set(common, kind, Some(true), Reason::Succeeded, "strategies may use it");
        }
        common.artifact = output.as_ref().map(status::artifact);
        status::succeed(common, &message);
        return output;
    }
    let message = failures.join("; ");
    status::set(common, passed, Some(false), Reason::GateFailed, &message);
    if let Some(kind) = published {
        status::set(
            common,
            kind,
            Some(false),
            Reason::NotPublished,
            "a gate does not hold; the result is kept",
        );
    }
    status::fail(common, Reason::GateFailed, &message);
    None
}

/// A store's URI from a URI or a folder's path.
pub(crate) fn store_uri(text: &str) -> Result<String, Failure> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = std::path::absolute(text)
        .map_err(|error| Failure::Input(format!("--store {text:?} is not a path: {error}")))?;
    Ok(format!("file://{}", path.display()))
}
