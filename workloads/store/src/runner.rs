//! The loop that every stage runs: units by hash, those in the store skipped, the dataset put together by whoever
//! finishes last.
//!
//! Shards do not talk to each other. Each leaves an index of its units under the run's name and then lists the
//! indices; puts are visible at once, so the last one to write its index sees all of them, and at least one shard
//! writes the dataset manifest. Two that do write the same bytes.
//!
//! Asked to stop, a shard begins no further unit, finishes those at work, and ends without an output. Finished units
//! stay; the next run takes them from the store.

use std::{collections::BTreeMap, future::Future};

use ats_crds::status::Failure;
use ats_pipeline::{
    Category, DatasetManifest, Outcome, StageFile, StageKey, UnitManifest, UnitOutcome, manifest::UnitEntry,
    shard,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::{StageContext, StageError, artifact::Stored};

/// Most failures told in an outcome.
const MOST_FAILURES: usize = 20;

/// A file that a unit gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Logical name: `bars.parquet`.
    pub name: String,
    /// Its bytes.
    pub bytes: Bytes,
    /// Rows, where it is a table.
    pub rows: Option<u64>,
}

/// What a unit gives.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitOutput {
    /// Whether it has an output.
    pub outcome: UnitOutcome,
    /// Its files.
    pub files: Vec<OutputFile>,
    /// Counts for the manifest.
    pub counts: BTreeMap<String, u64>,
    /// Figures for the manifest and the status.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Texts for the manifest and the status.
    pub notes: BTreeMap<String, String>,
}

impl UnitOutput {
    /// A finished unit with these files.
    pub fn done(files: Vec<OutputFile>) -> Self {
        Self {
            outcome: UnitOutcome::Done,
            files,
            counts: BTreeMap::new(),
            figures: BTreeMap::new(),
            notes: BTreeMap::new(),
        }
    }

    /// A unit without usable data.
    pub fn bad(category: impl Into<String>, message: impl Into<String>) -> Self {
        let outcome = UnitOutcome::Bad { category: category.into(), message: message.into() };
        Self { outcome, ..Self::done(Vec::new()) }
    }
}

/// The work of a stage, unit by unit.
pub trait UnitWork: Sync {
    /// What [`UnitWork::prepare`] found out and [`UnitWork::compute`] can use.
    type Prepared: Send;

    /// Names of all units of the stage, over all shards.
    fn units(&self) -> Vec<String>;

    /// The unit's key; reads as little as a key needs.
    fn prepare(
        &self,
        unit: &str,
    ) -> impl Future<Output = Result<(StageKey, Self::Prepared), StageError>> + Send;

    /// The unit's output.
    fn compute(
        &self,
        unit: &str,
        prepared: Self::Prepared,
    ) -> impl Future<Output = Result<UnitOutput, StageError>> + Send;

    /// Units that follow from what the finished ones found, none of them among those; asked whenever all units are
    /// finished, until there are none. Of a stage with one shard alone: shards do not know each other's units.
    fn further(&self, finished: &[String]) -> impl Future<Output = Result<Vec<String>, StageError>> + Send {
        let _ = finished;
        std::future::ready(Ok(Vec::new()))
    }

    /// How many units [`UnitWork::further`] gives in all: for the progress.
    fn coming(&self) -> usize {
        0
    }
}

/// What a shard leaves for the others.
#[derive(Serialize, Deserialize)]
struct ShardIndex {
    units: Vec<UnitEntry>,
}

/// Runs this shard's units and, where it is the last, puts the dataset together.
///
/// # Errors
/// When a unit fails as a whole (bad data is an output, not a failure), or the store does.
pub async fn run_units<W: UnitWork>(
    work: &W,
    file: &StageFile,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let mut open: Vec<String> =
        work.units().into_iter().filter(|unit| shard::of_unit(unit, file.shards) == context.shard).collect();
    let alone = file.shards == 1;
    let total = open.len() + if alone { work.coming() } else { 0 };
    let mut finished = Vec::with_capacity(total);
    let mut reused = 0;
    while !open.is_empty() {
        let asked = finished.len() + open.len();
        let mut results = stream::iter(std::mem::take(&mut open))
            .take_while(|_| std::future::ready(!context.cancel.is_cancelled()))
            .map(|unit| run_unit(work, file, context, unit))
            .buffer_unordered(context.jobs.max(1));
        while let Some((unit, was_there)) = results.try_next().await? {
            reused += u64::from(was_there);
            context.progress.unit_done(file.stage(), &unit.name, finished.len() + 1, total, was_there);
            finished.push(unit);
        }
        drop(results);
        if finished.len() < asked {
            context.check_cancelled()?;
        }
        if alone {
            let names: Vec<String> = finished.iter().map(|unit| unit.name.clone()).collect();
            open = work.further(&names).await?;
        }
    }
    finished.sort_by(|left, right| left.name.cmp(&right.name));
    let digest = assemble(file, context, &finished).await?;
    let computed = finished.len() as u64 - reused;
    let failures =
        finished.iter().filter_map(|unit| failure(file, context, unit)).take(MOST_FAILURES).collect();
    let (figures, notes) = match finished.as_slice() {
        [only] if file.shards == 1 => {
            (only.stored.manifest.figures.clone(), only.stored.manifest.notes.clone())
        }
        many => (BTreeMap::new(), bounds(many)),
    };
    Ok(Outcome {
        category: if computed == 0 { Category::CacheHit } else { Category::Done },
        message: format!("{}: {computed} computed, {reused} reused", file.stage()),
        digest,
        computed,
        reused,
        figures,
        notes,
        failures,
    })
}

