//! Purged walk-forward validation.
//!
//! Folds count sessions, never rows, so all tickers of a session fall on one side. Test windows follow each other
//! without overlap and the last one ends with the last labelled session. A fold trains on everything before its
//! window (or on the `train_sessions` before it), less every label whose span meets the window: the window begins
//! with its first test label's start, so that no training label knows a price of the window.
//!
//! Trials are compared inside a fold's training span: its last fifth of sessions is an inner test window, the rest
//! its inner training span, purged in the same way. Rows that the outer window purges take part in neither, so an
//! inner score knows nothing of the outer window.

use std::ops::Range;

use crate::error::TrainingError;

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

/// One fold: places in the ascending list of sessions, ends excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    /// 0 for the earliest window.
    pub index: usize,
    /// Sessions that training rows may come from, before purging.
    pub train: Range<usize>,
    /// The test window.
    pub test: Range<usize>,
}

/// Which rows a window trains and tests on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Split {
    /// Rows to train on, ascending.
    pub train: Vec<usize>,
    /// Rows to test on, ascending.
    pub test: Vec<usize>,
    /// How many training rows were purged because their label's span meets the window.
    pub purged: usize,
}

/// The part of a training span that is the inner test window: one fifth of its sessions, at least one.
pub const INNER_TEST_SHARE: usize = 5;

impl WalkForward {
    /// The folds over `labelled`, the sessions from the first to the last that have a labelled row; earliest first.
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
            Fold { index, train, test: start..start + self.test_sessions }
        };
        Ok((0..self.folds).map(fold).collect())
    }
}

impl Fold {
    /// The inner fold on which trials are compared: the last fifth of the training span is tested.
    ///
    /// # Errors
    /// When the training span has fewer than two sessions.
    pub fn inner(&self) -> Result<Self, TrainingError> {
        let sessions = self.train.len();
        if sessions < 2 {
            return Err(TrainingError::Specification(format!(
                "validation.walkForward: fold {} has {sessions} session to train on; comparing trials needs 2",
                self.index + 1
            )));
        }
        let tested = (sessions / INNER_TEST_SHARE).max(1);
        let start = self.train.end - tested;
        Ok(Self { index: self.index, train: self.train.start..start, test: start..self.train.end })
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
        let mut split = Split::default();
        for row in rows {
            let start = session[row] as usize;
            if self.test.contains(&start) {
                split.test.push(row);
            } else if self.train.contains(&start)
                && let Some(end) = label_end[row]
            {
                if start < self.test.end && end as usize >= self.test.start {
                    split.purged += 1;
                } else {
                    split.train.push(row);
                }
            }
        }
        split
    }
}
