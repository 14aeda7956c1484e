//! The planner, the checks, the pod contract and the schedules from outside.

#![allow(clippy::unwrap_used, reason = "tests")]

mod check_model;
mod check_search;
mod check_strategy;
mod check_universe;
mod contract;
mod defaults;
mod documents;
mod gates;
mod keys;
mod manifests;
mod planner;
mod schedule;
mod specifications;
