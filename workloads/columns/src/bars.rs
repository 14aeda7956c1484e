//! One ticker's bars.

use std::ops::Range;

use ats_calendar::Session;
use polars_core::prelude::{DataFrame, DataType};

use crate::column;
use crate::error::ColumnsError;
use crate::parquet::{expect_columns, read_parquet, write_parquet};

/// The columns of [`Bars`], one value a bar, before they are checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BarColumns {
    /// The session (the exchange's date) of the bar.
    pub session: Vec<Session>,
    /// The bar's start: microseconds since 1970, UTC.
    pub timestamp: Vec<i64>,
    /// Raw opening price in the quote currency.
    pub open: Vec<f64>,
    /// Raw highest price.
    pub high: Vec<f64>,
    /// Raw lowest price.
    pub low: Vec<f64>,
    /// Raw closing price.
    pub close: Vec<f64>,
    /// Raw volume in shares.
    pub volume: Vec<f64>,
    /// Product over actions with ex-date up to the bar's session of the split ratio (new shares for an old one).
    pub split_factor: Vec<f64>,
    /// The same product of `1 / (1 - dividend / previous raw close)`.
    pub dividend_factor: Vec<f64>,
}

/// One ticker's raw bars in order of time, with the forward cumulative factors that adjust them.
///
/// All columns have one length, timestamps rise strictly, sessions never fall, prices and volumes are finite,
/// factors are finite and positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Bars {
    ticker: String,
    columns: BarColumns,
}

const FLOATS: [&str; 7] = ["open", "high", "low", "close", "volume", "split_factor", "dividend_factor"];

impl Bars {
    /// Checks the columns.
    ///
    /// # Errors
    /// Names the column or the row that breaks a rule of [`Bars`].
    pub fn new(ticker: impl Into<String>, columns: BarColumns) -> Result<Self, ColumnsError> {
        let bars = Self { ticker: ticker.into(), columns };
        bars.check()?;
        Ok(bars)
    }

    fn floats(&self) -> [(&'static str, &[f64]); 7] {
        let c = &self.columns;
        let slices: [&[f64]; 7] =
            [&c.open, &c.high, &c.low, &c.close, &c.volume, &c.split_factor, &c.dividend_factor];
        let mut i = 0;
        slices.map(|values| {
            i += 1;
            (FLOATS[i - 1], values)
        })
    }

    fn check(&self) -> Result<(), ColumnsError> {
        let table = || format!("bars of {}", self.ticker);
        let rows = self.columns.session.len();
        let length = |column, found| {
            if found == rows {
                Ok(())
            } else {
                Err(ColumnsError::Length { table: table(), column, found, expected: rows })
            }
        };
        length("timestamp", self.columns.timestamp.len())?;
        for (name, values) in self.floats() {
            length(name, values.len())?;
        }
        let broken = |row, problem| Err(ColumnsError::Row { table: table(), row, problem });
        for (i, pair) in self.columns.timestamp.windows(2).enumerate() {
            if pair[0] >= pair[1] {
                let problem = format!(
                    "timestamp {} (microseconds since 1970, UTC) is not after the row before ({})",
                    pair[1], pair[0]
                );
                return broken(i + 1, problem);
            }
        }
        for (i, pair) in self.columns.session.windows(2).enumerate() {
            if pair[0] > pair[1] {
                return broken(
                    i + 1,
                    format!("session {} is before that of the row before, {}", pair[1], pair[0]),
                );
            }
        }
        for (name, values) in self.floats() {
            let factor = name.ends_with("_factor");
            for (row, value) in values.iter().enumerate() {
                if !value.is_finite() || (factor && *value <= 0.0) {
                    let want = if factor { "a positive number" } else { "a number" };
                    return broken(row, format!("{name} is {value}; it must be {want}"));
                }
            }
        }
        Ok(())
    }

    /// The ticker.
    #[must_use]
    pub fn ticker(&self) -> &str {
        &self.ticker
    }

    /// The checked columns.
    #[must_use]
    pub fn columns(&self) -> &BarColumns {
        &self.columns
    }

    /// The columns, to change and check again.
    #[must_use]
    pub fn into_columns(self) -> BarColumns {
        self.columns
    }

    /// The number of bars.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.session.len()
    }

