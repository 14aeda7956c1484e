//! The features of a universe and its ranking: names resolved, cycles found, phases sorted.

mod cycles;

use std::collections::{BTreeMap, BTreeSet};

use crate::ast::Expression;
use crate::check::{check, check_kind};
use crate::error::{Category, ExpressionError, Origin};
use crate::names::{Name, Ticker};
use crate::scope::Scope;
use crate::typed::{Kind, Typed};

/// When a feature can be computed (definitions, "Order within a date").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Over all tickers, each on its own, before the ranking.
    TimeSeries,
    /// After the active set is known: it, or a feature it uses, compares tickers.
    CrossSectional,
}

/// A checked feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    /// Its name, unique in the universe.
    pub name: Name,
    /// Its expression.
    pub typed: Typed,
    /// When it can be computed.
    pub phase: Phase,
}

/// The checked features of a universe, each after those that it uses, and the checked ranking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureGraph {
    features: Vec<Feature>,
    ranking: Option<Typed>,
    scope: Scope,
}

impl FeatureGraph {
    /// Checks features, given as (name, expression) in any order, and the ranking of the selection.
    ///
    /// # Errors
    /// All errors: names that are not names, reserved or taken twice; what [`check`] finds; features that need each
    /// other; a ranking that is not a number, not comparable across tickers, or that needs the active set. A feature
    /// that uses a faulty one is not an error of its own.
    pub fn new<N: AsRef<str>, S: AsRef<str>>(
        features: &[(N, S)],
        ranking: Option<&str>,
    ) -> Result<Self, Vec<ExpressionError>> {
        let mut builder = Builder::read(features);
        builder.report_cycles();
        builder.check_all();
        let ranking = ranking.and_then(|source| builder.check_ranking(source));
        if builder.errors.is_empty() {
            Ok(Self { features: builder.checked, ranking, scope: builder.scope })
        } else {
            Err(builder.errors)
        }
    }

    /// All features, each after those that it uses: time series first, then the cross-sectional ones; in the order
    /// of the list where nothing else decides.
    #[must_use]
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Features of one phase, each after those that it uses.
    pub fn phase(&self, phase: Phase) -> impl Iterator<Item = &Feature> {
        self.features.iter().filter(move |feature| feature.phase == phase)
    }

    /// The ranking of the selection.
    #[must_use]
    pub const fn ranking(&self) -> Option<&Typed> {
        self.ranking.as_ref()
    }

    /// The feature of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name.as_str() == name)
    }

    /// What another expression, such as a strategy's rule, may use.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Benchmarks of all features and of the ranking: they are acquired even when they are not traded.
    #[must_use]
    pub fn tickers(&self) -> BTreeSet<Ticker> {
        self.expressions().flat_map(Typed::tickers).collect()
    }

    /// Bars after which every operand of every feature and of the ranking can have a value (see
    /// [`Typed::first_value`]).
    #[must_use]
    pub fn first_value(&self) -> u32 {
        self.expressions().map(Typed::first_value).max().unwrap_or(0)
    }

    fn expressions(&self) -> impl Iterator<Item = &Typed> {
        self.features.iter().map(|feature| &feature.typed).chain(self.ranking.as_ref())
    }
}

/// A feature of the list whose name is good.
struct Parsed {
    index: usize,
    name: Name,
    /// `None` when it does not parse: its error is reported, and it counts as known.
    expression: Option<Expression>,
    /// Places in the list of parsed features.
    uses: Vec<usize>,
}

struct Builder {
    parsed: Vec<Parsed>,
    /// Features in a cycle, by place in `parsed`.
    cyclic: BTreeSet<usize>,
    checked: Vec<Feature>,
    scope: Scope,
    errors: Vec<ExpressionError>,
}

impl Builder {
    fn read<N: AsRef<str>, S: AsRef<str>>(features: &[(N, S)]) -> Self {
        let mut parsed: Vec<Parsed> = Vec::new();
        let mut places: BTreeMap<Name, usize> = BTreeMap::new();
        let mut errors = Vec::new();
        for (index, (name, source)) in features.iter().enumerate() {
            let (name, source) = (name.as_ref(), source.as_ref());
            let origin = Origin::Feature { index, name: name.to_owned() };
            // An error of the name and not of the expression: its source is empty.
            let name_error =
                |message: String| ExpressionError::new("", Category::Name, 0..0, message).at(origin.clone());
            let expression = crate::parse(source).map_err(|error| errors.push(error.at(origin.clone()))).ok();
            let name = match Name::new(name) {
                Ok(name) => name,
                Err(error) => {
                    errors.push(name_error(error.to_string()));
                    continue;
                }
            };
            if let Some(first) = places.get(&name) {
                let first = parsed.get(*first).map_or(0, |feature: &Parsed| feature.index);
                errors.push(name_error(format!(
                    "the name `{name}` is taken: feature {first} of the list (from 0) has it"
                )));
                continue;
            }
            places.insert(name.clone(), parsed.len());
            parsed.push(Parsed { index, name, expression, uses: Vec::new() });
        }
        for feature in &mut parsed {
            let names = feature.expression.iter().flat_map(Expression::names);
            let uses: BTreeSet<usize> = names.filter_map(|(name, _)| places.get(name).copied()).collect();
            feature.uses = uses.into_iter().collect();
        }
        Self { parsed, cyclic: BTreeSet::new(), checked: Vec::new(), scope: Scope::new(), errors }
    }

