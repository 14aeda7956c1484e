//! The command line: the objects of a cluster, without one. `ats run` plans with the operator's planner and runs the
//! workloads' libraries in this process; keys, digests and status are those of a cluster.

mod arguments;
mod command;
pub mod convert;
mod failure;
mod local;
mod objects;
mod output;
mod state;
pub mod validate;

use std::process::ExitCode;

pub use arguments::{
    Arguments, AuditArguments, Command, CompareArguments, ConvertArguments, ConvertMode, ExplainArguments,
    FeaturesArguments, GetArguments, GetWhat, InputArguments, OutputFormat, PathMap, PlanArguments,
    ReportArguments, RunArguments, StateArguments, ValidateArguments,
};
pub use failure::Failure;

/// Runs a command; exit code 0 when all is well, 1 when an object failed, 2 for usage or invalid input.
pub fn main(arguments: Arguments) -> ExitCode {
    match command::dispatch(arguments) {
        Ok(code) => code,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}
