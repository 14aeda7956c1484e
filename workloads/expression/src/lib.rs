//! The expression language: parse, types, dependency graph.

mod function;
mod names;
mod typed;
mod unit;
mod walk;

pub use function::Function;
pub use names::{Name, NameError, Ticker, is_reserved};
pub use typed::{
    Arithmetic, Bars, BollingerOutput, Boolean, Calendar, Column, Compare, Constant, Cross, CrossSection,
    Extreme, Facts, History, Kind, Logic, MacdOutput, Map, Node, Number, PairWindow, Period,
    StochasticOutput, Typed, Window,
};
pub use unit::Unit;
