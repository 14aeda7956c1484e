//! The artifact store: content-addressed files and conditional manifests over `object_store` (a folder, S3, GCS,
//! Azure), and the loop that every stage runs over its units.
//!
//! A folder is written through to the disk (`fsync`) before a put returns, so that what a manifest lists outlives a power
//! cut as it does in a bucket. Conditional puts need hard links there, which ext4, XFS, Btrfs, APFS and NFS have and
//! FAT, SMB shares and most FUSE mounts of buckets have not; over S3 they need `If-None-Match`, which S3 itself, R2,
//! MinIO, Ceph and Garage know.
//!
//! A crate of its own beside `pipeline`, so that the operator cannot link a store client by accident.

mod artifact;
mod context;
mod error;
mod location;
mod runner;
mod store;

pub use artifact::{Stored, UnitFolder};
pub use context::{NoProgress, Progress, StageContext};
pub use error::{StageError, StoreError};
pub use location::{Settings, settings_from_environment};
pub use runner::{OutputFile, UnitOutput, UnitWork, run_single, run_units};
pub use store::{Put, Store};
