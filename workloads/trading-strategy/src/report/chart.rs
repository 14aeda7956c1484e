//! Line and area charts as inline SVG, with the values of the readout beside them as JSON.

use jiff::civil::Date;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

const WIDTH: f64 = 960.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// Points drawn at most; more would not be seen.
const POINTS: usize = 960;

/// One line of a chart.
pub(super) struct Line<'a> {
    /// Its name in the legend and the readout.
    pub(super) name: &'a str,
    /// CSS class that gives it its colour.
    pub(super) class: &'a str,
    /// One value a session; not a number is a gap.
    pub(super) values: &'a [f64],
    /// Whether the area down to the baseline is filled.
    pub(super) filled: bool,
    /// Whether it is drawn in steps.
    pub(super) steps: bool,
}

/// Which session stands for several when there are more than points.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// The last one.
    Last,
    /// The one with the lowest value of the first line.
    Lowest,
}

/// A chart over sessions.
pub(super) struct Chart<'a> {
    /// What it shows, for those who do not see it.
    pub(super) label: &'a str,
    /// The sessions.
    pub(super) sessions: &'a [Date],
    /// Its lines; the last is drawn on top.
    pub(super) lines: Vec<Line<'a>>,
    /// Height in units of the view box.
    pub(super) height: f64,
    /// Text of a value on the axis.
    pub(super) axis: fn(f64) -> String,
    /// Text of a value in the readout.
    pub(super) readout: fn(f64) -> String,
    /// Whether the axis takes zero in.
    pub(super) zero: bool,
    /// Whether equal distances are equal ratios; all values are positive then.
    pub(super) ratios: bool,
    /// What several sessions become.
    pub(super) pick: Pick,
}

#[derive(Serialize)]
struct Readout<'a> {
    x: Vec<f64>,
    date: Vec<String>,
    lines: Vec<ReadoutLine<'a>>,
}

#[derive(Serialize)]
struct ReadoutLine<'a> {
    name: &'a str,
    class: &'a str,
    y: Vec<Option<f64>>,
    text: Vec<String>,
}

/// About `count` round numbers that span a range.
fn ticks(low: f64, high: f64, count: f64) -> Vec<f64> {
    let rough = ((high - low) / count).max(1e-12);
    let mut power = 1.0;
    while power * 10.0 <= rough {
        power *= 10.0;
    }
    while power > rough {
        power /= 10.0;
    }
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(power);
    let mut tick = (low / step).ceil();
    let mut found = Vec::new();
    while tick * step <= high + step * 1e-9 && found.len() < 50 {
        found.push(tick * step + 0.0);
        tick += 1.0;
    }
    found
}

