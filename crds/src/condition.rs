//! Condition types and reasons: one enum of each, every reason with what it means and what the user does about it.

use std::fmt;

/// A condition's type. `Ready`, `Reconciling` and `Stalled` follow kstatus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// Unknown while a new generation is worked on, True, or False on terminal failure.
    Ready,
    /// Present, and True, while the operator works towards the spec.
    Reconciling,
    /// Present, and True, when nothing goes on until the user changes something.
    Stalled,
    /// Universe: bars of this generation are stored.
    DataAcquired,
    /// Universe: features of this generation are stored.
    FeaturesReady,
    /// Universe: the latest refresh that is due has succeeded.
    Fresh,
    /// Model: trained on its dataset.
    Trained,
    /// Model: every gate holds.
    GatesPassed,
    /// Model: strategies may use it.
    Published,
    /// Strategy: the backtest ran and its gates hold.
    BacktestPassed,
    /// Strategy: a paper session is live, with a fresh heartbeat.
    Running,
    /// Strategy: no halt, no latch.
    WithinRiskLimits,
}

impl ConditionType {
    /// The text in `status.conditions[].type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Reconciling => "Reconciling",
            Self::Stalled => "Stalled",
            Self::DataAcquired => "DataAcquired",
            Self::FeaturesReady => "FeaturesReady",
            Self::Fresh => "Fresh",
            Self::Trained => "Trained",
            Self::GatesPassed => "GatesPassed",
            Self::Published => "Published",
            Self::BacktestPassed => "BacktestPassed",
            Self::Running => "Running",
            Self::WithinRiskLimits => "WithinRiskLimits",
        }
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($name:ident: $meaning:literal, $remedy:literal;)+) => {
        /// Why a condition has its status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $name,)+
        }

        impl Reason {
            /// Every reason, for the runbook.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The text in `status.conditions[].reason`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What it means.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)+ }
            }

            /// What the user does about it.
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$name => $remedy,)+ }
            }

            /// The reason with this text.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|reason| reason.as_str() == text)
            }
        }
    };
}

reasons! {
    Succeeded: "Everything that the spec asks for is there.", "Nothing.";
    Progressing: "A stage is running; the message names it.", "Wait; `status.stages` shows the progress.";
    Queued: "A stage waits for room in the cluster.", "Wait, or free resources.";
    Suspended: "`spec.suspend` is set.", "Set `suspend: false` to go on.";
    WaitingForReference: "A referenced object is missing or not ready; the message names it.", "Apply the object, or look at its own status.";
    Refreshing: "A scheduled refresh is running; the last result stays published.", "Wait.";
    RefreshFailed: "The latest refresh failed; the last result stays published.", "See `status.failures`; annotate `trading.ats.dev/retry` to try again.";
    UpToDate: "The latest refresh that was due has succeeded.", "Nothing.";
    InvalidSpec: "The spec is refused; the message names the field and the mend.", "Change the field.";
    InvalidExpression: "An expression does not parse, mixes types or units, or names an unknown column.", "Change the expression as the message says; `ats validate` says the same.";
    VolumeRequired: "A `file://` URI in a cluster needs a volume claim.", "Set `volumeClaim` beside the URI.";
    StoreRequired: "No artifact store is set, and the operator has no default.", "Set `spec.artifactStore`, or start the operator with `--default-store`.";
    DecodeError: "The object does not decode; the message holds the decoder's words.", "Mend the object; other objects go on.";
    ReconcileError: "The API server refused or did not answer a request; it is tried again.", "Wait; if it stays, read the message.";
    InternalError: "The operator met a defect with this object; other objects go on.", "Report it with the message and the object.";
    StageFailed: "A stage failed to the end of its tries.", "See `status.failures`; mend the cause, then annotate `trading.ats.dev/retry`.";
    BadSpec: "A workload refused its spec.", "See the message; change the spec.";
    SourceUnreadable: "The data source cannot be read.", "See the message: the URI, the credentials, the network.";
    DataRefused: "The data breaks the quality bound, or no ticker has usable data.", "See `status.failures`, mend the data or loosen `quality`.";
    DeadlineExceeded: "A stage's Job ran past `deadlineSeconds`.", "Raise `deadlineSeconds`, or shard more.";
    OutOfMemory: "A pod was killed for its memory.", "Raise `podTemplate.resources.limits.memory`, or take fewer tickers a shard.";
    ImagePullFailed: "A pod's image cannot be pulled.", "Check the image's name, the registry and `imagePullSecrets`.";
    Unschedulable: "No node takes a pod.", "See the message: resources, selectors, taints, volumes.";
    VolumeMountFailed: "A pod's volume, Secret or ConfigMap cannot be mounted.", "Create what the message names.";
    PodRefused: "The API server refuses a pod (quota, Pod Security, admission).", "See the message.";
    PodFailed: "A pod ended with an error; it is tried again.", "See the message and the pod's log.";
    NonDeterministic: "A stage gave another output for the same key; the first one stands.", "Report it: a stage must be a pure function of its inputs.";
    GatesPassed: "Every gate holds.", "Nothing.";
    GateFailed: "A gate does not hold; the message names it with the measured value.", "Improve the model or strategy, or change the gate; nothing that runs is touched.";
    NotPublished: "The result is kept and not published.", "See the other conditions.";
    WaitingForData: "A paper strategy waits for the next completed bar.", "Nothing.";
    Trading: "A paper strategy runs.", "Nothing.";
    NotRequested: "The spec does not ask for it.", "Nothing.";
    HeartbeatStale: "The trading pod has not been heard of for too long.", "Look at the pod; a new one takes over by itself.";
    KillSwitch: "`spec.killSwitch` or the annotation `trading.ats.dev/halt` is set.", "Remove it to trade again.";
    DrawdownLatched: "Equity fell by more than `risk.maxDrawdown.limit` from its peak.", "Annotate `trading.ats.dev/reset-halt` with `status.halt.id`.";
    ReconciliationHalted: "The ledger, the engine and the broker did not agree on orders, cash or shares; nothing is opened.", "See `status.halt` for what differs and find out why; then annotate `trading.ats.dev/reset-halt` with `status.halt.id`.";
    WithinLimits: "No halt and no latch is set.", "Nothing.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// An alert or a condition names a reason; who is on duty looks it up there.
    #[test]
    fn the_runbook_has_a_heading_with_advice_for_each_reason() {
        let runbook = include_str!("../../docs/runbook.md");
        let (_, section) = runbook.split_once("\n## Reasons\n").expect("the runbook has a section Reasons");
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut told = BTreeSet::new();
        for entry in section.split("\n### ").skip(1) {
            let (heading, advice) = entry.split_once('\n').unwrap_or((entry, ""));
            assert!(advice.trim().len() > 20, "{heading} has no advice");
            for name in heading.split(", ") {
                let reason = Reason::parse(name.trim_matches('`'));
                assert!(
                    reason.is_some_and(|reason| told.insert(reason)),
                    "{name} is no reason, or is there twice"
                );
            }
        }
        let missing: Vec<&str> = Reason::ALL
            .iter()
            .filter(|reason| !told.contains(reason))
            .map(|reason| reason.as_str())
            .collect();
        assert!(missing.is_empty(), "the runbook says nothing about {missing:?}");
    }
}
