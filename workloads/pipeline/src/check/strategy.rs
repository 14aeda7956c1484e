//! Checks of a `Strategy` against the universe that it trades.

use ats_calendar::Interval;
use ats_crds::{
    StrategySpec, UnitFraction,
    strategy::{Backtest, Direction, FillTiming, Mode, Sizing, Stop, StrategyMetric, TakeProfit},
};
use ats_expression::{Facts, Kind, Scope, Typed};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{CheckedUniverse, Problem, Problems, bound, entry, expression, search, source};
use crate::{
    gate::Gate,
    spec::{
        BacktestSpec, RatesSpec, SignalSpec, SizingSpec, StopSpec, StrategyCore, TakeProfitSpec, TradeSpec,
        backtest::CostsSpec,
    },
};

/// A strategy whose every field is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedStrategy {
    /// The backtest that always runs first.
    pub backtest: BacktestSpec,
    /// What follows when its gates hold.
    pub trade: Option<TradeSpec>,
    /// What the backtest's figures must hold.
    pub gates: Vec<Gate>,
    /// Name of the model, for a model's signal.
    pub model: Option<String>,
    /// Part of every key.
    pub rerun_nonce: Option<String>,
}

/// Checks a strategy's spec.
///
/// # Errors
/// Every problem found.
pub fn strategy(spec: &StrategySpec, universe: &CheckedUniverse) -> Result<CheckedStrategy, Vec<Problem>> {
    let mut problems = Problems::default();
    source::store(&mut problems, &spec.run);
    let (core, searched) = match &spec.search {
        None => (core(&mut problems, spec, universe), None),
        Some(search) => search::search(&mut problems, spec, search, universe).unzip(),
    };
    let start = problems.date("spec.backtest.start", &spec.backtest.start.0);
    let end = match &spec.backtest.end {
        Some(end) => problems.date("spec.backtest.end", &end.0),
        None => None,
    };
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        problems.add("spec.backtest", "start must not lie after end");
    }
    span(&mut problems, universe, start, end);
    if let Some(search) = &searched {
        search::sessions(&mut problems, search, universe, start, end);
    }
    if let Some(ticker) = &spec.backtest.benchmark {
        acquired(&mut problems, "spec.backtest.benchmark", ticker, universe);
    }
    let rates = rates(&mut problems, &spec.backtest);
    let mut gates = Vec::new();
    for (index, gate) in spec.backtest.gates.iter().enumerate() {
        if gate.metric == StrategyMetric::DeflatedSharpe && spec.search.is_none() {
            problems.add(
                "spec",
                "a gate of DeflatedSharpe needs search: without trials there is nothing to deflate by",
            );
        }
        if let Some(value) =
            problems.take(&format!("spec.backtest.gates[{index}].value"), gate.value.decimal())
        {
            gates.push(Gate {
                metric: metric_name(gate.metric).to_owned(),
                operator: gate.operator,
                bound: bound(value),
            });
        }
    }
    if spec.mode == Mode::Paper && spec.execution.fill == FillTiming::SameClose {
        problems.add(
            "spec.execution.fill",
            "SameClose decides on a close that is over when it is known: mode Paper fills at NextOpen",
        );
    }
    let checked = (|| {
        let (core, start) = (core?, start?);
        let trade = (spec.mode == Mode::Paper).then(|| TradeSpec {
            core: core.clone(),
            start,
            halt_action: spec.halt_action,
            search: searched.clone(),
        });
        Some(CheckedStrategy {
            backtest: BacktestSpec {
                core,
                start,
                end,
                prices: spec.backtest.prices,
                benchmark: spec.backtest.benchmark.clone(),
                rates,
                search: searched,
            },
            trade,
            gates,
            model: spec.signal.model.as_ref().map(|model| model.name.clone()),
            rerun_nonce: spec.run.rerun_nonce.clone(),
        })
    })();
    problems.finish(checked)
}