/// Round numbers that span a range of positive values in which equal distances are equal ratios.
fn ratio_ticks(low: f64, high: f64) -> Vec<f64> {
    let mut power = 1.0;
    while power > low {
        power /= 10.0;
    }
    while power * 10.0 <= low {
        power *= 10.0;
    }
    // Few steps for many powers of ten.
    let steps: &[f64] = if high / low > 200.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut found = Vec::new();
    while power <= high && found.len() < 50 {
        found.extend(steps.iter().map(|step| step * power).filter(|tick| (low..=high).contains(tick)));
        power *= 10.0;
    }
    found
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Chart<'_> {
    fn picks(&self) -> Vec<usize> {
        let count = self.sessions.len();
        if count <= POINTS {
            return (0..count).collect();
        }
        let mut picks: Vec<usize> = (0..POINTS)
            .filter_map(|bucket| {
                let (from, to) = (bucket * count / POINTS, (bucket + 1) * count / POINTS);
                match (self.pick, self.lines.first()) {
                    (Pick::Lowest, Some(line)) => (from..to).min_by(|a, b| {
                        let value = |index: usize| line.values.get(index).copied().unwrap_or(f64::NAN);
                        value(*a).total_cmp(&value(*b))
                    }),
                    _ => to.checked_sub(1),
                }
            })
            .collect();
        picks.dedup();
        picks
    }

    fn range(&self) -> (f64, f64) {
        let values =
            || self.lines.iter().flat_map(|line| line.values).copied().filter(|value| value.is_finite());
        let mut low = values().fold(f64::INFINITY, f64::min);
        let mut high = values().fold(f64::NEG_INFINITY, f64::max);
        if !low.is_finite() || !high.is_finite() {
            (low, high) = (0.0, 1.0);
        }
        if self.zero {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if high - low < 1e-12 {
            high = low + low.abs().max(1.0) * 0.01;
        }
        if self.ratios {
            let margin = libm::pow(high / low, 0.04);
            return (low / margin, high * margin);
        }
        let margin = (high - low) * 0.04;
        // An axis that begins or ends at zero stays there.
        (
            if self.zero && low == 0.0 { 0.0 } else { low - margin },
            if self.zero && high == 0.0 { 0.0 } else { high + margin },
        )
    }

    /// Sessions at which a year (or, in a short span, a month) begins, thinned to what fits.
    fn dates(&self) -> Vec<(usize, String)> {
        let months = self.sessions.first().zip(self.sessions.last()).is_some_and(|(first, last)| {
            i32::from(last.year()) * 12 + i32::from(last.month())
                - i32::from(first.year()) * 12
                - i32::from(first.month())
                <= 24
        });
        let name = |date: &Date| {
            if months { date.strftime("%b %Y").to_string() } else { date.strftime("%Y").to_string() }
        };
        let mut marks: Vec<(usize, String)> = Vec::new();
        for (index, pair) in self.sessions.windows(2).enumerate() {
            if let [before, date] = pair
                && name(before) != name(date)
            {
                marks.push((index + 1, name(date)));
            }
        }
        let each = marks.len().div_ceil(12).max(1);
        marks.into_iter().step_by(each).collect()
    }

    /// The SVG and its readout.
    pub(super) fn draw(&self) -> Markup {
        let (low, high) = self.range();
        let (bottom, right) = (self.height - BOTTOM, WIDTH - RIGHT);
        let last = (self.sessions.len().max(2) - 1) as f64;
        let x = |index: usize| rounded(LEFT + (right - LEFT) * index as f64 / last);
        let share = |value: f64| {
            if self.ratios {
                libm::log(value / low) / libm::log(high / low)
            } else {
                (value - low) / (high - low)
            }
        };
        let y = |value: f64| rounded(bottom - (bottom - TOP) * share(value));
        let marks = if self.ratios {
            ratio_ticks(low, high)
        } else {
            ticks(low, high, (self.height / 55.0).max(3.0))
        };
        let picks = self.picks();
        let base = y(low.max(0.0_f64.min(high)));
        let readout = Readout {
            x: picks.iter().map(|index| x(*index)).collect(),
            date: picks.iter().filter_map(|index| self.sessions.get(*index)).map(Date::to_string).collect(),
            lines: self
                .lines
                .iter()
                .map(|line| {
                    let value = |index: &usize| line.values.get(*index).copied().filter(|v| v.is_finite());
                    ReadoutLine {
                        name: line.name,
                        class: line.class,
                        y: picks.iter().map(|index| value(index).map(y)).collect(),
                        text: picks
                            .iter()
                            .map(|index| value(index).map_or_else(|| "n/a".to_owned(), self.readout))
                            .collect(),
                    }
                })
                .collect(),
        };
        // `<` never ends the script early.
        let data = serde_json::to_string(&readout).unwrap_or_default().replace('<', "\\u003c");
        html! {
            div.chart {
                svg viewBox=(format!("0 0 {WIDTH} {}", self.height)) role="img" aria-label=(self.label) {
                    @for tick in marks {
                        line.grid x1=(LEFT) x2=(right) y1=(y(tick)) y2=(y(tick)) {}
                        text.tick x=(LEFT - 8.0) y=(y(tick) + 3.5) text-anchor="end" { ((self.axis)(tick)) }
                    }
                    @for (index, name) in self.dates() {
                        line.tickmark x1=(x(index)) x2=(x(index)) y1=(bottom) y2=(bottom + 4.0) {}
                        text.tick x=(x(index)) y=(bottom + 17.0) text-anchor="middle" { (name) }
                    }
                    @for line in &self.lines {
                        @for run in runs(line, &picks) {
                            @let points = path(&run, line.steps, x, y);
                            @if line.filled {
                                @let (first, end) = (run.first().map_or(0, |p| p.0), run.last().map_or(0, |p| p.0));
                                path class=(format!("area {}", line.class))
                                    d=(format!("M{} {base}L{}L{} {base}Z", x(first), &points[1..], x(end))) {}
                            }
                            path class=(format!("line {}", line.class)) d=(points) {}
                        }
                    }
                    line.axis x1=(LEFT) x2=(right) y1=(base) y2=(base) {}
                    line.cross x1="0" x2="0" y1=(TOP) y2=(bottom) {}
                    @for line in &self.lines {
                        circle class=(format!("dot {}", line.class)) r="3.5" {}
                    }
                    rect.catch x=(LEFT) y=(TOP) width=(right - LEFT) height=(bottom - TOP) {}
                }
                div.tip hidden {}
                script.data type="application/json" { (PreEscaped(data)) }
            }
        }
    }
}

/// The stretches of a line without gaps.
fn runs(line: &Line<'_>, picks: &[usize]) -> Vec<Vec<(usize, f64)>> {
    let mut runs = vec![Vec::new()];
    for index in picks {
        match line.values.get(*index).copied().filter(|value| value.is_finite()) {
            Some(value) => {
                if let Some(run) = runs.last_mut() {
                    run.push((*index, value));
                }
            }
            None => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn path(run: &[(usize, f64)], steps: bool, x: impl Fn(usize) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut text = String::new();
    for (place, (index, value)) in run.iter().enumerate() {
        let (x, y) = (x(*index), y(*value));
        if place == 0 {
            text.push_str(&format!("M{x} {y}"));
        } else if steps {
            text.push_str(&format!("H{x}V{y}"));
        } else {
            text.push_str(&format!("L{x} {y}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 100.0, 5.0), [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let falls: Vec<String> = ticks(-0.31, 0.0, 4.0).iter().map(|tick| format!("{tick:.3}")).collect();
        assert_eq!(falls, ["-0.300", "-0.200", "-0.100", "0.000"]);
        assert_eq!(ticks(93_000.0, 241_000.0, 5.0), [100_000.0, 150_000.0, 200_000.0]);
        assert_eq!(ticks(1.0, 1.01, 3.0).len(), 3);
        assert_eq!(ratio_ticks(90_000.0, 1_200_000.0), [1e5, 2e5, 5e5, 1e6]);
        assert_eq!(ratio_ticks(0.3, 3.0).len(), 3);
    }
}
