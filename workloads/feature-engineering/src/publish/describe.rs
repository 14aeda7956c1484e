//! What `publish` says about the dataset: the quality report, the lineage, figures and notes for the status.

use ats_pipeline::StageInput;
use ats_store::UnitOutput;

use super::missing::Missing;
use super::report::{self, Lineage, Report, TickerReport};
use super::selection::Standing;
use super::{Publisher, Ticker};

impl Publisher<'_> {
    pub(super) fn report(
        &self,
        tickers: &[Ticker],
        missing: &[Missing],
        standings: &[Vec<Standing>],
    ) -> Report {
        let count =
            |standings: &[Standing], least: Standing| standings.iter().filter(|s| **s >= least).count();
        let row = |i: usize| match &tickers[i] {
            Ticker::Bad { category, message } => {
                TickerReport::Bad { category: category.clone(), message: message.clone() }
            }
            Ticker::Usable { survey, acquired } => {
                let (first, last) = (survey.present.first(), survey.present.last());
                let session = |place: Option<&usize>| self.history[place.copied().unwrap_or_default()];
                let (gap_count, gaps) = report::gaps(&survey.present, &self.history);
                TickerReport::Usable {
                    first_session: session(first),
                    last_session: session(last),
                    rows: survey.rows,
                    acquired: acquired.clone(),
                    sessions_listed: missing[i].listed,
                    sessions_missing: missing[i].missing,
                    largest_missing_share: missing[i].largest,
                    gap_count,
                    gaps,
                    breaches: report::breaches(&missing[i], &self.history),
                    sessions_active: count(&standings[i], Standing::Active),
                    sessions_focus: count(&standings[i], Standing::Focus),
                }
            }
        };
        let usable = tickers.iter().filter(|ticker| matches!(ticker, Ticker::Usable { .. })).count();
        Report {
            version: report::VERSION,
            first_session: self.history[0],
            last_session: self.history[self.history.len() - 1],
            sessions: self.history.len(),
            max_missing_sessions: self.spec.quality.max_missing_sessions,
            on_breach: self.spec.quality.on_breach,
            fixed_list: self.members.is_list(),
            usable,
            bad: tickers.len() - usable,
            breached: missing.iter().filter(|missing| !missing.breaches.is_empty()).count(),
            tickers: (0..tickers.len()).map(|i| (self.spec.tickers[i].clone(), row(i))).collect(),
        }
    }

    pub(super) fn lineage(&self, tickers: &[Ticker], acquire: &StageInput, features: &StageInput) -> Lineage {
        let usable = self.spec.tickers.iter().zip(tickers);
        Lineage {
            version: report::VERSION,
            acquire: acquire.clone(),
            features: features.clone(),
            tickers: usable
                .filter(|(_, ticker)| matches!(ticker, Ticker::Usable { .. }))
                .map(|(name, _)| name.clone())
                .collect(),
            interval: self.spec.interval,
            calendar: self.spec.calendar,
            adjustment: self.spec.adjustment,
            time_series: self.spec.time_series.clone(),
            cross_section: self.spec.cross_section.clone(),
            fixed_list: self.members.is_list(),
        }
    }

    /// Figures and notes for the status.
    pub(super) fn tell(
        &self,
        output: &mut UnitOutput,
        tickers: &[Ticker],
        report: &Report,
        standings: &[Vec<Standing>],
    ) {
        let at_end = |least: Standing| {
            standings.iter().filter(|s| s.last().is_some_and(|last| *last >= least)).count()
        };
        let surveys = || {
            tickers.iter().filter_map(|ticker| match ticker {
                Ticker::Usable { survey, .. } => Some(survey),
                Ticker::Bad { .. } => None,
            })
        };
        let figures = [
            ("activeTickers", at_end(Standing::Active)),
            ("focusTickers", at_end(Standing::Focus)),
            ("usableTickers", report.usable),
            ("badTickers", report.bad),
            ("breachedTickers", report.breached),
            ("rows", surveys().map(|survey| survey.rows).sum()),
        ];
        output.figures.extend(figures.map(|(name, value)| (name.to_owned(), Some(value as f64))));
        let ends = [
            ("firstSession", surveys().filter_map(|survey| survey.present.first()).min()),
            ("lastSession", surveys().filter_map(|survey| survey.present.last()).max()),
        ];
        for (name, place) in ends {
            output.notes.extend(place.map(|place| (name.to_owned(), self.history[*place].to_string())));
        }
    }
}
