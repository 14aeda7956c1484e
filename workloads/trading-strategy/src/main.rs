//! The pod of trading-strategy: reads `stage.json`, runs the stage, tells how it went.

fn main() -> std::process::ExitCode {
    ats_pod::run(|run| async move { ats_trading_strategy::run(&run.file, &run.context).await })
}
