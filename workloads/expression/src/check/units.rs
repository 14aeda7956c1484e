//! Messages for units of measure that do not go together.

use crate::ast::Ast;
use crate::error::{Category, ExpressionError};
use crate::unit::{Unit, UnitError};

use super::Checker;

const ARBITRARY_LEVEL: &str = "the level of an adjusted number is arbitrary: use raw columns (`raw_close`, \
                               `raw_volume`), or a ratio such as `close / sma(close, 200)`";
const ARBITRARY_ZERO: &str = "the zero of that logarithm is arbitrary: take the logarithm of a ratio, such as `log(close / delay(close, 21))`";

const TWO_TICKERS: &str = "the levels of two tickers' adjusted numbers have nothing to do with each other: compare ratios, \
                           such as `returns(close, 21) - returns(close@\"SPY\", 21)`, or raw columns";

impl Checker<'_> {
    /// Two operands whose units do not go together; `verb` as in "they cannot be added".
    pub(super) fn pair_error(
        &self,
        error: UnitError,
        verb: &str,
        left: (&Ast, Unit),
        right: (&Ast, Unit),
        whole: &Ast,
    ) -> ExpressionError {
        let (l, r) = (self.text(left.0), self.text(right.0));
        let message = format!("`{l}` is {} and `{r}` is {}: they cannot {verb}", left.1, right.1);
        let error = match error {
            UnitError::Mismatch if left.1.is_logarithm() || right.1.is_logarithm() => {
                UnitError::LogarithmLevel
            }
            UnitError::Mismatch if left.1.is_raw() || right.1.is_raw() => UnitError::AdjustedTimesRaw,
            error => error,
        };
        self.error(Category::Unit, whole.span.clone(), message).help(help(error))
    }

    /// One operand whose unit a function cannot take.
    pub(super) fn unit_error(
        &self,
        error: UnitError,
        function: &str,
        input: (&Ast, Unit),
    ) -> ExpressionError {
        let text = self.text(input.0);
        let message = match error {
            UnitError::AcrossTickers => {
                format!("`{text}` is {}: `{function}` cannot compare it across tickers", input.1)
            }
            _ => format!("`{text}` is {}: `{function}` of it has no meaning", input.1),
        };
        self.error(Category::Unit, input.0.span.clone(), message).help(help(error))
    }
}

const fn help(error: UnitError) -> &'static str {
    match error {
        UnitError::Mismatch | UnitError::AcrossTickers => ARBITRARY_LEVEL,
        UnitError::Exponential => "use raw columns, or a ratio such as `close / delay(close, 21)`",
        UnitError::TwoTickers => TWO_TICKERS,
        UnitError::PriceTimesVolume => "dollars want raw columns: `raw_close * raw_volume`",
        UnitError::AdjustedTimesRaw => "use raw columns in all of it, or adjusted columns in all of it",
        UnitError::LogarithmLevel => ARBITRARY_ZERO,
        UnitError::Exponent => "powers of an adjusted number are whole or half, from -8 to 8",
    }
}
