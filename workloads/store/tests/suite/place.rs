//! Stores to test on: a folder, and a bucket of an S3 server in this process.

use std::{net::SocketAddr, sync::Arc};

use ats_pipeline::StoreLocation;
use ats_store::{Settings, Store, settings_from_environment};
use axum::{
    Router,
    extract::Request,
    http::Method,
    response::{IntoResponse, Response},
};
use s3s::{Body, auth::SimpleAuth, service::S3Service, service::S3ServiceBuilder};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};

const KEY: &str = "test-key";
const SECRET: &str = "test-secret";

/// A store that is gone when the test is.
pub struct Place {
    pub uri: String,
    pub settings: Settings,
    /// The files of the store, whatever serves them.
    pub folder: std::path::PathBuf,
    _kept: TempDir,
    server: Option<JoinHandle<()>>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            server.abort();
        }
    }
}

impl Place {
    /// A folder.
    pub async fn folder() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("artifacts");
        Self {
            uri: format!("file://{}", folder.display()),
            settings: Settings::new(),
            folder,
            _kept: kept,
            server: None,
        }
    }

    /// A folder in a bucket.
    pub async fn s3() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().join("bucket").join("artifacts");
        std::fs::create_dir_all(folder.parent().unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, kept.path().to_owned()));
        Self {
            uri: "s3://bucket/artifacts".to_owned(),
            settings: s3_settings(address),
            folder,
            _kept: kept,
            server: Some(server),
        }
    }

    /// A client of its own, as another process has.
    pub fn open(&self) -> Store {
        Store::open(&StoreLocation { uri: self.uri.clone() }, &self.settings).unwrap()
    }
}

/// The settings as a Secret holds them.
pub fn s3_settings(address: SocketAddr) -> Settings {
    [
        ("AWS_ENDPOINT", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn serve(listener: TcpListener, root: std::path::PathBuf) {
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    // s3s-fs looks whether an object is there and then writes it, in two steps; S3 does both as one. Puts therefore go
    // one at a time here.
    let writes = Arc::new(Mutex::new(()));
    let router =
        Router::new().fallback(move |request: Request| answer(service.clone(), writes.clone(), request));
    axum::serve(listener, router).await.unwrap();
}

async fn answer(service: S3Service, writes: Arc<Mutex<()>>, request: Request) -> Response {
    let _alone = match *request.method() {
        Method::PUT => Some(writes.lock().await),
        _ => None,
    };
    match service.call(request.map(Body::http_body_unsync)).await {
        Ok(response) => response.map(axum::body::Body::new).into_response(),
        Err(error) => panic!("the S3 server failed: {error:?}"),
    }
}

#[tokio::test]
async fn a_secret_without_the_right_key_is_refused_with_the_uri_and_advice() {
    let mut place = Place::s3().await;
    place.settings.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "wrong".to_owned());
    let error = place.open().find("name").await.unwrap_err().to_string();
    assert!(error.contains("s3://bucket/artifacts"), "{error}");
    assert!(error.contains("SignatureDoesNotMatch"), "{error}");
    assert!(error.contains("the credentials may read and write there"), "{error}");
}

#[test]
fn a_pods_environment_has_no_settings_here() {
    assert_eq!(
        settings_from_environment("ATS_STORE_"),
        Settings::new(),
        "tests expect an environment without store settings"
    );
}
