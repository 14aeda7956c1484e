//! The goals of speed and memory, and whether what was measured meets them.

use serde::Serialize;

use crate::report::{Section, times};
use crate::statistics::{Summary, spread};

/// A goal; what is measured for it is a ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// TA-Lib's time of a function over ours.
    Functions,
    /// pandas' time of all features together over ours.
    Features,
    /// nautilus_trader's time of a backtest over ours.
    EventDriven,
    /// vectorbt's time of a backtest over ours.
    Vectorised,
    /// A library's time of a fit over ours.
    Training,
    /// The speed on two threads over that on one.
    TwoCores,
    /// Memory over that of the columns in use.
    Memory,
}

/// What a ratio has to be.
#[derive(Debug, Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 7] = [
        Self::Functions,
        Self::Features,
        Self::EventDriven,
        Self::Vectorised,
        Self::Training,
        Self::TwoCores,
        Self::Memory,
    ];

    /// In words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Functions => "each function as fast as TA-Lib, one core: at least 1",
            Self::Features => "the features together beside pandas, one core: at least 20",
            Self::EventDriven => "backtests beside nautilus_trader, one core: at least 20",
            Self::Vectorised => "backtests beside vectorbt, one core: at least 1",
            Self::Training => "training beside scikit-learn and LightGBM: at least 1",
            Self::TwoCores => "two cores over one: at least 1.8",
            Self::Memory => "memory over the columns in use: at most 2",
        }
    }

    const fn bound(self) -> Bound {
        match self {
            Self::Functions | Self::Vectorised | Self::Training => Bound::AtLeast(1.0),
            Self::Features | Self::EventDriven => Bound::AtLeast(20.0),
            Self::TwoCores => Bound::AtLeast(1.8),
            Self::Memory => Bound::AtMost(2.0),
        }
    }

    /// How far a ratio is beyond the bound: 1 is on it, below 1 misses it.
    fn reached(self, ratio: f64) -> f64 {
        match self.bound() {
            Bound::AtLeast(least) => ratio / least,
            Bound::AtMost(most) => most / ratio,
        }
    }
}

/// A ratio that was measured for a goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The goal.
    pub goal: Goal,
    /// What was measured.
    pub what: String,
    /// The ratio, round by round.
    pub ratio: Summary,
}

/// Whether it meets its goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// What was measured.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// Whether the median does.
    pub is_met: bool,
}

/// Judges what was measured: goal by goal, what is furthest from it first.
#[must_use]
pub fn judge(evidence: &[Evidence]) -> Vec<Verdict> {
    let mut all = Vec::with_capacity(evidence.len());
    for goal in Goal::ALL {
        let mut of_goal: Vec<&Evidence> = evidence.iter().filter(|one| one.goal == goal).collect();
        let reached = |one: &Evidence| goal.reached(one.ratio.median);
        of_goal.sort_by(|a, b| reached(a).total_cmp(&reached(b)));
        let verdict = |one: &Evidence| Verdict { evidence: one.clone(), is_met: reached(one) >= 1.0 };
        all.extend(of_goal.into_iter().map(verdict));
    }
    all
}

/// The table: of each goal what is furthest from it, then everything else that misses it.
#[must_use]
pub fn section(verdicts: &[Verdict]) -> Section {
    let mut section = Section::new("Goals", &["goal", "measured", "ratio", ""]);
    for goal in Goal::ALL {
        let of_goal: Vec<&Verdict> = verdicts.iter().filter(|one| one.evidence.goal == goal).collect();
        let missed = of_goal.iter().filter(|one| !one.is_met).count();
        let Some((first, others)) = of_goal.split_first() else {
            section.rows.push([goal.text(), "", "", "not measured"].map(str::to_owned).into());
            continue;
        };
        let told = match missed {
            0 => format!("met by all {}", of_goal.len()),
            missed => format!("missed by {missed} of {}", of_goal.len()),
        };
        section.rows.push(row(goal.text(), first, told));
        let others = others.iter().filter(|one| !one.is_met);
        section.rows.extend(others.map(|one| row("", one, "missed".to_owned())));
    }
    section.notes = vec![
        "A ratio is the median over rounds (least to most); the median decides. Of each goal the first line is what is furthest from it.".to_owned(),
        "Why one is missed: `make bench-profile` shows where our side spends its time.".to_owned(),
    ];
    section
}

fn row(goal: &str, verdict: &Verdict, told: String) -> Vec<String> {
    let Evidence { what, ratio, .. } = &verdict.evidence;
    vec![goal.to_owned(), what.clone(), spread(Some(*ratio), times), told]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::Sample;

    fn evidence(goal: Goal, what: &str, ratios: [f64; 3]) -> Evidence {
        Evidence { goal, what: what.to_owned(), ratio: Sample::new(ratios).summary().unwrap() }
    }

    #[test]
    fn the_median_decides_on_either_side_of_the_bound() {
        let of =
            |goal, ratio: f64| judge(&[evidence(goal, "x", [ratio, ratio - 0.5, ratio + 0.5])])[0].is_met;
        for (goal, on, beyond) in [
            (Goal::Functions, 1.0, 0.99),
            (Goal::Features, 20.0, 19.9),
            (Goal::EventDriven, 20.0, 19.9),
            (Goal::Vectorised, 1.0, 0.99),
            (Goal::Training, 1.0, 0.99),
            (Goal::TwoCores, 1.8, 1.79),
            (Goal::Memory, 2.0, 2.01),
        ] {
            assert!(of(goal, on) && !of(goal, beyond), "{goal:?}");
        }
        assert!(of(Goal::Memory, 0.5) && of(Goal::TwoCores, 2.0));
    }

    #[test]
    fn the_furthest_comes_first_and_all_that_misses_is_told() {
        let verdicts = judge(&[
            evidence(Goal::Memory, "little", [1.0, 1.1, 1.2]),
            evidence(Goal::Functions, "quick", [3.0, 2.0, 4.0]),
            evidence(Goal::Functions, "slow", [0.5, 0.4, 0.6]),
            evidence(Goal::Functions, "slower", [0.25, 0.2, 0.3]),
            evidence(Goal::Memory, "more", [1.5, 1.4, 1.6]),
        ]);
        let order: Vec<&str> = verdicts.iter().map(|verdict| verdict.evidence.what.as_str()).collect();
        assert_eq!(order, ["slower", "slow", "quick", "more", "little"]);
        let section = section(&verdicts);
        let rows: Vec<Vec<&str>> =
            section.rows.iter().map(|row| row.iter().map(String::as_str).collect()).collect();
        assert_eq!(rows[0], [Goal::Functions.text(), "slower", "0.25 (0.20 to 0.30)", "missed by 2 of 3"]);
        assert_eq!(rows[1], ["", "slow", "0.50 (0.40 to 0.60)", "missed"]);
        assert_eq!(rows[2], [Goal::Features.text(), "", "", "not measured"]);
        assert_eq!(rows[7], [Goal::Memory.text(), "more", "1.50 (1.40 to 1.60)", "met by all 2"]);
        assert_eq!(rows.len(), 8);
    }

    #[test]
    fn every_goal_has_a_place_and_says_its_bound() {
        for goal in Goal::ALL {
            let (word, bound) = match goal.bound() {
                Bound::AtLeast(least) => ("at least", least),
                Bound::AtMost(most) => ("at most", most),
            };
            assert!(goal.text().ends_with(&format!(": {word} {bound}")), "{}", goal.text());
        }
    }
}
