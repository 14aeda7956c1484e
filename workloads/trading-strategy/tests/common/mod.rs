//! Real bars for tests, where they are present.

use std::path::{Path, PathBuf};

use ats_calendar::Calendar;
use ats_columns::{Action, ActionKind, Actions, BarColumns, Bars};
use ats_trading_strategy::market::{Market, Membership, TickerHistory};
use jiff::civil::Date;

/// The folder of market data: `ATS_MARKET_DATA`, or `shared/market-data` beside the checkout.
pub fn market_data() -> Option<PathBuf> {
    if let Ok(folder) = std::env::var("ATS_MARKET_DATA") {
        return Some(PathBuf::from(folder));
    }
    let found = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("../shared/market-data"))
        .find(|folder| folder.is_dir());
    if found.is_none() {
        println!("market data is absent: set ATS_MARKET_DATA to run this test");
    }
    found
}

fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// A market of these tickers, always active and in focus.
pub fn market(folder: &Path, tickers: &[&str]) -> Market {
    let calendar = Calendar::xnys();
    let mut market = Market { is_fixed_list: true, ..Market::default() };
    for ticker in tickers {
        let daily = folder.join("us-equities-daily");
        let actions: Vec<Action> = rows(&daily.join(format!("actions/{ticker}.csv")))
            .iter()
            .map(|row| Action {
                ex_date: row[0].parse().unwrap(),
                kind: if row[1] == "split" { ActionKind::Split } else { ActionKind::Dividend },
                value: row[2].parse().unwrap(),
            })
            .collect();
        let mut columns = BarColumns::default();
        let (mut split, mut dividend, mut before) = (1.0, 1.0, f64::NAN);
        let mut last: Option<Date> = None;
        for row in rows(&daily.join(format!("bars/{ticker}.csv"))) {
            let date: Date = row[0].parse().unwrap();
            let number = |column: usize| row[column].parse::<f64>().unwrap();
            for action in
                actions.iter().filter(|a| a.ex_date <= date && last.is_some_and(|last| a.ex_date > last))
            {
                match action.kind {
                    ActionKind::Split => split *= action.value,
                    ActionKind::Dividend => dividend *= 1.0 / (1.0 - action.value / before),
                }
            }
            let Ok(session) = calendar.session(date) else { continue };
            columns.session.push(session);
            columns.timestamp.push(calendar.open(session).unwrap().as_microsecond());
            columns.open.push(number(1));
            columns.high.push(number(2));
            columns.low.push(number(3));
            columns.close.push(number(4));
            columns.volume.push(number(5));
            columns.split_factor.push(split);
            columns.dividend_factor.push(dividend);
            (before, last) = (number(4), Some(date));
        }
        let history = TickerHistory {
            bars: Bars::new(*ticker, columns).unwrap(),
            actions: Actions::new(*ticker, actions).unwrap(),
            features: std::collections::BTreeMap::new(),
            membership: vec![Membership {
                sessions: jiff::civil::date(1990, 1, 1)..=jiff::civil::date(2060, 1, 1),
                focus: true,
            }],
            scores: Vec::new(),
        };
        market.tickers.insert((*ticker).to_owned(), history);
    }
    market
}
