//! Charts over sessions as inline SVG. Lengths are percentages and text keeps its size, so that one drawing serves a
//! wall and a phone.

use jiff::civil::Date;
use maud::{Markup, html};

use crate::format;

/// Points drawn at most; more would not be seen.
const POINTS: usize = 400;
/// Share of the height that is left free above and below.
const TOP: f64 = 0.08;
const BOTTOM: f64 = 0.05;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Dollars; the axis fits the values.
    Dollars,
    /// A fraction; the axis begins at 0.
    Share,
}

/// A line over sessions.
pub(super) struct Chart<'a> {
    /// Its title.
    pub(super) title: &'a str,
    /// Class that gives the colour and the height.
    pub(super) class: &'a str,
    /// Its unit.
    pub(super) unit: Unit,
    /// Sessions and values, oldest first.
    pub(super) points: Vec<(Date, f64)>,
    /// Whether of several sessions the lowest is drawn, not the last.
    pub(super) lowest: bool,
}

/// Three to five round numbers that span a range.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    if !rough.is_finite() || rough <= 0.0 {
        return vec![low];
    }
    let power = 10f64.powi(rough.log10().floor() as i32);
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let step = steps.into_iter().find(|step| *step >= rough).unwrap_or(power);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|tick| tick as f64 * step).collect()
}

fn short(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share if (value * 100.0).fract().abs() > 1e-9 => format::percent(value, 1),
        Unit::Share => format::percent(value, 0),
        Unit::Dollars if value.abs() >= 1e6 => format!("{}M", format::dollars(value / 1e6, 2)),
        Unit::Dollars if value.abs() >= 1e4 => {
            format!("{}k", format::dollars(value / 1e3, 1).replace(".0", ""))
        }
        Unit::Dollars => format::dollars(value, 0),
    }
}

fn long(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Dollars => format::dollars(value, 2),
        Unit::Share => format::percent(value, 2),
    }
}

impl Chart<'_> {
    fn drawn(&self) -> Vec<(Date, f64)> {
        let points: Vec<(Date, f64)> =
            self.points.iter().copied().filter(|(_, value)| value.is_finite()).collect();
        let count = points.len();
        if count <= POINTS {
            return points;
        }
        // The first and the last session are drawn whatever is lowest.
        let inner = points.get(1..count - 1).unwrap_or_default();
        let bucket =
            |index: usize| inner.get(index * inner.len() / POINTS..(index + 1) * inner.len() / POINTS);
        let picked = (0..POINTS).filter_map(|index| {
            let bucket = bucket(index)?.iter();
            if self.lowest { bucket.min_by(|a, b| a.1.total_cmp(&b.1)) } else { bucket.last() }
        });
        points.first().into_iter().chain(picked).chain(points.last()).copied().collect()
    }

    fn range(&self, points: &[(Date, f64)]) -> (f64, f64) {
        let values = || points.iter().map(|(_, value)| *value);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(f64::NEG_INFINITY, f64::max);
        match self.unit {
            Unit::Share => {
                let (low, high) = (low.min(0.0), high.max(0.0));
                if high - low < 0.01 && low < 0.0 { (-0.01, high) } else { (low, high.max(low + 0.01)) }
            }
            Unit::Dollars => {
                // A flat line lies in the middle.
                let margin = ((high - low) * 0.05).max(high.abs() * 0.001).max(0.01);
                (low - margin, high + margin)
            }
        }
    }

    /// The chart with its title, its last value and what it spans.
    pub(super) fn draw(&self) -> Markup {
        let points = self.drawn();
        let (Some((first, _)), Some((last, value))) = (points.first().copied(), points.last().copied())
        else {
            return html! { p.soft { (self.title) ": no session is in the ledger yet." } };
        };
        let (low, high) = self.range(&points);
        let y = |value: f64| 100.0 * (1.0 - BOTTOM - (1.0 - TOP - BOTTOM) * (value - low) / (high - low));
        let x = |index: usize| 100.0 * index as f64 / (points.len().max(2) - 1) as f64;
        let line: Vec<String> = points
            .iter()
            .enumerate()
            .map(|(index, (_, value))| format!("{:.2} {:.2}", x(index), y(*value)))
            .collect();
        let line = if points.len() == 1 { format!("0 {0:.2}L100 {0:.2}", y(value)) } else { line.join("L") };
        let base = y(if self.unit == Unit::Share { 0.0 } else { low });
        let label = format!(
            "{} by session from {first} to {last}, between {} and {}, last {}",
            self.title,
            long(self.unit, points.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min)),
            long(self.unit, points.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max)),
            long(self.unit, value)
        );
        let marks = ticks(low, high);
        let readout: Vec<String> =
            points.iter().map(|(session, value)| format!("{session}: {}", long(self.unit, *value))).collect();
        html! {
            figure class=(format!("chart {}", self.class)) {
                figcaption {
                    span.title { (self.title) } " "
                    output.readout { (last) ": " (long(self.unit, value)) }
                }
                div.drawing {
                    svg.plot role="img" aria-label=(label) data-readout=(readout.join("|")) {
                        @for tick in &marks {
                            @let at = format!("{:.2}%", y(*tick));
                            line.grid x1="0" x2="100%" y1=(at) y2=(at) {}
                        }
                        svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%" {
                            path.area d=(format!("M0 {base:.2}L{line}L100 {base:.2}Z")) {}
                            path.line d=(format!("M{line}")) {}
                        }
                        line.cross x1="0" x2="0" y1="0" y2="100%" {}
                    }
                    svg.axis aria-hidden="true" {
                        @for tick in &marks {
                            text.tick x="6" y=(format!("{:.2}%", y(*tick))) dy=".32em" { (short(self.unit, *tick)) }
                        }
                    }
                    div.dates aria-hidden="true" { @for session in dates(&points) { span { (session) } } }
                }
            }
        }
    }
}

