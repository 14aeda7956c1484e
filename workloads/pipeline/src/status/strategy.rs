//! The status of a strategy.

use ats_crds::{
    ANNOTATION_HALT, ConditionType, Reason, Strategy,
    status::{CommonStatus, Halt, InputStatus, StrategyStatus, summary},
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::civil::Date};

use super::{Before, Current, Situation, Trouble, Truth, Way, figures, input, last_output, publish};
use crate::{
    StageInput,
    contract::TradingState,
    gate::{self, Gate},
};

/// What became of the backtest of the present inputs.
#[derive(Debug, Clone, PartialEq)]
pub enum Backtested {
    /// It was not looked at.
    Unknown,
    /// It runs.
    Running(Reason, String),
    /// It ended without a result.
    Failed(Reason, String),
    /// It ran and a gate does not hold.
    GatesFailed(String),
    /// It ran and its gates hold, in words.
    Passed(String),
}

/// What follows from the way of a strategy through its backtest; the conditions are set by [`judge`], which also needs
/// to know how it trades.
pub fn conclude(
    status: &mut StrategyStatus,
    before: &Before,
    way: Way<'_>,
    gates: &[Gate],
    inputs: Vec<InputStatus>,
) -> (Situation, Backtested) {
    let finished =
        if gates.is_empty() { "the backtest ran; no gate is set" } else { "the backtest passed its gates" };
    let situation = Situation::of(way.current, finished);
    let backtested = match way.current {
        Current::Done => {
            let judged = gate::judge_all(gates, &figures(&status.common.metrics));
            if !judged.passed {
                let trouble = Trouble { reason: Reason::GateFailed, message: judged.message.clone() };
                return (Situation::Failed(trouble), Backtested::GatesFailed(judged.message));
            }
            if let Some(output) = last_output(way.plan) {
                publish(&mut status.common, before, &output, inputs);
            }
            Backtested::Passed(judged.message)
        }
        Current::Working { reason, message, .. } => Backtested::Running(*reason, message.clone()),
        Current::Failed { trouble, .. } => Backtested::Failed(trouble.reason, trouble.message.clone()),
        Current::Suspended { .. } => Backtested::Running(Reason::Suspended, "spec.suspend is set".to_owned()),
    };
    (situation, backtested)
}

/// What a strategy's result came from.
pub fn inputs(strategy: &Strategy, dataset: &StageInput, model: Option<&StageInput>) -> Vec<InputStatus> {
    let dataset = input("TradingUniverse", &strategy.spec.universe_ref.name, dataset);
    let signal = strategy.spec.signal.model.as_ref();
    let model = signal.zip(model).map(|(signal, output)| input("ModelTrainingJob", &signal.name, output));
    std::iter::once(dataset).chain(model).collect()
}

/// How trading goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Trading {
    /// Condition `Running`.
    pub running: (Truth, Reason, String),
    /// Condition `WithinRiskLimits`.
    pub within: (Truth, Reason, String),
}

impl Trading {
    /// Condition `Running` of a strategy that trades: how far it has come.
    pub fn decided(session: Option<Date>) -> (Truth, Reason, String) {
        match session {
            Some(session) => (Truth::True, Reason::Trading, format!("session {session} is decided")),
            None => (Truth::True, Reason::WaitingForData, "no session is decided yet".to_owned()),
        }
    }

    /// Condition `Running` of a strategy that is to trade and has not begun.
    pub fn not_begun(backtested: &Backtested) -> (Truth, Reason, String) {
        match backtested {
            Backtested::Failed(reason, _) => {
                (Truth::False, *reason, "the backtest failed: trading does not begin".to_owned())
            }
            Backtested::GatesFailed(_) => (
                Truth::False,
                Reason::GateFailed,
                "a gate of the backtest does not hold: trading does not begin".to_owned(),
            ),
            Backtested::Unknown | Backtested::Running(..) | Backtested::Passed(_) => (
                Truth::Unknown,
                Reason::Progressing,
                "trading begins when the backtest has passed its gates".to_owned(),
            ),
        }
    }

