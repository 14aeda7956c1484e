use jiff::civil::date;

use super::*;
use crate::engine::{Money, OrderReason, Side, Trade, Unit};
use crate::statistics::{Record, compute};

fn closes() -> Vec<Close> {
    let mut session = date(2020, 1, 2);
    (0..40)
        .map(|index| {
            let close = Close {
                session,
                equity: 100_000.0 + f64::from((index * 37) % 11) * 250.0 - f64::from(index) * 10.0,
                gross: f64::from(index % 5) * 20_000.0,
                positions: index % 5,
            };
            session = session.tomorrow().unwrap();
            close
        })
        .collect()
}

fn trade(ticker: &str, profit: i64) -> Trade {
    Trade {
        ticker: ticker.into(),
        side: Side::Buy,
        entry_session: date(2020, 1, 3),
        exit_session: Some(date(2020, 1, 8)),
        quantity: 100.0,
        entry_price: 50.0,
        exit_price: 50.5,
        entry_value: Money::from_micros(5_000_000_000),
        profit: Money::from_micros(profit),
        commission: Money::from_micros(2_000_000),
        slippage: Money::from_micros(500_000),
        dividends: Money::ZERO,
        borrowing: Money::ZERO,
        sessions: 3,
        exit_reason: Some(OrderReason::Stop),
    }
}

fn page(closes: &[Close], trades: &[Trade]) -> String {
    page_beside(100_500.0, closes, trades)
}

/// The report beside a benchmark that stands at one equity all the time.
fn page_beside(benchmark: f64, closes: &[Close], trades: &[Trade]) -> String {
    let benchmark = vec![benchmark; closes.len()];
    let results: Vec<_> = trades
        .iter()
        .map(|trade| crate::statistics::TradeResult {
            ticker: trade.ticker.to_string(),
            is_long: true,
            entry_value: trade.entry_value.to_f64(),
            reason: "Stop".to_owned(),
            profit: trade.profit.to_f64(),
            sessions: trade.sessions,
        })
        .collect();
    let statistics = compute(&Record {
        initial_cash: 100_000.0,
        closes,
        trades: &results,
        benchmark: &benchmark,
        rates: crate::statistics::Rates::default(),
        borrowing: 0.0,
        traded_value: 10_000.0,
        commission: 4.0,
        slippage: 1.0,
        dividends: 0.0,
    });
    render(&ReportInput {
        lead: "Rules over 2 tickers".to_owned(),
        initial_cash: 100_000.0,
        closes,
        benchmark: &benchmark,
        benchmark_name: None,
        statistics: &statistics,
        trades,
        open: &[],
        orders: &[("Orders filled".to_owned(), 4)],
        warnings: &["Survivorship: a fixed list.".to_owned()],
        settings: &[("Entry".to_owned(), "close < sma(close, 5) </script><b>".to_owned())],
        lineage: &[("publish".to_owned(), "ab".repeat(32))],
        search: None,
        unit: Unit::Whole,
    })
}

/// Names of the elements that are opened and closed, checked as a stack.
fn unbalanced(html: &str) -> Option<String> {
    let body = &html[html.find("<body>").unwrap()..];
    let mut open: Vec<String> = Vec::new();
    for part in body.split('<').skip(1) {
        let name: String = part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
        if name.is_empty() || part.trim_end().ends_with("/>") {
            continue;
        }
        if let Some(closed) = name.strip_prefix('/') {
            if open.pop().as_deref() != Some(closed) {
                return Some(format!("{closed} closes {open:?}"));
            }
        } else if open.last().is_none_or(|last| last != "script") {
            open.push(name);
        }
    }
    (open != ["/html"] && !open.is_empty()).then(|| format!("{open:?} stays open"))
}

