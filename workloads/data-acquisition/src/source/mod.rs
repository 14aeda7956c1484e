//! Where raw bars come from.

pub mod files;
pub mod synthetic;
