//! Stage `publish`: selection, cross-sectional features, quality report, lineage. One unit.
//!
//! Of each ticker only what is needed stays in memory: its sessions, its ranking values, and for cross-sectional
//! features the values at the rows at which it is active. Bars are read again rather than kept.

pub mod cross;
mod describe;
pub mod members;
pub mod missing;
pub mod report;
pub mod rows;
pub mod selection;
pub mod survey;
pub mod tables;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use ats_calendar::{Calendar, Session};
use ats_columns::Bars;
use ats_crds::universe::OnBreach;
use ats_expression::{Feature, FeatureGraph, Typed};
use ats_pipeline::spec::PublishSpec;
use ats_pipeline::{Outcome, StageFile, StageInput, StageName, UnitManifest};
use ats_store::{OutputFile, StageContext, StageError, UnitFolder, UnitOutput, run_single};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use self::cross::{Common, Plan, TickerInputs, apply};
use self::members::Members;
use self::missing::Missing;
use self::rows::{ActiveRows, Instants};
use self::selection::{Ranked, Span, Standing, rank, rebalances, spans, standings};
use self::survey::{Ranking, Survey};
use crate::error::FeatureError;
use crate::scope::{self, blocking};
use crate::tickers::{BARS, Benchmarks, FEATURES, Unit, Units, benchmarks, stored_features};

/// Name of the quality report.
pub const QUALITY: &str = "quality.json";
/// Name of the lineage.
pub const DATASET: &str = "dataset.json";
/// Most tickers named in a message.
const MOST_NAMED: usize = 5;

/// Runs the stage.
pub(crate) async fn run(
    file: &StageFile,
    spec: &PublishSpec,
    context: &StageContext,
) -> Result<Outcome, StageError> {
    let acquire = scope::input(file, StageName::Acquire)?;
    let features = scope::input(file, StageName::Features)?;
    let compute = || async {
        let publisher = Publisher::open(spec, context, acquire, features).await?;
        publisher.publish(acquire, features).await
    };
    run_single(file, context, compute).await
}

struct Publisher<'a> {
    spec: &'a PublishSpec,
    context: &'a StageContext,
    calendar: &'static Calendar,
    /// Every session of the history.
    history: Arc<[Session]>,
    graph: Arc<FeatureGraph>,
    /// Sessions of rankings, as places in the history.
    rebalances: Arc<[usize]>,
    members: Members,
    benchmarks: Benchmarks,
    acquired: Units,
    featured: Units,
}

/// A ticker of the universe.
enum Ticker {
    Usable { survey: Survey, acquired: BTreeMap<String, u64> },
    Bad { category: String, message: String },
}

impl<'a> Publisher<'a> {
    async fn open(
        spec: &'a PublishSpec,
        context: &'a StageContext,
        acquire: &StageInput,
        features: &StageInput,
    ) -> Result<Self, StageError> {
        let calendar = scope::calendar(spec.calendar).map_err(FeatureError::from)?;
        let history: Arc<[Session]> = calendar.sessions(spec.start, spec.end).into();
        if history.is_empty() {
            return Err(StageError::bad_spec(format!(
                "{} has no session from {} to {}",
                calendar.name(),
                spec.start,
                spec.end
            )));
        }
        let ranking = spec.selection.as_ref().map(|selection| selection.rank_by.as_str());
        let graph = scope::graph(spec.time_series.iter().chain(&spec.cross_section), ranking)?;
        let acquired = Units::open(&context.store, acquire).await?;
        let featured = Units::open(&context.store, features).await?;
        // Time-series features that use benchmarks are computed already.
        let read = graph
            .ranking()
            .into_iter()
            .chain(graph.phase(ats_expression::Phase::CrossSectional).map(|feature| &feature.typed));
        let benchmarks = benchmarks(&acquired, &read.flat_map(Typed::tickers).collect()).await?;
        let members = match spec.membership {
            true => Members::open(&acquired, &spec.tickers, &history).await?,
            false => Members::List,
        };
        let rebalances = match &spec.selection {
            Some(selection) => rebalances(calendar, &history, selection.rebalance),
            None => Vec::new(),
        };
        Ok(Self {
            spec,
            context,
            calendar,
            history,
            graph: Arc::new(graph),
            rebalances: rebalances.into(),
            members,
            benchmarks,
            acquired,
            featured,
        })
    }

