//! The reconcile: `dereference` (reads), `validate`, `plan` and `build` (pure), `apply` (writes), `update_status` (one
//! patch, only if something but time changed). Each kind's decisions are in a folder of their own.

pub mod apply;
pub mod events;
pub mod frame;
pub mod memory;
pub mod model;
pub mod references;
pub mod run;
pub mod strategy;
pub mod universe;
pub mod update_status;
pub mod write;
