//! What the namespace looks like: the page and the metrics as functions of objects and books.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod documented;
mod exposition;
mod fixture;
mod metrics;
mod page;
mod states;
