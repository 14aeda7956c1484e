//! What processes use, from `/proc`.

use std::process::Child;
use std::time::{Duration, Instant};

use crate::Result;
use crate::machine::kibibytes;

/// Ticks of the kernel's clock in a second: 100 wherever Linux runs.
const TICKS: f64 = 100.0;

/// The most memory that a process has held, in KiB; none when it is gone.
#[must_use]
pub fn peak_kib(process: u32) -> Option<u64> {
    kibibytes(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmHWM")
}

/// The memory that a process holds now, in KiB; none when it is gone.
#[must_use]
pub fn resident_kib(process: u32) -> Option<u64> {
    kibibytes(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmRSS")
}

/// Bytes by which a process held more than before, both in KiB.
#[must_use]
pub fn rise(before_kib: u64, peak_kib: u64) -> f64 {
    peak_kib.saturating_sub(before_kib) as f64 * 1024.0
}

/// Seconds of processor time that a process has used, to 10 ms; none when it is gone.
#[must_use]
pub fn cpu_seconds(process: u32) -> Option<f64> {
    cpu_of_stat(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn cpu_of_stat(stat: &str) -> Option<f64> {
    // The second field is the name in parentheses, which may hold anything; user and system time are 14 and 15.
    let mut rest = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = rest.next()?.parse().ok()?;
    let system: f64 = rest.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// How a process ran.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ran {
    /// From its start to its end.
    pub wall: Duration,
    /// The most memory that was seen, in KiB: looked at every millisecond.
    pub peak_kib: u64,
    /// The processor time that was last seen, in seconds.
    pub cpu_seconds: f64,
}

/// Waits for a process to end.
///
/// # Errors
/// When it cannot be waited for, or ended badly.
pub fn watch(mut child: Child, started: Instant, what: &str) -> Result<Ran> {
    let (mut peak, mut cpu) = (0, 0.0_f64);
    let status = loop {
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
        cpu = cpu.max(cpu_seconds(child.id()).unwrap_or(0.0));
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let wall = started.elapsed();
    if !status.success() {
        return Err(format!("{what} ended with {status}").into());
    }
    Ok(Ran { wall, peak_kib: peak, cpu_seconds: cpu })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let stat = "12 (a) (b) R 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0";
        assert_eq!(cpu_of_stat(stat), Some(2.0));
        assert_eq!(cpu_of_stat("12 (a"), None);
    }

    #[test]
    fn this_process_holds_memory() {
        let (now, peak) = (resident_kib(std::process::id()).unwrap(), peak_kib(std::process::id()).unwrap());
        assert!(now > 0 && peak >= now / 2, "{now} {peak}");
        assert!(cpu_seconds(std::process::id()).is_some());
        assert_eq!(peak_kib(u32::MAX), None);
    }
}
