//! Functions over twenty years of real bars.

use std::path::Path;
use std::time::Instant;

use crate::market_folder::market_data;
use crate::support::{bars, inputs, numbers};
use ats_calendar::Session;
use ats_columns::Bars;
use ats_expression::Window;

fn daily(folder: &Path, ticker: &str) -> Bars {
    let text = std::fs::read_to_string(folder.join(format!("us-equities-daily/bars/{ticker}.csv"))).unwrap();
    let mut sessions: Vec<Session> = Vec::new();
    let mut columns: [Vec<f64>; 5] = Default::default();
    for line in text.lines().skip(1) {
        let (date, cells) = line.split_once(',').unwrap();
        let session: Session = date.parse().unwrap();
        if ats_calendar::Calendar::xnys().index_of(session).is_some() {
            sessions.push(session);
            columns
                .iter_mut()
                .zip(cells.split(','))
                .for_each(|(column, cell)| column.push(cell.parse().unwrap()));
        }
    }
    bars(ticker, &sessions, columns)
}

/// QQQ has no bars from 2004-11-30 to 2011-03-23; EEM lacks one session, which divides nothing.
#[test]
fn holes_of_real_data() {
    let Some(folder) = market_data() else { return };
    let eem = daily(&folder, "EEM");
    assert_eq!(inputs(&eem).segments().len(), 1);
    let qqq = daily(&folder, "QQQ");
    let inputs = inputs(&qqq);
    let [before, after] = inputs.segments() else { panic!("{:?}", inputs.segments()) };
    assert_eq!(qqq.session()[before.end - 1].to_string(), "2004-11-30");
    assert_eq!(qqq.session()[after.start].to_string(), "2011-03-23");
    for (expression, first) in [("ema(close, 20)", 19), ("rsi(close, 14)", 14), ("delay(close, 1)", 1)] {
        let found = numbers(expression, &inputs);
        let null = found[after.clone()].iter().take_while(|value| value.is_nan()).count();
        assert_eq!(null, first, "{expression}");
    }
}

/// Every function of a period, on every ticker: finite or null, and fast.
#[test]
fn every_function_runs_over_real_data() {
    let Some(folder) = market_data() else { return };
    let mut values = 0;
    let begun = Instant::now();
    for ticker in ["AAPL", "AIG", "BAC", "EEM", "FB", "GOOGL", "IBM", "QQQ", "SPY", "USO"] {
        let bars = daily(&folder, ticker);
        let inputs = inputs(&bars);
        for function in Window::ALL {
            for n in [4, 21, 252] {
                let found = numbers(&format!("{function}(close, {n})"), &inputs);
                assert!(
                    found.iter().all(|value| value.is_finite() || value.is_nan()),
                    "{ticker} {function} {n}"
                );
                assert!(found.iter().any(|value| value.is_finite()), "{ticker} {function} {n}");
                values += found.len();
            }
        }
        let atr = numbers("atr(14) / close", &inputs);
        assert!(atr.iter().filter(|value| value.is_finite()).all(|value| *value > 0.0), "{ticker}");
    }
    let elapsed = begun.elapsed();
    println!("{values} values in {elapsed:?}: {:.1} ns each", elapsed.as_nanos() as f64 / values as f64);
}
