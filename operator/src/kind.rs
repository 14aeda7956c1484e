//! The three kinds as the operator sees them alike.

use std::fmt;

use ats_crds::{
    ModelTrainingJob, RunSettings, Strategy, TradingUniverse,
    status::{HasCommonStatus, ModelStatus, StrategyStatus, UniverseStatus},
};
use kube::{Resource, ResourceExt, core::NamespaceResourceScope};
use serde::{Serialize, de::DeserializeOwned};

/// One of the kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `TradingUniverse`.
    Universe,
    /// `ModelTrainingJob`.
    Model,
    /// `Strategy`.
    Strategy,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Universe, Self::Model, Self::Strategy];

    /// The kind's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Universe => "TradingUniverse",
            Self::Model => "ModelTrainingJob",
            Self::Strategy => "Strategy",
        }
    }

    /// The value of the kind label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Universe => "tradinguniverse",
            Self::Model => "modeltrainingjob",
            Self::Strategy => "strategy",
        }
    }

    /// The kind with this label.
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An object of one of the kinds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// The key of a name.
    pub fn new(kind: Kind, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

/// What the controllers need of a kind.
pub trait Managed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + fmt::Debug
    + DeserializeOwned
    + Serialize
    + Send
    + Sync
    + 'static
{
    /// Which kind.
    const KIND: Kind;
    /// Its status.
    type Status: HasCommonStatus
        + Clone
        + Default
        + PartialEq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static;

    /// The status, if it was ever written.
    fn status(&self) -> Option<&Self::Status>;
    /// The settings that every kind has.
    fn run(&self) -> &RunSettings;

    /// The object's key.
    fn key(&self) -> Key {
        key_of(self)
    }
}

/// The key of any object of a managed kind, decoded or not.
pub fn key_of<K: Managed>(object: &K) -> Key {
    Key::new(K::KIND, object.namespace().unwrap_or_default(), object.name_any())
}

macro_rules! managed {
    ($($type:ty, $kind:expr, $status:ty;)+) => {$(
        impl Managed for $type {
            const KIND: Kind = $kind;
            type Status = $status;

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }

            fn run(&self) -> &RunSettings {
                &self.spec.run
            }
        }
    )+};
}

managed! {
    TradingUniverse, Kind::Universe, UniverseStatus;
    ModelTrainingJob, Kind::Model, ModelStatus;
    Strategy, Kind::Strategy, StrategyStatus;
}
