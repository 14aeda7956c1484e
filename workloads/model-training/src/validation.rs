//! Purged validation: walk-forward, k-fold and combinatorial.
//!
//! Folds count sessions, never rows, so all tickers of a session fall on one side. A fold trains on the sessions that
//! its scheme gives it, less every label whose span meets a test window: the window begins with its first test
//! label's start and is known with the end of its last one, so that no training label shares a price with a test
//! label. An embargo leaves out the sessions behind that as well, in which features still remember the window.
//!
//! | scheme | tests | trains on | one prediction a row |
//! | --- | --- | --- | --- |
//! | walk-forward | windows that follow each other and end with the last labelled session | what lies before | yes |
//! | purged k-fold | each of k groups of sessions in turn | the other groups, later ones too | yes |
//! | combinatorial (Lopez de Prado 2018, chapter 12) | every choice of `test_folds` of k groups | the other groups | one for each path |
//!
//! Only walk-forward predictions could have been made at the time; the others judge a specification.
//!
//! Trials are compared inside a fold's training span: its last fifth of sessions is an inner test window, the rest
//! its inner training span, purged in the same way. Rows that the outer window purges take part in neither, so an
//! inner score knows nothing of the outer window.

use std::ops::Range;

use crate::error::TrainingError;

/// How sessions are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Test windows one after the other, each trained on what lies before it.
    WalkForward(WalkForward),
    /// Each group of sessions tested once.
    PurgedKFold(PurgedKFold),
    /// Every choice of several groups tested.
    Combinatorial(Combinatorial),
}

/// A walk-forward scheme, counted in sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkForward {
    /// How many test windows.
    pub folds: usize,
    /// Sessions in a test window.
    pub test_sessions: usize,
    /// Sessions before a window that it trains on; none: all of them.
    pub train_sessions: Option<usize>,
}

/// Purged k-fold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgedKFold {
    /// How many groups: the sessions over the number, rounded down, in each; the last one takes the rest.
    pub folds: usize,
    /// Sessions behind a test window that train nothing.
    pub embargo: usize,
}

/// Combinatorial purged cross-validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Combinatorial {
    /// How many groups, as in [`PurgedKFold`].
    pub folds: usize,
    /// How many of them are tested at once.
    pub test_folds: usize,
    /// Sessions behind a test window that train nothing.
    pub embargo: usize,
}

/// One fold: places in the ascending list of sessions, ends excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// From 0, in the order of the scheme.
    pub index: usize,
    /// Sessions that training rows may come from, before purging; ascending, none empty.
    pub train: Vec<Range<usize>>,
    /// The test windows; ascending, apart from each other, none empty.
    pub test: Vec<Range<usize>>,
    /// Sessions behind a test window that train nothing.
    pub embargo: usize,
}

/// Which rows a fold trains and tests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Rows to train on, ascending.
    pub train: Vec<usize>,
    /// Rows to test on, ascending.
    pub test: Vec<usize>,
    /// How many training rows were purged because their label's span meets a test window.
    pub purged: usize,
    /// How many more were left out by the embargo.
    pub embargoed: usize,
}

/// One way through all groups of a combinatorial scheme: each group from another fold's test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// (fold, the group's sessions), by session.
    pub parts: Vec<(usize, Range<usize>)>,
}

/// The part of a training span that is the inner test window: one fifth of its sessions, at least one.
pub const INNER_TEST_SHARE: usize = 5;

impl Scheme {
    /// The folds over `labelled`, the sessions from the first to the last that have a labelled row.
    ///
    /// # Errors
    /// When there are not enough sessions.
    pub fn folds(&self, labelled: Range<usize>) -> Result<Vec<Fold>, TrainingError> {
        match self {
            Self::WalkForward(scheme) => scheme.folds(labelled),
            Self::PurgedKFold(scheme) => {
                let groups = groups("purgedKFold", scheme.folds, 1, scheme.embargo, labelled)?;
                Ok((0..groups.len()).map(|group| fold(group, &groups, &[group], scheme.embargo)).collect())
            }
            Self::Combinatorial(scheme) => {
                let groups =
                    groups("combinatorial", scheme.folds, scheme.test_folds, scheme.embargo, labelled)?;
                let choices = choices(scheme.folds, scheme.test_folds);
                let fold =
                    |(index, chosen): (usize, &Vec<usize>)| fold(index, &groups, chosen, scheme.embargo);
                Ok(choices.iter().enumerate().map(fold).collect())
            }
        }
    }