    fn report_cycles(&mut self) {
        let uses: Vec<&[usize]> = self.parsed.iter().map(|feature| feature.uses.as_slice()).collect();
        for component in cycles::components(&uses) {
            let path = cycles::shortest(&uses, &component);
            let names: Vec<&str> = path
                .iter()
                .chain(path.first())
                .filter_map(|at| self.parsed.get(*at))
                .map(|f| f.name.as_str())
                .collect();
            let Some(feature) = path.first().and_then(|first| self.parsed.get(*first)) else { continue };
            let Some(expression) = &feature.expression else { continue };
            let next = names.get(1).copied().unwrap_or_default();
            let span =
                expression.names().into_iter().find(|(name, _)| *name == next).map_or(0..0, |(_, span)| span);
            let message = match names.len() {
                2 => format!("the feature uses itself: {}", names.join(" -> ")),
                _ => format!("the features use each other: {}", names.join(" -> ")),
            };
            let origin = Origin::Feature { index: feature.index, name: feature.name.to_string() };
            let error = ExpressionError::new(expression.source(), Category::Cycle, span, message).at(origin);
            self.errors.push(error.help("a feature may use only features that do not need it"));
            self.cyclic.extend(component);
        }
    }

    /// Checks each feature after those that it uses, and leaves out those that use a faulty one.
    fn check_all(&mut self) {
        let mut waiting: Vec<usize> = (0..self.parsed.len()).filter(|at| !self.cyclic.contains(at)).collect();
        let mut sound = BTreeSet::new();
        let mut done: BTreeSet<usize> = self.cyclic.clone();
        let mut checked: Vec<Feature> = Vec::new();
        while !waiting.is_empty() {
            let mut later = Vec::new();
            for at in waiting.iter().copied() {
                let Some(feature) = self.parsed.get(at) else { continue };
                if !feature.uses.iter().all(|used| done.contains(used)) {
                    later.push(at);
                    continue;
                }
                done.insert(at);
                let Some(expression) = &feature.expression else { continue };
                if !feature.uses.iter().all(|used| sound.contains(used)) {
                    continue;
                }
                let own = expression.own_column().is_some_and(|column| column == feature.name.as_str());
                let found =
                    if own { Ok(Typed::own(feature.name.clone())) } else { check(expression, &self.scope) };
                match found {
                    Ok(typed) => {
                        sound.insert(at);
                        self.scope.insert(feature.name.clone(), typed.facts());
                        let phase = if typed.is_cross_sectional() {
                            Phase::CrossSectional
                        } else {
                            Phase::TimeSeries
                        };
                        checked.push(Feature { name: feature.name.clone(), typed, phase });
                    }
                    Err(error) => {
                        let origin = Origin::Feature { index: feature.index, name: feature.name.to_string() };
                        self.errors.push(error.at(origin));
                    }
                }
            }
            if later.len() == waiting.len() {
                // Cannot happen: without cycles one of them is always ready.
                break;
            }
            waiting = later;
        }
        // A stable sort: inside a phase each still comes after those that it uses.
        checked.sort_by_key(|feature| feature.phase);
        self.checked = checked;
    }

    fn check_ranking(&mut self, source: &str) -> Option<Typed> {
        match self.ranking(source) {
            Ok(ranking) => ranking,
            Err(error) => {
                self.errors.push(error.at(Origin::Ranking));
                None
            }
        }
    }

    fn ranking(&self, source: &str) -> Result<Option<Typed>, ExpressionError> {
        let expression = crate::parse(source)?;
        let faulty = |name: &str| {
            self.parsed.iter().any(|feature| feature.name.as_str() == name) && self.scope.get(name).is_none()
        };
        if expression.names().iter().any(|(name, _)| faulty(name)) {
            return Ok(None);
        }
        let typed = check_kind(&expression, &self.scope, Kind::Number)?;
        let whole = 0..source.len();
        if typed.is_cross_sectional() {
            let through = typed
                .features()
                .into_iter()
                .find(|name| self.scope.get(name.as_str()).is_some_and(|facts| facts.cross_sectional));
            let reason = match through {
                Some(name) => format!("through the feature `{name}`"),
                None => "through a function across tickers".to_owned(),
            };
            let message = format!("the ranking needs the active set, which it decides, {reason}");
            return Err(ExpressionError::new(source, Category::Cycle, whole, message)
                .help("rank by columns, time-series functions and features of these"));
        }
        typed.comparable_across_tickers("ranking", source)?;
        Ok(Some(typed))
    }
}
