//! The pod of data-acquisition: reads `stage.json`, runs the stage, tells how it went.

fn main() -> std::process::ExitCode {
    ats_pod::run(|run| async move { ats_data_acquisition::stage::run(&run.file, &run.context).await })
}
