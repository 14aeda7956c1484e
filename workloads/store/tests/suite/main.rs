//! The store on a folder and on an S3 server, and the runner over it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod objects;
mod place;
mod properties;
mod runs;
mod unreachable;
mod work;
