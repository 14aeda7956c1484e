//! The workload of stages `train` and `select`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ats_pod::run(|run| async move { ats_model_training::run(&run.file, &run.context).await })
}
