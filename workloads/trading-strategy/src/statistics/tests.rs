//! Numbers against other people's code and by hand.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Reference {
    reference: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    start: String,
    risk_free_rate: f64,
    minimum_acceptable_return: f64,
    returns: Vec<f64>,
    expected: BTreeMap<String, Option<f64>>,
    /// The benchmark's returns, and what is said of the two.
    market: Vec<f64>,
    against: BTreeMap<String, Option<f64>>,
    /// Sharpe ratio and beta over 126 sessions.
    rolling: Vec<[f64; 2]>,
    /// Depth, valley, first and last session below the peak.
    drawdowns: Vec<(f64, usize, usize, usize)>,
    /// Volatility, Sharpe ratio and deepest fall of the years with two sessions or more.
    years: Vec<(f64, Option<f64>, f64)>,
    monthly: Vec<f64>,
    yearly: Vec<f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../../tests/reference/statistics.json")).unwrap()
}

/// Closes on consecutive weekdays whose equity grows by the returns from 100,000.
fn closes(start: &str, returns: &[f64]) -> Vec<Close> {
    let mut session: Date = start.parse().unwrap();
    let mut equity = 100_000.0;
    returns
        .iter()
        .map(|value| {
            equity *= 1.0 + value;
            let close = Close { session, equity, gross: equity, positions: 1 };
            session = session.tomorrow().unwrap();
            while session.weekday().to_monday_zero_offset() > 4 {
                session = session.tomorrow().unwrap();
            }
            close
        })
        .collect()
}

fn of(closes: &[Close], trades: &[TradeResult]) -> Statistics {
    compute(&record(closes, trades))
}

fn record<'a>(closes: &'a [Close], trades: &'a [TradeResult]) -> Record<'a> {
    Record {
        initial_cash: 100_000.0,
        closes,
        trades,
        benchmark: &[],
        rates: Rates::default(),
        borrowing: 0.0,
        traded_value: 0.0,
        commission: 0.0,
        slippage: 0.0,
        dividends: 0.0,
    }
}

