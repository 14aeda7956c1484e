use super::price::nearest;
use super::*;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn whole(count: i64) -> Shares {
    Shares::from_whole(count).unwrap()
}

/// | | shares | value at $0.333333 |
/// |---|---|---|
/// | three | 3 | 0.999999 |
/// | a half | 0.5 | 0.1666665, so 0.166667 |
/// | a half, short | -0.5 | -0.166667 |
/// | a millionth | 0.000001 | 0.000000333333, so 0 |
#[test]
fn values_are_rounded_to_the_nearest_micro_dollar() {
    let price = Price::from_f64(0.333_333).unwrap();
    for (shares, value) in [("3", 999_999), ("0.5", 166_667), ("-0.5", -166_667), ("0.000001", 0)] {
        let shares = Shares::try_from(decimal(shares)).unwrap();
        assert_eq!(price.value_of(shares).unwrap(), Money(value), "{shares}");
    }
    // 1,000,000 x 1,000,000 dollars: the product of the millionths needs more than 64 bits, the value does not.
    let million = Price::from_f64(1e6).unwrap();
    assert_eq!(million.value_of(whole(1_000_000)).unwrap().to_f64(), 1e12);
    assert!(million.value_of(whole(10_000_000)).is_err());
}

/// $1 buys 0 whole shares of $3 and 0.333333 of one; a third of $10 buys 1 and 1.111111 (by 3.333333333 / 3).
#[test]
fn quantities_are_rounded_down_to_the_lot() {
    let (three, third) = (Price::from_f64(3.0).unwrap(), Fraction(333_333_333));
    let (one, ten) = (Money(1_000_000), Money(10_000_000));
    assert_eq!(one.shares_at(three, Unit::Whole), Shares::ZERO);
    assert_eq!(one.shares_at(three, Unit::Millionth), Shares(333_333));
    assert_eq!(ten.shares_of_fraction(third, three, Unit::Whole).unwrap(), whole(1));
    assert_eq!(ten.shares_of_fraction(third, three, Unit::Millionth).unwrap(), Shares(1_111_111));
    // 2.5% of 1003 shares
    let share = Fraction(25_000_000);
    assert_eq!(share.of_volume(1003, Unit::Whole), whole(25));
    assert_eq!(share.of_volume(1003, Unit::Millionth), Shares(25_075_000));
    assert_eq!(Fraction::ONE.of_volume(i64::MAX, Unit::Millionth), Shares::MAX);
    assert_eq!(Money(i64::MAX).shares_at(Price(1), Unit::Whole), Shares::MAX);
    assert_eq!(Unit::Whole.floor(Shares(-1_650_000)), whole(-1));
}

/// A weight has a sign, and a billionth is its last digit.
#[test]
fn weights_are_the_nearest_billionth() {
    let cases =
        [(0.25, 250_000_000), (-1.5, -1_500_000_000), (0.0, 0), (-4e-10, 0), (1.6e-9, 2), (-1.6e-9, -2)];
    for (value, nanos) in cases {
        assert_eq!(Fraction::nearest(value), Some(Fraction(nanos)), "{value}");
    }
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e10, -1e10] {
        assert_eq!(Fraction::nearest(value), None, "{value}");
    }
    assert_eq!(Fraction(250_000_000).negated(), Fraction(-250_000_000));
}

#[test]
fn whole_shares_are_numbers_and_parts_of_one_are_text() {
    for (shares, text) in [
        (whole(100), "100"),
        (whole(-7), "-7"),
        (Shares(1_500_000), "\"1.5\""),
        (Shares(-1), "\"-0.000001\""),
    ] {
        assert_eq!(serde_json::to_string(&shares).unwrap(), text);
        assert_eq!(serde_json::from_str::<Shares>(text).unwrap(), shares);
    }
    for bad in ["\"0.0000001\"", "9300000000000", "\"many\"", "null"] {
        assert!(serde_json::from_str::<Shares>(bad).is_err(), "{bad}");
    }
    assert_eq!(whole(100).to_string(), "100");
    assert_eq!(Shares(1_500_000).to_string(), "1.5");
}

