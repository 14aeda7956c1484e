//! `ats-delivery`: programs of the pipeline. Make targets call it; its settings are variables of the environment, so that
//! no text of a stranger is ever part of a command.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is a command line")]

mod command;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match command::run(command::Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ats-delivery: {error}");
            ExitCode::FAILURE
        }
    }
}