    async fn publish(&self, acquire: &StageInput, features: &StageInput) -> Result<UnitOutput, StageError> {
        let tickers =
            self.each(&(0..self.spec.tickers.len()).collect::<Vec<_>>(), |i| self.survey(i)).await?;
        self.check_usable(&tickers)?;
        let missing: Vec<Missing> = tickers
            .iter()
            .enumerate()
            .map(|(i, ticker)| self.members.judged(i, self.judge(ticker)))
            .collect();
        self.check_breaches(&missing)?;

        let rankings = self.rankings(&tickers);
        let standings = self.standings(&tickers, &missing, &rankings);
        let active: Vec<Vec<Span>> = standings.iter().map(|standings| spans(standings)).collect();

        let names = &self.spec.tickers;
        let mut files = vec![tables::membership(names, &active, &self.history)?];
        if self.spec.selection.is_some() {
            files.push(tables::ranking(names, &rankings, &self.history)?);
        }
        files.extend(self.cross_section(&active).await?);
        let report = self.report(&tickers, &missing, &standings);
        files.push(json(QUALITY, &report)?);
        files.push(json(DATASET, &self.lineage(&tickers, acquire, features))?);
        let mut output = UnitOutput::done(files);
        self.tell(&mut output, &tickers, &report, &standings);
        Ok(output)
    }

    /// The work for each of these tickers, several at once, the results in their order.
    async fn each<T, F, Fut>(&self, tickers: &[usize], work: F) -> Result<Vec<T>, StageError>
    where
        F: Fn(usize) -> Fut,
        Fut: Future<Output = Result<T, StageError>>,
    {
        stream::iter(tickers.iter().copied())
            .map(|ticker| {
                let work = work(ticker);
                async move {
                    self.context.check_cancelled()?;
                    work.await
                }
            })
            .buffered(self.context.jobs.max(1))
            .try_collect()
            .await
    }

    async fn survey(&self, ticker: usize) -> Result<Ticker, StageError> {
        let name = self.spec.tickers[ticker].clone();
        let (folder, manifest) = match self.acquired.unit(&name).await? {
            Unit::Bad { category, message, .. } => return Ok(Ticker::Bad { category, message }),
            Unit::Done { folder, manifest } => (folder, manifest),
        };
        let bars = folder.named(&manifest, BARS).await?;
        let history = Arc::clone(&self.history);
        let survey = if self.graph.ranking().is_some() {
            let wanted: Vec<Feature> = self.read_by_ranking();
            let stored = self.stored(&name, &wanted).await?;
            let (graph, at, calendar) =
                (Arc::clone(&self.graph), Arc::clone(&self.rebalances), self.calendar);
            let (benchmarks, adjustment) = (self.benchmarks.clone(), scope::adjustment(self.spec.adjustment));
            let interval = self.spec.interval;
            blocking(move || {
                let bars = Bars::from_parquet(&name, bars)?;
                let features = read(&bars, stored.as_ref(), &wanted)?;
                let Some(typed) = graph.ranking() else { return Ok(Survey::default()) };
                let ranking = Ranking { typed, at: &at, benchmarks: &benchmarks, adjustment, interval };
                Survey::of_bars(&bars, features, &ranking, calendar, &history)
            })
            .await?
        } else {
            blocking(move || Survey::of_sessions(&name, &bars, &history)).await?
        };
        Ok(Ticker::Usable { survey, acquired: manifest.counts })
    }

    /// The features that the ranking reads.
    fn read_by_ranking(&self) -> Vec<Feature> {
        let names = self.graph.ranking().map(Typed::features).unwrap_or_default();
        self.graph.features().iter().filter(|feature| names.contains(&feature.name)).cloned().collect()
    }

