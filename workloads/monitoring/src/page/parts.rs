//! What several pages are made of.

use ats_crds::status::{StageName, StageState, StageStatus};
use jiff::Timestamp;
use maud::{Markup, html};

use crate::{
    State, Summary, View, format,
    objects::{progress, seconds},
};

/// An instant, marked as UTC.
pub(super) fn instant(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (format::instant(at)) } }
}

/// How long ago something was; the instant when it is pointed at.
pub(super) fn ago(at: Option<Timestamp>, now: Timestamp) -> Markup {
    html! {
        @match at {
            Some(at) => { time datetime=(at) title=(format::instant(at)) { (format::age(at, now)) } }
            None => "n/a",
        }
    }
}

/// The state of an object: a word in a colour, never a colour alone.
pub(super) fn badge(state: State) -> Markup {
    html! { span class=(format!("badge {}", class(state))) { (state.as_str()) } }
}

pub(super) fn class(state: State) -> &'static str {
    match state {
        State::Failed | State::Halted => "bad",
        State::Stale | State::Suspended => "warn",
        State::Working | State::New | State::Deleting => "work",
        State::Ready => "good",
    }
}

/// Where an object's page is, from the overview.
pub(super) fn address(one: &Summary<'_>) -> String {
    format!("{}/{}", one.kind.to_lowercase(), one.name)
}

/// A digest or a key, short; whole when it is pointed at.
pub(super) fn digest(text: &str) -> Markup {
    html! { code title=(text) { (text.get(..12).unwrap_or(text)) } }
}

fn mark(state: StageState) -> (&'static str, &'static str) {
    match state {
        StageState::Succeeded | StageState::CacheHit => ("good", "\u{2713}"),
        StageState::Failed => ("bad", "\u{2717}"),
        StageState::Running => ("work", "\u{25b6}"),
        StageState::Queued | StageState::Pending => ("rest", "\u{2026}"),
        StageState::Suspended => ("warn", "\u{2016}"),
    }
}

/// What a stage is at, in words.
pub(super) fn state_words(stage: &StageStatus) -> &'static str {
    match stage.state {
        StageState::Running if stage.name == StageName::Trade => "trading",
        StageState::Succeeded => "done",
        StageState::CacheHit => "found in the store",
        StageState::Failed => "failed",
        StageState::Running => "running",
        StageState::Queued => "queued",
        StageState::Pending => "waiting",
        StageState::Suspended => "suspended",
    }
}

/// The state of a stage with its mark.
pub(super) fn stage_state(stage: &StageStatus) -> Markup {
    let (class, mark) = mark(stage.state);
    html! { span class=(format!("state {class}")) { span aria-hidden="true" { (mark) " " } (state_words(stage)) } }
}

/// The stages of an object in a row, with the progress of those that run.
pub(super) fn stages(stages: &[StageStatus]) -> Markup {
    html! {
        ul.stages {
            @for stage in stages {
                @let (class, mark) = mark(stage.state);
                @let took = seconds(stage).map(|taken| format!(" in {}", format::duration(taken))).unwrap_or_default();
                li class=(class) title=(format!("{}: {}{took}", stage.name, state_words(stage))) {
                    span aria-hidden="true" { (mark) } " " (stage.name)
                    span.hidden { " " (state_words(stage)) }
                    @if let Some((done, total)) = progress(stage).filter(|_| !stage.state.is_done() && stage.name != StageName::Trade) {
                        " " progress max=(total) value=(done) { (done) "/" (total) } " " (done) "/" (total)
                    }
                }
            }
        }
    }
}

/// What keeps this page from being up to date.
pub(super) fn problems(view: &View) -> Markup {
    let down = || view.interruptions.iter().filter_map(|(kind, down)| Some((kind, down.as_ref()?)));
    let ledgers =
        || view.books.ledgers.iter().filter_map(|(name, state)| Some((name, state, state.problem.as_ref()?)));
    html! {
        div #problems {
            @if let Some((_, first)) = down().next() {
                div.problem role="alert" {
                    strong { "The API server does not answer." }
                    " Objects are shown as they were at " (instant(first.since)) ": "
                    @for (place, (kind, _)) in down().enumerate() { @if place > 0 { ", " } (kind) }
                    ". " span.soft { (first.problem) }
                }
            }
            @for (name, state, problem) in ledgers() {
                div.problem role="alert" {
                    strong { "Ledger " (name) " cannot be read." } " "
                    @match state.read_at {
                        Some(at) => { "Equity, positions and orders of its strategies are as they were at " (instant(at)) ". " }
                        None => "Equity, positions and orders of its strategies are not shown. ",
                    }
                    span.soft { (problem) }
                }
            }
            @for (object, problem) in &view.objects.unreadable {
                div.problem role="alert" {
                    strong { (object) " cannot be read by this version." } " " span.soft { (problem) }
                }
            }
        }
    }
}