    /// How the folds' test windows make up all tested sessions: one path, or several of a combinatorial scheme.
    ///
    /// # Errors
    /// As [`Scheme::folds`].
    pub fn paths(&self, labelled: Range<usize>) -> Result<Vec<Path>, TrainingError> {
        let folds = self.folds(labelled.clone())?;
        let Self::Combinatorial(scheme) = self else {
            let part =
                |fold: &Fold| fold.test.iter().map(|test| (fold.index, test.clone())).collect::<Vec<_>>();
            return Ok(vec![Path { parts: folds.iter().flat_map(part).collect() }]);
        };
        let groups = groups("combinatorial", scheme.folds, scheme.test_folds, scheme.embargo, labelled)?;
        // The p-th fold that tests a group gives the group to the p-th path.
        let testing: Vec<Vec<usize>> = (0..groups.len())
            .map(|group| {
                let tests = |fold: &&Fold| contains(&fold.test, groups[group].start);
                folds.iter().filter(tests).map(|fold| fold.index).collect()
            })
            .collect();
        let paths = testing.first().map_or(0, Vec::len);
        let path = |path: usize| Path {
            parts: testing.iter().zip(&groups).map(|(folds, group)| (folds[path], group.clone())).collect(),
        };
        Ok((0..paths).map(path).collect())
    }

    /// Whether every prediction could have been made at its time: no fold trains on what comes later.
    #[must_use]
    pub fn is_causal(&self) -> bool {
        matches!(self, Self::WalkForward(_))
    }
}

impl WalkForward {
    /// The folds over `labelled`, earliest first.
    ///
    /// # Errors
    /// When there are not enough sessions to train the first fold on.
    pub fn folds(&self, labelled: Range<usize>) -> Result<Vec<Fold>, TrainingError> {
        if self.folds == 0 || self.test_sessions == 0 {
            let message = "validation.walkForward: folds and testBars must be at least 1".to_owned();
            return Err(TrainingError::Specification(message));
        }
        let sessions = labelled.len();
        let tested = self.folds.saturating_mul(self.test_sessions);
        let wanted = tested.saturating_add(self.train_sessions.unwrap_or(2));
        if wanted > sessions {
            let before = match self.train_sessions {
                Some(train) => format!("{train} sessions of trainBars"),
                None => "2 sessions to train on".to_owned(),
            };
            return Err(TrainingError::Specification(format!(
                "validation.walkForward: {} folds of {} sessions and {before} need {wanted} labelled sessions, the \
                 dataset has {sessions}; ask for fewer folds, a smaller testBars or a longer history",
                self.folds, self.test_sessions
            )));
        }
        let first = labelled.end - tested;
        let fold = |index| {
            let start = first + index * self.test_sessions;
            let train = self.train_sessions.map_or(labelled.start, |train| start - train)..start;
            let test = start..start + self.test_sessions;
            // Other schemes have several spans.
            Fold { index, train: Vec::from([train]), test: Vec::from([test]), embargo: 0 }
        };
        Ok((0..self.folds).map(fold).collect())
    }
}

/// The groups of a k-fold scheme.
fn groups(
    name: &str,
    folds: usize,
    tested: usize,
    embargo: usize,
    labelled: Range<usize>,
) -> Result<Vec<Range<usize>>, TrainingError> {
    let refuse = |message: String| Err(TrainingError::Specification(message));
    if tested == 0 || folds <= tested {
        return refuse(format!(
            "validation.{name}: {tested} of {folds} folds are tested; at least one is tested and one trained on"
        ));
    }
    let sessions = labelled.len();
    let size = sessions / folds;
    // A group that the embargo swallows trains nothing.
    let least = embargo.saturating_add(2);
    if size < least {
        return refuse(format!(
            "validation.{name}: {folds} folds with an embargo of {embargo} sessions need {} labelled sessions, the \
             dataset has {sessions}; ask for fewer folds, a smaller embargoBars or a longer history",
            least.saturating_mul(folds)
        ));
    }
    let start = |group: usize| labelled.start + group * size;
    Ok((0..folds)
        .map(|group| start(group)..if group + 1 == folds { labelled.end } else { start(group + 1) })
        .collect())
}