/// Name of a figure in `statistics.json`, in `status.metrics` and in gates.
pub fn metric_name(metric: StrategyMetric) -> &'static str {
    match metric {
        StrategyMetric::Sharpe => "sharpe",
        StrategyMetric::Sortino => "sortino",
        StrategyMetric::Cagr => "cagr",
        StrategyMetric::Volatility => "volatility",
        StrategyMetric::MaxDrawdown => "maxDrawdown",
        StrategyMetric::Calmar => "calmar",
        StrategyMetric::WinRate => "winRate",
        StrategyMetric::ProfitFactor => "profitFactor",
        StrategyMetric::Trades => "trades",
        StrategyMetric::ProbabilisticSharpe => "probabilisticSharpe",
        StrategyMetric::DeflatedSharpe => "deflatedSharpe",
    }
}

fn span(problems: &mut Problems, universe: &CheckedUniverse, start: Option<Date>, end: Option<Date>) {
    if let Some(start) = start.filter(|start| *start < universe.start) {
        problems.add(
            "spec.backtest.start",
            format!("{start} lies before the universe's history, which starts {}", universe.start),
        );
    }
    if let (Some(end), Some(last)) = (end, universe.end)
        && end > last
    {
        problems
            .add("spec.backtest.end", format!("{end} lies after the universe's history, which ends {last}"));
    }
    if let (Some(start), Some(last)) = (start, universe.end)
        && start > last
    {
        problems.add(
            "spec.backtest.start",
            format!("{start} lies after the universe's history, which ends {last}"),
        );
    }
}

/// What returns are measured against; 0 where nothing is said.
fn rates(problems: &mut Problems, backtest: &Backtest) -> RatesSpec {
    let mut rate = |name: &str, text: Option<&UnitFraction>| {
        let value = text.map(UnitFraction::decimal);
        optional(problems, &format!("spec.backtest.{name}"), value).unwrap_or_default()
    };
    RatesSpec {
        risk_free: rate("riskFreeRate", backtest.risk_free_rate.as_ref()),
        minimum_acceptable: rate("minimumAcceptableReturn", backtest.minimum_acceptable_return.as_ref()),
    }
}

