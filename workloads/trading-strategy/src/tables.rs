//! The backtest's Parquet files. Money is in dollars; absent values are null. Quantities are whole numbers where only
//! whole shares are traded, else numbers with a point.

use ats_columns::column::{
    booleans_column, dates_column, days_since_epoch, floats_column, frame, integers_column, strings_column,
    timestamps_column,
};
use ats_columns::{Column, ColumnsError, write_parquet};
use jiff::civil::Date;
use polars_core::prelude::{Int32Chunked, IntoColumn, IntoSeries, NewChunkedArray, PlSmallStr};

use crate::engine::{ClosedLot, EquityPoint, Price, Shares, Trade, Unit};
use crate::record::OrderRow;
use crate::statistics::RollingPoint;

/// A file of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputFile {
    /// Its logical name.
    pub name: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its rows, for a table.
    pub rows: Option<u64>,
}

/// A `Date` column with nulls.
fn optional_dates(name: &str, values: &[Option<Date>]) -> Column {
    let days = values.iter().map(|date| date.map(days_since_epoch));
    Int32Chunked::from_iter_options(PlSmallStr::from_str(name), days).into_date().into_series().into_column()
}

fn file(name: &'static str, columns: Vec<Column>) -> Result<OutputFile, ColumnsError> {
    let frame = frame(name, columns)?;
    Ok(OutputFile { name, bytes: write_parquet(&frame)?, rows: Some(frame.height() as u64) })
}

fn texts<T>(name: &str, rows: &[T], value: impl Fn(&T) -> String) -> Column {
    strings_column(name, &rows.iter().map(value).collect::<Vec<_>>())
}

fn numbers<T>(name: &str, rows: &[T], value: impl Fn(&T) -> f64) -> Column {
    floats_column(name, &rows.iter().map(value).collect::<Vec<_>>())
}

fn counts<T>(name: &str, rows: &[T], value: impl Fn(&T) -> i64) -> Column {
    integers_column(name, &rows.iter().map(value).collect::<Vec<_>>())
}

/// A column of quantities; its type follows from the unit and not from the values, so that a reader can tell it from the
/// strategy alone.
fn quantities<T>(name: &str, unit: Unit, rows: &[T], value: impl Fn(&T) -> Shares) -> Column {
    match unit {
        Unit::Whole => counts(name, rows, |row| value(row).whole()),
        Unit::Millionth => numbers(name, rows, |row| value(row).to_f64()),
    }
}

fn dates<T>(name: &str, rows: &[T], value: impl Fn(&T) -> Date) -> Column {
    dates_column(name, &rows.iter().map(value).collect::<Vec<_>>())
}

/// `orders.parquet`: one row an order, with its fill.
pub fn orders(rows: &[OrderRow], unit: Unit) -> Result<OutputFile, ColumnsError> {
    const NAME: &str = "orders.parquet";
    let fill =
        |row: &OrderRow, value: fn(&crate::engine::Fill) -> f64| row.fill.as_ref().map_or(f64::NAN, value);
    let filled: Vec<Option<Date>> =
        rows.iter().map(|row| row.fill.as_ref().map(|fill| fill.session)).collect();
    file(
        NAME,
        vec![
            texts("order_id", rows, |row| row.order.id.to_string()),
            dates("session", rows, |row| row.order.session),
            timestamps_column(
                "timestamp",
                &rows.iter().map(|row| row.order.timestamp.as_microsecond()).collect::<Vec<_>>(),
            ),
            texts("ticker", rows, |row| row.order.ticker.to_string()),
            texts("side", rows, |row| format!("{:?}", row.order.side)),
            texts("intent", rows, |row| format!("{:?}", row.order.intent)),
            texts("reason", rows, |row| format!("{:?}", row.order.reason)),
            texts("order_type", rows, |row| row.order.order_type.name().to_owned()),
            numbers("stop_price", rows, |row| row.order.order_type.stop().map_or(f64::NAN, Price::to_f64)),
            numbers("limit_price", rows, |row| row.order.order_type.limit().map_or(f64::NAN, Price::to_f64)),
            quantities("wanted", unit, rows, |row| row.order.wanted),
            quantities("quantity", unit, rows, |row| row.order.quantity),
            texts("cuts", rows, |row| {
                let cuts =
                    row.order.cuts.iter().map(|cut| format!("{:?} {} to {}", cut.reason, cut.from, cut.to));
                cuts.collect::<Vec<_>>().join("; ")
            }),
            numbers("reference_price", rows, |row| row.order.reference.to_f64()),
            texts("status", rows, |row| row.status().as_str().to_owned()),
            optional_dates("fill_session", &filled),
            quantities("filled", unit, rows, |row| {
                row.fill.as_ref().map_or(Shares::ZERO, |fill| fill.quantity)
            }),
            numbers("price", rows, |row| fill(row, |fill| fill.price.to_f64())),
            numbers("commission", rows, |row| fill(row, |fill| fill.commission.to_f64())),
            numbers("slippage", rows, |row| fill(row, |fill| fill.slippage.to_f64())),
            numbers("stop", rows, |row| fill(row, |fill| fill.stop.map_or(f64::NAN, |stop| stop.to_f64()))),
            numbers("take_profit", rows, |row| {
                fill(row, |fill| fill.take_profit.map_or(f64::NAN, |price| price.to_f64()))
            }),
            texts("cancelled", rows, |row| {
                let parts = row.cancelled.iter().map(|(quantity, reason)| format!("{reason:?} {quantity}"));
                parts.collect::<Vec<_>>().join("; ")
            }),
        ],
    )
}

