//! The workload of stages `features` and `publish`.

use std::process::ExitCode;

/// Columns of millions of rows come and go: this allocator asks for huge pages and keeps what is given back for a while.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ats_pod::run(|run| async move { ats_feature_engineering::run(&run.file, &run.context).await })
}
