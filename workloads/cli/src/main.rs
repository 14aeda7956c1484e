//! `ats`: the objects of `trading.ats.dev` without a cluster.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    ats_cli::main(ats_cli::Arguments::parse())
}
