//! Universes, then models, then strategies: each planned, its stages run, its status written as in a cluster.

mod model;
mod strategy;
mod universe;

use std::{collections::BTreeMap, sync::Arc};

use ats_crds::{
    ModelTrainingJob, Reason, TradingUniverse,
    status::{HasCommonStatus, StageState, StageStatus},
};
use ats_pipeline::{
    Category, KeyError, Outcome, PlannedStage, StageFile, StageInput, StageName, StagePlan, StoreLocation,
    check, plan,
    status::{Before, Current, Told, Trouble, Way, add_failures, bounded, stages as record},
};
use ats_store::{Settings, StageContext, Store};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{Bars, StageFolder, object::Object, stages};
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

impl Finished {
    /// The message of condition `Ready`.
    pub(crate) fn why(&self) -> &str {
        self.of_ready("message")
    }

    /// A member of condition `Ready`.
    pub(crate) fn of_ready(&self, member: &str) -> &str {
        let conditions = self.object.pointer("/status/conditions").and_then(Value::as_array);
        let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
        ready.and_then(|ready| ready[member].as_str()).unwrap_or_default()
    }
}

/// A stage that has run.
#[derive(Debug)]
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// When it began, where that is known.
    pub(crate) started: Option<Timestamp>,
    /// When it ended.
    pub(crate) finished: Timestamp,
}

/// Runs objects in this process, or writes down what other processes are to run.
#[derive(Debug)]
pub(crate) struct Runner {
    context: StageContext,
    location: StoreLocation,
    ledger: String,
    maps: Vec<PathMap>,
    bars: Arc<Bars>,
    state: State,
    now: Timestamp,
    elsewhere: Option<StageFolder>,
}

/// Objects that are finished, by name, for those that refer to them.
#[derive(Default)]
struct Done {
    universes: BTreeMap<String, TradingUniverse>,
    models: BTreeMap<String, ModelTrainingJob>,
}

/// How far the stages of an object came.
struct Progress {
    plan: Vec<StagePlan>,
    current: Current,
    stages: Vec<StageStatus>,
    told: Told,
}

