//! Stage acquire: bars and corporate actions from a source, checked, counted and stored.
//!
//! - [`source`]: raw rows from files ([`source::files`]) or from a random process ([`source::synthetic`]).
//! - [`check`]: rows to bars; every row is kept, or dropped for one reason that is counted ([`quality`]).
//! - [`actions`]: splits and dividends, and the factors that they make.
//! - [`unit`]: all of that for one ticker, to the files of its unit.
//! - [`stage`]: the units of a shard, through the store.
//!
//! A ticker without usable data is a [`problem::Problem`] and part of the output; the others are unharmed.

pub mod actions;
pub mod check;
pub mod problem;
pub mod quality;
pub mod row;
pub mod source;
pub mod stage;
pub mod unit;
