//! The exponential function and what is made of it, with the same bits on every machine.
//!
//! A C library's `exp` differs between libraries in its last bits. `libm`'s does not, and takes branches, so that it
//! goes one value at a time; this one goes straight through and is computed for several values at once.

/// `1.5 x 2^52`: added to a small number it leaves the nearest whole number in the lowest bits.
const SHIFT: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts: the first, of 32 bits, is exact times any exponent.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// `e^x` to two units in the last place; below -708 and above 709 as there. Of what is no number it is `e^-708`.
#[must_use]
#[inline]
pub fn exp(x: f64) -> f64 {
    // `clamp` without its branch: one comparison for each bound.
    let x = if x > -708.0 { x } else { -708.0 };
    let x = if x < 709.0 { x } else { 709.0 };
    // x = n ln 2 + r with |r| at most half of ln 2.
    let shifted = x * std::f64::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor's series; the first term left out is below 2^-57. Written out, so that it stays free of a loop.
    let tail = 1.0 / 6_227_020_800.0;
    let tail = tail * r + 1.0 / 479_001_600.0;
    let tail = tail * r + 1.0 / 39_916_800.0;
    let tail = tail * r + 1.0 / 3_628_800.0;
    let tail = tail * r + 1.0 / 362_880.0;
    let tail = tail * r + 1.0 / 40_320.0;
    let tail = tail * r + 1.0 / 5_040.0;
    let tail = tail * r + 1.0 / 720.0;
    let tail = tail * r + 1.0 / 120.0;
    let tail = tail * r + 1.0 / 24.0;
    let tail = tail * r + 1.0 / 6.0;
    let tail = tail * r + 0.5;
    let fraction = 1.0 + (r + r * r * tail);
    let power = (shifted.to_bits().wrapping_add(1023) << 52) & 0x7ff0_0000_0000_0000;
    fraction * f64::from_bits(power)
}

/// `1 / (1 + e^-x)` without overflow.
#[must_use]
#[inline]
pub fn logistic(x: f64) -> f64 {
    let e = exp(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_logistic_function_does_not_overflow() {
        assert_eq!(logistic(0.0), 0.5);
        assert_eq!(logistic(1e4), 1.0);
        assert!(logistic(-1e4) > 0.0 && logistic(-1e4) < 1e-300);
    }

    proptest! {
        #[test]
        fn it_is_the_one_of_libm(x in prop_oneof![-708.0..709.0f64, -1.0..1.0f64, -1e-9..1e-9f64]) {
            let expected = libm::exp(x);
            prop_assert!((exp(x) - expected).abs() <= 2.0 * f64::EPSILON * expected, "{x}: {} {expected}", exp(x));
            prop_assert!((logistic(x) + logistic(-x) - 1.0).abs() < 1e-15);
        }
    }
}
