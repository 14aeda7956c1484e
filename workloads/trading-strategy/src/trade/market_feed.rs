//! The bars of a universe's dataset as a feed.

use std::sync::Arc;

use ats_calendar::{Calendar, CalendarError, Interval, Session};
use ats_crds::strategy::TradedPrices;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{Feed, FeedBar, TradeError};
use crate::convert::engine_config;
use crate::engine::{Control, EngineConfig};
use crate::market::Market;
use crate::search::Part;
use crate::slices::Slices;

/// The bars of a dataset from a session on, made session by session.
pub struct MarketFeed<'a> {
    /// What is traded by, in order; the last one has no end.
    parts: Vec<Part>,
    /// The slices of one of them.
    slices: Option<(usize, Arc<EngineConfig>, Slices<'a>)>,
    market: &'a Market,
    calendar: &'a Calendar,
    /// Begins client order ids.
    identity: String,
    span: Option<(Date, Date)>,
    session: Option<(Session, Vec<FeedBar>)>,
}

impl<'a> MarketFeed<'a> {
    /// From the first part's first session to the dataset's last, at raw prices. `identity` begins client order ids.
    #[must_use]
    pub fn new(parts: Vec<Part>, identity: &str, market: &'a Market, calendar: &'a Calendar) -> Self {
        let start = parts.first().map(|part| part.from);
        let span = market.span().zip(start).map(|(data, start)| (start.max(*data.start()), *data.end()));
        let identity = identity.to_owned();
        Self { parts, slices: None, market, calendar, identity, span, session: None }
    }

    /// The slices of the part that a session lies in.
    fn slices_of(&mut self, date: Date) -> Result<Option<(Interval, Arc<EngineConfig>)>, TradeError> {
        let after = self.parts.partition_point(|part| part.from <= date);
        let Some((place, part)) = after.checked_sub(1).and_then(|at| Some((at, self.parts.get(at)?))) else {
            return Ok(None);
        };
        if self.slices.as_ref().is_none_or(|(made, ..)| *made != place) {
            let slices = Slices::new(&part.core, self.market, self.calendar, TradedPrices::Raw)?;
            let config = Arc::new(engine_config(&part.core, &self.identity)?);
            self.slices = Some((place, config, slices));
        }
        Ok(self.slices.as_ref().map(|(_, config, _)| (part.core.interval, Arc::clone(config))))
    }

    fn bars(&mut self, session: Session) -> Result<&[FeedBar], TradeError> {
        if self.session.as_ref().is_none_or(|(made, _)| *made != session) {
            let mut bars = Vec::new();
            let date = session.date();
            if let Some((interval, config)) = self.slices_of(date)?
                && let Some((_, _, slices)) = &self.slices
            {
                for slice in slices.between(date, date, Control::Run) {
                    let slice = slice?;
                    let known_at = self.calendar.known_at(session, slice.timestamp, interval)?;
                    bars.push(FeedBar {
                        slice,
                        known_at,
                        decide_by: None,
                        config: Some(Arc::clone(&config)),
                    });
                }
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
