//! The workload of stages `features` and `publish`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ats_pod::run(|run| async move { ats_feature_engineering::run(&run.file, &run.context).await })
}