/// Runs a stage that is one unit, whose key is the stage's.
///
/// # Errors
/// When the computation or the store fails.
pub async fn run_single<F, Fut>(
    file: &StageFile,
    context: &StageContext,
    compute: F,
) -> Result<Outcome, StageError>
where
    F: Fn() -> Fut + Sync,
    Fut: Future<Output = Result<UnitOutput, StageError>> + Send,
{
    struct Single<'a, F>(StageKey, &'a F);
    impl<F, Fut> UnitWork for Single<'_, F>
    where
        F: Fn() -> Fut + Sync,
        Fut: Future<Output = Result<UnitOutput, StageError>> + Send,
    {
        type Prepared = ();

        fn units(&self) -> Vec<String> {
            vec![String::new()]
        }

        async fn prepare(&self, _: &str) -> Result<(StageKey, ()), StageError> {
            Ok((self.0, ()))
        }

        async fn compute(&self, _: &str, (): ()) -> Result<UnitOutput, StageError> {
            (self.1)().await
        }
    }
    run_units(&Single(file.key, &compute), file, context).await
}

/// A unit of this run, under the name that it was asked for by.
struct FinishedUnit {
    name: String,
    stored: Stored,
}

/// The unit, and whether it was in the store.
async fn run_unit<W: UnitWork>(
    work: &W,
    file: &StageFile,
    context: &StageContext,
    name: String,
) -> Result<(FinishedUnit, bool), StageError> {
    let (key, prepared) = work.prepare(&name).await?;
    let folder = context.store.unit(file.stage(), key);
    if let Some(stored) = folder.manifest().await? {
        return Ok((FinishedUnit { name, stored }, true));
    }
    let output = work.compute(&name, prepared).await?;
    let mut manifest = UnitManifest::done(file.stage(), key, name.clone());
    manifest.outcome = output.outcome;
    manifest.counts = output.counts;
    manifest.figures = output.figures;
    manifest.notes = output.notes;
    for file in output.files {
        manifest.files.push(folder.put_file(&file.name, file.bytes, file.rows).await?);
    }
    manifest.files.sort_by(|left, right| left.name.cmp(&right.name));
    let stored = folder.finish(&manifest).await?;
    Ok((FinishedUnit { name, stored }, false))
}

async fn assemble(
    file: &StageFile,
    context: &StageContext,
    mine: &[FinishedUnit],
) -> Result<Option<ats_pipeline::Digest>, StageError> {
    let mut units: Vec<UnitEntry> = mine.iter().map(entry).collect();
    if file.shards > 1 {
        let folder = format!("{}/{}/runs/{}", file.stage(), file.key, file.run);
        let index = serde_json::to_vec(&ShardIndex { units })
            .map_err(|error| StageError::internal(error.to_string()))?;
        context.store.put(&format!("{folder}/{}", index_name(context.shard)), index.into()).await?;
        let there = context.store.list(&folder).await?;
        let names: Vec<String> = (0..file.shards).map(index_name).collect();
        if names.iter().any(|name| there.binary_search(name).is_err()) {
            return Ok(None);
        }
        units = Vec::new();
        for name in names {
            let bytes = context.store.get(&format!("{folder}/{name}")).await?;
            let index: ShardIndex = serde_json::from_slice(&bytes).map_err(|error| {
                StageError::internal(format!("{folder}/{name} is not an index of units: {error}"))
            })?;
            units.extend(index.units);
        }
    }
    let dataset = DatasetManifest::new(file.stage(), file.key, units);
    Ok(Some(context.store.put_dataset(&dataset).await?))
}

fn index_name(shard: u32) -> String {
    format!("{shard:05}.json")
}

fn entry(unit: &FinishedUnit) -> UnitEntry {
    let stored = &unit.stored;
    UnitEntry {
        unit: unit.name.clone(),
        key: stored.manifest.key,
        digest: stored.digest,
        done: stored.manifest.outcome == UnitOutcome::Done,
    }
}

fn failure(file: &StageFile, context: &StageContext, unit: &FinishedUnit) -> Option<Failure> {
    let UnitOutcome::Bad { category, message } = &unit.stored.manifest.outcome else { return None };
    Some(Failure {
        stage: file.stage(),
        shard: i32::try_from(context.shard).ok().filter(|_| file.shards > 1),
        ticker: Some(unit.name.clone()).filter(|name| !name.is_empty()),
        category: category.clone(),
        message: message.clone(),
    })
}

/// The first and the last session over all units, which a status shows.
fn bounds(units: &[FinishedUnit]) -> BTreeMap<String, String> {
    let values =
        |name: &'static str| units.iter().filter_map(move |unit| unit.stored.manifest.notes.get(name));
    let first = values("firstSession").min().map(|value| ("firstSession".to_owned(), value.clone()));
    let last = values("lastSession").max().map(|value| ("lastSession".to_owned(), value.clone()));
    [first, last].into_iter().flatten().collect()
}
