//! A strategy in this process: its backtest, and where it asks for that, paper trading up to the dataset's last bar.

use ats_crds::{
    ANNOTATION_HALT, Reason, Strategy,
    status::{StageName, StageStatus},
    strategy::Mode,
};
use ats_pipeline::{
    CheckedStrategy, Outcome, PlannedStage, StageInput, check,
    contract::{HaltCause, TradingState},
    plan,
    status::{
        Situation, Told, Trouble, Truth,
        reference::{self, Hindrance},
        strategy::{self, Backtested, Trading},
    },
};
use jiff::Timestamp;
use kube::ResourceExt;

use super::{Done, Ended, Progress, Runner};
use crate::{
    Failure,
    local::{StageFolder, object::Object, stages},
};

/// A strategy that can be planned.
struct Prepared {
    strategy: CheckedStrategy,
    dataset: StageInput,
    model: Option<StageInput>,
}

impl Runner {
    pub(super) async fn strategy(&self, object: &mut Strategy, done: &Done) -> Result<(), Failure> {
        let before = self.begin(object)?;
        let prepared = match prepare(object, done) {
            Ok(prepared) => prepared,
            Err(hindrance) => {
                let (situation, backtested) = (hindrance.into_situation(), Backtested::Unknown);
                let paper = object.spec.mode == Mode::Paper;
                let trading = paper.then(|| not_begun(object, &backtested));
                let common = object.common_mut();
                strategy::judge(common, &before, &situation, &backtested, trading.as_ref());
                return Ok(());
            }
        };
        let Prepared { strategy: checked, dataset, model } = &prepared;
        let progress =
            self.stages(object, |known| plan::strategy(checked, dataset, model.as_ref(), known)).await?;
        let inputs = strategy::inputs(object, dataset, model.as_ref());
        let status = object.status_mut();
        progress.put_into(status);
        let (mut situation, backtested) =
            strategy::conclude(status, &before, progress.way(), &checked.gates, inputs);
        let trading = match (object.spec.mode, &backtested, trade_of(&progress)) {
            (Mode::Backtest, ..) => None,
            (Mode::Paper, Backtested::Passed(_), Some(stage)) => {
                let (trading, trouble) = match &self.elsewhere {
                    None => self.paper(object, stage).await,
                    Some(folder) => self.paper_elsewhere(object, stage, folder)?,
                };
                situation = match trouble {
                    Some(trouble) => Situation::Failed(trouble),
                    None => strategy::with_trading(situation, &trading),
                };
                Some(trading)
            }
            (Mode::Paper, ..) => Some(not_begun(object, &backtested)),
        };
        strategy::judge(object.common_mut(), &before, &situation, &backtested, trading.as_ref());
        Ok(())
    }

    /// Paper trading up to the dataset's last bar: how it goes, and why it failed.
    async fn paper(&self, object: &mut Strategy, planned: &PlannedStage) -> (Trading, Option<Trouble>) {
        let title = object.title();
        let file = self.document(object, planned);
        let started = Some(Timestamp::now());
        self.bars.begin(&title, StageName::Trade);
        let (outcome, state) = stages::trade(&file, &self.context, &self.ledger, object)
            .await
            .unwrap_or_else(|error| (error.to_outcome(), None));
        self.bars.end(&title, StageName::Trade, &outcome.message);
        let ended = Ended { outcome, started, finished: Timestamp::now() };
        let entry = self.record(planned, &ended);
        let trouble = trouble_of(&ended.outcome);
        let trading = trading(object, state.as_ref(), trouble.as_ref());
        let status = object.status_mut();
        strategy::tell(status, state.as_ref(), &trading);
        status.common.stages.push(entry);
        if let Some(trouble) = &trouble {
            status.common.failures.insert(0, trouble.of_stage(StageName::Trade));
        }
        (trading, trouble)
    }
}

