//! Holds the namespaces of a pod open: waits for the signal to end, and reaps what is orphaned in a shared PID
//! namespace.

use std::process::ExitCode;

use rustix::process::{WaitOptions, wait};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let signals =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::child()));
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut child)) = signals else {
        eprintln!("pause: cannot handle signals");
        return ExitCode::FAILURE;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => return ExitCode::SUCCESS,
            _ = interrupt.recv() => return ExitCode::SUCCESS,
            _ = child.recv() => while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {},
        }
    }
}
