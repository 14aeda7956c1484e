//! A stage in a cluster: what its Job is called, what its pods tell, and what follows from it. Pure.

pub mod advance;
pub mod name;
pub mod observe;
pub mod pods;
pub mod record;
pub mod trouble;

pub use advance::{JobAction, Progress, Setting, advance};
pub use ats_pipeline::status::{Current, Trouble};
pub use trouble::Warning;

#[cfg(test)]
mod tests;
