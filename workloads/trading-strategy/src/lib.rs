//! Stages backtest and trade: signals, sizing, fills, statistics, the report and paper trading.
