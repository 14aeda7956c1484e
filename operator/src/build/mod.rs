//! The Kubernetes objects that the operator makes, as values. Pure.

pub mod accounts;
pub mod deployment;
pub mod job;
pub mod labels;
pub mod monitoring;
pub mod pod;
