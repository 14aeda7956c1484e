//! The pod of data-acquisition: reads `stage.json`, runs the stage, tells how it went.

/// Columns of millions of rows come and go: this allocator asks for huge pages and keeps what is given back for a while.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ats_pod::run(|run| async move { ats_data_acquisition::stage::run(&run.file, &run.context).await })
}
