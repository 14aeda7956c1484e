//! Labels, annotations and owner references of children.

use std::collections::BTreeMap;

use ats_crds::{
    GROUP, VERSION,
    children::{LABEL_KIND, LABEL_NAME, LABEL_STAGE, MANAGED_BY},
    status::StageName,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::{kind::Key, options::Component};

/// Label of who manages a child.
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label of the component.
pub const LABEL_COMPONENT: &str = "app.kubernetes.io/component";
/// The component label of a trading pod's state.
pub const STATE: &str = "state";

/// Selects every child of every object.
pub fn selector() -> String {
    format!("{LABEL_MANAGED_BY}={MANAGED_BY}")
}

/// The object that a child is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its key.
    pub key: Key,
    /// Its uid.
    pub uid: String,
    /// Its generation.
    pub generation: i64,
}

impl Parent {
    /// The labels of a child.
    pub fn labels(&self, component: &str, stage: Option<StageName>) -> BTreeMap<String, String> {
        let mut labels = common(component, &self.key.name);
        labels.insert(LABEL_KIND.to_owned(), self.key.kind.label().to_owned());
        labels.insert(LABEL_NAME.to_owned(), self.key.name.clone());
        labels.extend(stage.map(|stage| (LABEL_STAGE.to_owned(), stage.as_str().to_owned())));
        labels
    }

    /// The labels that name this object's children of a stage and no others.
    pub fn selector(&self, stage: StageName) -> BTreeMap<String, String> {
        BTreeMap::from([
            (LABEL_KIND.to_owned(), self.key.kind.label().to_owned()),
            (LABEL_NAME.to_owned(), self.key.name.clone()),
            (LABEL_STAGE.to_owned(), stage.as_str().to_owned()),
        ])
    }

    /// The reference of a child that goes with its owner.
    pub fn owner_reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: format!("{GROUP}/{VERSION}"),
            kind: self.key.kind.as_str().to_owned(),
            name: self.key.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }
}

/// Labels of anything that the operator makes.
pub fn common(component: &str, instance: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("app.kubernetes.io/name", "ats"),
        ("app.kubernetes.io/part-of", "ats"),
        ("app.kubernetes.io/instance", instance),
        (LABEL_COMPONENT, component),
        (LABEL_MANAGED_BY, MANAGED_BY),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Labels of a stage's children.
pub fn of_stage(parent: &Parent, stage: StageName) -> BTreeMap<String, String> {
    parent.labels(Component::of_stage(stage).as_str(), Some(stage))
}
