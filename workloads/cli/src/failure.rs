//! Why a command ends without its result.

use std::process::ExitCode;

/// Why a command ends without its result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Usage or input: nothing was run.
    #[error("{0}")]
    Input(String),
    /// Something was run and failed.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// 2 for input, 1 for a failed run.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::from(1),
        }
    }

    /// Says it on standard error.
    #[allow(clippy::print_stderr, reason = "this is where the command line speaks")]
    pub fn print(&self) {
        eprintln!("error: {self}");
    }
}

impl From<ats_store::StoreError> for Failure {
    fn from(error: ats_store::StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ats_store::StageError> for Failure {
    fn from(error: ats_store::StageError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}
