//! Sums of gradients, curvatures and rows in whole numbers.
//!
//! A sum of floats depends on the order of its terms, and the difference of two sums is not the sum of the rest.
//! Whole numbers have neither trouble: bins may be added up in any order, by any number of threads, and a child's sums
//! are its parent's less its sibling's, to the last bit. Each row's gradient and curvature are multiplied by a power
//! of two, as large as all rows together leave room for in 63 bits, and rounded: 45 and 28 bits for 100,000 rows, where
//! a float of 32 bits, which LightGBM adds, has 24.

use rayon::prelude::*;

/// Rows that a thread takes at once.
pub const CHUNK: usize = 4096;
/// Most bits of a row's number: what a float tells apart, with room for its sign.
const MOST_BITS: u32 = 51;

/// The sum of gradients; the sum of curvatures, shifted, and the number of rows below it.
pub type Sum = [i64; 2];

/// The rows' numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Sums {
    /// One for each row.
    pub rows: Vec<Sum>,
    /// How they are read.
    pub unit: Unit,
}

/// How a [`Sum`] is read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    gradient: f64,
    curvature: f64,
    count_bits: u32,
}

impl Sums {
    /// Of gradients and of curvatures above 0, one of each for a row; with weights both count so many times.
    #[must_use]
    pub fn new(steps: &[(f64, f64)]) -> Self {
        let most = |a: (f64, f64), b: (f64, f64)| (f64::max(a.0, b.0), f64::max(a.1, b.1));
        let (gradient, curvature) = steps
            .par_chunks(CHUNK)
            .map(|steps| steps.iter().fold((0.0, 0.0), |all, (g, h)| most(all, (g.abs(), *h))))
            .reduce(|| (0.0, 0.0), most);
        let count_bits = usize::BITS - steps.len().leading_zeros();
        let unit = Unit {
            gradient: scale(gradient, 62 - count_bits),
            curvature: scale(curvature, 62_u32.saturating_sub(2 * count_bits)),
            count_bits,
        };
        let whole = |(g, h): &(f64, f64)| {
            let curvature = round(h * unit.curvature).max(1);
            [round(g * unit.gradient), (curvature << count_bits) | 1]
        };
        let mut rows = vec![[0; 2]; steps.len()];
        rows.par_chunks_mut(CHUNK)
            .zip(steps.par_chunks(CHUNK))
            .for_each(|(rows, steps)| rows.iter_mut().zip(steps).for_each(|(row, step)| *row = whole(step)));
        Self { rows, unit }
    }

    /// As if each row were there so many times; it counts once, or not at all.
    #[must_use]
    pub fn times(&self, counts: &[u32]) -> Self {
        let mask = (1 << self.unit.count_bits) - 1;
        let times = |([g, h], count): (&Sum, &u32)| {
            let count = i64::from(*count);
            [g * count, (h & !mask) * count + count.min(1)]
        };
        Self { rows: self.rows.iter().zip(counts).map(times).collect(), unit: self.unit }
    }
}

impl Unit {
    /// The number of rows in a sum.
    #[must_use]
    pub fn count(&self, sum: Sum) -> usize {
        (sum[1] & ((1 << self.count_bits) - 1)) as usize
    }

    /// The gradient and the curvature, in units that all sums share.
    #[must_use]
    pub fn parts(&self, sum: Sum) -> (f64, f64) {
        (sum[0] as f64, (sum[1] >> self.count_bits) as f64)
    }

    /// What a square of gradients over a curvature of [`Unit::parts`] is.
    #[must_use]
    pub fn gain(&self, gain: f64) -> f64 {
        gain / self.gradient / self.gradient * self.curvature
    }

    /// The Newton step: the gradient over the curvature, downhill.
    #[must_use]
    pub fn step(&self, sum: Sum) -> f64 {
        let (gradient, curvature) = self.parts(sum);
        -(gradient / self.gradient) / (curvature / self.curvature)
    }
}

/// The power of two that makes whole numbers of so many bits of numbers up to `most`.
fn scale(most: f64, bits: u32) -> f64 {
    let above = ((most.to_bits() >> 52) & 0x7ff) as i32 - 1022;
    let power = (bits.min(MOST_BITS) as i32 - 1 - above).clamp(-1022, 1023);
    f64::from_bits(((power + 1023) as u64) << 52)
}

/// The nearest whole number, for numbers below 2^51: adding 1.5 x 2^52 leaves no bits behind the point.
fn round(value: f64) -> i64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    ((value + SHIFT).to_bits() as i64).wrapping_sub(SHIFT.to_bits() as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_rounded_to_the_nearest() {
        for (value, whole) in
            [(0.0, 0), (0.4, 0), (0.6, 1), (-0.6, -1), (-7.2, -7), (1e15, 1_000_000_000_000_000)]
        {
            assert_eq!(round(value), whole);
        }
    }

    proptest! {
        /// Whatever the magnitudes: the step is the quotient of the float sums, the count that of the rows.
        #[test]
        fn sums_are_those_of_floats(
            steps in prop::collection::vec((-1.0..1.0f64, 0.001..1.0f64), 1..500),
            power in -300..300i32,
        ) {
            let size = 10f64.powi(power);
            let steps: Vec<(f64, f64)> = steps.into_iter().map(|(g, h)| (g * size, h)).collect();
            let sums = Sums::new(&steps);
            let add = |a: Sum, b: &Sum| [a[0] + b[0], a[1] + b[1]];
            let all = sums.rows.iter().fold([0; 2], add);
            prop_assert_eq!(sums.unit.count(all), steps.len());
            let (g, h) = steps.iter().fold((0.0, 0.0), |(g, h), step| (g + step.0, h + step.1));
            prop_assert!((sums.unit.step(all) + g / h).abs() <= 1e-8 * size);
            // A part and the rest.
            let part = sums.rows.iter().step_by(2).fold([0; 2], add);
            let rest = sums.rows.iter().skip(1).step_by(2).fold([0; 2], add);
            prop_assert_eq!([all[0] - part[0], all[1] - part[1]], rest);
        }

        #[test]
        fn a_row_that_is_there_twice_counts_once(
            steps in prop::collection::vec((-1.0..1.0f64, 0.1..1.0f64), 2..50),
            count in 0..5u32,
        ) {
            let sums = Sums::new(&steps);
            let times = sums.times(&vec![count; steps.len()]);
            for (one, many) in sums.rows.iter().zip(&times.rows) {
                prop_assert_eq!(sums.unit.count(*many), count.min(1) as usize);
                let ((g, h), (all, weight)) = (sums.unit.parts(*one), sums.unit.parts(*many));
                prop_assert_eq!((g * f64::from(count), h * f64::from(count)), (all, weight));
            }
        }
    }
}
