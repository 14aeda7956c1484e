//! `ats audit`.

use std::process::ExitCode;

use ats_calendar::Calendar;
use ats_columns::column::{booleans, floats};
use ats_columns::segments::{MAX_GAP_SESSIONS, segments};
use ats_columns::{Adjustment, Bars, DataFrame, Prices};
use ats_feature_engineering::export::Export;
use ats_model_training::audit::{AuditTicker, FeatureAudit, Interval, Verdict, audit as search};
use ats_pipeline::StoreLocation;
use ats_store::{Settings, Store};
use serde_json::json;

use super::features::dataset_of;
use crate::{AuditArguments, Failure, OutputFormat, local::store_uri, output, state::State};

pub(super) fn audit(arguments: &AuditArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let (_, object) = state.resolve(&arguments.name, &["TradingUniverse"])?;
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    let found = super::runtime()?.block_on(async {
        let export = Export::open(&store, &dataset_of(&object)?).await?;
        let names = export.features();
        let calendar = Calendar::by_name(export.lineage().calendar.as_str())
            .map_err(|error| Failure::Failed(error.to_string()))?;
        let mut tickers = Vec::with_capacity(export.tickers().len());
        for ticker in export.tickers() {
            let (bars, table) = (export.bars(ticker).await?, export.ticker(ticker).await?);
            tickers.push(rows(&bars, &table, &names, calendar)?);
        }
        search(&names, &tickers, usize::from(arguments.horizon), arguments.seed)
            .map_err(|error| Failure::Failed(error.to_string()))
    })?;
    if found.is_empty() {
        return Err(Failure::Failed("the universe has no features to audit".to_owned()));
    }
    super::write(text(&found, arguments.output)?.as_bytes())?;
    let leaks = found.iter().any(|feature| matches!(feature.verdict, Verdict::Leak | Verdict::Unsound));
    Ok(if leaks { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A ticker as the audit reads it: returns of a holder, whatever the features are adjusted for.
fn rows(
    bars: &Bars,
    table: &DataFrame,
    names: &[String],
    calendar: &Calendar,
) -> Result<AuditTicker, Failure> {
    let failed = |error: ats_columns::ColumnsError| Failure::Failed(error.to_string());
    let prices = Prices::new(bars, Adjustment::SplitsAndDividends);
    let features: Result<Vec<Vec<f64>>, _> =
        names.iter().map(|name| floats("features", table, name)).collect();
    Ok(AuditTicker {
        session: bars.session().to_vec(),
        timestamp: bars.timestamp().to_vec(),
        active: booleans("features", table, "active").map_err(failed)?,
        segments: segments(bars.ticker(), calendar, bars.session(), MAX_GAP_SESSIONS).map_err(failed)?,
        open: prices.open.to_vec(),
        high: prices.high.to_vec(),
        low: prices.low.to_vec(),
        close: prices.close.to_vec(),
        features: features.map_err(failed)?,
    })
}

fn text(found: &[FeatureAudit], format: OutputFormat) -> Result<String, Failure> {
    if format != OutputFormat::Table {
        return output::value(&json!(found), format);
    }
    let header = ["FEATURE", "VERDICT", "COMING", "NEXT BAR", "SHUFFLED", "PAST", "DATES"].map(str::to_owned);
    let interval = |interval: &Option<Interval>| match interval {
        Some(Interval { mean, low, high, .. }) => format!("{mean:+.3} ({low:+.3} to {high:+.3})"),
        None => "-".to_owned(),
    };
    Ok(output::rows(
        &header,
        found.iter().map(|feature| {
            vec![
                feature.feature.clone(),
                format!("{:?}", feature.verdict),
                interval(&feature.coming),
                interval(&feature.next_bar),
                interval(&feature.shuffled),
                interval(&feature.past),
                feature.coming.map_or(0, |coming| coming.dates).to_string(),
            ]
        }),
    ))
}