/// `trades.parquet`: closed trades, then open ones at their last price, without an exit.
pub fn trades(closed: &[Trade], open: &[Trade]) -> Result<OutputFile, ColumnsError> {
    const NAME: &str = "trades.parquet";
    let rows: Vec<&Trade> = closed.iter().chain(open).collect();
    let exits: Vec<Option<Date>> = rows.iter().map(|trade| trade.exit_session).collect();
    file(
        NAME,
        vec![
            texts("ticker", &rows, |trade| trade.ticker.to_string()),
            texts("side", &rows, |trade| format!("{:?}", trade.side)),
            booleans_column(
                "closed",
                &rows.iter().map(|trade| trade.exit_session.is_some()).collect::<Vec<_>>(),
            ),
            dates("entry_session", &rows, |trade| trade.entry_session),
            optional_dates("exit_session", &exits),
            counts("sessions", &rows, |trade| i64::from(trade.sessions)),
            numbers("quantity", &rows, |trade| trade.quantity),
            numbers("entry_price", &rows, |trade| trade.entry_price),
            numbers("exit_price", &rows, |trade| trade.exit_price),
            numbers("entry_value", &rows, |trade| trade.entry_value.to_f64()),
            numbers("profit", &rows, |trade| trade.profit.to_f64()),
            numbers("commission", &rows, |trade| trade.commission.to_f64()),
            numbers("slippage", &rows, |trade| trade.slippage.to_f64()),
            numbers("dividends", &rows, |trade| trade.dividends.to_f64()),
            numbers("borrowing", &rows, |trade| trade.borrowing.to_f64()),
            texts("exit_reason", &rows, |trade| {
                trade.exit_reason.map_or_else(String::new, |reason| format!("{reason:?}"))
            }),
        ],
    )
}

/// `lots.parquet`: closed lots, first in, first out.
pub fn lots(rows: &[ClosedLot], unit: Unit) -> Result<OutputFile, ColumnsError> {
    file(
        "lots.parquet",
        vec![
            texts("ticker", rows, |lot| lot.ticker.to_string()),
            texts("side", rows, |lot| format!("{:?}", lot.side)),
            dates("entry_session", rows, |lot| lot.entry_session),
            dates("exit_session", rows, |lot| lot.exit_session),
            texts("entry_order", rows, |lot| lot.entry_order.to_string()),
            texts("exit_order", rows, |lot| lot.exit_order.to_string()),
            quantities("quantity", unit, rows, |lot| lot.quantity),
            numbers("entry_value", rows, |lot| lot.entry_value.to_f64()),
            numbers("exit_value", rows, |lot| lot.exit_value.to_f64()),
            numbers("profit", rows, |lot| lot.profit.to_f64()),
        ],
    )
}

/// `rolling.parquet`: numbers over the last 126 sessions, from the first session that has them.
pub fn rolling(rows: &[RollingPoint]) -> Result<OutputFile, ColumnsError> {
    file(
        "rolling.parquet",
        vec![
            dates("session", rows, |point| point.session),
            numbers("sharpe", rows, |point| point.sharpe.unwrap_or(f64::NAN)),
            numbers("beta", rows, |point| point.beta.unwrap_or(f64::NAN)),
        ],
    )
}

/// `equity.parquet`: the account at each bar's close. `cash + long_value - short_value = equity`.
pub fn equity(rows: &[EquityPoint]) -> Result<OutputFile, ColumnsError> {
    file(
        "equity.parquet",
        vec![
            dates("session", rows, |point| point.session),
            timestamps_column(
                "timestamp",
                &rows.iter().map(|point| point.timestamp.as_microsecond()).collect::<Vec<_>>(),
            ),
            booleans_column(
                "session_close",
                &rows.iter().map(|point| point.session_close).collect::<Vec<_>>(),
            ),
            numbers("equity", rows, |point| point.equity.to_f64()),
            numbers("cash", rows, |point| point.cash.to_f64()),
            numbers("long_value", rows, |point| point.long_value.to_f64()),
            numbers("short_value", rows, |point| point.short_value.to_f64()),
            numbers("open_risk", rows, |point| point.open_risk.to_f64()),
            counts("positions", rows, |point| i64::from(point.positions)),
        ],
    )
}
