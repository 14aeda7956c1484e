//! How values are written: decimals in plain notation, instants of fixed width, enums by name; and rows read back.

use crate::LedgerError;
use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use sqlx::{Row as _, any::AnyRow};
use std::{fmt::Display, str::FromStr};

/// Plain notation without trailing zeros, so that equal values are equal text.
pub(crate) fn decimal(value: Decimal) -> String {
    if value.is_zero() { "0".to_owned() } else { value.normalize().to_string() }
}

/// UTC with microseconds and of fixed width, so that text sorts as time does. Parts of a microsecond are dropped.
pub(crate) fn instant(value: Timestamp) -> String {
    format!("{value:.6}")
}

/// One row of a query, read by column name with errors that name table and column.
pub(crate) struct Columns<'r> {
    pub(crate) row: &'r AnyRow,
    pub(crate) table: &'static str,
}

impl Columns<'_> {
    pub(crate) fn optional(&self, column: &'static str) -> Result<Option<String>, LedgerError> {
        self.row
            .try_get::<Option<String>, _>(column)
            .map_err(|source| LedgerError::Database { action: "reading a row", source })
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, LedgerError> {
        self.row
            .try_get::<String, _>(column)
            .map_err(|source| LedgerError::Database { action: "reading a row", source })
    }

    pub(crate) fn integer(&self, column: &'static str) -> Result<i64, LedgerError> {
        self.row
            .try_get::<i64, _>(column)
            .map_err(|source| LedgerError::Database { action: "reading a row", source })
    }

    /// A column whose text parses as T: an enum, an instant, a session, an id.
    pub(crate) fn parsed<T: FromStr>(&self, column: &'static str) -> Result<T, LedgerError> {
        let value = self.text(column)?;
        value.parse().map_err(|_| LedgerError::Corrupt { table: self.table, column, value })
    }

    pub(crate) fn parsed_optional<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, LedgerError> {
        match self.optional(column)? {
            None => Ok(None),
            Some(value) => match value.parse() {
                Ok(parsed) => Ok(Some(parsed)),
                Err(_) => Err(LedgerError::Corrupt { table: self.table, column, value }),
            },
        }
    }

    pub(crate) fn decimal(&self, column: &'static str) -> Result<Decimal, LedgerError> {
        let value = self.text(column)?;
        Decimal::from_str_exact(&value).map_err(|_| LedgerError::Corrupt { table: self.table, column, value })
    }

    pub(crate) fn instant(&self, column: &'static str) -> Result<Timestamp, LedgerError> {
        self.parsed(column)
    }

    pub(crate) fn session(&self, column: &'static str) -> Result<Date, LedgerError> {
        self.parsed(column)
    }
}

/// Compares a stored figure with one that was to be written again.
pub(crate) fn differs<T: PartialEq + Display>(stored: &T, given: &T) -> Option<(String, String)> {
    (stored != given).then(|| (stored.to_string(), given.to_string()))
}

/// A closed set of names that are the same in the database, in JSON and in Rust.
macro_rules! text_enum {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// All values, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as it is stored and shown.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $(stringify!($variant) => Ok(Self::$variant),)+
                    other => Err(format!(
                        "{other:?} is not one of {}",
                        Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", ")
                    )),
                }
            }
        }
    };
}
pub(crate) use text_enum;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_decimals_are_equal_text() {
        for (value, text) in [("1.500", "1.5"), ("-0.00", "0"), ("100", "100"), ("0.0000001", "0.0000001")] {
            assert_eq!(decimal(value.parse().unwrap()), text);
        }
    }

    #[test]
    fn instants_sort_as_text() {
        let early: Timestamp = "2024-01-02T21:00:00Z".parse().unwrap();
        let late: Timestamp = "2024-01-02T21:00:00.000001Z".parse().unwrap();
        assert_eq!(instant(early), "2024-01-02T21:00:00.000000Z");
        assert!(instant(early) < instant(late));
        assert_eq!(instant(early).parse::<Timestamp>().unwrap(), early);
    }
}
