//! Numbers that two runs on one machine must not share: ports and subnets.
//!
//! A number is reserved by a lock on a file named after it. The kernel lets go of the lock when the process that
//! holds it ends, however it ends, so that nothing is ever reserved by nobody.

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, FileContext as _, Result};

/// Below the kernel's range for outgoing connections, which could take a port between the choice and its use.
const PORTS: Range<u16> = 20_000..32_000;

/// A number that is ours for as long as this value lives.
#[derive(Debug)]
pub(crate) struct Reservation {
    /// The number.
    pub(crate) number: u16,
    _lock: File,
}

/// Reserves a port of the loopback interface.
pub(crate) fn port() -> Result<Reservation> {
    reserve("port", PORTS, |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
}

/// Reserves the third octet of the subnets of a whole node.
pub(crate) fn subnet(free: impl Fn(u16) -> bool) -> Result<Reservation> {
    reserve("subnet", 1..255, free)
}

fn reserve(kind: &'static str, range: Range<u16>, free: impl Fn(u16) -> bool) -> Result<Reservation> {
    let folder = folder();
    std::fs::create_dir_all(&folder).file("make", &folder)?;
    let count = usize::from(range.end - range.start);
    // Runs that begin at the same time should not all try the same numbers.
    let clock =
        SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.subsec_nanos()).unwrap_or_default();
    let offset = (clock / 1000 + std::process::id() * 7919) as usize;
    for number in range.cycle().skip(offset % count).take(count) {
        let path = folder.join(format!("{kind}-{number}"));
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).open(&path).file("open", &path)?;
        if lock.try_lock().is_ok() && free(number) {
            return Ok(Reservation { number, _lock: lock });
        }
    }
    Err(Error::NothingFree { kind })
}

fn folder() -> PathBuf {
    // Of one user: another's lock files could not be opened.
    std::env::temp_dir().join(format!("ats-cluster-locks-{}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_not_given_twice() {
        let all: Vec<_> = (0..20).map(|_| port().unwrap()).collect();
        let mut numbers: Vec<_> = all.iter().map(|reservation| reservation.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 20);
    }

    #[test]
    fn what_is_let_go_is_free_again() {
        let only = |number| number == 77;
        let first = subnet(only).unwrap();
        assert!(matches!(subnet(only), Err(Error::NothingFree { .. })));
        drop(first);
        assert_eq!(subnet(only).unwrap().number, 77);
    }
}
