//! Test windows over the sessions of a backtest.

use ats_pipeline::spec::SearchSpec;
use jiff::civil::Date;

use crate::backtest::BacktestError;

/// A test window, in places of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// First session that its parameters are chosen on.
    pub(super) look: usize,
    /// First session tested; what is chosen on ends before it.
    pub(super) start: usize,
    /// Behind the last session tested.
    pub(super) end: usize,
}

/// Windows one after the other; the last one ends with the sessions.
pub(super) fn windows(search: &SearchSpec, sessions: &[Date]) -> Result<Vec<Window>, BacktestError> {
    let (needed, there) = (search.needed_sessions(), sessions.len());
    if needed > there {
        return Err(BacktestError::TooFewSessions { needed, there });
    }
    let (folds, length) = (search.folds as usize, search.test_sessions as usize);
    Ok((0..folds)
        .map(|fold| {
            let start = there - (folds - fold) * length;
            let look = search.train_sessions.map_or(0, |count| start - count as usize);
            Window { look, start, end: start + length }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use ats_crds::strategy::StrategySearchMetric;
    use jiff::civil::date;

    use super::*;

    fn search(folds: u32, test_sessions: u32, train_sessions: Option<u32>) -> SearchSpec {
        SearchSpec {
            metric: StrategySearchMetric::Sharpe,
            folds,
            test_sessions,
            train_sessions,
            trials: Vec::new(),
        }
    }

    /// Two windows of 10 sessions in 50, by hand.
    #[test]
    fn windows_end_with_the_sessions() {
        let sessions = vec![date(2020, 1, 2); 50];
        let places = |train| {
            windows(&search(2, 10, train), &sessions)
                .unwrap()
                .iter()
                .map(|window| (window.look, window.start, window.end))
                .collect::<Vec<_>>()
        };
        assert_eq!(places(None), [(0, 30, 40), (0, 40, 50)]);
        assert_eq!(places(Some(25)), [(5, 30, 40), (15, 40, 50)]);
        assert_eq!(places(Some(30)), [(0, 30, 40), (10, 40, 50)]);
        let error = windows(&search(2, 10, Some(31)), &sessions).unwrap_err();
        assert!(error.to_string().contains("51 sessions") && error.to_string().contains("50"), "{error}");
        assert!(windows(&search(3, 10, None), &sessions).is_ok());
        assert!(windows(&search(4, 10, None), &sessions).is_err(), "20 sessions before the first window");
    }
}
