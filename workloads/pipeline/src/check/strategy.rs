//! Checks of a `Strategy` against the universe that it trades.

use ats_calendar::Interval;
use ats_crds::{
    StrategySpec, UnitFraction,
    strategy::{
        Backtest, Direction, FillTiming, Mode, Sizing, Stop, StrategyMetric, TakeProfit, TargetWeight,
    },
};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{CheckedUniverse, Problem, Problems, bound, entry, search, signal, source};
use crate::{
    gate::Gate,
    spec::{
        BacktestSpec, RatesSpec, SizingSpec, StopSpec, StrategyCore, TakeProfitSpec, TradeSpec,
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
        signal::acquired(&mut problems, "spec.backtest.benchmark", ticker, universe);
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
    let signal = signal::signal(problems, spec, universe);
    let rank_by = spec.portfolio.rank_by.as_ref().and_then(|source| {
        signal::comparable(problems, "spec.portfolio.rankBy", ("ranking", source.as_str()), universe)
    });
    if spec.portfolio.rank_by.is_some() {
        if spec.signal.model.is_some() {
            problems.add("spec.portfolio.rankBy", "a model's scores order its entries: remove rankBy");
        }
        if spec.signal.scores.is_some() {
            problems.add("spec.portfolio.rankBy", "signal.scores orders the entries: remove rankBy");
        }
    }
    let sizing = sizing(problems, &spec.portfolio.sizing, universe);
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

fn sizing(problems: &mut Problems, sizing: &Sizing, universe: &CheckedUniverse) -> Option<SizingSpec> {
    match (&sizing.risk_per_trade, &sizing.target_weight, &sizing.equal_weight, &sizing.volatility_target) {
        (Some(_), None, None, None) => Some(SizingSpec::RiskPerTrade),
        (None, Some(target), None, None) => target_weight(problems, target, universe),
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

/// A share of equity: a constant, or an expression's.
fn target_weight(
    problems: &mut Problems,
    target: &TargetWeight,
    universe: &CheckedUniverse,
) -> Option<SizingSpec> {
    let path = |name: &str| format!("spec.portfolio.sizing.targetWeight.{name}");
    let buffer = |problems: &mut Problems| problems.take(&path("cashBuffer"), target.cash_buffer.decimal());
    match (&target.weight, &target.expression) {
        (Some(weight), None) => {
            let weight = problems.take(&path("weight"), weight.decimal());
            let cash_buffer = buffer(problems);
            Some(SizingSpec::TargetWeight { weight: weight?, cash_buffer: cash_buffer? })
        }
        (None, Some(source)) => {
            let source = ("weight", source.as_str());
            let expression = signal::comparable(problems, &path("expression"), source, universe);
            let cash_buffer = buffer(problems);
            Some(SizingSpec::TickerWeight { expression: expression?, cash_buffer: cash_buffer? })
        }
        _ => {
            problems.add("spec.portfolio.sizing.targetWeight", "set exactly one of weight and expression");
            buffer(problems);
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