fn trade(profit: f64, sessions: u32) -> TradeResult {
    TradeResult {
        ticker: "A".to_owned(),
        is_long: true,
        entry_value: 1000.0,
        profit,
        sessions,
        reason: "Signal".to_owned(),
    }
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

#[test]
fn equals_empyrical() {
    let reference = reference();
    assert!(reference.reference.contains("empyrical"), "{}", reference.reference);
    assert!(reference.cases.iter().any(|case| case.risk_free_rate > 0.0));
    assert!(reference.cases.iter().any(|case| case.minimum_acceptable_return > 0.0));
    for case in reference.cases {
        let closes = closes(&case.start, &case.returns);
        let mut worth = 100_000.0;
        let benchmark: Vec<f64> = case
            .market
            .iter()
            .map(|value| {
                worth *= 1.0 + value;
                worth
            })
            .collect();
        let rates =
            Rates { risk_free: case.risk_free_rate, minimum_acceptable: case.minimum_acceptable_return };
        let ours = compute(&Record { benchmark: &benchmark, rates, ..record(&closes, &[]) });
        for (name, expected) in case.expected.iter().chain(&case.against) {
            match (ours.value(name), expected) {
                (Some(ours), Some(expected)) => {
                    assert!(near(ours, *expected), "{} {name}: {ours} against {expected}", case.name);
                }
                (ours, expected) => assert_eq!(ours, *expected, "{} {name}", case.name),
            }
        }
        for (ours, expected) in [(&ours.monthly, &case.monthly), (&ours.yearly, &case.yearly)] {
            assert_eq!(ours.len(), expected.len(), "{}", case.name);
            for (ours, expected) in ours.iter().zip(expected) {
                assert!(near(ours.value.unwrap(), *expected), "{} {}", case.name, ours.period);
            }
        }
        assert_eq!(ours.rolling.len(), case.rolling.len(), "{}", case.name);
        for (ours, [sharpe, beta]) in ours.rolling.iter().zip(&case.rolling) {
            assert!(near(ours.sharpe.unwrap(), *sharpe), "{} {}", case.name, ours.session);
            assert!(near(ours.beta.unwrap(), *beta), "{} {}", case.name, ours.session);
        }
        assert_eq!(ours.drawdowns.len(), case.drawdowns.len(), "{}", case.name);
        for (ours, (depth, valley, first, last)) in ours.drawdowns.iter().zip(&case.drawdowns) {
            assert!(near(ours.depth, *depth), "{}: {} against {depth}", case.name, ours.depth);
            assert_eq!(ours.valley, closes[*valley].session, "{}", case.name);
            assert_eq!(ours.peak, first.checked_sub(1).map(|place| closes[place].session), "{}", case.name);
            assert_eq!(ours.recovery, closes.get(last + 1).map(|close| close.session), "{}", case.name);
            assert_eq!(ours.sessions as usize, last + 1 - first, "{}", case.name);
        }
        let years: Vec<_> = ours.years.iter().filter(|year| year.sessions > 1).collect();
        assert_eq!(years.len(), case.years.len(), "{}", case.name);
        for (ours, (volatility, sharpe, fall)) in years.iter().zip(&case.years) {
            assert!(near(ours.volatility.unwrap(), *volatility), "{} {}", case.name, ours.year);
            assert!(near(ours.sharpe.unwrap(), sharpe.unwrap()), "{} {}", case.name, ours.year);
            assert!(near(ours.max_drawdown.unwrap(), *fall), "{} {}", case.name, ours.year);
        }
    }
}

/// Profits 30, -10, 20, 0: two of four won, 50 over 10.
#[test]
fn trades_by_hand() {
    let results: Vec<TradeResult> = [30.0, -10.0, 20.0, 0.0].iter().map(|profit| trade(*profit, 2)).collect();
    let ours = of(&closes("2020-01-01", &[0.01, -0.01]), &results);
    assert_eq!(ours.value("winRate"), Some(0.5));
    assert_eq!(ours.value("profitFactor"), Some(5.0));
    assert_eq!((ours.value("bestTrade"), ours.value("worstTrade")), (Some(30.0), Some(-10.0)));
    assert_eq!((ours.value("averageGain"), ours.value("averageLoss")), (Some(25.0), Some(-10.0)));
    assert_eq!(ours.value("averageHolding"), Some(2.0));
}

/// Where a formula divides by nothing there is no number, and JSON says null.
#[test]
fn what_is_not_defined_is_null() {
    let flat = of(&closes("2020-01-01", &[0.0, 0.0, 0.0]), &[]);
    for name in ["sharpe", "sortino", "calmar", "winRate", "profitFactor", "probabilisticSharpe"] {
        assert_eq!(flat.value(name), None, "{name}");
    }
    let won = of(&closes("2020-01-01", &[0.01]), &[trade(1.0, 1)]);
    assert_eq!((won.value("winRate"), won.value("profitFactor")), (Some(1.0), None));
    assert_eq!(won.value("sharpe"), None, "one return has no deviation");
    // Equal returns have no deviation, though they do not round alike.
    assert_eq!(of(&closes("2020-01-01", &[0.001; 50]), &[]).value("sharpe"), None);
    let json = serde_json::to_value(&flat).unwrap();
    assert!(json["sharpe"]["value"].is_null());
    assert_eq!(json["sharpe"]["formula"], "mean(r - rf) / sample std(r) x sqrt(252), rf = 0");
    let nothing = of(&[], &[]);
    assert_eq!((nothing.value("cagr"), nothing.value("totalReturn")), (None, Some(0.0)));
}

/// Equity that falls to nothing: everything lost, and no return after it.
#[test]
fn ruin_is_told() {
    let mut closes = closes("2020-01-01", &[0.1, -0.5, 0.2]);
    closes[1].equity = 0.0;
    closes[2].equity = 0.0;
    let ours = of(&closes, &[]);
    assert_eq!(ours.value("cagr"), Some(-1.0));
    assert_eq!((ours.value("sharpe"), ours.value("maxDrawdown")), (None, None));
}

/// Five trades by hand: two long wins in a row, a short loss, two long losses.
#[test]
fn streaks_sides_and_groups_by_hand() {
    let made = |ticker: &str, is_long: bool, profit: f64, reason: &str| TradeResult {
        ticker: ticker.to_owned(),
        is_long,
        reason: reason.to_owned(),
        ..trade(profit, 4)
    };
    let results = [
        made("B", true, 30.0, "Signal"),
        made("A", true, 10.0, "TakeProfit"),
        made("A", false, -20.0, "Stop"),
        made("B", true, -5.0, "Stop"),
        made("B", true, -10.0, "Stop"),
    ];
    let ours = of(&closes("2020-01-01", &[0.01, -0.01]), &results);
    let value = |name: &str| ours.value(name).unwrap();
    assert_eq!((value("longestGains"), value("longestLosses")), (2.0, 3.0));
    assert_eq!((value("longTrades"), value("shortTrades")), (4.0, 1.0));
    assert_eq!((value("longWinRate"), value("shortWinRate")), (0.5, 0.0));
    assert_eq!((value("longProfit"), value("shortProfit")), (25.0, -20.0));
    // 20 over 35 / 3; the median of -20, -10, -5, 10, 30; 5 / 1000 / 5.
    assert!(near(value("payoffRatio"), 20.0 / (35.0 / 3.0)));
    assert_eq!(value("medianTrade"), -5.0);
    assert!(near(value("averageTradeReturn"), 0.001));
    // sqrt(5) x 1 / sample std: squares of 29, 9, -21, -6, -11 sum to 1520, over 4.
    assert!(near(value("systemQuality"), 5.0_f64.sqrt() / 380.0_f64.sqrt()));
    let groups = |groups: &[Group]| -> Vec<(String, u32, f64)> {
        groups.iter().map(|group| (group.name.clone(), group.trades, group.profit)).collect()
    };
    assert_eq!(groups(&ours.tickers), [("A".to_owned(), 2, -10.0), ("B".to_owned(), 3, 15.0)]);
    assert_eq!(
        groups(&ours.exits),
        [("Signal".to_owned(), 1, 30.0), ("Stop".to_owned(), 3, -35.0), ("TakeProfit".to_owned(), 1, 10.0)]
    );
}

/// Costs of 8 on 4,000 traded are 20 basis points; a profit of 1,000 was 1,008 before them.
#[test]
fn costs_by_hand() {
    let closes = closes("2020-01-01", &[0.01]);
    let ours = compute(&Record {
        traded_value: 4000.0,
        commission: 5.0,
        slippage: 2.0,
        borrowing: 1.0,
        ..record(&closes, &[])
    });
    assert_eq!((ours.value("costs"), ours.value("costsOfTradedValue")), (Some(8.0), Some(0.002)));
    assert!(near(ours.value("costsOfProfit").unwrap(), 8.0 / 1008.0));
    // Nothing is compared with nothing.
    assert_eq!((ours.value("beta"), ours.years[0].benchmark_return), (None, None));
}

/// Equity of 100, 200, 200 and 300 with notionals of half, one and a half, nothing and half of it; fills of 1,600 are
/// 800 bought and sold, 4 times the mean equity in 4 sessions of 252.
#[test]
fn activity_by_hand() {
    let made = |equity: f64, gross: f64, positions: u32| Close {
        equity,
        gross,
        positions,
        ..closes("2020-01-02", &[0.0])[0]
    };
    let four = [made(100.0, 50.0, 1), made(200.0, 300.0, 2), made(200.0, 0.0, 0), made(300.0, 150.0, 1)];
    let ours = compute(&Record { initial_cash: 100.0, traded_value: 1600.0, ..record(&four, &[]) });
    assert_eq!(ours.value("exposure"), Some(0.625));
    assert_eq!(ours.value("timeInMarket"), Some(0.75));
    assert_eq!(ours.value("turnover"), Some(252.0));
    // Of what is not there nothing can be a share.
    let lost = [four[0], made(0.0, 10.0, 1)];
    let ours = compute(&Record { initial_cash: 100.0, traded_value: 100.0, ..record(&lost, &[]) });
    assert_eq!((ours.value("exposure"), ours.value("timeInMarket")), (None, Some(1.0)));
    assert_eq!(ours.value("turnover"), Some(126.0), "50 over a mean equity of 50, in 2 sessions of 252");
    let nothing = of(&[], &[]);
    for name in ["exposure", "timeInMarket", "turnover"] {
        assert_eq!(nothing.value(name), None, "{name}");
    }
}

/// Returns of 0.004, -0.002 and 0.01 deviate by 0.006 from their mean of 0.004. Above 0.001 a session they are 0.003,
/// -0.003 and 0.009: a mean of 0.003, 0.012 gained and 0.003 lost.
#[test]
fn rates_by_hand() {
    let returns = [0.004, -0.002, 0.01];
    // What 0.001 a session compounds to.
    let rate = 1.001_f64.powi(252) - 1.0;
    let closes = closes("2020-01-02", &returns);
    let year = 252.0_f64.sqrt();
    let with = |rates: Rates| compute(&Record { rates, ..record(&closes, &[]) });
    let plain = with(Rates::default());
    assert!(near(plain.value("sharpe").unwrap(), 4.0 / 6.0 * year));

    let free = Rates { risk_free: rate, minimum_acceptable: 0.0 };
    let mut ours = with(free);
    assert!(near(ours.value("sharpe").unwrap(), 0.5 * year));
    assert!(near(ours.years[0].sharpe.unwrap(), 0.5 * year));
    assert!(near(sharpe_per_session(&returns, free).unwrap(), 0.5));
    assert!(near(figure(StrategySearchMetric::Sharpe, &returns, free).unwrap(), 0.5 * year));
    for name in ["sortino", "omega", "volatility", "cagr"] {
        assert_eq!(ours.numbers.get(name), plain.numbers.get(name), "{name}");
    }
    // One trial: nothing to deflate by.
    ours.deflate(&self::returns(100_000.0, &closes), &[Some(0.5)], free);
    assert_eq!(ours.value("deflatedSharpe"), ours.value("probabilisticSharpe"));
    assert!(ours.value("probabilisticSharpe") < plain.value("probabilisticSharpe"));

    let least = Rates { risk_free: 0.0, minimum_acceptable: rate };
    let ours = with(least);
    assert!(near(ours.value("sortino").unwrap(), 3.0_f64.sqrt() * year));
    assert!(near(figure(StrategySearchMetric::Sortino, &returns, least).unwrap(), 3.0_f64.sqrt() * year));
    assert!(near(ours.value("omega").unwrap(), 4.0));
    assert_eq!(ours.numbers.get("sharpe"), plain.numbers.get("sharpe"));
}

/// A formula says which rate its number is of; without one it is as it was before there was a choice.
#[test]
fn formulas_name_the_rates() {
    let closes = closes("2020-01-02", &[0.004, -0.002, 0.01]);
    let market = [100_100.0, 100_000.0, 100_300.0];
    let formulas = |rates: Rates| {
        let mut ours = compute(&Record { benchmark: &market, rates, ..record(&closes, &[]) });
        ours.deflate(&returns(100_000.0, &closes), &[Some(0.5), Some(0.4)], rates);
        ["sharpe", "sortino", "omega", "alpha", "probabilisticSharpe", "deflatedSharpe", "expectedBestSharpe"]
            .map(|name| ours.numbers[name].formula.clone().into_owned())
    };
    for formula in formulas(Rates::default()) {
        assert!(!formula.contains("^(1 / 252)"), "{formula}");
    }
    let [sharpe, sortino, omega, alpha, others @ ..] =
        formulas(Rates { risk_free: 0.02, minimum_acceptable: 0.05 });
    assert_eq!(sharpe, "mean(r - rf) / sample std(r) x sqrt(252), rf = (1 + 0.02)^(1 / 252) - 1");
    assert!(sortino.ends_with(", MAR = (1 + 0.05)^(1 / 252) - 1"), "{sortino}");
    assert_eq!(omega, "sum of r - MAR above 0 / |sum of r - MAR below 0|, MAR = (1 + 0.05)^(1 / 252) - 1");
    assert_eq!(alpha, "(1 + mean(r - rf - beta (b - rf)))^252 - 1, rf = (1 + 0.02)^(1 / 252) - 1");
    for formula in others {
        assert!(formula.ends_with("; every SR of r - rf, rf = (1 + 0.02)^(1 / 252) - 1"), "{formula}");
    }
}
