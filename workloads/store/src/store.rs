//! Reading and writing objects under one root.

use std::{sync::Arc, time::Duration};

use ats_pipeline::{Digest, StoreLocation};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload, path::Path};

use crate::{Settings, StoreError, location};

/// How often a conditional put is tried that meets an object which is not there when it is read.
const CREATE_ATTEMPTS: u32 = 5;

/// A folder of a store.
#[derive(Debug, Clone)]
pub struct Store {
    client: Arc<dyn ObjectStore>,
    root: Path,
    uri: Arc<str>,
}

/// What a conditional put met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The object was not there.
    Written,
    /// The object was there, with these bytes.
    Exists(Bytes),
}

impl Store {
    /// Opens a store; a folder is made where it is missing.
    ///
    /// # Errors
    /// When the URI or a setting is not understood.
    pub fn open(location: &StoreLocation, settings: &Settings) -> Result<Self, StoreError> {
        let (client, root) = location::open(&location.uri, settings)?;
        Ok(Self { client, root, uri: location.uri.as_str().into() })
    }

    /// Its URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    fn path(&self, name: &str) -> Path {
        let inner = Path::from(name);
        self.root.parts().chain(inner.parts()).collect()
    }

    fn access(&self, path: &str) -> impl Fn(object_store::Error) -> StoreError {
        let (uri, path) = (self.uri.to_string(), path.to_owned());
        move |source| StoreError::Access { uri: uri.clone(), path: path.clone(), source }
    }

    /// The bytes of an object, or none where it is not there.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn find(&self, name: &str) -> Result<Option<Bytes>, StoreError> {
        match self.client.get(&self.path(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(self.access(name)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.access(name)(source)),
        }
    }

    /// The bytes of an object that has to be there.
    ///
    /// # Errors
    /// When it is not there, or the store does not answer.
    pub async fn get(&self, name: &str) -> Result<Bytes, StoreError> {
        self.find(name)
            .await?
            .ok_or_else(|| StoreError::Missing { uri: self.uri.to_string(), path: name.to_owned() })
    }

    /// The bytes of an object whose digest is known.
    ///
    /// # Errors
    /// When it is not there, or its bytes have another digest.
    pub async fn get_verified(&self, name: &str, digest: Digest) -> Result<Bytes, StoreError> {
        let bytes = self.get(name).await?;
        let found = Digest::of(&bytes);
        if found == digest {
            return Ok(bytes);
        }
        Err(StoreError::Damaged {
            uri: self.uri.to_string(),
            path: name.to_owned(),
            message: format!("its digest is {found}, {digest} was written"),
        })
    }

    /// Whether an object is there.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn contains(&self, name: &str) -> Result<bool, StoreError> {
        match self.client.head(&self.path(name)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(self.access(name)(source)),
        }
    }

    /// Writes an object, whether it is there or not. For content-addressed names and for scratch.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn put(&self, name: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.client.put(&self.path(name), PutPayload::from(bytes)).await.map(drop).map_err(self.access(name))
    }

    /// Writes an object on the condition that it is not there: of many writers one wins, and each learns who did.
    ///
    /// The winner may hear [`Put::Exists`] with its own bytes, when its connection broke after the store had written
    /// and the client asked again: a caller compares bytes.
    ///
    /// # Errors
    /// When the store does not answer or refuses, or cannot put on a condition.
    pub async fn put_if_absent(&self, name: &str, bytes: Bytes) -> Result<Put, StoreError> {
        let mut attempt = 1;
        loop {
            let (options, payload) = (PutOptions::from(PutMode::Create), PutPayload::from(bytes.clone()));
            let source = match self.client.put_opts(&self.path(name), payload, options).await {
                Ok(_) => return Ok(Put::Written),
                Err(source @ object_store::Error::AlreadyExists { .. }) => source,
                Err(source) => return Err(self.access(name)(source)),
            };
            if let Some(standing) = self.find(name).await? {
                return Ok(Put::Exists(standing));
            }
            // S3 also answers so (409) while another writer's put is under way, and that one may fail.
            if attempt == CREATE_ATTEMPTS {
                return Err(self.access(name)(source));
            }
            tokio::time::sleep(Duration::from_millis(100) * attempt).await;
            attempt += 1;
        }
    }

    /// Names of the objects in a folder, sorted, without the folder's own name.
    ///
    /// # Errors
    /// When the store does not answer or refuses.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let prefix = self.path(folder);
        let entries =
            self.client.list(Some(&prefix)).map_ok(|entry| entry.location).try_collect::<Vec<_>>().await;
        let mut names: Vec<String> = entries
            .map_err(self.access(folder))?
            .iter()
            .filter_map(|path| path.prefix_match(&prefix))
            .map(|parts| parts.map(|part| part.as_ref().to_owned()).collect::<Vec<_>>().join("/"))
            .collect();
        names.sort_unstable();
        Ok(names)
    }
}
