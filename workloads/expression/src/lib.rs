//! The expression language in which features, rankings and trading rules are written.
//!
//! [`parse`] reads an expression, [`check`] resolves its names and finds its types, units of measure and history,
//! [`FeatureGraph`] does so for all features of a universe at once. The result, [`Typed`], is what an evaluator
//! matches on and prints as a canonical text. There is no way to write a look at a later bar.
//!
//! No I/O; everything is bounded, so an expression of any length and depth gives a value or an error.

mod ast;
mod check;
mod display;
mod error;
mod function;
mod graph;
mod lexer;
mod names;
mod parser;
mod scope;
#[cfg(feature = "testing")]
pub mod testing;
mod typed;
mod unit;
mod vocabulary;
mod walk;

pub use ast::Expression;
pub use check::{check, check_kind};
pub use error::{Category, ExpressionError, Origin, did_you_mean};
pub use function::Function;
pub use graph::{Feature, FeatureGraph, Phase};
pub use names::{Name, NameError, Ticker, is_reserved};
pub use parser::{MAX_HEIGHT, MAX_LENGTH, parse};
pub use scope::Scope;
pub use typed::{Boolean, Constant, Facts, History, Kind, Node, Number, Period, Typed};
pub use unit::Unit;
pub use vocabulary::{
    Arithmetic, Bars, BollingerOutput, Calendar, Coarse, Column, Compare, Cross, CrossSection, Extreme,
    Logic, MacdOutput, Map, PairWindow, StochasticOutput, Window,
};
pub use walk::Any;