    /// The file of a ticker's features, when any is wanted.
    async fn stored(&self, ticker: &str, wanted: &[Feature]) -> Result<Option<Bytes>, StageError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let (folder, manifest) = done(ticker, self.featured.unit(ticker).await?)?;
        Ok(Some(folder.named(&manifest, FEATURES).await?))
    }

    fn check_usable(&self, tickers: &[Ticker]) -> Result<(), StageError> {
        let mut bad = Vec::new();
        for (name, ticker) in self.spec.tickers.iter().zip(tickers) {
            match ticker {
                Ticker::Usable { .. } => return Ok(()),
                Ticker::Bad { category, message } => bad.push(format!("{name}: {category}: {message}")),
            }
        }
        let whose = match bad.len() {
            1 => "the only ticker has no usable bars".to_owned(),
            count => format!("none of the {count} tickers has usable bars"),
        };
        Err(StageError::data_refused(format!("{whose}: {}", named(&bad))))
    }

    fn judge(&self, ticker: &Ticker) -> Missing {
        match ticker {
            Ticker::Usable { survey, .. } => {
                Missing::new(&survey.present, self.history.len(), self.spec.quality.max_missing_sessions)
            }
            Ticker::Bad { .. } => Missing::default(),
        }
    }

    fn check_breaches(&self, missing: &[Missing]) -> Result<(), StageError> {
        if self.spec.quality.on_breach == OnBreach::Deactivate {
            return Ok(());
        }
        let breached: Vec<String> = self
            .spec
            .tickers
            .iter()
            .zip(missing)
            .filter_map(|(name, missing)| Some((name, missing.breaches.first()?)))
            .map(|(name, breach)| {
                let share = breach.largest * 100.0;
                format!(
                    "{name} lacks {share:.1} % from {} to {}",
                    self.history[breach.from], self.history[breach.to]
                )
            })
            .collect();
        if breached.is_empty() {
            return Ok(());
        }
        Err(StageError::data_refused(format!(
            "{} of {} tickers lack more than {} of their trailing {} sessions, and quality.onBreach is Fail: {}; \
             mend the data, raise quality.maxMissingSessions, or set onBreach: Deactivate",
            breached.len(),
            self.spec.tickers.len(),
            self.spec.quality.max_missing_sessions,
            missing::WINDOW,
            named(&breached)
        )))
    }

    fn rankings(&self, tickers: &[Ticker]) -> Vec<(usize, Vec<Ranked>)> {
        let value = |ticker: &Ticker, i: usize| match ticker {
            Ticker::Usable { survey, .. } => survey.ranking.get(i).copied().unwrap_or(f64::NAN),
            Ticker::Bad { .. } => f64::NAN,
        };
        // Only members are ranked.
        let of_member = |(place, ticker): (usize, &Ticker), i: usize, session: usize| {
            if self.members.has(place, session) { value(ticker, i) } else { f64::NAN }
        };
        let ranking =
            |i, session| rank(tickers.iter().enumerate().map(|ticker| of_member(ticker, i, session)));
        self.rebalances.iter().enumerate().map(|(i, session)| (*session, ranking(i, *session))).collect()
    }

    /// What the ranking says (or, without one, that every listed ticker is in focus), less the breaches and the
    /// sessions at which a ticker does not belong to the universe.
    fn standings(
        &self,
        tickers: &[Ticker],
        missing: &[Missing],
        rankings: &[(usize, Vec<Ranked>)],
    ) -> Vec<Vec<Standing>> {
        let sessions = self.history.len();
        let mut standings = match &self.spec.selection {
            Some(selection) => {
                let (active, focus) = (selection.max_active_tickers, selection.focus_universe_size);
                standings(rankings, tickers.len(), sessions, active as usize, focus as usize)
            }
            None => tickers.iter().map(|ticker| listed(ticker, sessions)).collect(),
        };
        for (place, (standings, missing)) in standings.iter_mut().zip(missing).enumerate() {
            self.members.clear(place, standings, Standing::Inactive);
            for breach in &missing.breaches {
                standings[breach.from..=breach.to].fill(Standing::Inactive);
            }
        }
        standings
    }

    async fn cross_section(&self, active: &[Vec<Span>]) -> Result<Option<OutputFile>, StageError> {
        let plan = Plan::new(&self.graph);
        if plan.features().is_empty() {
            return Ok(None);
        }
        let read: Arc<[Feature]> = plan.time_series(&self.graph).into_iter().cloned().collect();
        let common = Arc::new(Common {
            plan,
            benchmarks: self.benchmarks.clone(),
            adjustment: scope::adjustment(self.spec.adjustment),
            interval: self.spec.interval,
            calendar: self.calendar,
        });
        // Tickers that are never active take no part.
        let tickers: Vec<usize> = (0..active.len()).filter(|ticker| !active[*ticker].is_empty()).collect();
        let mut timestamps: Vec<Vec<i64>> = Vec::new();
        let mut instants = Instants::default();
        let mut known: Vec<Arc<Vec<Vec<f64>>>> = vec![Arc::default(); active.len()];
        for wave in 0..=common.plan.waves().len() {
            let pass = self
                .each(&tickers, |ticker| {
                    self.evaluate(ticker, &active[ticker], &common, &read, Arc::clone(&known[ticker]))
                })
                .await?;
            let (at, mut columns): (Vec<_>, Vec<_>) = pass.into_iter().unzip();
            if wave == 0 {
                instants = Instants::new(&at);
                timestamps = at;
            }
            let Some(functions) = common.plan.waves().get(wave) else {
                let names: Vec<String> = tickers.iter().map(|i| self.spec.tickers[*i].clone()).collect();
                let table = tables::cross_section(&names, common.plan.features(), &timestamps, &mut columns)?;
                return Ok(Some(table));
            };
            for (i, function) in functions.iter().enumerate() {
                let mut values: Vec<Vec<f64>> =
                    columns.iter_mut().map(|columns| std::mem::take(&mut columns[i])).collect();
                instants.apply(&mut values, |date| apply(function, date));
                for (ticker, values) in tickers.iter().zip(values) {
                    Arc::make_mut(&mut known[*ticker]).push(values);
                }
            }
        }
        Ok(None)
    }

    /// Timestamps of a ticker's active rows, and the columns of a wave at them.
    async fn evaluate(
        &self,
        ticker: usize,
        active: &[Span],
        common: &Arc<Common>,
        read_features: &Arc<[Feature]>,
        known: Arc<Vec<Vec<f64>>>,
    ) -> Result<(Vec<i64>, Vec<Vec<f64>>), StageError> {
        let name = self.spec.tickers[ticker].clone();
        let (folder, manifest) = done(&name, self.acquired.unit(&name).await?)?;
        let bars = folder.named(&manifest, BARS).await?;
        let stored = self.stored(&name, read_features).await?;
        let (common, wanted) = (Arc::clone(common), Arc::clone(read_features));
        let (spans, history) = (active.to_vec(), Arc::clone(&self.history));
        blocking(move || {
            let bars = Bars::from_parquet(&name, bars)?;
            let features = read(&bars, stored.as_ref(), &wanted)?;
            let active = ActiveRows::new(bars.session(), &spans, &history);
            let timestamps = active.compact(bars.timestamp());
            let columns = common.evaluate(&TickerInputs { bars, features, active }, &known)?;
            Ok((timestamps, columns))
        })
        .await
    }
}