/// The fold that tests the chosen groups and trains on the others.
fn fold(index: usize, groups: &[Range<usize>], chosen: &[usize], embargo: usize) -> Fold {
    let of = |tested: bool| {
        let places = (0..groups.len()).filter(|group| chosen.contains(group) == tested);
        joined(places.map(|group| groups[group].clone()))
    };
    Fold { index, train: of(false), test: of(true), embargo }
}

/// Ranges that follow each other without a gap become one.
fn joined(ranges: impl IntoIterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

/// Every choice of `chosen` numbers below `all`, in lexicographic order.
fn choices(all: usize, chosen: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut current: Vec<usize> = (0..chosen).collect();
    loop {
        found.push(current.clone());
        // The last number that can rise, and those behind it as low as they go.
        let Some(place) = (0..chosen).rev().find(|place| current[*place] < all - chosen + place) else {
            return found;
        };
        current[place] += 1;
        for later in place + 1..chosen {
            current[later] = current[later - 1] + 1;
        }
    }
}

fn contains(ranges: &[Range<usize>], session: usize) -> bool {
    ranges.iter().any(|range| range.contains(&session))
}

impl Fold {
    /// From the first session of some windows to behind the last.
    #[must_use]
    pub fn span(windows: &[Range<usize>]) -> Range<usize> {
        match (windows.first(), windows.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }

    /// The inner fold on which trials are compared: the last fifth of the training sessions is tested.
    ///
    /// # Errors
    /// When the training span has fewer than two sessions.
    pub fn inner(&self) -> Result<Self, TrainingError> {
        let sessions: usize = self.train.iter().map(ExactSizeIterator::len).sum();
        if sessions < 2 {
            return Err(TrainingError::Specification(format!(
                "validation: fold {} has {sessions} session to train on; comparing trials needs 2",
                self.index + 1
            )));
        }
        let mut trained = sessions - (sessions / INNER_TEST_SHARE).max(1);
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for range in &self.train {
            let end = range.start + trained.min(range.len());
            trained -= end - range.start;
            train.push(range.start..end);
            test.push(end..range.end);
        }
        let some = |ranges: Vec<Range<usize>>| ranges.into_iter().filter(|range| !range.is_empty()).collect();
        Ok(Self { index: self.index, train: some(train), test: some(test), embargo: self.embargo })
    }

    /// Divides rows between training and test.
    ///
    /// `session` is each row's session (the start of its label's span), `label_end` the last session of the span,
    /// none for a row without a label, which never trains; both are places in the list of sessions. `rows` are the
    /// candidates, ascending: for an inner fold these are the outer fold's training rows.
    #[must_use]
    pub fn split(
        &self,
        rows: impl IntoIterator<Item = usize>,
        session: &[u32],
        label_end: &[Option<u32>],
    ) -> Split {
        let rows: Vec<usize> = rows.into_iter().collect();
        let mut split = Split::default();
        // The last session that a test label of each window depends on.
        let mut known: Vec<usize> = self.test.iter().map(|window| window.end - 1).collect();
        for row in &rows {
            let start = session[*row] as usize;
            if let Some(window) = self.test.iter().position(|window| window.contains(&start)) {
                split.test.push(*row);
                known[window] = known[window].max(label_end[*row].map_or(0, |end| end as usize));
            }
        }
        for row in rows {
            let start = session[row] as usize;
            let Some(end) = label_end[row] else { continue };
            if !contains(&self.train, start) || contains(&self.test, start) {
                continue;
            }
            let meets =
                |(window, known): (&Range<usize>, &usize)| start <= *known && end as usize >= window.start;
            let near = |known: &usize| start > *known && start - known <= self.embargo;
            if self.test.iter().zip(&known).any(meets) {
                split.purged += 1;
            } else if known.iter().any(near) {
                split.embargoed += 1;
            } else {
                split.train.push(row);
            }
        }
        split
    }
}
