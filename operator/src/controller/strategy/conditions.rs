//! The conditions of a strategy.

use ats_crds::{ConditionType, Reason, status::CommonStatus};

use super::trade::Trading;
use crate::{
    controller::{
        conditions::{Situation, Truth},
        frame::Frame,
    },
    stage::Current,
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
    /// It ran and every gate holds.
    Passed,
}

impl Backtested {
    /// From the way through the stages, before the gates are judged.
    pub fn of(current: &Current) -> Self {
        match current {
            Current::Done => Self::Passed,
            Current::Working { reason, message, .. } => Self::Running(*reason, message.clone()),
            Current::Failed { trouble, .. } => Self::Failed(trouble.reason, trouble.message.clone()),
            Current::Suspended { .. } => Self::Running(Reason::Suspended, "spec.suspend is set".to_owned()),
        }
    }
}

/// Sets every condition of a strategy.
pub fn judge(
    common: &mut CommonStatus,
    frame: &Frame,
    situation: &Situation,
    backtested: &Backtested,
    trading: Option<&Trading>,
) {
    use ConditionType::{BacktestPassed, Running, WithinRiskLimits};
    let mut conditions = frame.conditions();
    // A result stands for readiness only while what was to trade on it trades.
    let trades = trading.is_none_or(|trading| trading.running.0 == Truth::True);
    situation.judge(&mut conditions, frame.published && trades);
    match backtested {
        Backtested::Passed => {
            conditions.set(
                BacktestPassed,
                Truth::True,
                Reason::GatesPassed,
                "the backtest ran and every gate holds",
            );
        }
        Backtested::GatesFailed(message) => {
            conditions.set(BacktestPassed, Truth::False, Reason::GateFailed, message);
        }
        // While it is run anew, what this generation has stays.
        _ if frame.published && conditions.is_true(BacktestPassed) => {}
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
}
