//! What the operator remembers of an object between reconciles: nothing that a restart may not forget.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::kind::Key;

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(300);

/// A status that was written, for the time until the cache has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The resource version that it was written on.
    pub on: String,
    /// The resource version that it gave.
    pub version: String,
    /// The status.
    pub status: Value,
}

#[derive(Debug, Default)]
struct Entry {
    failures: u32,
    next: Option<Instant>,
    generation: i64,
    written: Option<Written>,
    progress_at: Option<Instant>,
}

/// The memory, by object.
#[derive(Debug, Default)]
pub struct Memory(Mutex<HashMap<Key, Entry>>);

impl Memory {
    fn with<T>(&self, key: &Key, use_entry: impl FnOnce(&mut Entry) -> T) -> T {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        use_entry(entries.entry(key.clone()).or_default())
    }

    /// How long an object that failed is still to be left alone. A new generation is looked at at once.
    pub fn delay(&self, key: &Key, generation: i64, now: Instant) -> Option<Duration> {
        self.with(key, |entry| {
            if entry.generation != generation {
                entry.generation = generation;
                entry.failures = 0;
                entry.next = None;
            }
            entry.next.and_then(|next| next.checked_duration_since(now)).filter(|left| !left.is_zero())
        })
    }

    /// Counts a failure: returns when to try again. The delay doubles up to five minutes.
    pub fn failed(&self, key: &Key, now: Instant) -> Duration {
        self.with(key, |entry| {
            entry.failures = entry.failures.saturating_add(1);
            let doublings = entry.failures.saturating_sub(1).min(16);
            let delay = FIRST_DELAY.saturating_mul(1 << doublings).min(LONGEST_DELAY);
            entry.next = Some(now + delay);
            delay
        })
    }

    /// A success resets the count.
    pub fn succeeded(&self, key: &Key) {
        self.with(key, |entry| {
            entry.failures = 0;
            entry.next = None;
        });
    }

    /// Remembers a status that was written, and when: progress is kept back after any write.
    pub fn wrote(&self, key: &Key, written: Written, now: Instant) {
        self.with(key, |entry| {
            entry.written = Some(written);
            entry.progress_at = Some(now);
        });
    }

    /// The status that was written on a version which the cache still shows.
    pub fn written_on(&self, key: &Key, version: &str) -> Option<Written> {
        self.with(key, |entry| {
            if entry.written.as_ref().is_some_and(|written| written.on != version) {
                entry.written = None;
            }
            entry.written.clone()
        })
    }

    /// How long progress is still to be kept back; otherwise it counts as written now.
    pub fn hold_progress(&self, key: &Key, interval: Duration, now: Instant) -> Option<Duration> {
        self.with(key, |entry| {
            let left = entry.progress_at.and_then(|at| (at + interval).checked_duration_since(now));
            let left = left.filter(|left| !left.is_zero());
            if left.is_none() {
                entry.progress_at = Some(now);
            }
            left
        })
    }

    /// Forgets an object.
    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }

    /// Forgets what was written: another replica has led since.
    pub fn forget_writes(&self) {
        for entry in self.0.lock().unwrap_or_else(PoisonError::into_inner).values_mut() {
            entry.written = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Kind;

    fn key() -> Key {
        Key::new(Kind::Universe, "n", "u")
    }

    #[test]
    fn the_delay_doubles_is_kept_and_is_reset() {
        let (memory, now) = (Memory::default(), Instant::now());
        assert_eq!(memory.delay(&key(), 1, now), None);
        let delays: Vec<Duration> = (0..4).map(|_| memory.failed(&key(), now)).collect();
        assert_eq!(delays, [500, 1000, 2000, 4000].map(Duration::from_millis));
        // A wake-up in between does not cut it short.
        assert_eq!(memory.delay(&key(), 1, now + Duration::from_secs(1)), Some(Duration::from_secs(3)));
        assert_eq!(memory.delay(&key(), 1, now + Duration::from_secs(5)), None);
        for _ in 0..40 {
            memory.failed(&key(), now);
        }
        assert_eq!(memory.failed(&key(), now), LONGEST_DELAY);
        assert_eq!(memory.delay(&key(), 2, now), None, "a new generation is looked at at once");
        memory.failed(&key(), now);
        memory.succeeded(&key());
        assert_eq!(memory.failed(&key(), now), FIRST_DELAY);
    }

    #[test]
    fn progress_waits_after_any_write() {
        let (memory, now) = (Memory::default(), Instant::now());
        let interval = Duration::from_secs(15);
        let written = Written { on: "1".into(), version: "2".into(), status: Value::Null };
        memory.wrote(&key(), written, now);
        let held = |after: u64| memory.hold_progress(&key(), interval, now + Duration::from_secs(after));
        assert_eq!(held(5), Some(Duration::from_secs(10)));
        assert_eq!(held(15), None, "written now");
        assert_eq!(held(20), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_written_status_stands_in_until_the_cache_has_another_version() {
        let memory = Memory::default();
        let written = Written { on: "1".into(), version: "2".into(), status: Value::Null };
        memory.wrote(&key(), written.clone(), Instant::now());
        assert_eq!(memory.written_on(&key(), "1"), Some(written));
        assert_eq!(memory.written_on(&key(), "2"), None);
        assert_eq!(memory.written_on(&key(), "1"), None);
    }
}
