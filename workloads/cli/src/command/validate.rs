//! `ats validate`.

use std::process::ExitCode;

use crate::{Failure, OutputFormat, ValidateArguments, output};

pub(super) fn validate(arguments: &ValidateArguments) -> Result<ExitCode, Failure> {
    let report = crate::validate::validate_paths(&arguments.input.files);
    let text = match arguments.output {
        OutputFormat::Table => report.to_text(),
        OutputFormat::Json => report.to_json()?,
        OutputFormat::Yaml => {
            let value: serde_json::Value = serde_json::from_str(&report.to_json()?)
                .map_err(|error| Failure::Failed(error.to_string()))?;
            output::value(&value, OutputFormat::Yaml)?
        }
    };
    super::write(text.as_bytes())?;
    Ok(if report.has_errors() { ExitCode::from(2) } else { ExitCode::SUCCESS })
}
