//! `ats`: the objects of `trading.ats.dev` without a cluster.

use std::process::ExitCode;

use clap::Parser;

/// Columns of millions of rows come and go: this allocator asks for huge pages and keeps what is given back for a while.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ats_cli::main(ats_cli::Arguments::parse())
}
