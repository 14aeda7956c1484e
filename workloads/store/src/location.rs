//! From a URI and settings to a client.

use std::{collections::BTreeMap, sync::Arc};

use object_store::{
    ObjectStore, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder,
    local::LocalFileSystem, path::Path,
};
use url::Url;

use crate::StoreError;

/// Settings of a store by the names of its own tools: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, ….
pub type Settings = BTreeMap<String, String>;

/// Settings from environment variables that begin with a prefix, which is cut off.
pub fn settings_from_environment(prefix: &str) -> Settings {
    std::env::vars().filter_map(|(name, value)| Some((name.strip_prefix(prefix)?.to_owned(), value))).collect()
}

/// A client and the folder in it.
pub(crate) fn open(uri: &str, settings: &Settings) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let error = |message: String| StoreError::Location { uri: uri.to_owned(), message };
    let url = Url::parse(uri).map_err(|source| error(format!("it is not a URI ({source}); write file:///folder, s3://bucket/folder, gs://… or az://…")))?;
    if url.scheme() == "file" {
        return local(&url, &error);
    }
    // Several TLS libraries could be linked; the process-wide choice is made here, once, and a second time is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = url.host_str().ok_or_else(|| error("it names no bucket".to_owned()))?.to_owned();
    let folder = Path::from_url_path(url.path()).map_err(|source| error(source.to_string()))?;
    let client: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => {
            let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
            for (name, value) in settings {
                builder = builder.with_config(known(name, &error)?, value);
            }
            Arc::new(builder.build().map_err(|source| error(source.to_string()))?)
        }
        "gs" => {
            let mut builder = GoogleCloudStorageBuilder::new().with_bucket_name(bucket);
            for (name, value) in settings {
                builder = builder.with_config(known(name, &error)?, value);
            }
            Arc::new(builder.build().map_err(|source| error(source.to_string()))?)
        }
        "az" => {
            let mut builder = MicrosoftAzureBuilder::new().with_container_name(bucket);
            for (name, value) in settings {
                builder = builder.with_config(known(name, &error)?, value);
            }
            Arc::new(builder.build().map_err(|source| error(source.to_string()))?)
        }
        other => return Err(error(format!("the scheme {other:?} is not known; write file://, s3://, gs:// or az://"))),
    };
    Ok((client, folder))
}

fn known<K: std::str::FromStr>(name: &str, error: &dyn Fn(String) -> StoreError) -> Result<K, StoreError> {
    name.to_ascii_lowercase().parse().map_err(|_| error(format!("the setting {name:?} is not one of this store's")))
}

fn local(url: &Url, error: &dyn Fn(String) -> StoreError) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let folder = url.to_file_path().map_err(|()| error("it is not an absolute path; write file:///folder".to_owned()))?;
    std::fs::create_dir_all(&folder).map_err(|source| error(format!("the folder cannot be made: {source}")))?;
    let client = LocalFileSystem::new_with_prefix(&folder).map_err(|source| error(source.to_string()))?;
    Ok((Arc::new(client), Path::default()))
}
