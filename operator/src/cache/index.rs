//! A cache of children with an index on the object that each belongs to: a reconcile reads its own object's children
//! and not those of all others, whose number grows with the number of objects.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{
    Resource, ResourceExt,
    core::NamespaceResourceScope,
    runtime::{
        reflector::{self, ObjectRef, Store, store::Writer},
        watcher::Event,
    },
};

use super::{belongs, owner_of};
use crate::kind::Key;

type Names = HashMap<Key, BTreeSet<String>>;

/// The cache. A clone is the same one.
pub struct Indexed<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    /// All children of this kind.
    pub store: Store<K>,
    names: Arc<Mutex<Names>>,
}

// Derived, it would ask for `K: Clone` of every user, and copy nothing else.
impl<K> Clone for Indexed<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), names: Arc::clone(&self.names) }
    }
}

impl<K> Indexed<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
    K::DynamicType: Hash + Eq + Clone + Default,
{
    /// An empty cache, and what fills it.
    pub fn new() -> (Self, Writer<K>) {
        let (store, writer) = reflector::store();
        (Self { store, names: Arc::default() }, writer)
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what the cache has just been told.
    pub fn note(&self, event: &Event<K>) {
        match event {
            Event::Apply(child) | Event::InitApply(child) => {
                if let Some(key) = owner_of(child) {
                    self.names().entry(key).or_default().insert(child.name_any());
                }
            }
            Event::Delete(child) => {
                if let Some(key) = owner_of(child) {
                    let mut names = self.names();
                    let is_last = names.get_mut(&key).is_some_and(|of_key| {
                        of_key.remove(&child.name_any());
                        of_key.is_empty()
                    });
                    if is_last {
                        names.remove(&key);
                    }
                }
            }
            Event::Init => {}
            // What was deleted while the watch was down sent no event.
            Event::InitDone => self.names().retain(|key, of_key| {
                of_key.retain(|name| self.get(key, name).is_some());
                !of_key.is_empty()
            }),
        }
    }

    fn get(&self, key: &Key, name: &str) -> Option<Arc<K>> {
        self.store.get(&ObjectRef::new(name).within(&key.namespace))
    }

    /// The children whose labels name an object, in order of name.
    pub fn of(&self, key: &Key) -> Vec<Arc<K>> {
        let names: Vec<String> = self.names().get(key).into_iter().flatten().cloned().collect();
        // A label that was changed leaves a name behind: the child itself decides.
        names
            .iter()
            .filter_map(|name| self.get(key, name))
            .filter(|child| belongs(child.as_ref(), key))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use ats_crds::children::{LABEL_KIND, LABEL_NAME};
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    use super::*;
    use crate::kind::Kind;

    fn pod(name: &str, owner: &str) -> Pod {
        let labels = json!({LABEL_KIND: "tradinguniverse", LABEL_NAME: owner});
        let pod = json!({"metadata": {"name": name, "namespace": "n", "labels": labels}});
        serde_json::from_value(pod).unwrap()
    }

    struct World {
        pods: Indexed<Pod>,
        writer: Writer<Pod>,
    }

    impl World {
        fn see(&mut self, event: &Event<Pod>) {
            self.writer.apply_watcher_event(event);
            self.pods.note(event);
        }

        fn of(&self, owner: &str) -> Vec<String> {
            let key = Key::new(Kind::Universe, "n", owner);
            self.pods.of(&key).iter().map(|pod| pod.name_any()).collect()
        }
    }

    #[test]
    fn children_are_found_by_their_owner_alone() {
        let (pods, writer) = Indexed::new();
        let mut world = World { pods, writer };
        world.see(&Event::Init);
        for (name, owner) in [("b", "u"), ("a", "u"), ("c", "other")] {
            world.see(&Event::InitApply(pod(name, owner)));
        }
        world.see(&Event::InitDone);
        assert_eq!((world.of("u"), world.of("other")), (vec!["a".into(), "b".into()], vec!["c".into()]));
        world.see(&Event::Delete(pod("a", "u")));
        world.see(&Event::Apply(pod("d", "u")));
        assert_eq!(world.of("u"), ["b", "d"]);
        // A child that changes its owner belongs to the new one.
        world.see(&Event::Apply(pod("c", "u")));
        assert_eq!((world.of("u"), world.of("other")), (vec!["b".into(), "c".into(), "d".into()], vec![]));
        let elsewhere = Key::new(Kind::Model, "n", "u");
        assert!(world.pods.of(&elsewhere).is_empty());
    }

    #[test]
    fn what_went_while_the_watch_was_down_is_forgotten() {
        let (pods, writer) = Indexed::new();
        let mut world = World { pods, writer };
        world.see(&Event::Apply(pod("a", "u")));
        world.see(&Event::Apply(pod("b", "u")));
        world.see(&Event::Init);
        world.see(&Event::InitApply(pod("b", "u")));
        world.see(&Event::InitDone);
        assert_eq!(world.of("u"), ["b"]);
        assert_eq!(world.pods.names().values().map(BTreeSet::len).sum::<usize>(), 1);
        world.see(&Event::Delete(pod("b", "u")));
        assert!(world.pods.names().is_empty());
    }
}
