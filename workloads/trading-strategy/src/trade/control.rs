//! Halts: from what the outside wants to what the ledger holds and the engine is told.

use ats_crds::strategy::HaltAction;
use ats_ledger::{Halt, HaltCause, Lease, Ledger, NewHalt};
use jiff::Timestamp;

use super::{Directives, TradeError};
use crate::engine::Control;

/// The halts that stand before a bar.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    /// Open halts, oldest first.
    pub(super) halts: Vec<Halt>,
    /// The drawdown halt that was asked to be reset: the bar's transaction does so, together with the engine's latch.
    pub(super) reset: Option<String>,
}

impl Standing {
    /// What the engine is told. A drawdown halt is the engine's own latch.
    pub(super) fn control(&self, action: HaltAction) -> Control {
        let has = |cause| self.halts.iter().any(|halt| halt.cause == cause);
        let outside = has(HaltCause::KillSwitch) || has(HaltCause::Annotation);
        match (outside, action) {
            (true, HaltAction::Flatten) => Control::Flatten,
            (true, HaltAction::Hold) => Control::BlockEntries,
            (false, _) if has(HaltCause::Reconciliation) => Control::BlockEntries,
            (false, _) => Control::Run,
        }
    }
}

/// A halt's id: what happened and when, once in a strategy.
pub(super) fn halt_id(cause: HaltCause, at: Timestamp) -> String {
    let cause = match cause {
        HaltCause::KillSwitch => "kill-switch",
        HaltCause::Annotation => "annotation",
        HaltCause::MaxDrawdown => "drawdown",
        HaltCause::Reconciliation => "reconciliation",
    };
    format!("{cause}-{}", at.strftime("%Y%m%dT%H%M%S%.6fZ"))
}

/// Brings the ledger's halts in line with what the outside wants: the kill switch and the annotation begin and end
/// theirs, a reset ends the one that it names.
pub(super) async fn standing(
    ledger: &Ledger,
    lease: &Lease,
    wants: &Directives,
    now: Timestamp,
) -> Result<Standing, TradeError> {
    let open = ledger.open_halts(&lease.strategy).await?;
    let of = |cause| open.iter().find(move |halt| halt.cause == cause);
    let mut begins = Vec::new();
    let mut ends: Vec<(String, &str)> = Vec::new();
    let inputs = [
        (
            HaltCause::KillSwitch,
            wants.kill_switch.then(|| "killSwitch is true".to_owned()),
            "killSwitch is false",
        ),
        (HaltCause::Annotation, wants.halt.clone(), "the annotation is gone"),
    ];
    for (cause, wanted, gone) in inputs {
        match (wanted, of(cause)) {
            (Some(reason), None) => {
                begins.push(NewHalt { id: halt_id(cause, now), cause, reason, session: None, at: now });
            }
            (None, Some(halt)) => ends.push((halt.id.clone(), gone)),
            _ => {}
        }
    }
    let mut reset = None;
    if let Some(id) = &wants.reset
        && let Some(halt) = open.iter().find(|halt| halt.id == *id)
    {
        match halt.cause {
            HaltCause::MaxDrawdown => reset = Some(halt.id.clone()),
            HaltCause::Reconciliation => ends.push((halt.id.clone(), "reset")),
            HaltCause::KillSwitch | HaltCause::Annotation => {
                tracing::warn!(halt = %halt.id, "this halt ends with its cause, not by a reset");
            }
        }
    }
    if begins.is_empty() && ends.is_empty() {
        return Ok(Standing { halts: open, reset });
    }
    let mut writer = ledger.write(lease).await?;
    for halt in &begins {
        tracing::warn!(halt = %halt.id, reason = %halt.reason, "halted");
        writer.record_halt(halt).await?;
    }
    for (id, by) in &ends {
        tracing::info!(halt = %id, by, "halt ended");
        writer.reset_halt(id, by, now).await?;
    }
    writer.commit().await?;
    Ok(Standing { halts: ledger.open_halts(&lease.strategy).await?, reset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halt(cause: HaltCause) -> Halt {
        let at = "2024-01-02T21:05:00Z".parse().unwrap();
        let id = halt_id(cause, at);
        Halt { id, cause, reason: String::new(), session: None, at, reset_at: None, reset_by: None }
    }

    #[test]
    fn what_the_engine_is_told() {
        use HaltCause::{Annotation, KillSwitch, MaxDrawdown, Reconciliation};
        for (causes, hold, flatten) in [
            (vec![], Control::Run, Control::Run),
            (vec![MaxDrawdown], Control::Run, Control::Run),
            (vec![KillSwitch], Control::BlockEntries, Control::Flatten),
            (vec![Reconciliation, Annotation], Control::BlockEntries, Control::Flatten),
            (vec![Reconciliation], Control::BlockEntries, Control::BlockEntries),
        ] {
            let standing = Standing { halts: causes.iter().map(|cause| halt(*cause)).collect(), reset: None };
            assert_eq!(standing.control(HaltAction::Hold), hold, "{causes:?}");
            assert_eq!(standing.control(HaltAction::Flatten), flatten, "{causes:?}");
        }
        assert_eq!(halt(KillSwitch).id, "kill-switch-20240102T210500.000000Z");
    }
}
