//! An object's status, from what is known of it: pure, and one for both shells, so that `ats run` and the operator tell
//! the same of the same outcome.
//!
//! [`Conditions`] is the list that is set anew; a [`Situation`] is where an object is, in the terms that all kinds
//! share; `universe`, `model` and `strategy` say what follows for each kind. What differs between the shells comes in
//! as values: how far the stages are ([`Way`]), what they told ([`Told`]), what the status was ([`Before`]).

pub mod conditions;
pub mod model;
pub mod reference;
pub mod situation;
pub mod specifications;
pub mod stages;
pub mod strategy;
pub mod universe;

use std::collections::BTreeMap;

use ats_crds::status::{
    Artifact, CommonStatus, Failure, HistoryEntry, InputStatus, MAX_FAILURES, MAX_HISTORY, MAX_METRICS,
    Metrics,
};
pub use conditions::{Conditions, Truth, bounded};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
pub use situation::{Current, Situation, Trouble};

use crate::{StageInput, StagePlan, figures as text};

/// What a status was before, and when it is written.
#[derive(Debug, Clone)]
pub struct Before {
    /// The conditions as they were.
    pub conditions: Vec<Condition>,
    /// The object's generation.
    pub generation: i64,
    /// Whether this generation has a result that stands.
    pub published: bool,
    /// Now.
    pub now: Timestamp,
}

impl Before {
    /// The conditions, to be set anew.
    pub fn conditions(&self) -> Conditions {
        Conditions::new(self.conditions.clone(), self.generation, self.now)
    }
}

/// How far the stages of an object are.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The plan, with the outputs that are known.
    pub plan: &'a [StagePlan],
    /// Where the object is.
    pub current: &'a Current,
}

/// Figures that stage `select` tells of some specs alone, beside `trials`, which it always tells.
const OF_SOME_MODELS: [&str; 3] = ["accuracy", "logLoss", "prunedTrials"];

/// What stages told when they ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Told {
    /// Figures by name; one that is not a number is none.
    pub figures: BTreeMap<String, Option<f64>>,
    /// Units without usable data, and failures of shards.
    pub failures: Vec<Failure>,
}

impl Told {
    /// Puts figures and failures into a status. A figure that is not a number has no place there, and takes away what
    /// an earlier run told under its name.
    pub fn put_into(&self, common: &mut CommonStatus) {
        common.failures = self.failures.clone();
        common.failures.truncate(MAX_FAILURES);
        for (name, figure) in &self.figures {
            match figure.filter(|figure| figure.is_finite()) {
                Some(figure) => common.metrics.insert(name.clone(), text::text(figure)),
                None => common.metrics.remove(name),
            };
        }
        // What the spec was before must not stand beside what it is now.
        if self.figures.contains_key("trials") {
            let gone = OF_SOME_MODELS.iter().filter(|name| !self.figures.contains_key(**name));
            gone.for_each(|name| drop(common.metrics.remove(*name)));
        }
        while common.metrics.len() > MAX_METRICS {
            common.metrics.pop_last();
        }
    }
}

/// Adds failures that are told now. A ticker that an earlier stage has told of is not told again: what it lacks there
/// it lacks in every stage after it.
pub fn add_failures(failures: &mut Vec<Failure>, new: &[Failure]) {
    for failure in new {
        let told = failure.ticker.is_some()
            && failures.iter().any(|told| told.ticker == failure.ticker && told.stage < failure.stage);
        if !told {
            failures.push(failure.clone());
        }
    }
}

/// Publishes the output of a stage.
pub fn publish(common: &mut CommonStatus, before: &Before, output: &StageInput, inputs: Vec<InputStatus>) {
    let digest = output.digest.to_string();
    common.artifact = Some(Artifact {
        stage: output.stage,
        key: output.key.to_string(),
        digest: digest.clone(),
        short_digest: output.digest.short(),
    });
    common.inputs = inputs;
    let generation = before.generation;
    match common.history.first_mut() {
        Some(latest) if latest.digest == digest => latest.generation = generation,
        _ => common.history.insert(0, HistoryEntry { digest, generation, at: Time(before.now) }),
    }
    common.history.truncate(MAX_HISTORY);
}

