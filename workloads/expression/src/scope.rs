//! The features that an expression may use.

use std::collections::BTreeMap;

use crate::names::Name;
use crate::typed::Facts;

/// Known features by name, with what was derived about each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    features: BTreeMap<Name, Facts>,
}

impl Scope {
    /// No features: columns and functions only.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a feature.
    pub fn insert(&mut self, name: Name, facts: Facts) {
        self.features.insert(name, facts);
    }

    /// What is known about a feature.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Facts> {
        self.features.get(name).copied()
    }

    /// All features, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, Facts)> {
        self.features.iter().map(|(name, facts)| (name, *facts))
    }
}