/// What a strategy is, without a search.
pub(super) fn core(
    problems: &mut Problems,
    spec: &StrategySpec,
    universe: &CheckedUniverse,
) -> Option<StrategyCore> {
    let signal = signal(problems, spec, universe);
    let rank_by = spec.portfolio.rank_by.as_ref().and_then(|source| ranking(problems, source, universe));
    if spec.portfolio.rank_by.is_some() && spec.signal.model.is_some() {
        problems.add("spec.portfolio.rankBy", "a model's scores order its entries: remove rankBy");
    }
    let sizing = sizing(problems, &spec.portfolio.sizing);
    let risk = &spec.risk;
    let stop = risk.stop.as_ref().map(|stop| self::stop(problems, stop));
    if matches!(sizing, Some(SizingSpec::RiskPerTrade)) && stop.is_none() {
        problems.add(
            "spec",
            "sizing by riskPerTrade needs risk.stop: without a stop there is no risk to size by",
        );
    }
    if risk.max_portfolio_heat.is_some() && stop.is_none() {
        problems.add(
            "spec.risk.maxPortfolioHeat",
            "open risk is measured to the stop: set risk.stop, or remove maxPortfolioHeat",
        );
    }
    let take_profit = risk.take_profit.as_ref().map(|rule| self::take_profit(problems, rule));
    if matches!(take_profit, Some(Some(TakeProfitSpec::RiskMultiple { .. }))) && stop.is_none() {
        problems.add("spec.risk", "takeProfit.riskMultiple needs stop: it is a multiple of its distance");
    }
    let max_holding_bars = risk.max_holding_bars.map(|bars| problems.count("spec.risk.maxHoldingBars", bars));
    let rebalance_threshold = optional(
        problems,
        "spec.portfolio.rebalanceThreshold",
        spec.portfolio.rebalance_threshold.as_ref().map(|d| d.decimal()),
    );
    if rebalance_threshold.is_some() && matches!(sizing, Some(SizingSpec::RiskPerTrade)) {
        problems.add(
            "spec",
            "rebalanceThreshold needs sizing by weight: a position sized by riskPerTrade is never resized",
        );
    }
    if matches!(sizing, Some(SizingSpec::VolatilityTarget { .. })) && universe.interval != Interval::D1 {
        problems.add(
            "spec.portfolio.sizing.volatilityTarget",
            "a volatility a year is measured over daily bars: the universe's interval must be 1d",
        );
    }
    let risk_percentage = problems.take("spec.risk.riskPercentage", risk.risk_percentage.decimal());
    let max_position_size =
        optional(problems, "spec.risk.maxPositionSize", risk.max_position_size.as_ref().map(|d| d.decimal()));
    let max_portfolio_heat = optional(
        problems,
        "spec.risk.maxPortfolioHeat",
        risk.max_portfolio_heat.as_ref().map(|d| d.decimal()),
    );
    let max_gross_exposure = problems.take("spec.risk.maxGrossExposure", risk.max_gross_exposure.decimal());
    let max_drawdown = match &risk.max_drawdown {
        Some(latch) => problems
            .take("spec.risk.maxDrawdown.limit", latch.limit.decimal())
            .map(|limit| (limit, latch.action)),
        None => None,
    };
    let costs = costs(problems, &spec.costs);
    if spec.costs.borrow_rate.is_some() && spec.portfolio.direction == Direction::LongOnly {
        problems
            .add("spec", "costs.borrowRate needs portfolio.direction LongShort: nothing else is borrowed");
    }
    let entry = entry::entry(problems, &spec.execution);
    let initial_cash = problems.take("spec.backtest.initialCash", spec.backtest.initial_cash.decimal());
    let max_positions = problems.count("spec.portfolio.maxPositions", spec.portfolio.max_positions);
    Some(StrategyCore {
        signal: signal?,
        direction: spec.portfolio.direction,
        rebalance: spec.portfolio.rebalance,
        max_positions,
        rebalance_threshold,
        rank_by,
        sizing: sizing?,
        shares: spec.portfolio.shares,
        risk_percentage: risk_percentage?,
        max_position_size,
        max_portfolio_heat,
        max_gross_exposure: max_gross_exposure?,
        stop: match stop {
            Some(stop) => Some(stop?),
            None => None,
        },
        trail: risk.stop.as_ref().and_then(|stop| stop.trail),
        take_profit: match take_profit {
            Some(rule) => Some(rule?),
            None => None,
        },
        max_holding_bars,
        max_drawdown,
        costs: costs?,
        fill: spec.execution.fill,
        entry: entry?,
        initial_cash: initial_cash?,
        features: universe.features(),
        adjustment: universe.adjustment,
        interval: universe.interval,
        calendar: universe.calendar,
    })
}

fn optional<E: std::fmt::Display>(
    problems: &mut Problems,
    path: &str,
    value: Option<Result<Decimal, E>>,
) -> Option<Decimal> {
    value.and_then(|value| problems.take(path, value))
}