impl Runner {
    /// Paper trading in another process. Its document has no place for a halt, so that a strategy which is to be halted
    /// is not handed out.
    fn paper_elsewhere(
        &self,
        object: &mut Strategy,
        planned: &PlannedStage,
        folder: &StageFolder,
    ) -> Result<(Trading, Option<Trouble>), Failure> {
        let asked = within(object, None);
        if asked.0 == Truth::False {
            let message = "held: a halt is asked for, which only `ats run` and a cluster tell to what trades";
            let running = (Truth::False, Reason::KillSwitch, message.to_owned());
            let held = StageStatus { message: Some(message.to_owned()), ..self.begun(planned) };
            return Ok((put(object, held, Trading { running, within: asked }), None));
        }
        let Some(ended) = folder.ended(&self.document(object, planned))? else {
            let message = "stage trade is written down and has not run".to_owned();
            let running = (Truth::Unknown, Reason::Progressing, message);
            return Ok((put(object, self.begun(planned), Trading { running, within: asked }), None));
        };
        let outcome = &ended.outcome;
        let trouble = trouble_of(outcome);
        let running = match &trouble {
            Some(trouble) => (Truth::False, trouble.reason, trouble.message.clone()),
            None => Trading::decided(outcome.notes.get("lastSession").and_then(|date| date.parse().ok())),
        };
        let cause = outcome.notes.get("haltCause").and_then(|cause| cause.parse::<HaltCause>().ok());
        let within = match cause.zip(outcome.notes.get("halt")) {
            Some((cause, halt)) => (Truth::False, cause.condition_reason(), format!("halt {halt}")),
            None => asked,
        };
        let common = object.common_mut();
        let told = Told { figures: outcome.figures.clone(), failures: common.failures.clone() };
        told.put_into(common);
        common.failures.extend(trouble.iter().map(|trouble| trouble.of_stage(StageName::Trade)));
        let entry = self.record(planned, &ended);
        Ok((put(object, entry, Trading { running, within }), trouble))
    }
}

/// Puts a record of stage `trade`, and how trading goes, into the status.
fn put(object: &mut Strategy, entry: StageStatus, trading: Trading) -> Trading {
    let status = object.status_mut();
    strategy::tell(status, None, &trading);
    status.common.stages.push(entry);
    trading
}

fn trouble_of(outcome: &Outcome) -> Option<Trouble> {
    (!outcome.is_done()).then(|| Trouble {
        reason: outcome.category.reason(),
        message: format!("stage trade: {}", outcome.message),
    })
}

/// A strategy whose backtest did not pass.
fn not_begun(object: &mut Strategy, backtested: &Backtested) -> Trading {
    let trading = Trading { running: Trading::not_begun(backtested), within: within(object, None) };
    let entry =
        StageStatus { message: Some(trading.running.2.clone()), ..StageStatus::pending(StageName::Trade) };
    put(object, entry, trading)
}

fn within(object: &Strategy, state: Option<&TradingState>) -> (Truth, Reason, String) {
    let annotation = object.annotations().get(ANNOTATION_HALT).map(String::as_str);
    Trading::limits(state, object.spec.kill_switch, annotation)
}

fn trading(object: &Strategy, state: Option<&TradingState>, trouble: Option<&Trouble>) -> Trading {
    let running = match trouble {
        Some(trouble) => (Truth::False, trouble.reason, trouble.message.clone()),
        None => Trading::decided(state.and_then(|state| state.session)),
    };
    Trading { running, within: within(object, state) }
}

/// Stage `trade`, where the mode asks for it.
fn trade_of(progress: &Progress) -> Option<&PlannedStage> {
    progress.plan.iter().find(|entry| entry.name == StageName::Trade)?.stage.as_ref()
}

/// Checks a strategy with what it refers to.
fn prepare(object: &Strategy, done: &Done) -> Result<Prepared, Hindrance> {
    let name = &object.spec.universe_ref.name;
    let universe = reference::there(done.universes.get(name), name)?;
    let checked = reference::checked_universe(universe)?;
    let strategy = check::strategy(&object.spec, &checked).map_err(Hindrance::Refused)?;
    let dataset = reference::dataset(universe)?;
    let model = match &strategy.model {
        None => None,
        Some(name) => {
            let model = done.models.get(name);
            if let Some(model) = model {
                reference::same_universe(model, object)?;
            }
            Some(reference::model(model, name)?)
        }
    };
    Ok(Prepared { strategy, dataset, model })
}
