//! Progress: a bar for each stage on a terminal, plain lines elsewhere.

use std::{io::IsTerminal, sync::Mutex};

use ats_pipeline::StageName;
use ats_store::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows how far stages are, on standard error.
#[derive(Debug)]
pub(crate) struct Bars {
    terminal: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), current: Mutex::new(None) }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<ProgressBar>> {
        // A poisoned lock only means that a thread ended while drawing.
        self.current.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A stage of an object begins.
    pub(crate) fn begin(&self, object: &str, stage: StageName) {
        if !self.terminal {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{prefix:32} {bar:30.cyan/dim} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(format!("{object} {stage}"));
        bar.tick();
        *self.slot() = Some(bar);
    }

    /// A stage of an object has ended.
    pub(crate) fn end(&self, object: &str, stage: StageName, text: &str) {
        if let Some(bar) = self.slot().take() {
            bar.finish_and_clear();
        }
        self.line(&format!("{object} {stage}: {text}"));
    }

    #[allow(clippy::print_stderr, reason = "progress is for the person who waits")]
    fn line(&self, text: &str) {
        eprintln!("{text}");
    }
}

impl Progress for Bars {
    fn unit_done(&self, _: StageName, unit: &str, done: usize, total: usize, _: bool) {
        if let Some(bar) = self.slot().as_ref() {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(unit.to_owned());
        }
    }
}