fn signal(problems: &mut Problems, spec: &StrategySpec, universe: &CheckedUniverse) -> Option<SignalSpec> {
    match (&spec.signal.model, &spec.signal.rules) {
        (Some(model), None) => {
            let minimum_score =
                problems.take("spec.signal.model.minimumScore", model.minimum_score.decimal())?;
            let slots = problems.count("spec.portfolio.maxPositions", spec.portfolio.max_positions);
            let exit_rank =
                model.exit_rank.map_or(slots, |rank| problems.count("spec.signal.model.exitRank", rank));
            let (held, what) = match spec.portfolio.direction {
                Direction::LongOnly => (slots, "maxPositions"),
                Direction::LongShort => (slots.div_ceil(2), "half of maxPositions"),
            };
            if exit_rank < held {
                problems.add(
                    "spec.signal.model.exitRank",
                    format!("{exit_rank} is below {what} ({held}): what is bought would leave at once"),
                );
            }
            Some(SignalSpec::Model { minimum_score, exit_rank })
        }
        (None, Some(rules)) => {
            let path = |name: &str| format!("spec.signal.rules.{name}");
            let entry = rule(problems, &path("entry"), &rules.entry, universe, Kind::Boolean);
            let exit = rule(problems, &path("exit"), &rules.exit, universe, Kind::Boolean);
            let mut short = |name: &str, source: &Option<String>| {
                source.as_ref().map(|source| rule(problems, &path(name), source, universe, Kind::Boolean))
            };
            let (short_entry, short_exit) =
                (short("shortEntry", &rules.short_entry), short("shortExit", &rules.short_exit));
            if spec.portfolio.direction == Direction::LongShort
                && (short_entry.is_none() || short_exit.is_none())
            {
                problems.add(
                    "spec",
                    "direction LongShort with rules needs signal.rules.shortEntry and shortExit",
                );
            }
            if spec.portfolio.direction == Direction::LongOnly
                && (short_entry.is_some() || short_exit.is_some())
            {
                problems
                    .add("spec.signal.rules", "shortEntry and shortExit need portfolio.direction LongShort");
            }
            Some(SignalSpec::Rules {
                entry: entry?,
                exit: exit?,
                short_entry: short_entry.flatten(),
                short_exit: short_exit.flatten(),
            })
        }
        _ => {
            problems.add("spec.signal", "set exactly one of model and rules");
            None
        }
    }
}

/// The expression that orders entries: a number that can be compared across tickers.
fn ranking(problems: &mut Problems, source: &str, universe: &CheckedUniverse) -> Option<String> {
    let path = "spec.portfolio.rankBy";
    let typed = checked(problems, path, source, universe, Kind::Number)?;
    if let Err(error) = typed.comparable_across_tickers(source) {
        expression::add(problems, path, &error);
    }
    Some(typed.to_string())
}

/// A strategy's rule in canonical form.
fn rule(
    problems: &mut Problems,
    path: &str,
    source: &str,
    universe: &CheckedUniverse,
    kind: Kind,
) -> Option<String> {
    Some(checked(problems, path, source, universe, kind)?.to_string())
}

/// A strategy's expression: over bars and the universe's features, not across tickers by itself.
fn checked(
    problems: &mut Problems,
    path: &str,
    source: &str,
    universe: &CheckedUniverse,
    kind: Kind,
) -> Option<Typed> {
    let typed = expression::typed(problems, path, source, universe.graph.scope(), kind)?;
    for ticker in typed.tickers() {
        acquired(problems, path, ticker.as_str(), universe);
    }
    if compares_tickers_itself(source, universe) {
        problems.add_as(
            path,
            ats_crds::Reason::InvalidExpression,
            "functions across tickers (rank, zscore, demean, winsorize) belong to the universe's features: add one there and use it by name",
        );
    }
    Some(typed)
}

/// Whether the universe has bars of a ticker.
fn acquired(problems: &mut Problems, path: &str, name: &str, universe: &CheckedUniverse) {
    let mut known = universe.tickers.iter().chain(&universe.benchmarks);
    if !known.clone().any(|known| known == name) {
        let near = ats_expression::did_you_mean(name, known.by_ref().map(String::as_str));
        let near = near.map(|near| format!("{near} If not, ")).unwrap_or_default();
        problems.add(path, format!("the universe does not acquire {name}: {near}add it to its tickers, or use it in one of its features"));
    }
}

/// Whether the expression itself, not a feature that it uses, compares tickers.
fn compares_tickers_itself(source: &str, universe: &CheckedUniverse) -> bool {
    let mut scope = Scope::new();
    for (name, facts) in universe.graph.scope().iter() {
        scope.insert(name.clone(), Facts { cross_sectional: false, ..facts });
    }
    let typed = ats_expression::parse(source).and_then(|parsed| ats_expression::check(&parsed, &scope));
    typed.is_ok_and(|typed| typed.is_cross_sectional())
}