    /// Condition `WithinRiskLimits`: the halt that the trading process tells of, or what it will soon hear of: the
    /// object's kill switch and its halt annotation.
    pub fn limits(
        state: Option<&TradingState>,
        kill_switch: bool,
        annotation: Option<&str>,
    ) -> (Truth, Reason, String) {
        let halt = state.and_then(|state| state.halt.as_ref());
        match (halt, annotation.filter(|text| *text != "false")) {
            (Some(halt), _) => {
                (Truth::False, halt.cause.condition_reason(), format!("halt {}: {}", halt.id, halt.reason))
            }
            (None, _) if kill_switch => {
                (Truth::False, Reason::KillSwitch, "spec.killSwitch is set".to_owned())
            }
            (None, Some(text)) => {
                (Truth::False, Reason::KillSwitch, format!("annotation {ANNOTATION_HALT} is set: {text}"))
            }
            (None, None) => (Truth::True, Reason::WithinLimits, "no halt stands".to_owned()),
        }
    }
}

/// Puts into the status what a trading process tells: figures beside those of the backtest (whose drawdown keeps a
/// name of its own), and the halt that stands. Before [`judge`], which sums the figures up.
pub fn tell(status: &mut StrategyStatus, state: Option<&TradingState>, trading: &Trading) {
    if let Some(state) = state {
        status.common.metrics.extend(state.metrics());
    }
    let halt = state.and_then(|state| state.halt.as_ref());
    status.halt =
        halt.map(|halt| Halt { id: halt.id.clone(), reason: halt.reason.clone(), at: Time(halt.at) });
    status.halted = Some(if trading.within.0 == Truth::False { "True" } else { "False" }.to_owned());
}

/// Takes away what only a strategy that trades tells.
pub fn untell(status: &mut StrategyStatus) {
    status.halt = None;
    status.halted = None;
}

/// Ready is trading, not only tested.
pub fn with_trading(situation: Situation, trading: &Trading) -> Situation {
    match (situation, &trading.running) {
        (finished @ Situation::Finished(_), (Truth::True, ..)) => finished,
        (Situation::Finished(_), (_, Reason::Suspended, message)) => Situation::Suspended(message.clone()),
        (Situation::Finished(_), (_, reason, message)) => Situation::Working(*reason, message.clone()),
        (other, _) => other,
    }
}

/// Sets every condition of a strategy.
pub fn judge(
    common: &mut CommonStatus,
    before: &Before,
    situation: &Situation,
    backtested: &Backtested,
    trading: Option<&Trading>,
) {
    use ConditionType::{BacktestPassed, Running, WithinRiskLimits};
    let mut conditions = before.conditions();
    // A result stands for readiness only while what was to trade on it trades.
    let trades = trading.is_none_or(|trading| trading.running.0 == Truth::True);
    situation.judge(&mut conditions, before.published && trades);
    match backtested {
        Backtested::Passed(message) => {
            conditions.set(BacktestPassed, Truth::True, Reason::GatesPassed, message);
        }
        Backtested::GatesFailed(message) => {
            conditions.set(BacktestPassed, Truth::False, Reason::GateFailed, message);
        }
        // While it is run anew, what this generation has stays.
        _ if before.published && conditions.is_true(BacktestPassed) => {}
        Backtested::Failed(reason, message) => conditions.set(BacktestPassed, Truth::False, *reason, message),
        Backtested::Running(reason, message) => {
            conditions.set(BacktestPassed, Truth::Unknown, *reason, message);
        }
        Backtested::Unknown => {
            let (reason, message) = match situation {
                Situation::Waiting(reason, message) => (*reason, message.clone()),
                _ => (Reason::InvalidSpec, "the spec is refused".to_owned()),
            };
            conditions.set(BacktestPassed, Truth::Unknown, reason, message);
        }
    }
    let not_asked = |truth| (truth, Reason::NotRequested, "mode is Backtest".to_owned());
    let (truth, reason, message) =
        trading.map_or_else(|| not_asked(Truth::False), |trading| trading.running.clone());
    conditions.set(Running, truth, reason, message);
    let (truth, reason, message) =
        trading.map_or_else(|| not_asked(Truth::Unknown), |trading| trading.within.clone());
    conditions.set(WithinRiskLimits, truth, reason, message);
    common.conditions = conditions.into_list();
    common.summary = summary(&common.metrics);
}
