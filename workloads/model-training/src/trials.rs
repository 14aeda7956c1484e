//! Every specification that was tried under a model's name, `trials.json` of stage `select`: what the deflated Sharpe
//! ratio counts.
//!
//! A run takes the list that the specification before it left, and leaves one with its own trials in it. A trial that
//! is tried again counts once, by what it found last.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::error::TrainingError;

/// The version of the form of `trials.json`.
pub const VERSION: u32 = 1;

/// All trials under a name so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// [`VERSION`].
    pub version: u32,
    /// Each specification once, ascending.
    pub trials: Vec<Trial>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// The first 12 digits of its digest ([`ats_pipeline::spec::TrainSpec::trial_digests`]).
    pub specification: String,
    /// Its Sharpe ratio, a period, on the data of its last run; none where that is not defined.
    pub sharpe_per_period: Option<f64>,
    /// How many of its periods make a year: trials of other horizons have longer ones, or shorter.
    pub periods_per_year: f64,
}

impl Trial {
    /// Its Sharpe ratio in periods of another length, so many a year: a ratio grows with the square root of the time.
    #[must_use]
    pub fn sharpe_per(&self, periods_per_year: f64) -> Option<f64> {
        Some(self.sharpe_per_period? * (self.periods_per_year / periods_per_year).sqrt())
    }
}

impl Trials {
    /// Trials in any order; of two of one specification the later one stays.
    #[must_use]
    pub fn new(trials: impl IntoIterator<Item = Trial>) -> Self {
        let trials = trials.into_iter().map(|trial| (trial.specification.clone(), trial));
        Self { version: VERSION, trials: trials.collect::<BTreeMap<_, _>>().into_values().collect() }
    }

    /// Those that are none of these specifications.
    #[must_use]
    pub fn without(self, specifications: &[String]) -> Vec<Trial> {
        let specifications: BTreeSet<&String> = specifications.iter().collect();
        let others = self.trials.into_iter().filter(|trial| !specifications.contains(&trial.specification));
        others.collect()
    }

    /// The list in a file's bytes.
    ///
    /// # Errors
    /// When it is no such list, or one of another release.
    pub fn from_json(bytes: &[u8]) -> Result<Self, TrainingError> {
        let trials: Self = serde_json::from_slice(bytes)
            .map_err(|error| TrainingError::Data(format!("trials.json: {error}")))?;
        if trials.version == VERSION {
            return Ok(trials);
        }
        Err(TrainingError::Data(format!(
            "trials.json has version {}, this release reads version {VERSION}: use the release that wrote it, or a later \
             one",
            trials.version
        )))
    }

    /// The file's bytes, indented for readers.
    ///
    /// # Errors
    /// When it does not serialise, which is a defect.
    pub fn to_json(&self) -> Result<Vec<u8>, TrainingError> {
        let mut bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| TrainingError::Data(format!("trials.json: {error}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trial(specification: &str, sharpe: Option<f64>, periods_per_year: f64) -> Trial {
        Trial { specification: specification.to_owned(), sharpe_per_period: sharpe, periods_per_year }
    }

    #[test]
    fn a_list_reads_as_it_should() {
        let trials = Trials::new([
            trial("f00d", None, 252.0),
            trial("beef", Some(0.5), 252.0),
            trial("beef", Some(0.25), 50.4),
        ]);
        let text = String::from_utf8(trials.to_json().unwrap()).unwrap();
        insta::assert_snapshot!(text, @r#"
        {
          "version": 1,
          "trials": [
            {
              "specification": "beef",
              "sharpePerPeriod": 0.25,
              "periodsPerYear": 50.4
            },
            {
              "specification": "f00d",
              "sharpePerPeriod": null,
              "periodsPerYear": 252.0
            }
          ]
        }
        "#);
        assert_eq!(Trials::from_json(text.as_bytes()).unwrap(), trials);
        let left = trials.without(&["beef".to_owned(), "0000".to_owned()]);
        assert_eq!(left, [trial("f00d", None, 252.0)]);
    }

    #[test]
    fn what_is_no_list_of_this_release_is_refused_in_words() {
        let refused = |text: &str| Trials::from_json(text.as_bytes()).unwrap_err().to_string();
        assert!(refused("[]").starts_with("trials.json: invalid"), "{}", refused("[]"));
        let other = refused(r#"{"version": 2, "trials": []}"#);
        assert!(other.starts_with("trials.json has version 2, this release reads version 1: "), "{other}");
    }

    #[test]
    fn ratios_are_compared_in_periods_of_one_length() {
        // Five sessions and ten: 50.4 and 25.2 periods a year.
        let weekly = trial("beef", Some(0.1), 50.4);
        assert!((weekly.sharpe_per(25.2).unwrap() - 0.1 * 2f64.sqrt()).abs() < 1e-15);
        assert_eq!(trial("beef", None, 50.4).sharpe_per(25.2), None);
    }

    proptest! {
        /// Of the same length it is the same number, to the last bit.
        #[test]
        fn a_ratio_of_the_same_periods_stays(sharpe in -10.0f64..10.0, horizon in 1u32..500, bars in 1u32..400) {
            let periods = 252.0 * f64::from(bars) / f64::from(horizon);
            prop_assert_eq!(trial("beef", Some(sharpe), periods).sharpe_per(periods), Some(sharpe));
        }
    }
}
