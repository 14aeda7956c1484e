//! `ats get`.

use std::process::ExitCode;

use ats_ledger::{Ledger, LedgerError, OrderFilter, OrderRow, StrategyIdentity, StrategyKey};
use ats_pipeline::{StageKey, StageName, StoreLocation};
use ats_store::{Settings, Store};
use serde_json::{Value, json};

use super::report::{file_of, stage_key};
use crate::{Failure, GetArguments, GetWhat, OutputFormat, local::store_uri, output, state::State};

const KINDS: &[&str] = &["TradingUniverse", "ModelTrainingJob", "Strategy"];

pub(super) fn get(arguments: &GetArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let kinds: &[&str] = match arguments.what {
        GetWhat::Stages | GetWhat::Artifacts => KINDS,
        GetWhat::Models => &["ModelTrainingJob"],
        GetWhat::Trades | GetWhat::Orders | GetWhat::Positions | GetWhat::Equity => &["Strategy"],
    };
    let (_, object) = state.resolve(&arguments.name, kinds)?;
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    let text = super::runtime()?.block_on(async {
        match arguments.what {
            GetWhat::Stages => stages(&object, arguments.output),
            GetWhat::Artifacts => artifacts(&store, &object, arguments.output).await,
            GetWhat::Models => {
                let card = file_of(&store, &object, StageName::Select, "card.json").await?;
                let card: Value =
                    serde_json::from_slice(&card).map_err(|error| Failure::Failed(error.to_string()))?;
                output::value(&card, arguments.output)
            }
            GetWhat::Trades => table(&store, &object, "trades.parquet", arguments.output).await,
            GetWhat::Orders if is_paper(&object) => {
                orders(&arguments.state.ledger, &object, arguments.output).await
            }
            GetWhat::Orders => table(&store, &object, "orders.parquet", arguments.output).await,
            GetWhat::Positions => positions(&arguments.state.ledger, &object, arguments.output).await,
            GetWhat::Equity => table(&store, &object, "equity.parquet", arguments.output).await,
        }
    })?;
    super::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn stages(object: &Value, format: OutputFormat) -> Result<String, Failure> {
    let empty = Vec::new();
    let entries = object.pointer("/status/stages").and_then(Value::as_array).unwrap_or(&empty);
    if format != OutputFormat::Table {
        return output::value(&json!(entries), format);
    }
    let header = ["STAGE", "STATE", "COMPUTED", "REUSED", "KEY", "DIGEST", "MESSAGE"].map(str::to_owned);
    let short = |value: &Value| value.as_str().unwrap_or_default().chars().take(12).collect::<String>();
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    Ok(output::rows(
        &header,
        entries.iter().map(|entry| {
            vec![
                plain(&entry["name"]),
                plain(&entry["state"]),
                plain(&entry["computed"]),
                plain(&entry["reused"]),
                short(&entry["key"]),
                short(&entry["digest"]),
                plain(&entry["message"]),
            ]
        }),
    ))
}

async fn artifacts(store: &Store, object: &Value, format: OutputFormat) -> Result<String, Failure> {
    let mut found = Vec::new();
    for stage in [
        StageName::Acquire,
        StageName::Features,
        StageName::Publish,
        StageName::Train,
        StageName::Select,
        StageName::Backtest,
    ] {
        let Some(key) = stage_key(object, stage) else { continue };
        let Some(digest) = digest_of(object, stage) else { continue };
        let dataset = store.dataset(&ats_pipeline::StageInput { stage, key, digest }).await?;
        for entry in &dataset.units {
            found.extend(files(store, stage, entry.key, &entry.unit).await?);
        }
    }
    if format != OutputFormat::Table {
        return output::value(&json!(found), format);
    }
    let header = ["STAGE", "UNIT", "FILE", "ROWS", "BYTES", "URI"].map(str::to_owned);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(output::rows(
        &header,
        found.iter().map(|file| {
            ["stage", "unit", "file", "rows", "bytes", "uri"].iter().map(|name| text(&file[*name])).collect()
        }),
    ))
}

async fn files(store: &Store, stage: StageName, key: StageKey, unit: &str) -> Result<Vec<Value>, Failure> {
    let folder = store.unit(stage, key);
    let Some(stored) = folder.manifest().await? else { return Ok(Vec::new()) };
    let describe = |file: &ats_pipeline::FileEntry| json!({"stage": stage, "unit": unit, "file": file.name, "rows": file.rows, "bytes": file.bytes, "digest": file.digest, "uri": folder.uri(file)});
    Ok(stored.manifest.files.iter().map(describe).collect())
}

pub(super) fn digest_of(object: &Value, stage: StageName) -> Option<ats_pipeline::Digest> {
    let stages = object.pointer("/status/stages")?.as_array()?;
    stages.iter().find(|entry| entry["name"] == stage.as_str())?["digest"].as_str()?.parse().ok()
}

/// A Parquet file of a backtest as a table.
async fn table(store: &Store, object: &Value, name: &str, format: OutputFormat) -> Result<String, Failure> {
    let bytes = file_of(store, object, StageName::Backtest, name).await?;
    let (header, body) =
        output::text_table(&bytes).map_err(|error| Failure::Failed(format!("{name}: {error}")))?;
    if format == OutputFormat::Table {
        let header: Vec<String> = header.iter().map(|name| name.to_uppercase()).collect();
        return Ok(output::rows(&header, body));
    }
    let records: Vec<Value> = body
        .into_iter()
        .map(|row| Value::Object(header.iter().cloned().zip(row.into_iter().map(Value::String)).collect()))
        .collect();
    output::value(&json!(records), format)
}

/// Whether a strategy trades on paper: its orders and positions are then in the ledger.
fn is_paper(object: &Value) -> bool {
    object.pointer("/spec/mode").and_then(Value::as_str) == Some("Paper")
}

/// The ledger, and a strategy's key in it.
async fn ledger_of(url: &str, object: &Value) -> Result<(Ledger, StrategyKey), Failure> {
    let failed = |error: LedgerError| Failure::Failed(error.to_string());
    let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let key = StrategyIdentity::local(name).map_err(failed)?.key();
    Ok((Ledger::open(url).await.map_err(failed)?, key))
}

/// Orders of a paper strategy from the ledger, oldest first.
async fn orders(url: &str, object: &Value, format: OutputFormat) -> Result<String, Failure> {
    let (ledger, key) = ledger_of(url, object).await?;
    let written = ledger
        .orders(&key, OrderFilter::default())
        .await
        .map_err(|error| Failure::Failed(error.to_string()))?;
    if format != OutputFormat::Table {
        let all = serde_json::to_value(&written).map_err(|error| Failure::Failed(error.to_string()))?;
        return output::value(&all, format);
    }
    let header = [
        "ORDER", "SESSION", "TICKER", "SIDE", "QUANTITY", "KIND", "PURPOSE", "REASON", "STATE", "FILLED",
        "MESSAGE",
    ];
    let row = |order: &OrderRow| {
        vec![
            order.client_order_id.to_string(),
            order.created_session.to_string(),
            order.ticker.clone(),
            order.side.to_string(),
            order.quantity.to_string(),
            order.kind.to_string(),
            order.purpose.to_string(),
            order.reason.clone(),
            order.state.to_string(),
            order.filled_quantity.to_string(),
            order.message.clone().unwrap_or_default(),
        ]
    };
    Ok(output::rows(&header.map(str::to_owned), written.iter().map(row)))
}

/// Open positions from the ledger.
async fn positions(url: &str, object: &Value, format: OutputFormat) -> Result<String, Failure> {
    if !is_paper(object) {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        return Err(Failure::Input(format!(
            "Strategy/{name} is not in mode Paper: a backtest ends flat or at its last bar, see `ats get trades`"
        )));
    }
    let (ledger, key) = ledger_of(url, object).await?;
    let held = ledger.positions(&key).await.map_err(|error| Failure::Failed(error.to_string()))?;
    if format != OutputFormat::Table {
        let all = serde_json::to_value(&held).map_err(|error| Failure::Failed(error.to_string()))?;
        return output::value(&all, format);
    }
    let header = ["TICKER", "QUANTITY", "COST"].map(str::to_owned);
    Ok(output::rows(
        &header,
        held.iter().map(|one| vec![one.ticker.clone(), one.quantity.to_string(), one.cost.to_string()]),
    ))
}
