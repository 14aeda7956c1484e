use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// The length of a bar. Written `1m`, `5m`, `15m`, `1h`, `1d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Interval {
    /// One minute.
    #[serde(rename = "1m")]
    M1,
    /// Five minutes.
    #[serde(rename = "5m")]
    M5,
    /// A quarter of an hour.
    #[serde(rename = "15m")]
    M15,
    /// One hour of the clock: a session that opens at 9:30 begins with a bar that starts at 9:00.
    #[serde(rename = "1h")]
    H1,
    /// One session, from its open to its close.
    #[serde(rename = "1d")]
    D1,
}

impl Interval {
    /// Every interval, shortest first.
    pub const ALL: [Self; 5] = [Self::M1, Self::M5, Self::M15, Self::H1, Self::D1];

    /// The name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::M1 => "1m",
            Self::M5 => "5m",
            Self::M15 => "15m",
            Self::H1 => "1h",
            Self::D1 => "1d",
        }
    }

    /// How long a bar is; none for a daily bar, which is as long as its session.
    pub const fn duration(self) -> Option<SignedDuration> {
        let minutes = match self {
            Self::M1 => 1,
            Self::M5 => 5,
            Self::M15 => 15,
            Self::H1 => 60,
            Self::D1 => return None,
        };
        Some(SignedDuration::from_mins(minutes))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not an interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an interval; write one of 1m, 5m, 15m, 1h, 1d")]
pub struct ParseIntervalError(String);

impl FromStr for Interval {
    type Err = ParseIntervalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|interval| interval.as_str() == text)
            .ok_or_else(|| ParseIntervalError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interval_prints_and_parses_the_same_in_text_and_serde() {
        for interval in Interval::ALL {
            assert_eq!(interval.to_string().parse(), Ok(interval));
            let json = serde_json::to_string(&interval).unwrap();
            assert_eq!(json, format!("\"{interval}\""));
            assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), interval);
        }
    }

    #[test]
    fn an_unknown_interval_is_named_with_what_to_write() {
        let error = "2h".parse::<Interval>().unwrap_err();
        assert_eq!(error.to_string(), "`2h` is not an interval; write one of 1m, 5m, 15m, 1h, 1d");
    }
}
