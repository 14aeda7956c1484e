//! The status of a universe.

use std::collections::BTreeMap;

use ats_crds::{
    ConditionType, Reason,
    status::{CommonStatus, Failure, InputStatus, MAX_FAILURES, StageName, UniverseStatus},
};
use jiff::civil::Date;

use super::{Before, Current, Situation, Told, Truth, Way, last_output, publish};

/// What follows from the way of a universe through its stages.
pub fn conclude(status: &mut UniverseStatus, before: &Before, as_of: Date, way: Way<'_>, told: &Told) {
    status.as_of_session = Some(as_of.to_string());
    if *way.current == Current::Done
        && let Some(output) = last_output(way.plan)
    {
        publish(&mut status.common, before, &output, inputs(way));
        count(status, told);
    }
    let situation = Situation::of(way.current, published(as_of, &told.failures));
    judge(&mut status.common, before, &situation, Some(way));
}

/// Most tickers that are named.
const NAMED: usize = 3;

/// A published dataset; tickers without usable data are named, for a user who wrote one wrong should not have to look
/// for it. `failures` are those of the status, at most [`MAX_FAILURES`].
fn published(as_of: Date, failures: &[Failure]) -> String {
    let mut text = format!("dataset as of session {as_of} is published");
    let mut bad: BTreeMap<&str, &Failure> = BTreeMap::new();
    for failure in failures {
        if let Some(ticker) = &failure.ticker {
            // The first stage that failed on a ticker says why; later ones only lack its output.
            bad.entry(ticker).or_insert(failure);
        }
    }
    if bad.is_empty() {
        return text;
    }
    let more = if failures.len() >= MAX_FAILURES { " or more" } else { "" };
    let (tickers, have) = if bad.len() == 1 { ("ticker", "has") } else { ("tickers", "have") };
    text.push_str(&format!("; {}{more} {tickers} {have} no usable data: ", bad.len()));
    let named = bad.iter().take(NAMED).map(|(ticker, failure)| {
        let Failure { category, message, .. } = failure;
        format!("{ticker} ({category}: {message})")
    });
    text.push_str(&named.collect::<Vec<_>>().join("; "));
    if bad.len() > NAMED || !more.is_empty() {
        text.push_str("; the others are in status.failures");
    }
    text
}

fn inputs(way: Way<'_>) -> Vec<InputStatus> {
    let of = |name: StageName| {
        let entry = way.plan.iter().find(|entry| entry.name == name)?;
        Some(InputStatus { name: name.as_str().to_owned(), digest: entry.output?.to_string() })
    };
    [StageName::Acquire, StageName::Features].into_iter().filter_map(of).collect()
}

/// The columns `Active` and `Focus`, from the figures of `publish`.
fn count(status: &mut UniverseStatus, told: &Told) {
    let figure = |name: &str| {
        let figure = told.figures.get(name).copied().flatten();
        figure.filter(|figure| figure.is_finite()).map(|figure| figure.round() as i64)
    };
    status.active_tickers = figure("activeTickers").or(status.active_tickers);
    status.focus_tickers = figure("focusTickers").or(status.focus_tickers);
}

/// Sets every condition of a universe.
pub fn judge(common: &mut CommonStatus, before: &Before, situation: &Situation, way: Option<Way<'_>>) {
    let mut conditions = before.conditions();
    situation.judge(&mut conditions, before.published);
    if let Some(way) = way {
        let stages = [
            (StageName::Acquire, ConditionType::DataAcquired),
            (StageName::Features, ConditionType::FeaturesReady),
        ];
        for (stage, type_) in stages {
            let (truth, reason, message) = stage_truth(way, stage);
            // While a refresh runs, what this generation has stays.
            if truth == Truth::True || !(before.published && conditions.is_true(type_)) {
                conditions.set(type_, truth, reason, message);
            }
        }
    }
    let (truth, reason, message) = freshness(situation, before.published);
    conditions.set(ConditionType::Fresh, truth, reason, message);
    common.conditions = conditions.into_list();
}

fn stage_truth(way: Way<'_>, stage: StageName) -> (Truth, Reason, String) {
    let done = way.plan.iter().any(|entry| entry.name == stage && entry.output.is_some());
    if done {
        return (Truth::True, Reason::Succeeded, format!("stage {stage} is done"));
    }
    match way.current {
        Current::Failed { stage: failed, trouble } if *failed == stage => {
            (Truth::False, trouble.reason, trouble.message.clone())
        }
        Current::Failed { stage: failed, trouble } => {
            (Truth::False, trouble.reason, format!("stage {failed}, which comes first, failed"))
        }
        Current::Working { stage: at, reason, message } if *at == stage => {
            (Truth::Unknown, *reason, message.clone())
        }
        Current::Suspended { .. } => (Truth::Unknown, Reason::Suspended, "spec.suspend is set".to_owned()),
        _ => (Truth::Unknown, Reason::Progressing, format!("stage {stage} waits for the one before it")),
    }
}

fn freshness(situation: &Situation, published: bool) -> (Truth, Reason, String) {
    match situation {
        Situation::Finished(message) => (Truth::True, Reason::UpToDate, message.clone()),
        Situation::Working(_, message) if published => (Truth::False, Reason::Refreshing, message.clone()),
        Situation::Failed(trouble) if published => {
            (Truth::False, Reason::RefreshFailed, trouble.message.clone())
        }
        Situation::Failed(trouble) => (Truth::False, trouble.reason, trouble.message.clone()),
        Situation::Refused(_) => (Truth::False, Reason::InvalidSpec, "the spec is refused".to_owned()),
        Situation::Suspended(message) => (Truth::Unknown, Reason::Suspended, message.clone()),
        Situation::Working(reason, message) | Situation::Waiting(reason, message) => {
            (Truth::Unknown, *reason, message.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(ticker: &str, stage: StageName) -> Failure {
        Failure {
            stage,
            shard: None,
            ticker: Some(ticker.to_owned()),
            category: "NoData".to_owned(),
            message: format!("the source has no file bars/{ticker}.csv"),
        }
    }

    #[test]
    fn tickers_without_data_are_named_each_once() {
        let as_of = jiff::civil::date(2024, 1, 31);
        assert_eq!(published(as_of, &[]), "dataset as of session 2024-01-31 is published");
        let twice = [failure("XYZ", StageName::Acquire), failure("XYZ", StageName::Features)];
        assert_eq!(
            published(as_of, &twice),
            "dataset as of session 2024-01-31 is published; 1 ticker has no usable data: XYZ (NoData: the source has \
             no file bars/XYZ.csv)"
        );
        let many: Vec<Failure> =
            (10..10 + MAX_FAILURES).map(|n| failure(&format!("T{n}"), StageName::Acquire)).collect();
        let told = published(as_of, &many);
        assert!(told.contains("; 20 or more tickers have no usable data: T10 (NoData: "), "{told}");
        assert!(told.ends_with("; the others are in status.failures"), "{told}");
    }
}
