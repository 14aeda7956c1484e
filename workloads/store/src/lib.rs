//! The artifact store: content-addressed objects and conditional manifests over object_store.
