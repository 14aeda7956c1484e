//! `ats explain`: what is behind a decision.

use std::fmt::{Display, Write as _};
use std::process::ExitCode;

use ats_pipeline::{StageName, StoreLocation};
use ats_store::{Settings, StageContext, Store};
use ats_trading_strategy::engine::{Event, Money, Order, OrderType, Position, Side};
use ats_trading_strategy::explain::{Explanation, Source, explain_stored};
use ats_trading_strategy::search;

use super::report::{file_of, stage_key};
use crate::{ExplainArguments, Failure, OutputFormat, local::store_uri, output, state::State};

pub(super) fn explain(arguments: &ExplainArguments) -> Result<ExitCode, Failure> {
    let state = State::new(&arguments.state.state);
    let (_, object) = state.resolve(&arguments.name, &["Strategy"])?;
    let store = Store::open(&StoreLocation { uri: store_uri(&arguments.state.store)? }, &Settings::new())?;
    let explanation = super::runtime()?.block_on(async {
        let source = file_of(&store, &object, StageName::Backtest, "backtest.json").await?;
        let source: Source = serde_json::from_slice(&source)
            .map_err(|error| Failure::Failed(format!("backtest.json: {error}")))?;
        let key = stage_key(&object, StageName::Backtest)
            .ok_or_else(|| Failure::Failed("the backtest has no output".to_owned()))?;
        let context = StageContext::new(store);
        explain_stored(key, source, &context, arguments.ticker.clone(), arguments.date)
            .await
            .map_err(|error| Failure::Input(error.to_string()))
    })?;
    let text = match arguments.output {
        OutputFormat::Table => words(&explanation)?,
        format => {
            let value =
                serde_json::to_value(&explanation).map_err(|error| Failure::Failed(error.to_string()))?;
            output::value(&value, format)?
        }
    };
    super::write(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn words(told: &Explanation) -> Result<String, Failure> {
    tell(told).map_err(|error| Failure::Failed(error.to_string()))
}

fn tell(told: &Explanation) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let out = &mut text;
    writeln!(out, "{} on {}", told.ticker, told.session)?;
    match &told.bar {
        Some(bar) => writeln!(
            out,
            "  bar        open {} high {} low {} close {} volume {}",
            bar.open, bar.high, bar.low, bar.close, bar.volume
        )?,
        None => writeln!(out, "  bar        none: it did not trade")?,
    }
    let standing = match (told.active, told.focus) {
        (true, true) => "active, in the focus",
        (true, false) => "active, not in the focus",
        (false, _) => "not active",
    };
    writeln!(
        out,
        "  standing   {standing}{}",
        if told.rebalance { "; a rebalance period ends" } else { "" }
    )?;
    writeln!(
        out,
        "  account    equity {} cash {} positions {}",
        told.account.equity, told.account.cash, told.account.positions
    )?;
    if let Some(since) = told.latched {
        writeln!(out, "  drawdown   latched since {since}: nothing is opened")?;
    }
    writeln!(
        out,
        "  before     {}",
        told.before.as_ref().map_or_else(|| "no position".to_owned(), position)
    )?;
    if let Some(choice) = &told.choice {
        writeln!(
            out,
            "  parameters {}: chosen on {} to {}",
            search::words(&choice.parameters),
            choice.from,
            choice.to
        )?;
    }
    for event in &told.events {
        writeln!(out, "  happened   {}", event_words(event))?;
    }
    for value in &told.values {
        writeln!(out, "  value      {} = {}", value.text, value.value)?;
    }
    for rule in &told.rules {
        let what = if rule.field.starts_with("signal.rules.") { "rule" } else { "expression" };
        writeln!(out, "  {what:<10} {} = {}", rule.field, rule.rule.value)?;
        writeln!(out, "             {}", rule.rule.text)?;
        for part in rule.parts.iter().filter(|part| part.text != rule.rule.text) {
            writeln!(out, "               {} = {}", part.text, part.value)?;
        }
    }
    for order in &told.orders {
        order_words(out, order)?;
    }
    if let Some(why) = &told.why_not {
        writeln!(out, "  decision   nothing: {why}")?;
    }
    for event in &told.later {
        writeln!(out, "  then       {}", event_words(event))?;
    }
    Ok(text)
}

fn position(held: &Position) -> String {
    let mut text = format!("{} shares at {}, held over {} bars", held.quantity, held.mark, held.bars);
    if let Some(stop) = held.stop {
        text.push_str(&format!(", stop {stop}"));
    }
    if let Some(price) = held.take_profit {
        text.push_str(&format!(", profit taken at {price}"));
    }
    text
}

fn order_words(out: &mut String, order: &Order) -> std::fmt::Result {
    writeln!(
        out,
        "  decision   {:?} {:?} because of {:?}: {} wanted, {} ordered, reckoned at {}",
        order.side, order.intent, order.reason, order.wanted, order.quantity, order.reference
    )?;
    if let Some(terms) = terms(order) {
        writeln!(out, "    type     {terms}")?;
    }
    for cut in &order.cuts {
        writeln!(out, "    cut      {:?} from {} to {}", cut.reason, cut.from, cut.to)?;
    }
    if let Some(distance) = order.stop_distance {
        writeln!(out, "    stop     {distance} from the fill")?;
    }
    if let Some(distance) = order.profit_distance {
        writeln!(out, "    profit   taken {distance} from the fill")?;
    }
    Ok(())
}

/// At which prices an order fills; nothing for one at the market.
fn terms(order: &Order) -> Option<String> {
    let (worse, better) = match order.side {
        Side::Buy => ("above", "below"),
        Side::Sell => ("below", "above"),
    };
    let bars = match order.bars_left {
        1 => "good for 1 bar".to_owned(),
        bars => format!("good for {bars} bars"),
    };
    Some(match order.order_type {
        OrderType::Market => return None,
        OrderType::MarketOnClose => "at the close of the session that is traded next".to_owned(),
        OrderType::Limit { limit } => format!("limit, at {limit} or {better}, {bars}"),
        OrderType::Stop { stop } => format!("stop, once the price is at {stop} or {worse}, {bars}"),
        OrderType::StopLimit { stop, limit, .. } => {
            format!("stop-limit, at {limit} or {better} once the price is at {stop} or {worse}, {bars}")
        }
    })
}

/// Why a bar did not fill an order.
fn untouched(order_type: OrderType, range: Option<(impl Display, impl Display)>) -> String {
    let Some((low, high)) = range else { return "the ticker was not traded".to_owned() };
    let waits = match order_type {
        OrderType::Limit { limit } | OrderType::StopLimit { limit, triggered: true, .. } => {
            format!("for its limit {limit}")
        }
        OrderType::Stop { stop } | OrderType::StopLimit { stop, .. } => format!("for its stop {stop}"),
        OrderType::Market | OrderType::MarketOnClose => "for a bar".to_owned(),
    };
    format!("the bar went from {low} to {high}, the order waits {waits}")
}

fn event_words(event: &Event) -> String {
    match event {
        Event::Filled(fill) => {
            let mut text = format!(
                "{}: {:?} {} filled at {}, commission {}, slippage {} ({:?})",
                fill.session,
                fill.side,
                fill.quantity,
                fill.price,
                fill.commission,
                fill.slippage,
                fill.reason
            );
            if let Some(stop) = fill.stop {
                text.push_str(&format!(", stop {stop}"));
            }
            if let Some(price) = fill.take_profit {
                text.push_str(&format!(", profit taken at {price}"));
            }
            text
        }
        Event::Cancelled { quantity, reason, .. } => format!("{quantity} cancelled: {reason:?}"),
        Event::Untouched { session, order_type, range, bars_left, .. } => {
            format!("{session}: not filled: {}; bars left: {bars_left}", untouched(*order_type, *range))
        }
        Event::Waiting { .. } => "the order waits until the ticker is traded".to_owned(),
        Event::Ordered(order) => format!("{:?} touched at {}", order.reason, order.reference),
        Event::Split { before, after, cash, .. } => {
            // Parts of shares leave no rest.
            match *cash {
                Money::ZERO => format!("split: {before} shares became {after}"),
                cash => format!("split: {before} shares became {after}, {cash} paid for the rest"),
            }
        }
        Event::Dividend { cash, .. } => format!("dividend {cash}"),
        Event::Borrowed { cash, .. } => format!("borrowing cost {cash}"),
        Event::TradeClosed(trade) => format!("trade closed with a profit of {}", trade.profit),
        Event::Latched { equity, peak, .. } => format!("drawdown latch: equity {equity}, peak {peak}"),
        Event::LotClosed(_) | Event::LatchReset | Event::Equity(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use ats_trading_strategy::engine::{
        ClientOrderId, Cut, CutReason, Intent, OrderReason, Price, Shares, Ticker,
    };

    fn price(text: &str) -> Price {
        text.parse::<f64>().ok().and_then(|value| Price::from_f64(value).ok()).unwrap()
    }

    fn shares(millionths: i64) -> Shares {
        Shares::from_millionths(millionths)
    }

    fn told(side: Side, order_type: OrderType) -> String {
        let (session, ticker) = ("2020-01-02".parse().unwrap(), Ticker::new("A"));
        let order = Order {
            id: ClientOrderId::new("x", session, &ticker, side, 1),
            session,
            timestamp: "2020-01-02T14:30:00Z".parse().unwrap(),
            ticker,
            side,
            intent: Intent::Entry,
            reason: OrderReason::Signal,
            wanted: shares(20_000_000),
            quantity: shares(10_500_000),
            cuts: vec![Cut { reason: CutReason::Heat, from: shares(20_000_000), to: shares(10_500_000) }],
            reference: price("52"),
            stop_distance: Some(price("2")),
            profit_distance: None,
            order_type,
            bars_left: 3,
        };
        let mut text = String::new();
        order_words(&mut text, &order).unwrap();
        let waits = Event::Untouched {
            order: order.id,
            session,
            order_type,
            range: Some((price("49"), price("50.5"))),
            bars_left: 1,
        };
        writeln!(text, "  then       {}", event_words(&waits)).unwrap();
        text
    }

    #[test]
    fn orders_are_told_with_what_they_wait_for() {
        let (stop, limit) = (price("51"), price("52"));
        let orders = [
            (Side::Buy, OrderType::Market),
            (Side::Buy, OrderType::MarketOnClose),
            (Side::Buy, OrderType::Limit { limit }),
            (Side::Sell, OrderType::Limit { limit }),
            (Side::Sell, OrderType::Stop { stop }),
            (Side::Buy, OrderType::StopLimit { stop, limit, triggered: false }),
            (Side::Buy, OrderType::StopLimit { stop, limit, triggered: true }),
        ];
        let text: Vec<String> = orders.map(|(side, order_type)| told(side, order_type)).into();
        insta::assert_snapshot!(text.join("\n"));
    }
}
