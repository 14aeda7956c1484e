//! `ats validate`.

use std::process::ExitCode;

use crate::{Failure, OutputFormat, ValidateArguments};

pub(super) fn validate(arguments: &ValidateArguments) -> Result<ExitCode, Failure> {
    let report = crate::validate::validate_paths(&arguments.input.files);
    let text = match arguments.output {
        OutputFormat::Table => report.to_text(),
        OutputFormat::Json => report.to_json()?,
        OutputFormat::Yaml => return Err(Failure::Input("validate writes a table or json".to_owned())),
    };
    super::write(text.as_bytes())?;
    Ok(if report.has_errors() { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
