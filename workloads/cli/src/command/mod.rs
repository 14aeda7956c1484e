//! One module for each command.

mod audit;
mod compare;
mod convert;
mod explain;
mod features;
mod get;
mod plan;
mod report;
mod run;
mod validate;

use std::{io::Write, process::ExitCode};

use clap::CommandFactory;

use crate::{Arguments, Command, Failure};

pub(crate) fn dispatch(arguments: Arguments) -> Result<ExitCode, Failure> {
    ats_log::start(&arguments.log_level)?;
    match arguments.command {
        Command::Run(run) => run::run(&run),
        Command::Validate(validate) => validate::validate(&validate),
        Command::Plan(plan) => plan::plan(&plan),
        Command::Get(get) => get::get(&get),
        Command::Report(report) => report::report(&report),
        Command::Features(features) => features::features(&features),
        Command::Audit(audit) => audit::audit(&audit),
        Command::Compare(compare) => compare::compare(&compare),
        Command::Convert(convert) => convert::convert(&convert),
        Command::Explain(explain) => explain::explain(&explain),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "ats", &mut text);
            write(&text)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Writes a result to standard output; a reader that went away is no error.
fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A runtime for commands that read stores.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

mod ats_log {
    use std::io::IsTerminal;

    use tracing_subscriber::{EnvFilter, fmt, prelude::*};

    use crate::Failure;

    /// Logs as plain lines on standard error.
    pub(super) fn start(level: &str) -> Result<(), Failure> {
        let filter = EnvFilter::try_new(level)
            .map_err(|error| Failure::Input(format!("--log-level {level:?} is not understood: {error}")))?;
        // Colours are for a person's terminal; a file or a pipe would hold their codes.
        let colours = std::io::stderr().is_terminal();
        let layer = fmt::layer().with_target(false).with_ansi(colours).with_writer(std::io::stderr);
        // The only error is that a subscriber is there already, as in tests that share a process.
        drop(tracing_subscriber::registry().with(filter).with(layer).try_init());
        Ok(())
    }
}
