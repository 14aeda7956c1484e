//! `Strategy`: `backtest`, gates, and `trade` where the mode says so.

mod conditions;
mod state;
mod trade;

use ats_crds::{
    ModelTrainingJob, Reason, Strategy, TradingUniverse,
    status::{InputStatus, StageName, StrategyStatus},
    strategy::Mode,
};
use ats_pipeline::{CheckedStrategy, StageInput, check, gate, plan};

use super::{
    conditions::{Situation, Truth},
    frame::{Decide, Decision, Frame, figures, last_output},
    model,
    references::{self, Hindrance},
    write::Write,
};
use crate::{
    cache::Caches,
    error::Error,
    options::{Options, SecretKey},
    stage::{Current, Trouble, advance},
    world::{self, Place, SourcePlace, World},
};
use conditions::{Backtested, judge};
use state::State;

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
                status.halt = None;
                status.halted = None;
                None
            }
            Mode::Paper => {
                let state = State::read(world.children.state.as_deref());
                let trading = trade::observe(self, world, &state);
                state.add_to(&mut status.common.metrics);
                status.halt = state.halt();
                status.halted =
                    Some(if trading.within.0 == Truth::False { "True" } else { "False" }.to_owned());
                status.common.stages.retain(|stage| stage.name != StageName::Trade);
                status.common.stages.push(trading.stage.clone());
                requeue = requeue.into_iter().chain(trading.requeue).min();
                // Ready is trading, not only tested.
                if let Situation::Finished(_) = situation
                    && trading.running.0 != Truth::True
                {
                    situation = match self.spec.run.suspend {
                        true => Situation::Suspended(trading.running.2.clone()),
                        false => Situation::Working(trading.running.1, trading.running.2.clone()),
                    };
                }
                Some(trading)
            }
        };
        judge(&mut status.common, &frame, &situation, &backtested, trading.as_ref());
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
    let Prepared { strategy, dataset, model, place, ledger } = prepared;
    let suspend = object.spec.run.suspend;
    let warnings = |kind: &str, name: &str| world.children.warnings_of(kind, name);
    let setting = frame.setting(world, &place.store.location.uri, suspend, &warnings);
    let progress = advance(&setting, &|known| plan::strategy(strategy, dataset, model.as_ref(), known))?;
    frame.take(&mut status.common, &progress);
    writes.extend(frame.writes(object, world, place, &progress));
    let mut situation = Situation::of(&progress.current, "the backtest passed its gates");
    let mut backtested = Backtested::of(&progress.current);
    let output = last_output(&progress.plan).filter(|_| progress.current == Current::Done);
    let passed = output.is_some_and(|output| {
        let failed = gate::failures(&strategy.gates, &figures(&status.common.metrics));
        if failed.is_empty() {
            frame.publish(&mut status.common, &output, inputs(object, dataset, model.as_ref()));
            backtested = Backtested::Passed;
            return true;
        }
        let message = failed.join("; ");
        situation = Situation::Failed(Trouble { reason: Reason::GateFailed, message: message.clone() });
        backtested = Backtested::GatesFailed(message);
        false
    });
    let trade = progress
        .plan
        .iter()
        .find(|entry| entry.name == StageName::Trade)
        .and_then(|entry| entry.stage.as_ref());
    match (passed, trade, ledger) {
        (true, Some(stage), Some(ledger)) => {
            writes.extend(trade::start(object, frame, world, place, stage, ledger)?);
        }
        _ => writes.extend(trade::hold(world, suspend)),
    }
    Ok(Tested { situation, backtested, requeue: progress.requeue })
}

fn inputs(strategy: &Strategy, dataset: &StageInput, model: Option<&StageInput>) -> Vec<InputStatus> {
    let name = format!("TradingUniverse/{}", strategy.spec.universe_ref.name);
    let dataset = InputStatus { name, digest: dataset.digest.to_string() };
    let model = strategy.spec.signal.model.as_ref().zip(model).map(|(signal, input)| InputStatus {
        name: format!("ModelTrainingJob/{}", signal.name),
        digest: input.digest.to_string(),
    });
    std::iter::once(dataset).chain(model).collect()
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
                if model.spec.universe_ref != object.spec.universe_ref {
                    return Err(Hindrance::Refused(vec![super::frame::problem(
                        "spec.signal.model.name",
                        Reason::InvalidSpec,
                        format!(
                            "ModelTrainingJob {name} learns from universe {}, this strategy trades {}: use a model of the same universe",
                            model.spec.universe_ref.name, object.spec.universe_ref.name
                        ),
                    )]));
                }
            }
            Some(model::published(model, name)?)
        }
    };
    Ok(Prepared { strategy, dataset, model, place: Place { store, source: SourcePlace::default() }, ledger })
}
