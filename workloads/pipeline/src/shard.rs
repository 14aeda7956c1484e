//! Which shard computes which unit: by hash, so that adding a unit moves no other one.

use crate::digest::Digest;

/// The shard, from 0, of a unit among `shards`. Sharding decides who works, never what comes out.
pub fn of_unit(unit: &str, shards: u32) -> u32 {
    let digest = Digest::of(unit.as_bytes());
    let mut first = [0u8; 8];
    first.copy_from_slice(&digest.as_bytes()[..8]);
    (u64::from_be_bytes(first) % u64::from(shards.max(1))) as u32
}

/// How many shards `units` make at `per_shard` each, at least one.
pub fn count(units: usize, per_shard: u32) -> u32 {
    units.div_ceil(per_shard.max(1) as usize).max(1).try_into().unwrap_or(u32::MAX)
}
