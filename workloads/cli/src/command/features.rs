//! `ats features`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use ats_columns::{DataFrame, ParquetSink};
use ats_feature_engineering::export::Export;
use ats_pipeline::{StageInput, StageName, StoreLocation};
use ats_store::{Settings, Store};
use serde_json::Value;

use super::get::digest_of;
use super::report::stage_key;
use crate::{Failure, FeaturesArguments, local::store_uri, output, state::State};

pub(super) fn features(arguments: &FeaturesArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let (_, object) = state.resolve(&arguments.name, &["TradingUniverse"])?;
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    super::runtime()?.block_on(async {
        let export = Export::open(&store, &dataset_of(&object)?).await?;
        let tickers = wanted(&export, &arguments.tickers)?;
        let Some(path) = &arguments.output else {
            let mut table = Table::Csv(Box::new(std::io::stdout().lock()), false);
            return table.write(&export, &tickers).await;
        };
        // Under another name until it is complete, so that nobody reads a part.
        let partial = path.with_added_extension("partial");
        let written = async {
            let mut table = Table::create(path, &partial)?;
            table.write(&export, &tickers).await?;
            drop(table);
            std::fs::rename(&partial, path).map_err(|error| cannot(path, &error))
        };
        match written.await {
            Ok(()) => Ok(()),
            Err(failure) => {
                // What is left of it says nothing that the failure does not.
                drop(std::fs::remove_file(&partial));
                Err(failure)
            }
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The dataset that a universe published last.
pub(super) fn dataset_of(object: &Value) -> Result<StageInput, Failure> {
    let stage = StageName::Publish;
    match (stage_key(object, stage), digest_of(object, stage)) {
        (Some(key), Some(digest)) => Ok(StageInput { stage, key, digest }),
        _ => Err(Failure::Failed(format!("stage {stage} of the object has no output: see `ats get stages`"))),
    }
}

/// The tickers asked for, or all of the dataset's.
fn wanted(export: &Export, asked: &[String]) -> Result<Vec<String>, Failure> {
    let known: BTreeSet<&str> = export.tickers().iter().map(String::as_str).collect();
    match asked.iter().find(|ticker| !known.contains(ticker.as_str())) {
        Some(ticker) => Err(Failure::Input(format!(
            "the dataset has no usable ticker {ticker}; it has: {}",
            export.tickers().join(", ")
        ))),
        None if asked.is_empty() => Ok(export.tickers().to_vec()),
        None => Ok(asked.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()),
    }
}

fn cannot(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("{} cannot be written: {error}", path.display()))
}

/// A table that is written ticker by ticker.
enum Table {
    /// Where it goes, and whether its header is written.
    Csv(Box<dyn Write>, bool),
    Parquet(BufWriter<File>),
}

impl Table {
    /// In the form that the path's extension names.
    fn create(path: &Path, partial: &Path) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str());
        let open = || File::create(partial).map(BufWriter::new).map_err(|error| cannot(path, &error));
        match extension {
            Some("csv") => Ok(Self::Csv(Box::new(open()?), false)),
            Some("parquet") => Ok(Self::Parquet(open()?)),
            _ => Err(Failure::Input(format!(
                "{}: the form is told by the extension: write FILE.csv or FILE.parquet",
                path.display()
            ))),
        }
    }

    async fn write(&mut self, export: &Export, tickers: &[String]) -> Result<(), Failure> {
        match self {
            Self::Csv(file, header) => {
                for ticker in tickers {
                    csv(file, &export.ticker(ticker).await?, header)?;
                }
                Ok(file.flush()?)
            }
            Self::Parquet(file) => {
                let failed = |error: ats_columns::ColumnsError| Failure::Failed(error.to_string());
                let mut sink = None;
                for ticker in tickers {
                    let table = export.ticker(ticker).await?;
                    if sink.is_none() {
                        sink = Some(ParquetSink::new(&mut *file, &table).map_err(failed)?);
                    }
                    if let Some(sink) = &mut sink {
                        sink.append(&table).map_err(failed)?;
                    }
                }
                if let Some(sink) = sink {
                    sink.finish().map_err(failed)?;
                }
                Ok(file.flush()?)
            }
        }
    }
}

/// Rows as text, every number with the digits that read back to the same bits.
fn csv(file: &mut dyn Write, table: &DataFrame, header: &mut bool) -> Result<(), Failure> {
    let (names, rows) = output::exact_table(table);
    let mut text = String::new();
    if !*header {
        text.push_str(&names.join(","));
        text.push('\n');
        *header = true;
    }
    for row in rows {
        text.push_str(&row.join(","));
        text.push('\n');
    }
    match file.write_all(text.as_bytes()) {
        // A reader that went away is no error.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
