//! `Strategy`: `backtest`, gates, and `trade` where the mode says so.

mod state;
mod trade;

use ats_crds::{
    ModelTrainingJob, Strategy, TradingUniverse,
    status::{StageName, StrategyStatus},
    strategy::Mode,
};
use ats_pipeline::{
    CheckedStrategy, StageInput, check, plan,
    status::{
        Situation,
        strategy::{self, Backtested},
    },
};

use super::{
    frame::{Decide, Decision, Frame},
    references::{self, Hindrance},
    write::Write,
};
use crate::{
    cache::Caches,
    error::Error,
    options::{Options, SecretKey},
    stage::advance,
    world::{self, Place, SourcePlace, World},
};

/// What a strategy refers to.
pub struct References {
    /// Its universe.
    pub universe: Option<TradingUniverse>,
    /// Its model, for a model's signal.
    pub model: Option<ModelTrainingJob>,
}

/// A strategy that can be planned.
struct Prepared {
    strategy: CheckedStrategy,
    dataset: StageInput,
    model: Option<StageInput>,
    place: Place,
    ledger: Option<SecretKey>,
}

/// What became of the backtest.
struct Tested {
    situation: Situation,
    backtested: Backtested,
    requeue: Option<std::time::Duration>,
}

impl Decide for Strategy {
    type References = References;

    fn dereference(&self, caches: &Caches) -> References {
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        References {
            universe: caches.universe(namespace, &self.spec.universe_ref.name),
            model: self.spec.signal.model.as_ref().and_then(|model| caches.model(namespace, &model.name)),
        }
    }

    fn decide(&self, references: &References, world: &World<'_>) -> Result<Decision<StrategyStatus>, Error> {
        let frame = Frame::new(self, world.now);
        let mut status = self.status.clone().unwrap_or_default();
        status.common = frame.status();
        let mut writes = Vec::new();
        let Tested { mut situation, backtested, mut requeue } = match prepare(self, references, world.options)
        {
            Err(hindrance) => {
                // What trades goes on with its last passed inputs; only a hold of the user reaches it.
                writes.extend(trade::hold(world, self.spec.run.suspend));
                Tested {
                    situation: hindrance.into_situation(),
                    backtested: Backtested::Unknown,
                    requeue: None,
                }
            }
            Ok(prepared) => backtest(self, &frame, world, &prepared, &mut status, &mut writes)?,
        };
        let trading = match self.spec.mode {
            Mode::Backtest => {
                writes.extend(trade::stop(self, world));
                strategy::untell(&mut status);
                None
            }
            Mode::Paper => {
                let state = state::read(world.children.state.as_deref());
                let observed = trade::observe(self, world, &backtested, &state);
                strategy::tell(&mut status, state.as_ref().ok().and_then(Option::as_ref), &observed.trading);
                status.common.stages.retain(|stage| stage.name != StageName::Trade);
                status.common.stages.push(observed.stage);
                requeue = requeue.into_iter().chain(observed.requeue).min();
                situation = strategy::with_trading(situation, &observed.trading);
                Some(observed.trading)
            }
        };
        strategy::judge(&mut status.common, &frame.before(), &situation, &backtested, trading.as_ref());
        Ok(Decision { status, writes, requeue })
    }

    fn farewell(&self, world: &World<'_>) -> Vec<Write> {
        trade::stop(self, world)
    }
}

/// Takes a strategy through its backtest and, when its gates hold, has it trade.
fn backtest(
    object: &Strategy,
    frame: &Frame,
    world: &World<'_>,
    prepared: &Prepared,
    status: &mut StrategyStatus,
    writes: &mut Vec<Write>,
) -> Result<Tested, Error> {
    let Prepared { strategy: checked, dataset, model, place, ledger } = prepared;
    let suspend = object.spec.run.suspend;
    let warnings = |kind: &str, name: &str| world.children.warnings_of(kind, name);
    let setting = frame.setting(world, &place.store.location.uri, suspend, &warnings);
    let progress = advance(&setting, &|known| plan::strategy(checked, dataset, model.as_ref(), known))?;
    frame.take(&mut status.common, &progress);
    writes.extend(frame.writes(object, world, place, &progress));
    let inputs = strategy::inputs(object, dataset, model.as_ref());
    let (situation, backtested) =
        strategy::conclude(status, &frame.before(), progress.way(), &checked.gates, inputs);
    let trade = progress
        .plan
        .iter()
        .find(|entry| entry.name == StageName::Trade)
        .and_then(|entry| entry.stage.as_ref());
    match (&backtested, trade, ledger) {
        (Backtested::Passed(_), Some(stage), Some(ledger)) => {
            writes.extend(trade::start(object, frame, world, place, stage, ledger)?);
        }
        _ => writes.extend(trade::hold(world, suspend)),
    }
    Ok(Tested { situation, backtested, requeue: progress.requeue })
}

/// Checks a strategy with what it refers to.
fn prepare(object: &Strategy, references: &References, options: &Options) -> Result<Prepared, Hindrance> {
    let refused = |problem| Hindrance::Refused(vec![problem]);
    let store = world::store(&object.spec.run, options).map_err(refused)?;
    let ledger = match object.spec.mode {
        Mode::Backtest => None,
        Mode::Paper => Some(trade::ledger(object, options).map_err(refused)?),
    };
    let universe = references::there(references.universe.as_ref(), &object.spec.universe_ref.name)?;
    let checked = references::checked_universe(universe)?;
    let strategy = check::strategy(&object.spec, &checked).map_err(Hindrance::Refused)?;
    references::same_store(&store, universe, options).map_err(refused)?;
    let dataset = references::dataset(universe)?;
    let model = match &strategy.model {
        None => None,
        Some(name) => {
            let model = references.model.as_ref();
            if let Some(model) = model {
                references::same_store(&store, model, options).map_err(refused)?;
                references::same_universe(model, object)?;
                check::tradable(name, &model.spec).map_err(|problem| Hindrance::Refused(vec![problem]))?;
            }
            Some(references::model(model, name)?)
        }
    };
    Ok(Prepared { strategy, dataset, model, place: Place { store, source: SourcePlace::default() }, ledger })
}
