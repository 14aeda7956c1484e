//! From a URI and settings to a client.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder,
    azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, local::LocalFileSystem, path::Path,
};
use url::Url;

use crate::StoreError;

/// Settings of a store by the names of its own tools: `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT`, `AWS_ALLOW_HTTP`, ….
pub type Settings = BTreeMap<String, String>;

/// How long a connection may take to be made. The setting `AWS_CONNECT_TIMEOUT` (or its like) changes it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take with its body. The setting `AWS_TIMEOUT` (or its like) changes it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// After this long nothing is tried again: a pod that ends says what is wrong, one that waits says nothing, and the
/// Job's own retries come after.
const RETRY_TIMEOUT: Duration = Duration::from_secs(8);

/// Settings from environment variables that begin with a prefix, which is cut off. Space around a value is cut off
/// too: a Secret that was made from a file or by `echo` ends with a line break, which no setting means.
pub fn settings_from_environment(prefix: &str) -> Settings {
    settings_of(std::env::vars_os(), prefix)
}

/// A name or value that is not UTF-8 is no setting of ours; `std::env::vars` would end the process for it.
fn settings_of(
    variables: impl Iterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
    prefix: &str,
) -> Settings {
    variables
        .filter_map(|(name, value)| {
            let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
            Some((name.strip_prefix(prefix)?.to_owned(), value.trim().to_owned()))
        })
        .collect()
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    RetryConfig { backoff, max_retries: 8, retry_timeout: RETRY_TIMEOUT }
}

fn options() -> ClientOptions {
    ClientOptions::new().with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT)
}

/// Variables by which a cloud gives a pod an identity; a client uses them where the settings hold no key.
const IDENTITY: [&str; 12] = [
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_TENANT_ID",
];

/// What a client is configured with: the cloud's own variables that it knows, then the settings, which win. With
/// settings only the pod's identity is taken from the environment: half of a user's own credentials beside half of
/// the settings' would be nobody's.
fn configured<B, K: std::str::FromStr>(
    mut builder: B,
    prefix: &str,
    environment: &Settings,
    settings: &Settings,
    with: impl Fn(B, K, &str) -> B,
    error: &dyn Fn(String) -> StoreError,
) -> Result<B, StoreError> {
    for (name, value) in environment {
        let wanted = name.starts_with(prefix) && (settings.is_empty() || IDENTITY.contains(&name.as_str()));
        if let (true, Ok(key)) = (wanted, name.to_ascii_lowercase().parse()) {
            builder = with(builder, key, value);
        }
    }
    for (name, value) in settings {
        builder = with(builder, known(name, prefix, error)?, value);
    }
    Ok(builder)
}

/// A client and the folder in it.
pub(crate) fn open(uri: &str, settings: &Settings) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let error = |message: String| StoreError::Location { uri: uri.to_owned(), message };
    let url = Url::parse(uri).map_err(|source| {
        error(format!(
            "it is not a URI ({source}); write file:///folder, s3://bucket/folder, gs://… or az://…"
        ))
    })?;
    if url.scheme() == "file" {
        return local(&url, &error);
    }
    // Several TLS libraries could be linked; the process-wide choice is made here, once, and a second time is no error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = || url.host_str().map(str::to_owned).ok_or_else(|| error("it names no bucket".to_owned()));
    let environment = settings_from_environment("");
    let refused = |source: object_store::Error| error(source.to_string());
    let client: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => {
            let builder = AmazonS3Builder::new().with_client_options(options()).with_retry(retry());
            let builder = configured(
                builder,
                "AWS_",
                &environment,
                settings,
                |builder, key, value| builder.with_config(key, value),
                &error,
            )?;
            Arc::new(builder.with_bucket_name(bucket()?).build().map_err(refused)?)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::new().with_client_options(options()).with_retry(retry());
            let builder = configured(
                builder,
                "GOOGLE_",
                &environment,
                settings,
                |builder, key, value| builder.with_config(key, value),
                &error,
            )?;
            Arc::new(builder.with_bucket_name(bucket()?).build().map_err(refused)?)
        }
        "az" => {
            let builder = MicrosoftAzureBuilder::new().with_client_options(options()).with_retry(retry());
            let builder = configured(
                builder,
                "AZURE_",
                &environment,
                settings,
                |builder, key, value| builder.with_config(key, value),
                &error,
            )?;
            Arc::new(builder.with_container_name(bucket()?).build().map_err(refused)?)
        }
        other => {
            return Err(error(format!(
                "the scheme {other:?} is not known; write file://, s3://, gs:// or az://"
            )));
        }
    };
    let folder = Path::from_url_path(url.path()).map_err(|source| error(source.to_string()))?;
    Ok((client, folder))
}

fn known<K: std::str::FromStr>(
    name: &str,
    prefix: &str,
    error: &dyn Fn(String) -> StoreError,
) -> Result<K, StoreError> {
    let unknown = |_| {
        error(format!("the setting {name:?} is not one of this store's, whose names begin with {prefix}"))
    };
    name.to_ascii_lowercase().parse().map_err(unknown)
}

