//! Artifacts by stage and key: files, unit manifests, dataset manifests.

use ats_pipeline::{DatasetManifest, Digest, FileEntry, StageInput, StageKey, StageName, UnitManifest};
use bytes::Bytes;

use crate::{Put, Store, StoreError};

/// A unit manifest as it lies in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The document.
    pub manifest: UnitManifest,
    /// Digest of its bytes.
    pub digest: Digest,
}

/// The folder of one unit.
#[derive(Debug, Clone)]
pub struct UnitFolder {
    store: Store,
    stage: StageName,
    key: StageKey,
}

impl Store {
    /// The folder of a unit.
    pub fn unit(&self, stage: StageName, key: StageKey) -> UnitFolder {
        UnitFolder { store: self.clone(), stage, key }
    }

    /// The manifest over a stage's units.
    ///
    /// # Errors
    /// When it is not there, is damaged, or the store does not answer.
    pub async fn dataset(&self, input: &StageInput) -> Result<DatasetManifest, StoreError> {
        let name = dataset_name(input.stage, input.key, input.digest);
        let bytes = self.get(&name).await?;
        let manifest: DatasetManifest = self.parse(&name, &bytes)?;
        if manifest.root() == input.digest {
            return Ok(manifest);
        }
        Err(StoreError::Damaged {
            uri: self.uri().to_owned(),
            path: name,
            message: format!("its root is {}, not the one in its name", manifest.root()),
        })
    }

    /// Writes the manifest over a stage's units; its digest is in its name, so writing it twice is the same.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_dataset(&self, manifest: &DatasetManifest) -> Result<Digest, StoreError> {
        let root = manifest.root();
        let name = dataset_name(manifest.stage, manifest.key, root);
        let bytes = manifest.to_json().map_err(|error| self.damaged(&name, &error))?;
        self.put_if_absent(&name, bytes.into()).await?;
        Ok(root)
    }

    /// The unit manifests of a dataset entry, by unit name.
    ///
    /// # Errors
    /// When one is missing or another than the dataset says.
    pub async fn unit_of(
        &self,
        dataset: &DatasetManifest,
        unit: &str,
    ) -> Result<Option<(UnitFolder, Stored)>, StoreError> {
        let Some(entry) = dataset.unit(unit) else { return Ok(None) };
        let folder = self.unit(dataset.stage, entry.key);
        let name = folder.name("manifest.json");
        let bytes = self.get_verified(&name, entry.digest).await?;
        let manifest = self.parse(&name, &bytes)?;
        Ok(Some((folder, Stored { manifest, digest: entry.digest })))
    }

    fn parse<T: serde::de::DeserializeOwned>(&self, name: &str, bytes: &[u8]) -> Result<T, StoreError> {
        serde_json::from_slice(bytes).map_err(|error| self.damaged(name, &error))
    }

    fn damaged(&self, name: &str, error: &serde_json::Error) -> StoreError {
        StoreError::Damaged { uri: self.uri().to_owned(), path: name.to_owned(), message: error.to_string() }
    }
}

fn dataset_name(stage: StageName, key: StageKey, root: Digest) -> String {
    format!("{stage}/{key}/dataset-{root}.json")
}

impl UnitFolder {
    fn name(&self, object: &str) -> String {
        format!("{}/{}/{object}", self.stage, self.key)
    }

    /// URI of a file, for messages and reports.
    pub fn uri(&self, file: &FileEntry) -> String {
        format!("{}/{}", self.store.uri().trim_end_matches('/'), self.name(&file.object_name()))
    }

    /// The unit's manifest, where the unit is finished.
    ///
    /// # Errors
    /// When it is damaged, or the store does not answer.
    pub async fn manifest(&self) -> Result<Option<Stored>, StoreError> {
        let name = self.name("manifest.json");
        let Some(bytes) = self.store.find(&name).await? else { return Ok(None) };
        Ok(Some(Stored { manifest: self.store.parse(&name, &bytes)?, digest: Digest::of(&bytes) }))
    }

    /// Writes a file under its digest.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn put_file(
        &self,
        name: &str,
        bytes: Bytes,
        rows: Option<u64>,
    ) -> Result<FileEntry, StoreError> {
        let entry =
            FileEntry { name: name.to_owned(), digest: Digest::of(&bytes), bytes: bytes.len() as u64, rows };
        self.store.put(&self.name(&entry.object_name()), bytes).await?;
        Ok(entry)
    }

    /// The bytes of a file, checked against its digest.
    ///
    /// # Errors
    /// When it is not there or is damaged.
    pub async fn file(&self, entry: &FileEntry) -> Result<Bytes, StoreError> {
        self.store.get_verified(&self.name(&entry.object_name()), entry.digest).await
    }

    /// The bytes of the file with this name.
    ///
    /// # Errors
    /// When the manifest lists no such file, or it is not there or damaged.
    pub async fn named(&self, manifest: &UnitManifest, name: &str) -> Result<Bytes, StoreError> {
        match manifest.file(name) {
            Some(entry) => self.file(entry).await,
            None => Err(StoreError::Missing { uri: self.store.uri().to_owned(), path: self.name(name) }),
        }
    }

    /// Writes the manifest, last: from here on the unit is finished.
    ///
    /// # Errors
    /// [`StoreError::NonDeterministic`] when another manifest stands there already.
    pub async fn finish(&self, manifest: &UnitManifest) -> Result<Stored, StoreError> {
        let name = self.name("manifest.json");
        let bytes: Bytes = manifest.to_json().map_err(|error| self.store.damaged(&name, &error))?.into();
        let digest = Digest::of(&bytes);
        match self.store.put_if_absent(&name, bytes.clone()).await? {
            Put::Written => Ok(Stored { manifest: manifest.clone(), digest }),
            Put::Exists(standing) if standing == bytes => Ok(Stored { manifest: manifest.clone(), digest }),
            Put::Exists(_) => Err(StoreError::NonDeterministic { stage: self.stage, path: name }),
        }
    }
}