#[test]
fn decimals_are_exact_or_refused() {
    assert_eq!(Money::try_from(decimal("100000.25")).unwrap().micros(), 100_000_250_000);
    assert!(matches!(Money::try_from(decimal("0.0000001")), Err(NumberError::TooFine { digits: 6, .. })));
    assert!(Money::try_from(decimal("1e20")).is_err() || decimal("1e20") < Decimal::MAX);
    assert_eq!(Fraction::from_basis_points(decimal("2.5")).unwrap().nanos(), 250_000);
    assert_eq!(serde_json::to_string(&Money::from_micros(-1_500_000)).unwrap(), "\"-1.5\"");
    assert_eq!(serde_json::from_str::<Money>("\"-1.5\"").unwrap(), Money::from_micros(-1_500_000));
}

#[test]
fn slippage_is_rounded_against_the_trader() {
    let price = Price::from_f64(10.01).unwrap();
    let slippage = Fraction::from_basis_points(decimal("0.33")).unwrap();
    // 10.01 x 0.000033 = 0.00033033
    assert_eq!(price.raised(slippage).unwrap().micros(), 10_010_331);
    assert_eq!(price.lowered(slippage).unwrap().micros(), 10_009_669);
}

#[test]
fn ratios_are_the_simple_fractions_they_stand_for() {
    for (value, numerator, denominator) in [
        (2.0, 2, 1),
        (0.05, 1, 20),
        (1.5, 3, 2),
        (0.333_333_333_3, 1, 3),
        (7.0, 7, 1),
        (0.142_857_142_86, 1, 7),
    ] {
        assert_eq!(Ratio::from_f64(value).unwrap(), Ratio { numerator, denominator }, "{value}");
    }
    assert_eq!(Ratio::from_f64(1.002_745_5).unwrap().numerator, 1_002_745_500);
    assert!(Ratio::from_f64(0.0).is_err());
    // 33 / 20 = 1 and 13/20, that is 13,000,000 twentieths of a millionth.
    let (shares, rest) = Ratio::from_f64(0.05).unwrap().shares(whole(-33), Unit::Whole).unwrap();
    assert_eq!((shares, rest), (whole(-1), Rest { count: -13_000_000, denominator: 20 }));
    let (shares, rest) = Ratio::from_f64(0.05).unwrap().shares(whole(-33), Unit::Millionth).unwrap();
    assert_eq!((shares, rest), (Shares(-1_650_000), Rest { count: 0, denominator: 20 }));
}

proptest::proptest! {
    /// Whole shares are worth what the product of two whole numbers says, wherever that fits.
    #[test]
    fn whole_shares_have_exact_values(price in 0..20_000_000_000_i64, count in -400_000_000..400_000_000_i64) {
        let value = Price(price).value_of(whole(count));
        match price.checked_mul(count) {
            Some(exact) => proptest::prop_assert_eq!(value.unwrap(), Money(exact)),
            None => proptest::prop_assert!(value.is_err()),
        }
    }

    /// Both ways to a value of a part give the same: by 64 bits and by 128.
    #[test]
    fn values_do_not_depend_on_the_way(price in 0..20_000_000_000_i64, count in proptest::prelude::any::<i32>()) {
        let wide = divide_nearest(i128::from(price) * i128::from(count), i128::from(MICROS));
        proptest::prop_assert_eq!(i128::from(Price(price).value_of(Shares(count.into())).unwrap().0), wide);
    }

    #[test]
    fn the_nearest_whole_number_is_that_of_the_standard_library(value in 0.0..9e15_f64, small in 0.0..3.0_f64, half in 0..1_i64 << 51) {
        for value in [value, small, half as f64 + 0.5, (half as f64 + 0.5).next_down(), (half as f64 + 0.5).next_up()] {
            proptest::prop_assert_eq!(nearest(value), value.round() as i64);
        }
    }
}

#[test]
fn not_a_price() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
        assert!(Price::from_f64(bad).is_err(), "{bad}");
    }
}