/// Without a selection every listed ticker is active and in focus, from its first bar on.
fn listed(ticker: &Ticker, sessions: usize) -> Vec<Standing> {
    let mut standings = vec![Standing::Inactive; sessions];
    if let Ticker::Usable { survey, .. } = ticker
        && let Some(first) = survey.present.first()
    {
        standings[*first..].fill(Standing::Focus);
    }
    standings
}

fn done(ticker: &str, unit: Unit) -> Result<(UnitFolder, Box<UnitManifest>), StageError> {
    match unit {
        Unit::Done { folder, manifest } => Ok((folder, manifest)),
        Unit::Bad { category, message, .. } => {
            Err(StageError::internal(format!("{ticker} has bars but no features: {category}: {message}")))
        }
    }
}

fn read(
    bars: &Bars,
    stored: Option<&Bytes>,
    wanted: &[Feature],
) -> Result<Vec<(ats_expression::Name, ats_columns::evaluate::Column)>, FeatureError> {
    match stored {
        Some(bytes) => {
            stored_features(bars, bytes, wanted.iter().map(|feature| (&feature.name, &feature.typed)))
        }
        None => Ok(Vec::new()),
    }
}

/// The first few, and how many more there are.
fn named(all: &[String]) -> String {
    let mut text = all.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join("; ");
    if all.len() > MOST_NAMED {
        text.push_str(&format!("; and {} more", all.len() - MOST_NAMED));
    }
    text
}

fn json(name: &'static str, document: &impl serde::Serialize) -> Result<OutputFile, FeatureError> {
    let bytes = serde_json::to_vec(document).map_err(|source| FeatureError::Json { name, source })?;
    Ok(OutputFile { name: name.to_owned(), bytes: bytes.into(), rows: None })
}