impl Progress {
    fn way(&self) -> Way<'_> {
        Way { plan: &self.plan, current: &self.current }
    }

    /// Puts stages, figures and failures into a status.
    fn put_into<S: HasCommonStatus>(&self, status: &mut S) {
        let common = status.common_mut();
        common.stages = self.stages.clone();
        self.told.put_into(common);
    }
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
        // Nothing has run yet: a store that cannot be opened is usage, as a missing file is.
        let store = Store::open(&location, &Settings::new())
            .map_err(|error| Failure::Input(format!("{error}; --store names another one")))?;
        let mut context = StageContext::new(store);
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
            elsewhere: None,
        })
    }

    /// Other processes do the stages: their documents are written, and what they told is read.
    pub(crate) fn elsewhere(self, folder: StageFolder) -> Self {
        Self { elsewhere: Some(folder), ..self }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn store_uri(&self) -> &str {
        &self.location.uri
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
        let mut done = Done::default();
        for (name, mut universe) in objects.universes {
            self.universe(&mut universe).await?;
            finished.push(self.finish(&universe)?);
            done.universes.insert(name, universe);
        }
        for (name, mut model) in objects.models {
            self.model(&mut model, &done).await?;
            finished.push(self.finish(&model)?);
            done.models.insert(name, model);
        }
        for (_, mut strategy) in objects.strategies {
            self.strategy(&mut strategy, &done).await?;
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

    /// Empties an object's status for this run. Conditions keep the time of their last change from the run before.
    fn begin<O: Object>(&self, object: &mut O) -> Result<Before, Failure> {
        let generation = object.meta().generation.unwrap_or(1);
        object.meta_mut().generation = Some(generation);
        *object.status_mut() = O::Status::default();
        object.common_mut().observed_generation = generation;
        let last = self.state.find(&O::kind(&()), &object.name_any())?.unwrap_or_default();
        let conditions = last.pointer("/status/conditions").cloned().unwrap_or_default();
        Ok(Before {
            conditions: serde_json::from_value(conditions).unwrap_or_default(),
            generation,
            published: false,
            now: self.now,
        })
    }

    /// Plans, runs what is ready, plans again, until every stage has an output or one fails.
    async fn stages<O, P>(&self, object: &O, plan_of: P) -> Result<Progress, Failure>
    where
        O: Object,
        P: Fn(plan::Known<'_>) -> Result<Vec<StagePlan>, KeyError>,
    {
        let mut stages: Vec<StageStatus> = Vec::new();
        let mut told = Told::default();
        loop {
            let known = |stage: &PlannedStage| record::output(&stages, &self.location.uri, stage);
            let plan = plan_of(&known).map_err(|error| Failure::Failed(error.to_string()))?;
            let Some(next) = plan::next(&plan).cloned() else {
                return Ok(Progress { plan, current: Current::Done, stages, told });
            };
            let Some(ended) = self.ended(object, &next).await? else {
                let message = format!("stage {} is written down and has not run", next.stage());
                stages.push(self.begun(&next));
                stages.extend(after(&plan, &next));
                let reason = Reason::Progressing;
                let current = Current::Working { stage: next.stage(), reason, message };
                return Ok(Progress { plan, current, stages, told });
            };
            let (entry, outcome) = (self.record(&next, &ended), ended.outcome);
            add_failures(&mut told.failures, &outcome.failures);
            if entry.state.is_done() {
                stages.push(entry);
                told.figures.extend(outcome.figures);
                continue;
            }
            let trouble = Trouble { reason: outcome.category.reason(), message: outcome.message };
            told.failures.insert(0, trouble.of_stage(next.stage()));
            stages.push(entry);
            stages.extend(after(&plan, &next));
            let current = Current::Failed { stage: next.stage(), trouble };
            return Ok(Progress { plan, current, stages, told });
        }
    }

    /// How a stage ended; none where it is for another process to run, which has not.
    async fn ended<O: Object>(&self, object: &O, planned: &PlannedStage) -> Result<Option<Ended>, Failure> {
        let file = self.document(object, planned);
        let mut ended = match &self.elsewhere {
            Some(folder) => match folder.ended(&file)? {
                Some(ended) => ended,
                None => return Ok(None),
            },
            None => {
                let started = Some(Timestamp::now());
                let outcome = self.execute(object, planned, &file).await;
                Ended { outcome, started, finished: Timestamp::now() }
            }
        };
        if ended.outcome.is_done() && ended.outcome.digest.is_none() {
            let message = format!("stage {} ended well and named no output", planned.stage());
            ended.outcome = Outcome::failed(Category::Internal, message);
        }
        Ok(Some(ended))
    }

    /// The document of a stage: one process does all of it.
    fn document<O: Object>(&self, object: &O, planned: &PlannedStage) -> StageFile {
        let mut file = planned.to_file(object.owner(), "local", self.location.clone());
        file.shards = 1;
        if let Some(source) = &mut file.source {
            source.uri = self.mapped(&source.uri);
        }
        file
    }

    /// The record of a stage that has not run.
    fn begun(&self, planned: &PlannedStage) -> StageStatus {
        record::begun(&self.location.uri, planned, 1)
    }

    /// The record of a stage that ended.
    fn record(&self, planned: &PlannedStage, ended: &Ended) -> StageStatus {
        let outcome = &ended.outcome;
        let done = outcome.is_done();
        StageStatus {
            state: match done {
                true => record::done_state(outcome.computed, outcome.reused),
                false => StageState::Failed,
            },
            progress: Some(if done { "1/1" } else { "0/1" }.to_owned()),
            computed: record::count(outcome.computed),
            reused: record::count(outcome.reused),
            digest: outcome.digest.map(|digest| digest.to_string()),
            message: (!done).then(|| bounded(&outcome.message)),
            started_at: ended.started.map(Time),
            finished_at: Some(Time(ended.finished)),
            ..self.begun(planned)
        }
    }

    async fn execute<O: Object>(&self, object: &O, planned: &PlannedStage, file: &StageFile) -> Outcome {
        let title = object.title();
        self.bars.begin(&title, planned.stage());
        let outcome = stages::execute(file, &self.context).await.unwrap_or_else(|error| error.to_outcome());
        let text = if outcome.is_done() {
            format!("{} computed, {} reused", outcome.computed, outcome.reused)
        } else {
            format!("failed: {}", outcome.message)
        };
        self.bars.end(&title, planned.stage(), &text);
        // The status has the words of a cluster; what only concerns this machine is said here.
        if outcome.category == Category::SourceUnreadable
            && let Some(written) = planned.source.as_ref().filter(|source| check::is_local(&source.uri))
        {
            let path = written.uri.trim_start_matches("file://");
            let text = format!(
                "the YAML says {path}: `--map {path}=FOLDER` reads FOLDER on this machine in its place"
            );
            self.bars.end(&title, planned.stage(), &text);
        }
        // A unit without data lacks in every stage; the first says why.
        if planned.stage() == StageName::Acquire {
            for failure in &outcome.failures {
                let unit = failure.ticker.as_deref().unwrap_or_default();
                let text = format!("{unit} has no usable data: {}: {}", failure.category, failure.message);
                self.bars.end(&title, planned.stage(), &text);
            }
        }
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

/// The stages after one that has no output; paper trading has a record of its own.
fn after(plan: &[StagePlan], stage: &PlannedStage) -> Vec<StageStatus> {
    let later = plan.iter().skip_while(|entry| entry.stage.as_ref() != Some(stage)).skip(1);
    let later = later.filter(|entry| entry.name != StageName::Trade);
    later.map(|entry| StageStatus::pending(entry.name)).collect()
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