fn local(
    url: &Url,
    error: &dyn Fn(String) -> StoreError,
) -> Result<(Arc<dyn ObjectStore>, Path), StoreError> {
    let folder = url
        .to_file_path()
        .map_err(|()| error("it is not an absolute path; write file:///folder".to_owned()))?;
    std::fs::create_dir_all(&folder).map_err(|source| {
        error(format!(
            "the folder {} cannot be made: {source}; make it, or let the process write above it (in a pod: mount a claim there)",
            folder.display()
        ))
    })?;
    // A manifest promises its files. Without a sync a power cut may keep the one and lose the others; with it a folder
    // keeps what a bucket keeps, at some milliseconds a file.
    let client = LocalFileSystem::new_with_prefix(&folder)
        .map_err(|source| error(source.to_string()))?
        .with_fsync(true);
    Ok((Arc::new(client), Path::default()))
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsString, os::unix::ffi::OsStringExt};

    use super::*;

    fn message(uri: &str, settings: &[(&str, &str)]) -> String {
        let settings =
            settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        open(uri, &settings).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn settings_are_found_by_prefix_and_trimmed() {
        let variables = [
            ("ATS_STORE_AWS_REGION".into(), "eu-west-1\n".into()),
            ("ATS_SOURCE_AWS_REGION".into(), "us-east-1".into()),
            ("PATH".into(), OsString::from_vec(vec![0xff, 0xfe])),
            ("ATS_STORE_AWS_ENDPOINT".into(), OsString::from_vec(vec![0xff])),
        ];
        let settings = settings_of(variables.into_iter(), "ATS_STORE_");
        assert_eq!(settings, Settings::from([("AWS_REGION".to_owned(), "eu-west-1".to_owned())]));
    }

    #[test]
    fn a_uri_that_cannot_be_opened_says_what_to_write() {
        insta::assert_snapshot!(
            [
                message("artifacts", &[]),
                message("ftp://host/folder", &[]),
                message("s3:///folder", &[]),
                message("file://host/folder", &[]),
                message("s3://bucket/folder", &[("AWS_ACESS_KEY_ID", "typo")]),
                message("file:///proc/version/store", &[]),
            ]
            .join("\n"),
            @r#"
        the store "artifacts" cannot be opened: it is not a URI (relative URL without a base); write file:///folder, s3://bucket/folder, gs://… or az://…
        the store "ftp://host/folder" cannot be opened: the scheme "ftp" is not known; write file://, s3://, gs:// or az://
        the store "s3:///folder" cannot be opened: it names no bucket
        the store "file://host/folder" cannot be opened: it is not an absolute path; write file:///folder
        the store "s3://bucket/folder" cannot be opened: the setting "AWS_ACESS_KEY_ID" is not one of this store's, whose names begin with AWS_
        the store "file:///proc/version/store" cannot be opened: the folder /proc/version/store cannot be made: Not a directory (os error 20); make it, or let the process write above it (in a pod: mount a claim there)
        "#
        );
    }

    /// What a client would be configured with.
    fn configuration(settings: &Settings) -> Settings {
        let environment = [
            ("AWS_ACCESS_KEY_ID", "shell"),
            ("AWS_SESSION_TOKEN", "shell"),
            ("AWS_REGION", "shell"),
            ("AWS_ROLE_ARN", "pod"),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "pod"),
            ("AZURE_CLIENT_ID", "pod"),
            ("HOME", "shell"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let with = |mut found: Settings, key: String, value: &str| {
            found.insert(key, value.to_owned());
            found
        };
        let error = |message: String| StoreError::Location { uri: String::new(), message };
        configured(Settings::new(), "AWS_", &environment, settings, with, &error).unwrap()
    }

    #[test]
    fn without_settings_the_shells_variables_count_and_with_settings_only_a_pods_identity() {
        let names = |found: Settings| {
            found.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        assert_eq!(
            names(configuration(&Settings::new())),
            [
                "aws_access_key_id=shell",
                "aws_region=shell",
                "aws_role_arn=pod",
                "aws_session_token=shell",
                "aws_web_identity_token_file=pod"
            ]
        );
        let settings = Settings::from([("AWS_REGION".to_owned(), "secret".to_owned())]);
        assert_eq!(
            names(configuration(&settings)),
            ["aws_region=secret", "aws_role_arn=pod", "aws_web_identity_token_file=pod"]
        );
    }

    #[test]
    fn a_users_timeout_stands() {
        let settings = Settings::from([("AWS_TIMEOUT".to_owned(), "soon".to_owned())]);
        assert!(open("s3://bucket/folder", &settings).is_err(), "a timeout that cannot be read was taken");
        for name in ["AWS_TIMEOUT", "AWS_CONNECT_TIMEOUT"] {
            let settings = Settings::from([(name.to_owned(), "3 seconds".to_owned())]);
            open("s3://bucket/folder", &settings).unwrap();
        }
    }
}
