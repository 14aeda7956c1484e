//! One ticker's corporate actions.

use std::fmt;

use jiff::civil::Date;
use polars_core::prelude::{DataFrame, DataType};
use serde::{Deserialize, Serialize};

use crate::column;
use crate::error::ColumnsError;
use crate::parquet::{expect_columns, read_parquet, write_parquet};

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// The value is the number of new shares for each old one.
    Split,
    /// The value is the raw amount in the quote currency for each share held before the ex-date.
    Dividend,
}

impl ActionKind {
    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Split => "split",
            Self::Dividend => "dividend",
        }
    }

    /// The kind that a file's word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "split" => Some(Self::Split),
            "dividend" => Some(Self::Dividend),
            _ => None,
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Action {
    /// The first session on which a buyer has no right to it.
    pub ex_date: Date,
    /// What it does.
    pub kind: ActionKind,
    /// The ratio of a split, the amount of a dividend; finite and positive.
    pub value: f64,
}

/// One ticker's actions, by ex-date, splits before dividends.
#[derive(Debug, Clone, PartialEq)]
pub struct Actions {
    ticker: String,
    actions: Vec<Action>,
}

impl Actions {
    /// Sorts the actions (by ex-date, splits first, otherwise in the order given) and checks their values.
    ///
    /// # Errors
    /// A value that is not a positive number.
    pub fn new(ticker: impl Into<String>, mut actions: Vec<Action>) -> Result<Self, ColumnsError> {
        let ticker = ticker.into();
        actions.sort_by_key(|action| (action.ex_date, action.kind));
        for (row, action) in actions.iter().enumerate() {
            if !action.value.is_finite() || action.value <= 0.0 {
                return Err(ColumnsError::Row {
                    table: format!("actions of {ticker}"),
                    row,
                    problem: format!(
                        "the {} of {} has value {}; it must be a positive number",
                        action.kind, action.ex_date, action.value
                    ),
                });
            }
        }
        Ok(Self { ticker, actions })
    }

    /// The ticker.
    #[must_use]
    pub fn ticker(&self) -> &str {
        &self.ticker
    }

    /// The actions by ex-date.
    #[must_use]
    pub fn as_slice(&self) -> &[Action] {
        &self.actions
    }

    /// The columns of an actions file with their types, in order.
    #[must_use]
    pub fn schema() -> Vec<(&'static str, DataType)> {
        vec![("ex_date", DataType::Date), ("kind", DataType::String), ("value", DataType::Float64)]
    }

    /// The actions as a frame: `ex_date kind value`.
    pub fn to_frame(&self) -> Result<DataFrame, ColumnsError> {
        let dates: Vec<Date> = self.actions.iter().map(|action| action.ex_date).collect();
        let kinds: Vec<&str> = self.actions.iter().map(|action| action.kind.as_str()).collect();
        let values: Vec<f64> = self.actions.iter().map(|action| action.value).collect();
        let columns = vec![
            column::dates_column("ex_date", &dates),
            column::strings_column("kind", &kinds),
            column::floats_column("value", &values),
        ];
        column::frame("actions", columns)
    }

    /// The actions as a Parquet file.
    pub fn to_parquet(&self) -> Result<Vec<u8>, ColumnsError> {
        write_parquet(&self.to_frame()?)
    }

    /// The actions of `ticker` from a Parquet file that [`Actions::to_parquet`] wrote.
    ///
    /// # Errors
    /// Other columns or types than [`Actions::schema`], an unknown kind, nulls, or a value that is not positive.
    pub fn from_parquet(ticker: &str, bytes: impl AsRef<[u8]> + Send + Sync) -> Result<Self, ColumnsError> {
        let table = format!("actions of {ticker}");
        let frame = read_parquet(&table, bytes, None)?;
        expect_columns(&table, &frame, &Self::schema())?;
        let dates = column::dates(&table, &frame, "ex_date")?;
        let kinds = column::strings(&table, &frame, "kind")?;
        let values = column::floats(&table, &frame, "value")?;
        let mut actions = Vec::with_capacity(dates.len());
        for (row, ((ex_date, kind), value)) in dates.into_iter().zip(&kinds).zip(values).enumerate() {
            let Some(kind) = ActionKind::from_word(kind) else {
                let problem = format!("kind is `{kind}`; it must be `split` or `dividend`");
                return Err(ColumnsError::Row { table, row, problem });
            };
            actions.push(Action { ex_date, kind, value });
        }
        Self::new(ticker, actions)
    }
}