    /// Whether there is no bar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.session.is_empty()
    }

    /// The session of each bar.
    #[must_use]
    pub fn session(&self) -> &[Session] {
        &self.columns.session
    }

    /// The start of each bar: microseconds since 1970, UTC.
    #[must_use]
    pub fn timestamp(&self) -> &[i64] {
        &self.columns.timestamp
    }

    /// Raw opening prices.
    #[must_use]
    pub fn open(&self) -> &[f64] {
        &self.columns.open
    }

    /// Raw highest prices.
    #[must_use]
    pub fn high(&self) -> &[f64] {
        &self.columns.high
    }

    /// Raw lowest prices.
    #[must_use]
    pub fn low(&self) -> &[f64] {
        &self.columns.low
    }

    /// Raw closing prices.
    #[must_use]
    pub fn close(&self) -> &[f64] {
        &self.columns.close
    }

    /// Raw volumes in shares.
    #[must_use]
    pub fn volume(&self) -> &[f64] {
        &self.columns.volume
    }

    /// Forward cumulative split factors.
    #[must_use]
    pub fn split_factor(&self) -> &[f64] {
        &self.columns.split_factor
    }

    /// Forward cumulative dividend factors.
    #[must_use]
    pub fn dividend_factor(&self) -> &[f64] {
        &self.columns.dividend_factor
    }

    /// The first `rows` bars (all of them when there are fewer).
    #[must_use]
    pub fn head(&self, rows: usize) -> Self {
        self.rows(0..rows)
    }

    /// The bars of some rows, of which those that are not there are left out.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.len());
        let rows = rows.start.min(end)..end;
        let c = &self.columns;
        Self {
            ticker: self.ticker.clone(),
            columns: BarColumns {
                session: c.session[rows.clone()].to_vec(),
                timestamp: c.timestamp[rows.clone()].to_vec(),
                open: c.open[rows.clone()].to_vec(),
                high: c.high[rows.clone()].to_vec(),
                low: c.low[rows.clone()].to_vec(),
                close: c.close[rows.clone()].to_vec(),
                volume: c.volume[rows.clone()].to_vec(),
                split_factor: c.split_factor[rows.clone()].to_vec(),
                dividend_factor: c.dividend_factor[rows].to_vec(),
            },
        }
    }

    /// The columns of a bars file with their types, in order.
    #[must_use]
    pub fn schema() -> Vec<(&'static str, DataType)> {
        let mut schema = vec![
            ("ticker", DataType::String),
            ("session", DataType::Date),
            ("timestamp", column::timestamp_type()),
        ];
        schema.extend(FLOATS.map(|name| (name, DataType::Float64)));
        schema
    }

    /// The bars as a frame: `ticker session timestamp open high low close volume split_factor dividend_factor`.
    pub fn to_frame(&self) -> Result<DataFrame, ColumnsError> {
        let mut columns = vec![
            column::strings_column("ticker", &vec![self.ticker.as_str(); self.len()]),
            column::sessions_column("session", &self.columns.session),
            column::timestamps_column("timestamp", &self.columns.timestamp),
        ];
        columns.extend(self.floats().map(|(name, values)| column::floats_column(name, values)));
        column::frame("bars", columns)
    }

    /// The bars as a Parquet file.
    pub fn to_parquet(&self) -> Result<Vec<u8>, ColumnsError> {
        write_parquet(&self.to_frame()?)
    }

    /// The bars of `ticker` from a Parquet file that [`Bars::to_parquet`] wrote.
    ///
    /// # Errors
    /// Other columns or types than [`Bars::schema`], another ticker, nulls, or rows that break a rule of [`Bars`].
    pub fn from_parquet(ticker: &str, bytes: impl AsRef<[u8]> + Send + Sync) -> Result<Self, ColumnsError> {
        let table = format!("bars of {ticker}");
        let frame = read_parquet(&table, bytes, None)?;
        expect_columns(&table, &frame, &Self::schema())?;
        if let Some(other) = column::other_than(&table, &frame, "ticker", ticker)? {
            return Err(ColumnsError::Tickers { table, found: other });
        }
        let floats = |name| column::floats(&table, &frame, name);
        let columns = BarColumns {
            session: column::sessions(&table, &frame, "session")?,
            timestamp: column::timestamps(&table, &frame, "timestamp")?,
            open: floats("open")?,
            high: floats("high")?,
            low: floats("low")?,
            close: floats("close")?,
            volume: floats("volume")?,
            split_factor: floats("split_factor")?,
            dividend_factor: floats("dividend_factor")?,
        };
        Self::new(ticker, columns)
    }
}
