//! A backtest whose bars are too many to be in memory at once: part by part of its span.
//!
//! For each part every ticker is read once more and its signals are computed over its whole history, of which the
//! part's rows are kept. What is traded is the same to the last bit, because slices know nothing of what lies around
//! them; memory is that of a part and of the histories at work.

use std::ops::RangeInclusive;
use std::sync::Arc;

use ats_calendar::{Calendar, Session};
use ats_pipeline::spec::BacktestSpec;
use ats_store::{StageContext, StageError};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;

use crate::backtest::{self, BacktestError, BacktestOutput, BuyAndHold, Running};
use crate::load::Opened;
use crate::market::{Market, Outline};
use crate::signals::Rules;
use crate::slices::{Line, Slices};

/// Bars of a part, of all tickers: less than a gigabyte.
pub const PART_BARS: u64 = 8_000_000;

/// Parts of a span with as many sessions each, such that `bars` spread evenly over `sessions` are at most `most` in one.
#[must_use]
pub fn parts(sessions: &[Session], bars: u64, most: u64) -> Vec<RangeInclusive<Date>> {
    let count =
        usize::try_from(bars.div_ceil(most.max(1))).unwrap_or(usize::MAX).clamp(1, sessions.len().max(1));
    let dates = |part: &[Session]| Some(part.first()?.date()..=part.last()?.date());
    sessions.chunks(sessions.len().div_ceil(count).max(1)).filter_map(dates).collect()
}

/// Runs a backtest without a search over opened inputs, of which `outline` tells and which hold `bars`, with at most
/// `most` bars of the span in memory.
///
/// # Errors
/// What [`backtest::run`] fails with, and what reading does.
pub async fn run(
    spec: &Arc<BacktestSpec>,
    opened: &Opened,
    (outline, bars, most): (&Outline, u64, u64),
    calendar: &'static Calendar,
    identity: &str,
    context: &StageContext,
) -> Result<BacktestOutput, StageError> {
    let (from, to) = backtest::span(spec, outline, calendar)?;
    let rules = Arc::new(Rules::new(&spec.core)?);
    let mut others = Market::default();
    for ticker in rules.benchmarks().into_iter().chain(spec.benchmark.clone()) {
        let bars = opened.bars(&ticker).await?;
        others.benchmarks.insert(ticker, bars);
    }
    let others = Arc::new(others);

    let sessions = calendar.sessions(from, to);
    let of_data = outline.span.as_ref().map_or(0, |span| calendar.sessions(*span.start(), *span.end()).len());
    let of_span = u128::from(bars) * sessions.len() as u128 / of_data.max(1) as u128;
    let mut running = Running::new(spec, identity)?;
    let mut held = BuyAndHold::default();
    for part in parts(sessions, u64::try_from(of_span).unwrap_or(u64::MAX), most) {
        let part = (*part.start(), *part.end());
        let lines: Vec<_> = stream::iter(opened.tickers.clone())
            .map(|ticker| {
                let (spec, rules, others) = (Arc::clone(spec), Arc::clone(&rules), Arc::clone(&others));
                opened.history(ticker, move |history| {
                    Line::between(&spec.core, &rules, &others, &history, calendar, spec.prices, part)
                })
            })
            .buffered(context.jobs.max(1))
            .try_collect()
            .await?;
        let (spec, others) = (Arc::clone(spec), Arc::clone(&others));
        let trade = move || -> Result<_, BacktestError> {
            let lines = lines.into_iter().collect::<Result<Vec<_>, _>>()?;
            let sessions: Vec<Date> =
                calendar.sessions(part.0, part.1).iter().map(|session| session.date()).collect();
            match &spec.benchmark {
                None => held.extend(lines.iter().map(Line::bars), &sessions),
                Some(ticker) => held.extend(others.bars(ticker).into_iter(), &sessions),
            }
            let slices = Slices::of_lines(&spec.core, lines, calendar, spec.prices)?;
            running.trade(&spec.core, &slices, part)?;
            Ok((running, held))
        };
        (running, held) = blocking(trade).await?;
    }
    let (spec, outline, lineage) = (Arc::clone(spec), outline.clone(), opened.lineage.clone());
    blocking(move || backtest::finish(&spec, &outline, running.end(to, None), &held, &lineage)).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BacktestError> + Send + 'static,
) -> Result<T, StageError> {
    let ended = tokio::task::spawn_blocking(work).await;
    Ok(ended.map_err(|error| StageError::internal(error.to_string()))??)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn parts_follow_each_other_and_hold_few_enough_bars() {
        let calendar = Calendar::xnys();
        let sessions = calendar.sessions(date(2020, 1, 2), date(2020, 12, 31)); // 253 of them
        let whole = date(2020, 1, 2)..=date(2020, 12, 31);
        assert_eq!(parts(sessions, 1_000, 1_000), [whole]);
        let four = parts(sessions, 1_000, 250);
        assert_eq!(four.len(), 4);
        assert_eq!((four[0].start(), four[3].end()), (&date(2020, 1, 2), &date(2020, 12, 31)));
        for pair in four.windows(2) {
            let next = calendar.next(calendar.session(*pair[0].end()).unwrap()).unwrap();
            assert_eq!(next.date(), *pair[1].start());
        }
        assert_eq!(parts(sessions, u64::MAX, 1).len(), 253);
        assert_eq!(parts(&[], 1_000, 10), []);
    }
}
