//! Random search: values drawn from ranges (Bergstra and Bengio 2012), decided by the seed alone.

use std::collections::BTreeSet;

use ats_crds::model::{RandomRange, RangeScale};
use rust_decimal::{
    Decimal,
    prelude::{FromPrimitive, ToPrimitive},
};
use sha2::{Digest as _, Sha256};

use super::{Problems, trials::Parameters};

/// Parameters that are counts.
const WHOLE: [&str; 3] = ["trees", "maxDepth", "minSamplesLeaf"];

/// Digits of a drawn value: enough to tell trials apart, few enough to be read in their names.
const SIGNIFICANT_DIGITS: u32 = 4;

/// A range whose ends are sound.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    min: Decimal,
    max: Decimal,
    /// The ends as they are drawn between.
    low: f64,
    high: f64,
    scale: RangeScale,
    whole: bool,
}

impl Source {
    /// Checks a range; what is wrong becomes a problem at `path`.
    pub(super) fn new(
        problems: &mut Problems,
        path: &str,
        parameter: &str,
        range: &RandomRange,
    ) -> Option<Self> {
        let min = problems.take(&format!("{path}.min"), range.min.decimal())?;
        let max = problems.take(&format!("{path}.max"), range.max.decimal())?;
        let whole = WHOLE.contains(&parameter);
        if min >= max {
            problems.add(path, format!("min {min} must be below max {max}"));
        } else if range.scale == RangeScale::Log && min.is_zero() {
            problems.add(format!("{path}.min"), "scale Log needs a min above 0: 0 has no logarithm");
        } else if whole && !(min.is_integer() && max.is_integer()) {
            problems.add(path, format!("{parameter} is a whole number: so must min and max be"));
        } else if let (Some(low), Some(high)) = (min.to_f64(), max.to_f64()) {
            return Some(Self { min, max, low, high, scale: range.scale, whole });
        } else {
            problems.add(path, format!("nothing can be drawn between {min} and {max}: use smaller numbers"));
        }
        None
    }

    /// The value at a share of the range, 0 up to 1.
    fn at(&self, share: f64) -> Decimal {
        // A count owns the half above and below it, so that the ends are as likely as the rest.
        let half = if self.whole { 0.5 } else { 0.0 };
        let (low, high) = (self.low - half, self.high + half);
        let value = match self.scale {
            RangeScale::Linear => low + share * (high - low),
            RangeScale::Log => {
                let (low, high) = (libm::log(low), libm::log(high));
                libm::exp(low + share * (high - low))
            }
        };
        let value = Decimal::from_f64(value).and_then(|value| {
            if self.whole { Some(value.round()) } else { value.round_sf(SIGNIFICANT_DIGITS) }
        });
        // Rounding leaves the decimals only above the largest of them.
        value.map_or(self.max, |value| value.clamp(self.min, self.max)).normalize()
    }
}

/// So many combinations, each once, in the order of names and values: fewer where a range has few values.
pub(super) fn drawn(
    base: &Parameters,
    sources: &[(&'static str, Source)],
    seed: i64,
    draws: i32,
) -> Vec<Parameters> {
    let draw = |number: i32| {
        let mut combination = base.clone();
        for (parameter, source) in sources {
            combination.insert(parameter, source.at(share(seed, parameter, number)));
        }
        combination
    };
    (0..draws.max(1)).map(draw).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A number in 0 up to 1 that seed, parameter and the draw decide, and nothing else: neither how many are drawn nor
/// which other parameters are searched.
fn share(seed: i64, parameter: &str, draw: i32) -> f64 {
    let hash = Sha256::digest(format!("random search {seed} {parameter} {draw}"));
    let bits = hash.iter().take(8).fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
    // The 53 digits that a float holds.
    (bits >> 11) as f64 / (1u64 << 53) as f64
}
