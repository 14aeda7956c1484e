//! Successive halving (Jamieson and Talwalkar 2016) over folds: which part of a search's trials runs on which folds.
//!
//! The schedule is that of scikit-learn's `HalvingGridSearchCV` with folds as its resource. How many trials go on is
//! known beforehand; which of them is decided by what a rung and those before it found (`ats_model_training::search`).

use serde::{Deserialize, Serialize};

/// How a search is pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PruningSpec {
    /// One in so many trials goes on to the next rung, rounded up; a rung ends after so many times as many folds as the
    /// one before it.
    pub factor: u32,
    /// Folds that every trial runs on.
    pub minimum_folds: u32,
}

/// Folds that the same trials run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rung {
    /// The first fold, from 0.
    pub from: usize,
    /// The fold behind the last one: how many folds a trial of this rung has run on when it ends.
    pub to: usize,
    /// How many trials run on them.
    pub trials: usize,
}

impl Rung {
    /// The rungs of a search: one that is all trials on all folds where nothing is pruned. The last one ends with the
    /// last fold, and a trial that is left alone is not compared any more.
    pub fn all(pruning: Option<PruningSpec>, trials: usize, folds: usize) -> Vec<Self> {
        let mut rungs = Vec::new();
        let mut rung = Self { from: 0, to: folds, trials };
        if let Some(PruningSpec { factor, minimum_folds }) = pruning {
            // Below 2 nothing would end.
            let factor = factor.max(2) as usize;
            let mut to = minimum_folds.max(1) as usize;
            while to < folds && rung.trials > 1 {
                rungs.push(Self { to, ..rung });
                rung = Self { from: to, trials: rung.trials.div_ceil(factor), ..rung };
                to = to.saturating_mul(factor);
            }
        }
        rungs.push(rung);
        rungs
    }

    /// Units of this rung: a trial on a fold is one.
    pub fn units(&self) -> usize {
        self.trials.saturating_mul(self.to.saturating_sub(self.from))
    }
}
