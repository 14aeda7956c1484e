//! The order that opens a position.

use ats_crds::strategy::{Distance, EntryOrder, Execution, FillTiming};

use super::Problems;
use crate::spec::{DistanceSpec, EntrySpec};

const PATH: &str = "spec.execution.entry";

/// `Some(None)` for a market order; none where something is wrong.
pub(super) fn entry(problems: &mut Problems, execution: &Execution) -> Option<Option<EntrySpec>> {
    let Some(entry) = &execution.entry else { return Some(None) };
    if entry.market.is_none() && execution.fill == FillTiming::SameClose {
        problems.add(
            "spec.execution",
            "entry needs fill NextOpen: a limit, a stop or a close lies in a bar after the decision",
        );
    }
    let is_priced = entry.limit.is_some() || entry.stop.is_some() || entry.stop_limit.is_some();
    if entry.good_for_bars.is_some() && !is_priced {
        problems.add(
            PATH,
            "goodForBars needs limit, stop or stopLimit: any other order fills in its bar or is off",
        );
    }
    let bars = match entry.good_for_bars {
        Some(bars) if bars < 1 => {
            problems.add(format!("{PATH}.goodForBars"), format!("{bars} is below 1"));
            None
        }
        Some(bars) => Some(problems.count(&format!("{PATH}.goodForBars"), bars)),
        None => Some(1),
    };
    let EntryOrder { market, limit, stop, stop_limit, market_on_close, .. } = entry;
    match (market, limit, stop, stop_limit, market_on_close) {
        (Some(_), None, None, None, None) => Some(None),
        (None, Some(limit), None, None, None) => {
            let limit = distance(problems, "limit", limit);
            Some(Some(EntrySpec::Limit { limit: limit?, bars: bars? }))
        }
        (None, None, Some(stop), None, None) => {
            let stop = distance(problems, "stop", stop);
            Some(Some(EntrySpec::Stop { stop: stop?, bars: bars? }))
        }
        (None, None, None, Some(both), None) => {
            let stop = distance(problems, "stopLimit.stop", &both.stop);
            let limit = distance(problems, "stopLimit.limit", &both.limit);
            Some(Some(EntrySpec::StopLimit { stop: stop?, limit: limit?, bars: bars? }))
        }
        (None, None, None, None, Some(_)) => Some(Some(EntrySpec::MarketOnClose)),
        _ => {
            problems.add(PATH, "set exactly one of market, limit, stop, stopLimit and marketOnClose");
            None
        }
    }
}

fn distance(problems: &mut Problems, name: &str, distance: &Distance) -> Option<DistanceSpec> {
    let path = format!("{PATH}.{name}");
    match (&distance.atr, &distance.percent) {
        (Some(atr), None) => Some(DistanceSpec::Atr {
            period: problems.count(&format!("{path}.atr.period"), atr.period),
            multiple: problems.take(&format!("{path}.atr.multiple"), atr.multiple.decimal())?,
        }),
        (None, Some(percent)) => Some(DistanceSpec::Percent {
            fraction: problems.take(&format!("{path}.percent"), percent.decimal())?,
        }),
        _ => {
            problems.add(path, "set exactly one of atr and percent");
            None
        }
    }
}