/// The first session, the one in the middle, the last.
fn dates(points: &[(Date, f64)]) -> impl Iterator<Item = Date> {
    let ends = [points.first(), points.get(points.len() / 2).filter(|_| points.len() > 2), points.last()];
    let mut dates: Vec<Date> = ends.into_iter().flatten().map(|(session, _)| *session).collect();
    dates.dedup();
    dates.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(unit: Unit, values: &[f64]) -> String {
        let day =
            |index: usize| Date::constant(2024, 1, 1).saturating_add(jiff::Span::new().days(index as i64));
        let points = values.iter().enumerate().map(|(index, value)| (day(index), *value)).collect();
        Chart { title: "Equity", class: "equity", unit, points, lowest: false }.draw().into_string()
    }

    #[test]
    fn axes_are_round_numbers() {
        assert_eq!(ticks(99_500.0, 101_700.0), [99_500.0, 100_000.0, 100_500.0, 101_000.0, 101_500.0]);
        assert_eq!(ticks(0.0, 2.0), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(5.0, 5.0), [5.0]);
        assert_eq!(short(Unit::Dollars, 112_500.0), "$112.5k");
        assert_eq!(short(Unit::Dollars, 110_000.0), "$110k");
        assert_eq!(short(Unit::Share, -0.025), "\u{2212}2.5%");
    }

    #[test]
    fn nothing_is_drawn_outside_or_of_nothing() {
        for values in [&[1e5][..], &[1e5, 1e5], &[0.0, f64::NAN, 3.0], &[-5.0, 5.0]] {
            for unit in [Unit::Dollars, Unit::Share] {
                let drawn = chart(unit, values);
                assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
            }
        }
        assert!(chart(Unit::Dollars, &[]).contains("no session"));
        assert!(chart(Unit::Share, &[f64::NAN]).contains("no session"));
    }

    #[test]
    fn long_curves_are_thinned_and_keep_their_ends() {
        let values: Vec<f64> = (0..2_520).map(f64::from).collect();
        let drawn = chart(Unit::Dollars, &values);
        let readout = drawn.split("data-readout=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(readout.split('|').count(), POINTS + 2, "the ends and one of each bucket");
        assert!(drawn.contains("last $2,519.00"), "the last session is drawn");
        assert!(drawn.contains("data-readout=\"2024-01-01: $0.00|"), "and the first");
    }
}
