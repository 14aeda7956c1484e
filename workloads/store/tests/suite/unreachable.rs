//! Stores that do not answer, or cannot be there.

use std::time::{Duration, Instant};

use ats_pipeline::{Category, StoreLocation};
use ats_store::{Settings, StageError, Store};
use bytes::Bytes;
use tokio::net::TcpListener;

use crate::place::s3_settings;

#[tokio::test]
async fn a_closed_port_fails_soon_and_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let location = StoreLocation { uri: "s3://bucket/artifacts".to_owned() };
    let store = Store::open(&location, &s3_settings(address)).unwrap();
    let begun = Instant::now();
    let (read, written, listed) =
        tokio::join!(store.find("name"), store.put_if_absent("name", Bytes::new()), store.list("folder"));
    assert!(begun.elapsed() < Duration::from_secs(15), "it took {:?}", begun.elapsed());
    for error in [read.unwrap_err(), written.unwrap_err(), listed.unwrap_err()] {
        let error = StageError::from(error);
        assert_eq!(error.category, Category::Unavailable);
        assert_eq!(error.category.exit_code().code(), 75);
        for part in [
            "s3://bucket/artifacts",
            &address.to_string(),
            "Connection refused",
            "check that it is reachable",
        ] {
            assert!(error.message.contains(part), "{part:?} is not in {:?}", error.message);
        }
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told_by_name() {
    let kept = tempfile::tempdir().unwrap();
    let taken = kept.path().join("file");
    std::fs::write(&taken, b"not a folder").unwrap();
    let location = StoreLocation { uri: format!("file://{}/store", taken.display()) };
    let error = StageError::from(Store::open(&location, &Settings::new()).unwrap_err());
    assert_eq!(error.category, Category::BadSpec);
    assert!(
        error.message.contains(&format!("the folder {}/store cannot be made", taken.display())),
        "{error}"
    );
}