/// Whether a status holds a result of a generation.
pub fn is_published(common: &CommonStatus, generation: i64) -> bool {
    let latest = common.history.first();
    common
        .artifact
        .as_ref()
        .zip(latest)
        .is_some_and(|(artifact, latest)| artifact.digest == latest.digest && latest.generation == generation)
}

/// The published output of an object, as an input of another one's stage.
pub fn published_input(common: &CommonStatus) -> Option<StageInput> {
    let artifact = common.artifact.as_ref()?;
    Some(StageInput {
        stage: artifact.stage,
        key: artifact.key.parse().ok()?,
        digest: artifact.digest.parse().ok()?,
    })
}

/// The output of the last stage that is done, of those that have outputs.
pub fn last_output(plan: &[StagePlan]) -> Option<StageInput> {
    plan.iter().rev().find_map(StagePlan::published)
}

/// Figures of a status as numbers: gates are judged on these, also after what told them is gone.
pub fn figures(metrics: &Metrics) -> BTreeMap<String, Option<f64>> {
    metrics.iter().map(|(name, text)| (name.clone(), text.parse().ok())).collect()
}

/// A line of `status.inputs`: `TradingUniverse/us-large-caps` and the digest of what it published.
pub fn input(kind: &str, name: &str, output: &StageInput) -> InputStatus {
    InputStatus { name: format!("{kind}/{name}"), digest: output.digest.to_string() }
}

#[cfg(test)]
mod tests {
    use ats_crds::status::StageName;

    use super::*;

    fn failure(stage: StageName, ticker: Option<&str>, message: &str) -> Failure {
        Failure {
            stage,
            shard: None,
            ticker: ticker.map(str::to_owned),
            category: "NoData".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_ticker_is_told_once() {
        let mut failures = Vec::new();
        add_failures(&mut failures, &[failure(StageName::Acquire, Some("XYZ"), "no bars")]);
        let later = [
            failure(StageName::Features, Some("XYZ"), "no bars"),
            failure(StageName::Features, Some("ABC"), "too short"),
            failure(StageName::Features, None, "shard 3"),
        ];
        add_failures(&mut failures, &later);
        let told: Vec<_> =
            failures.iter().map(|failure| (failure.stage, failure.ticker.as_deref())).collect();
        assert_eq!(
            told,
            [
                (StageName::Acquire, Some("XYZ")),
                (StageName::Features, Some("ABC")),
                (StageName::Features, None)
            ]
        );
    }

    #[test]
    fn a_search_that_is_not_pruned_any_more_has_no_pruned_trials() {
        let mut common = CommonStatus::default();
        let told = |figures: &[(&str, f64)]| Told {
            figures: figures.iter().map(|(name, value)| ((*name).to_owned(), Some(*value))).collect(),
            failures: Vec::new(),
        };
        told(&[("prunedTrials", 6.0), ("trials", 9.0)]).put_into(&mut common);
        told(&[]).put_into(&mut common);
        assert_eq!(figures(&common.metrics)["prunedTrials"], Some(6.0), "nothing new was told");
        told(&[("trials", 9.0)]).put_into(&mut common);
        assert_eq!(common.metrics.keys().collect::<Vec<_>>(), ["trials"]);
    }

    #[test]
    fn a_figure_that_is_no_number_takes_the_one_before_away() {
        let mut common = CommonStatus::default();
        let told = |sharpe: Option<f64>| Told {
            figures: [("sharpe".to_owned(), sharpe), ("cagr".to_owned(), Some(1.0 / 3.0))].into(),
            failures: Vec::new(),
        };
        told(Some(0.5)).put_into(&mut common);
        told(Some(f64::NAN)).put_into(&mut common);
        assert_eq!(common.metrics, [("cagr".to_owned(), "0.3333333333333333".to_owned())].into());
        assert_eq!(figures(&common.metrics)["cagr"], Some(1.0 / 3.0));
    }
}
