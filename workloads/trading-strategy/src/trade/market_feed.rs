//! The bars of a universe's dataset as a feed.

use ats_calendar::{Calendar, CalendarError, Interval, Session};
use ats_crds::strategy::TradedPrices;
use ats_pipeline::spec::StrategyCore;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Feed, FeedBar, TradeError};
use crate::engine::Control;
use crate::market::Market;
use crate::slices::Slices;

/// The bars of a dataset from a session on, made session by session.
pub struct MarketFeed<'a> {
    slices: Slices<'a>,
    calendar: &'a Calendar,
    interval: Interval,
    span: Option<(Date, Date)>,
    session: Option<(Session, Vec<FeedBar>)>,
}

impl<'a> MarketFeed<'a> {
    /// From `start` to the dataset's last session, at raw prices.
    ///
    /// # Errors
    /// Signals that cannot be computed.
    pub fn new(
        core: &StrategyCore,
        market: &'a Market,
        calendar: &'a Calendar,
        start: Date,
    ) -> Result<Self, TradeError> {
        let span = market.span().map(|data| (start.max(*data.start()), *data.end()));
        Ok(Self {
            slices: Slices::new(core, market, calendar, TradedPrices::Raw)?,
            calendar,
            interval: core.interval,
            span,
            session: None,
        })
    }

    fn bars(&mut self, session: Session) -> Result<&[FeedBar], TradeError> {
        if self.session.as_ref().is_none_or(|(made, _)| *made != session) {
            let mut bars = Vec::new();
            let date = session.date();
            for slice in self.slices.between(date, date, Control::Run) {
                let slice = slice?;
                let known_at = self.calendar.known_at(session, slice.timestamp, self.interval)?;
                bars.push(FeedBar { slice, known_at, decide_by: None });
            }
            // Orders fill at the next open. Within a session that is the very moment at which a bar is complete, so
            // that there they are in time until the next bar is.
            let next_open = self.calendar.next(session).and_then(|next| self.calendar.open(next)).ok();
            let deadlines: Vec<Option<Timestamp>> =
                bars.iter().skip(1).map(|next| Some(next.known_at)).chain([next_open]).collect();
            for (bar, deadline) in bars.iter_mut().zip(deadlines) {
                bar.decide_by = deadline;
            }
            self.session = Some((session, bars));
        }
        Ok(self.session.as_ref().map_or(&[], |(_, bars)| bars.as_slice()))
    }
}

impl Feed for MarketFeed<'_> {
    async fn next(&mut self, after: Option<Timestamp>) -> Result<Option<FeedBar>, TradeError> {
        let Some((first, last)) = self.span else { return Ok(None) };
        let from = after.map_or(first, |after| self.calendar.local_date(after).max(first));
        let calendar = self.calendar;
        for session in calendar.sessions(from, last) {
            let bars = self.bars(*session)?;
            if let Some(bar) = bars.iter().find(|bar| after.is_none_or(|after| bar.known_at > after)) {
                return Ok(Some(bar.clone()));
            }
        }
        Ok(None)
    }
}

impl From<CalendarError> for TradeError {
    fn from(error: CalendarError) -> Self {
        Self::Slice(error.into())
    }
}
