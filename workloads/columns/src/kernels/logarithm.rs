//! The natural logarithm, without a branch on the value, so that a loop over a column computes several at once.
//!
//! The steps are those of FreeBSD's `e_log.c` (Sun Microsystems 1993), as in `libm`: the same bits for every number,
//! on every machine. x is 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2), and log(1 + f) is a polynomial in
//! s = f / (2 + f); the error is below one unit in the last place.

const LN2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_fee0_0000);
const LN2_LOW: f64 = f64::from_bits(0x3dea_39ef_3579_3c76);
/// Coefficients of (log(1 + f) - 2s) / s in powers of s^2.
const LG: [f64; 7] = [
    f64::from_bits(0x3fe5_5555_5555_5593),
    f64::from_bits(0x3fd9_9999_9997_fa04),
    f64::from_bits(0x3fd2_4924_9422_9359),
    f64::from_bits(0x3fcc_71c5_1d8e_78af),
    f64::from_bits(0x3fc7_4664_96cb_03de),
    f64::from_bits(0x3fc3_9a09_d078_c69f),
    f64::from_bits(0x3fc2_f112_df3e_5244),
];
/// The upper halves of 1 and of sqrt(1/2), and what lies between them.
const ROOT_HALF: u64 = 0x3fe6_a09e_0000_0000;
const UP_TO_ONE: u64 = 0x3ff0_0000_0000_0000 - ROOT_HALF;
/// 2^52: a number in whose last bits an integer below it stands.
const INTEGER: u64 = 0x4330_0000_0000_0000;

/// The natural logarithm, null for non-positive numbers.
#[inline(always)]
#[must_use]
pub(crate) fn ln(x: f64) -> f64 {
    // Numbers below 2^-1022 have fewer digits; they are scaled up first.
    let small = x < f64::MIN_POSITIVE;
    let (scaled, less) = if small { (x * 18_014_398_509_481_984.0, 54.0) } else { (x, 0.0) };
    let bits = scaled.to_bits().wrapping_add(UP_TO_ONE);
    let k = f64::from_bits(INTEGER | (bits >> 52)) - (f64::from_bits(INTEGER) + 1023.0) - less;
    let f = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + ROOT_HALF) - 1.0;
    let half = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let even = w * (LG[1] + w * (LG[3] + w * LG[5]));
    let odd = z * (LG[0] + w * (LG[2] + w * (LG[4] + w * LG[6])));
    let log = s * (half + (odd + even)) + k * LN2_LOW - half + f + k * LN2_HIGH;
    // What is no positive finite number has no logarithm here; infinity is null as well in the end.
    if x > 0.0 && x < f64::INFINITY { log } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::ln;

    proptest! {
        #[test]
        fn bits_are_those_of_libm(x in any::<f64>().prop_filter("positive", |x| *x > 0.0 && x.is_finite())) {
            prop_assert_eq!(ln(x).to_bits(), libm::log(x).to_bits());
        }

        #[test]
        fn bits_are_those_of_libm_near_one(x in 0.5..2.0f64) {
            prop_assert_eq!(ln(x).to_bits(), libm::log(x).to_bits());
        }
    }

    #[test]
    fn what_has_no_logarithm_is_null() {
        for x in [0.0, -0.0, -1.0, f64::NEG_INFINITY, f64::INFINITY, f64::NAN] {
            assert!(ln(x).is_nan(), "{x}");
        }
        assert_eq!(ln(1.0).to_bits(), 0);
        assert_eq!(ln(f64::from_bits(1)).to_bits(), libm::log(f64::from_bits(1)).to_bits());
    }
}
