//! Decimal strings of the API: exact where a JSON float is not, each with its bound in the schema and one message.

use std::{borrow::Cow, fmt};

use rust_decimal::Decimal;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The only spelling accepted: digits with an optional sign and fraction; no exponent, no leading plus or zero.
pub const PATTERN: &str = r"^-?(0|[1-9][0-9]{0,14})(\.[0-9]{1,12})?$";

/// A decimal string that the schema would have refused, met in a document that did not pass an API server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
pub struct DecimalError {
    /// The text as written.
    pub value: String,
    /// What is accepted, in words.
    pub expected: &'static str,
}

macro_rules! decimal_string {
    ($(#[$doc:meta])* $name:ident, $rule:expr, $expected:expr, $holds:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The rule's message, and what a value must be.
            pub const EXPECTED: &'static str = $expected;

            /// A value from its text, unchecked until [`Self::decimal`].
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The checked number, without trailing zeros: `"0.10"` and `"0.1"` are one value and one key.
            ///
            /// # Errors
            /// When the text is not a decimal of the accepted spelling or lies outside the bound.
            pub fn decimal(&self) -> Result<Decimal, DecimalError> {
                let error = || DecimalError { value: self.0.clone(), expected: $expected };
                if !is_spelled_well(&self.0) {
                    return Err(error());
                }
                let number = Decimal::from_str_exact(&self.0).map_err(|_| error())?.normalize();
                let holds: fn(Decimal) -> bool = $holds;
                if holds(number) { Ok(number) } else { Err(error()) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "maxLength": 29,
                    "x-kubernetes-validations": [{
                        "rule": format!("self.matches('{}') && ({})", PATTERN.replace('\\', "\\\\"), $rule),
                        "message": format!("must be {}", $expected),
                    }],
                })
            }
        }
    };
}

decimal_string!(
    /// Any decimal number.
    AnyDecimal,
    "true",
    "a decimal number in a string, such as \"0.25\"",
    |_| true
);
decimal_string!(
    /// A decimal of 0 or more.
    NonNegativeDecimal,
    "double(self) >= 0.0",
    "a decimal number of 0 or more in a string, such as \"0.25\"",
    |number| number >= Decimal::ZERO
);
decimal_string!(
    /// A decimal above 0.
    PositiveDecimal,
    "double(self) > 0.0",
    "a decimal number above 0 in a string, such as \"1.5\"",
    |number| number > Decimal::ZERO
);
decimal_string!(
    /// A fraction above 0, up to and including 1.
    PositiveFraction,
    "double(self) > 0.0 && double(self) <= 1.0",
    "a fraction above 0 and up to 1 in a string, such as \"0.02\" for 2%",
    |number| number > Decimal::ZERO && number <= Decimal::ONE
);
decimal_string!(
    /// A fraction from 0 to 1, both included.
    UnitFraction,
    "double(self) >= 0.0 && double(self) <= 1.0",
    "a fraction from 0 to 1 in a string, such as \"0.02\" for 2%",
    |number| number >= Decimal::ZERO && number <= Decimal::ONE
);

/// Whether the text is spelled as [`PATTERN`] says (written out, so that this crate needs no regular expressions).
fn is_spelled_well(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    (1..=15).contains(&whole.len())
        && all_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(|part| (1..=12).contains(&part.len()) && all_digits(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_bound_and_nothing_beyond() {
        assert!(PositiveFraction::new("1").decimal().is_ok());
        assert!(PositiveFraction::new("0.0100").decimal().is_ok_and(|d| d.to_string() == "0.01"));
        for refused in ["0", "1.5", "abc", "-0.1", "1e-3", "+1", "01", ".5", "1.", "", "1.0000000000001"] {
            assert!(PositiveFraction::new(refused).decimal().is_err(), "{refused}");
        }
        assert!(UnitFraction::new("0").decimal().is_ok());
        assert!(AnyDecimal::new("-3.5").decimal().is_ok());
    }
}