fn sizing(problems: &mut Problems, sizing: &Sizing) -> Option<SizingSpec> {
    match (&sizing.risk_per_trade, &sizing.target_weight, &sizing.equal_weight, &sizing.volatility_target) {
        (Some(_), None, None, None) => Some(SizingSpec::RiskPerTrade),
        (None, Some(target), None, None) => {
            let weight = problems.take("spec.portfolio.sizing.targetWeight.weight", target.weight.decimal());
            let cash_buffer =
                problems.take("spec.portfolio.sizing.targetWeight.cashBuffer", target.cash_buffer.decimal());
            Some(SizingSpec::TargetWeight { weight: weight?, cash_buffer: cash_buffer? })
        }
        (None, None, Some(_), None) => Some(SizingSpec::EqualWeight),
        (None, None, None, Some(target)) => Some(SizingSpec::VolatilityTarget {
            annual: problems
                .take("spec.portfolio.sizing.volatilityTarget.annual", target.annual.decimal())?,
            window: problems.count("spec.portfolio.sizing.volatilityTarget.window", target.window),
        }),
        _ => {
            problems.add(
                "spec.portfolio.sizing",
                "set exactly one of riskPerTrade, targetWeight, equalWeight and volatilityTarget",
            );
            None
        }
    }
}

fn stop(problems: &mut Problems, stop: &Stop) -> Option<StopSpec> {
    match (&stop.atr, &stop.percent) {
        (Some(atr), None) => Some(StopSpec::Atr {
            period: problems.count("spec.risk.stop.atr.period", atr.period),
            multiple: problems.take("spec.risk.stop.atr.multiple", atr.multiple.decimal())?,
        }),
        (None, Some(percent)) => {
            Some(StopSpec::Percent { fraction: problems.take("spec.risk.stop.percent", percent.decimal())? })
        }
        _ => {
            problems.add("spec.risk.stop", "set exactly one of atr and percent");
            None
        }
    }
}

fn take_profit(problems: &mut Problems, rule: &TakeProfit) -> Option<TakeProfitSpec> {
    match (&rule.percent, &rule.risk_multiple) {
        (Some(percent), None) => Some(TakeProfitSpec::Percent {
            fraction: problems.take("spec.risk.takeProfit.percent", percent.decimal())?,
        }),
        (None, Some(multiple)) => Some(TakeProfitSpec::RiskMultiple {
            multiple: problems.take("spec.risk.takeProfit.riskMultiple", multiple.decimal())?,
        }),
        _ => {
            problems.add("spec.risk.takeProfit", "set exactly one of percent and riskMultiple");
            None
        }
    }
}

fn costs(problems: &mut Problems, costs: &ats_crds::strategy::Costs) -> Option<CostsSpec> {
    let commission_per_share =
        problems.take("spec.costs.commissionPerShare", costs.commission_per_share.decimal());
    let minimum_commission =
        problems.take("spec.costs.minimumCommission", costs.minimum_commission.decimal());
    let slippage_basis_points =
        problems.take("spec.costs.slippageBasisPoints", costs.slippage_basis_points.decimal());
    let maximum_commission_rate = optional(
        problems,
        "spec.costs.maximumCommissionRate",
        costs.maximum_commission_rate.as_ref().map(|d| d.decimal()),
    );
    let commission_rate =
        optional(problems, "spec.costs.commissionRate", costs.commission_rate.as_ref().map(|d| d.decimal()));
    let price_impact =
        optional(problems, "spec.costs.priceImpact", costs.price_impact.as_ref().map(|d| d.decimal()));
    let borrow_rate =
        optional(problems, "spec.costs.borrowRate", costs.borrow_rate.as_ref().map(|d| d.decimal()));
    if price_impact.is_some() && costs.max_volume_share.is_none() {
        problems.add(
            "spec.costs",
            "priceImpact needs maxVolumeShare: the impact is that of a share of the bar's volume",
        );
    }
    let max_volume_share =
        optional(problems, "spec.costs.maxVolumeShare", costs.max_volume_share.as_ref().map(|d| d.decimal()));
    Some(CostsSpec {
        commission_per_share: commission_per_share?,
        commission_rate,
        minimum_commission: minimum_commission?,
        maximum_commission_rate,
        slippage_basis_points: slippage_basis_points?,
        price_impact,
        borrow_rate,
        max_volume_share,
    })
}
