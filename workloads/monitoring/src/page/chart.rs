//! Charts as inline SVG.

use ats_crds::status::{StageState, StageStatus};
use maud::{Markup, html};

use crate::Curve;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 120.0;

/// Equity by session.
pub(super) fn line(curve: &Curve) -> Markup {
    let values = || curve.points.iter().map(|(_, value)| *value);
    let (low, high) = values()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    let (Some((first, _)), Some((last, value))) = (curve.points.first(), curve.points.last()) else {
        return html! { p.empty { "No session is in the ledger yet." } };
    };
    let span = if high > low { high - low } else { 1.0 };
    let step = WIDTH / (curve.points.len().max(2) - 1) as f64;
    let points: Vec<String> = values()
        .enumerate()
        .map(|(index, value)| {
            format!("{:.1},{:.1}", index as f64 * step, HEIGHT - 4.0 - (value - low) / span * (HEIGHT - 8.0))
        })
        .collect();
    html! {
        figure {
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label=(format!("equity from {first} to {last}, {low:.0} to {high:.0} dollars")) {
                polyline points=(points.join(" ")) {}
            }
            figcaption { (first) " to " (last) ": " (format!("{value:.2}")) " dollars" }
        }
    }
}

/// Seconds that each stage took, as bars side by side.
pub(super) fn stages(stages: &[StageStatus]) -> Markup {
    let seconds = |stage: &StageStatus| match (&stage.started_at, &stage.finished_at) {
        (Some(from), Some(to)) => to.0.duration_since(from.0).as_secs_f64().max(0.0),
        _ => 0.0,
    };
    let longest = stages.iter().map(seconds).fold(0.1, f64::max);
    html! {
        ol.stages {
            @for stage in stages {
                li class=(class(stage.state)) title=(format!("{}: {:?}, {:.1} s", stage.name, stage.state, seconds(stage))) {
                    span.bar style=(format!("width: {:.0}%", (seconds(stage) / longest * 100.0).max(4.0))) {}
                    span.name { (stage.name) }
                    span.value {
                        @match stage.state {
                            StageState::Running | StageState::Queued => { (stage.progress.as_deref().unwrap_or("waiting")) }
                            StageState::CacheHit => "in store",
                            StageState::Succeeded => { (format!("{:.1} s", seconds(stage))) }
                            other => { (format!("{other:?}").to_lowercase()) }
                        }
                    }
                }
            }
        }
    }
}

fn class(state: StageState) -> &'static str {
    match state {
        StageState::Succeeded | StageState::CacheHit => "done",
        StageState::Failed => "failed",
        StageState::Running => "running",
        StageState::Pending | StageState::Queued | StageState::Suspended => "waiting",
    }
}
