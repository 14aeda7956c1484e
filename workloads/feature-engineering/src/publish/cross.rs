//! Cross-sectional features, and what depends on them.
//!
//! A function across tickers needs its argument for all active tickers, and the argument may need other such
//! functions. They are therefore computed in waves: all functions whose arguments are known at once. In each wave
//! one ticker after the other is evaluated, and only the values at its active rows are kept.

use ats_calendar::{Calendar, Interval};
use ats_columns::cross_section::{demean, rank, winsorize, zscore};
use ats_columns::evaluate::{Column, evaluate_number};
use ats_columns::{Adjustment, Bars, Inputs, evaluate};
use ats_expression::{Any, Boolean, CrossSection, Feature, FeatureGraph, Name, Number, Phase};

use super::rows::ActiveRows;
use crate::error::FeatureError;
use crate::tickers::Benchmarks;

/// The order of computation.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Functions across tickers, in an order in which each needs only those of earlier waves.
    waves: Vec<Vec<Number>>,
    /// The features, each after those that it uses.
    features: Vec<Feature>,
    /// For each feature, how many waves it needs.
    ready: Vec<usize>,
}

/// What a part of an expression needs from other tickers.
#[derive(Default)]
struct Needs<'e> {
    functions: Vec<&'e Number>,
    features: Vec<&'e Name>,
}

impl<'e> Needs<'e> {
    fn of(parts: impl IntoIterator<Item = Any<'e>>) -> Self {
        let mut needs = Self::default();
        for part in parts {
            part.visit(&mut |part| match part {
                Any::Number(number @ (Number::CrossSection { .. } | Number::Winsorize { .. })) => {
                    needs.functions.push(number);
                }
                Any::Number(Number::Feature(name)) | Any::Boolean(Boolean::Feature(name)) => {
                    needs.features.push(name);
                }
                _ => {}
            });
        }
        needs
    }
}

impl Plan {
    /// Plans the cross-sectional features of a graph.
    #[must_use]
    pub fn new(graph: &FeatureGraph) -> Self {
        let features: Vec<&Feature> = graph.phase(Phase::CrossSectional).collect();
        let all: Vec<(&Feature, Needs<'_>)> =
            features.iter().map(|feature| (*feature, Needs::of([Any::from(feature.typed.node())]))).collect();
        let mut waves: Vec<Vec<&Number>> = Vec::new();
        let mut ready: Vec<Option<usize>> = vec![None; features.len()];
        loop {
            let known = |number: &Number| waves.iter().flatten().any(|known| *known == number);
            for (i, (_, needs)) in all.iter().enumerate() {
                let met = ready[i].is_none()
                    && needs.functions.iter().all(|function| known(function))
                    && needs.features.iter().all(|name| is_ready(name, &features, &ready));
                if met {
                    ready[i] = Some(waves.len());
                }
            }
            let mut wave: Vec<&Number> = Vec::new();
            for function in all.iter().flat_map(|(_, needs)| needs.functions.iter().copied()) {
                let inner = Needs::of(Any::Number(function).children());
                let met = !known(function)
                    && !wave.contains(&function)
                    && inner.functions.iter().all(|function| known(function))
                    && inner.features.iter().all(|name| is_ready(name, &features, &ready));
                if met {
                    wave.push(function);
                }
            }
            if wave.is_empty() {
                break;
            }
            waves.push(wave);
        }
        let waits = waves.len();
        Self {
            waves: waves.into_iter().map(|wave| wave.into_iter().cloned().collect()).collect(),
            features: features.into_iter().cloned().collect(),
            ready: ready.into_iter().map(|ready| ready.unwrap_or(waits)).collect(),
        }
    }

    /// The functions of each wave.
    #[must_use]
    pub fn waves(&self) -> &[Vec<Number>] {
        &self.waves
    }

    /// The features.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Names of the time-series features that any of it uses.
    #[must_use]
    pub fn time_series<'g>(&self, graph: &'g FeatureGraph) -> Vec<&'g Feature> {
        graph
            .phase(Phase::TimeSeries)
            .filter(|known| {
                self.features.iter().any(|feature| feature.typed.features().contains(&known.name))
            })
            .collect()
    }
}

/// Whether a feature has values: those that are no cross-sectional ones do.
fn is_ready(name: &Name, features: &[&Feature], ready: &[Option<usize>]) -> bool {
    features.iter().position(|feature| feature.name == *name).is_none_or(|i| ready[i].is_some())
}

/// One ticker, as an evaluation needs it.
#[derive(Debug, Clone)]
pub struct TickerInputs {
    /// Its bars.
    pub bars: Bars,
    /// The time-series features that the plan reads.
    pub features: Vec<(Name, Column)>,
    /// The rows at which it is active.
    pub active: ActiveRows,
}

/// What is the same for all tickers.
#[derive(Debug, Clone)]
pub struct Common {
    /// The plan.
    pub plan: Plan,
    /// Bars of benchmarks.
    pub benchmarks: Benchmarks,
    /// How prices are adjusted.
    pub adjustment: Adjustment,
    /// Length of a bar.
    pub interval: Interval,
    /// The exchange.
    pub calendar: &'static Calendar,
}

impl Common {
    /// Evaluates a ticker after the first waves, whose values at its active rows are `known` (one column for each
    /// function, in order). The result has a column for each function of the next wave (its argument), or, after
    /// the last wave, for each feature; values at active rows only.
    ///
    /// # Errors
    /// When an input is missing.
    pub fn evaluate(&self, ticker: &TickerInputs, known: &[Vec<f64>]) -> Result<Vec<Vec<f64>>, FeatureError> {
        let mut inputs = Inputs::new(&ticker.bars, self.adjustment, self.calendar)?
            .with_interval(self.interval, self.calendar);
        for (name, benchmark) in &self.benchmarks {
            inputs = inputs.with_benchmark(name.clone(), benchmark, self.adjustment);
        }
        for (name, values) in &ticker.features {
            inputs = inputs.with_feature(name.clone(), values.clone())?;
        }
        let mut passed = 0;
        let mut columns = known.iter();
        for wave in &self.plan.waves {
            if columns.len() < wave.len() || wave.is_empty() {
                break;
            }
            for (function, values) in wave.iter().zip(&mut columns) {
                inputs = inputs.with_cross_section(function.clone(), ticker.active.expand(values))?;
            }
            passed += 1;
        }
        let mut found = Vec::new();
        for (feature, ready) in self.plan.features.iter().zip(&self.plan.ready) {
            if *ready <= passed {
                let values = ticker.active.mask(&evaluate(&feature.typed, &inputs)?);
                if passed == self.plan.waves.len() {
                    found.push(ticker.active.compact(&values.to_floats()));
                }
                inputs = inputs.with_feature(feature.name.clone(), values)?;
            }
        }
        if let Some(wave) = self.plan.waves.get(passed) {
            for function in wave {
                let (Number::CrossSection { input, .. } | Number::Winsorize { input, .. }) = function else {
                    continue;
                };
                found.push(ticker.active.compact(&evaluate_number(input, &inputs)?));
            }
        }
        Ok(found)
    }
}

/// Applies a function across tickers to one date's values, in the tickers' order.
#[must_use]
pub fn apply(function: &Number, values: &[f64]) -> Vec<f64> {
    match function {
        Number::CrossSection { function, .. } => match function {
            CrossSection::Rank => rank(values),
            CrossSection::Zscore => zscore(values),
            CrossSection::Demean => demean(values),
        },
        Number::Winsorize { p, .. } => winsorize(values, p.get()),
        // A plan holds no other functions.
        _ => vec![f64::NAN; values.len()],
    }
}
