//! A line of values over time, as a picture in a page that needs nothing from elsewhere.

use maud::{Markup, html};

/// Style of the pages.
pub const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}\
h1,h2{line-height:1.2}h2{font-size:1.2rem;margin-top:2.5rem}code{font-size:.9em}small{color:#666}\
table{border-collapse:collapse;width:100%}th,td{padding:.3rem .8rem;text-align:left;border-bottom:1px solid #ddd}\
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\
.better{color:#15803d}.worse{color:#b91c1c;font-weight:600}svg{width:15rem;height:auto;display:block}\
svg .line{fill:none;stroke:#2563eb;stroke-width:2}svg circle{fill:#2563eb}svg .axis{stroke:#999}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}th,td{border-color:#444}small{color:#aaa}.better{color:#4ade80}.worse{color:#f87171}}";

const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 60.0;
const EDGE: f64 = 6.0;

/// A chart of (label, value) in order, from zero up; nothing without a value. Each point tells its label and its value
/// when it is pointed at.
#[must_use]
pub fn line_chart(points: &[(String, f64)], text: impl Fn(f64) -> String) -> Markup {
    let points: Vec<_> = points.iter().filter(|(_, value)| value.is_finite()).collect();
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let top = if most > 0.0 { most * 1.1 } else { 1.0 };
    #[expect(clippy::cast_precision_loss, reason = "a page has few points")]
    let across = |index: usize| match points.len() {
        0 | 1 => WIDTH / 2.0,
        count => EDGE + (WIDTH - 2.0 * EDGE) * index as f64 / (count - 1) as f64,
    };
    let down = |value: f64| HEIGHT - EDGE - (HEIGHT - 2.0 * EDGE) * value / top;
    let places: Vec<_> = points
        .iter()
        .enumerate()
        .map(|(index, (label, value))| (across(index), down(*value), label, *value))
        .collect();
    let line: Vec<_> = places.iter().map(|(x, y, ..)| format!("{x:.1},{y:.1}")).collect();
    html! {
        @if !places.is_empty() {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{} values, the largest {}", places.len(), text(most))) {
                line class="axis" x1=(EDGE) y1=(HEIGHT - EDGE) x2=(WIDTH - EDGE) y2=(HEIGHT - EDGE) {}
                polyline class="line" points=(line.join(" ")) {}
                @for (x, y, label, value) in &places {
                    circle cx=(format!("{x:.1}")) cy=(format!("{y:.1}")) r="3" { title { (label) ": " (text(*value)) } }
                }
            }
        }
    }
}
