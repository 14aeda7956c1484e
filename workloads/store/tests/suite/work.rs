//! A stage whose units are letters.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use ats_pipeline::{Digest, Outcome, StageFile, StageKey, StageName};
use ats_store::{OutputFile, StageContext, StageError, Store, UnitOutput, UnitWork, run_units};
use serde_json::json;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

/// A key that depends on a name alone.
pub fn key(name: &str) -> StageKey {
    StageKey::new(StageName::Features, 1, &json!({"unit": name}), &[], 0, None).unwrap()
}

/// What a pod of a stage with so many shards is told.
pub fn file(run: &str, shards: u32) -> StageFile {
    serde_json::from_value(json!({
        "version": 1,
        "owner": {"kind": "TradingUniverse", "namespace": "default", "name": "letters"},
        "key": key("stage"),
        "spec": {"stage": "features", "spec": {"features": [], "adjustment": "None", "interval": "1d", "calendar": "XNYS"}},
        "inputs": [],
        "seed": 0,
        "shards": shards,
        "run": run,
        "store": {"uri": "file:///not-read-here"},
    }))
    .unwrap()
}

/// Writes each unit's name into a file.
#[derive(Default)]
pub struct Letters {
    pub units: Vec<String>,
    pub bad: BTreeSet<String>,
    /// Other bytes for the same keys: what a defect would do.
    pub other: bool,
    /// Fails as a whole at this unit.
    pub broken: Option<String>,
    /// Cancelled while this unit is at work.
    pub stop_at: Option<(String, CancellationToken)>,
    /// Where every unit at work waits for those of another process.
    pub meet: Option<Arc<Barrier>>,
    pub computed: AtomicUsize,
    /// Units that follow when all before them are finished, round by round.
    pub rounds: Vec<Vec<String>>,
}

impl Letters {
    pub fn new(units: &[&str]) -> Self {
        Self { units: units.iter().map(|unit| (*unit).to_owned()).collect(), ..Self::default() }
    }

    pub fn bad(mut self, unit: &str) -> Self {
        self.bad.insert(unit.to_owned());
        self
    }

    pub fn computed(&self) -> usize {
        self.computed.load(Ordering::SeqCst)
    }

    pub async fn run(
        &self,
        store: Store,
        file: &StageFile,
        shard: u32,
        jobs: usize,
    ) -> Result<Outcome, StageError> {
        let mut context = StageContext::new(store);
        (context.shard, context.jobs) = (shard, jobs);
        if let Some((_, token)) = &self.stop_at {
            context.cancel = token.clone();
        }
        run_units(self, file, &context).await
    }

    /// The root digest of a run in one shard.
    pub async fn root(&self, store: Store) -> Digest {
        self.run(store, &file("single", 1), 0, 2).await.unwrap().digest.unwrap()
    }
}

impl UnitWork for Letters {
    type Prepared = usize;

    fn units(&self) -> Vec<String> {
        self.units.clone()
    }

    async fn prepare(&self, unit: &str) -> Result<(StageKey, usize), StageError> {
        Ok((key(unit), unit.len()))
    }

    async fn further(&self, finished: &[String]) -> Result<Vec<String>, StageError> {
        let open = self.rounds.iter().find(|round| round.iter().any(|unit| !finished.contains(unit)));
        Ok(open.cloned().unwrap_or_default())
    }

    fn coming(&self) -> usize {
        self.rounds.iter().map(Vec::len).sum()
    }

    async fn compute(&self, unit: &str, length: usize) -> Result<UnitOutput, StageError> {
        self.computed.fetch_add(1, Ordering::SeqCst);
        if self.broken.as_deref() == Some(unit) {
            return Err(StageError::source_unreadable(format!("{unit} is unreadable")));
        }
        if let Some((at, token)) = &self.stop_at
            && at == unit
        {
            token.cancel();
        }
        if let Some(barrier) = &self.meet {
            barrier.wait().await;
        }
        if self.bad.contains(unit) {
            return Ok(UnitOutput::bad("NoData", format!("{unit} has no bars")));
        }
        let bytes = format!("{unit}{}", if self.other { " again" } else { "" });
        let mut output = UnitOutput::done(vec![
            OutputFile {
                name: "second.txt".to_owned(),
                bytes: bytes.clone().into(),
                rows: Some(length as u64),
            },
            OutputFile {
                name: "first.json".to_owned(),
                bytes: format!("{{\"{bytes}\":1}}").into(),
                rows: None,
            },
        ]);
        output.counts.insert("rows".to_owned(), length as u64);
        output.notes.insert("firstSession".to_owned(), format!("2000-01-{:02}", length));
        output.notes.insert("lastSession".to_owned(), format!("2001-01-{:02}", length));
        Ok(output)
    }
}