#[test]
fn a_page_of_its_own_with_equal_bytes() {
    let (closes, trades) = (closes(), [trade("AAPL", 48_000_000), trade("BAC", -12_000_000)]);
    let page = page(&closes, &trades);
    assert_eq!(page, self::page(&closes, &trades));
    for outside in ["http:", "https:", "src=", "url(", "@import", "<link", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
    for shown in [
        "Sharpe",
        "Survivorship",
        "AAPL",
        "stop",
        "Monthly returns",
        "ababab",
        "mean(r - rf) / sample std(r)",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
}

#[test]
fn what_a_user_wrote_stays_text() {
    let page = page(&closes(), &[]);
    assert!(page.contains("close &lt; sma(close, 5) &lt;/script&gt;&lt;b&gt;"));
    assert!(page.contains("No trade was closed."));
}

#[test]
fn the_elements_are_balanced() {
    for count in [0, 1, 2, 40] {
        let page = page(&closes()[..count], &[trade("AAPL", 1)]);
        let stripped = page.replace(include_str!("script.js"), "");
        assert_eq!(unbalanced(&stripped.replace("</html>", "")), None, "{count} sessions");
    }
}

#[test]
fn a_strategy_beside_a_giant_is_also_drawn_alone() {
    let beside = |benchmark: f64| page_beside(benchmark, &closes(), &[]);
    assert!(beside(1_000_000.0).contains("Equity of the strategy alone"));
    assert!(!beside(120_000.0).contains("Equity of the strategy alone"));
}

/// A search of one or two parameters, in which one combination is no trial and one figure is not defined.
fn searched(names: &[&str]) -> crate::search::Searched {
    use crate::search::{Choice, Fold, Parameters, Searched, Trial};
    let parameters = |values: &[i64]| -> Parameters {
        names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
    };
    let trial = |values: &[i64], before: Option<f64>, tested: f64| Trial {
        parameters: parameters(values),
        in_sample: vec![before, Some(0.5)],
        out_of_sample: vec![Some(tested), Some(0.25)],
        before,
        tested: Some(tested),
        sharpe_per_session: Some(tested / 15.0),
        final_equity: 100_000.0 * (1.0 + tested / 10.0),
        trades: 12,
    };
    let choice = |values: &[i64], in_sample| Choice {
        from: date(2020, 1, 2),
        to: date(2020, 1, 20),
        trial: 0,
        parameters: parameters(values),
        in_sample,
    };
    let fold = |values: &[i64], in_sample, out_of_sample, place| Fold {
        start: date(2020, 1, 21),
        end: date(2020, 1, 31),
        choice: choice(values, in_sample),
        out_of_sample,
        place,
    };
    Searched {
        metric: ats_crds::strategy::StrategySearchMetric::Sharpe,
        folds: vec![fold(&[5, 50], Some(1.25), Some(-0.5), 3), fold(&[10, 50], None, Some(0.75), 1)],
        last: choice(&[5, 50], Some(0.8)),
        trials: vec![
            trial(&[5, 20], Some(0.1), -0.4),
            trial(&[5, 50], Some(1.25), 0.3),
            trial(&[10, 50], None, 0.9),
        ],
    }
}

/// HTML with a line for each row of a table.
fn lines(html: &str) -> String {
    html.replace("<tr>", "\n<tr>").replace("<h2>", "\n<h2>").replace("<div", "\n<div")
}

#[test]
fn a_search_is_shown_with_its_windows_and_what_it_depends_on() {
    insta::assert_snapshot!(lines(&search::sections(&searched(&["fast", "slow"])).into_string()));
}

#[test]
fn a_search_of_one_parameter_is_one_column() {
    let mut one = searched(&["slow"]);
    for (trial, value) in one.trials.iter_mut().zip([20, 50, 100]) {
        trial.parameters.insert("slow".to_owned(), value.into());
    }
    let text = search::sections(&one).into_string();
    let map = text.split("Parameter sensitivity").nth(1).unwrap().split("</section>").next().unwrap();
    insta::assert_snapshot!(lines(map));
}
