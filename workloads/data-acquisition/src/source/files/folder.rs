//! The folder or bucket that files are read from.

use ats_crds::universe::FileFormat;
use ats_pipeline::{Category, Digest, StoreLocation};
use ats_store::{Settings, StageError, Store, StoreError};
use bytes::Bytes;
use url::Url;

use crate::problem::{Problem, ProblemKind};

/// A folder with `bars` and `actions` in it.
#[derive(Debug, Clone)]
pub struct Folder {
    store: Store,
    uri: String,
    extensions: &'static [&'static str],
}

/// One file, with its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its place inside the source: `bars/AAPL.csv`.
    pub name: String,
    /// Its content, as stored.
    pub bytes: Bytes,
}

/// What there is of a ticker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickerFiles {
    /// Where the bars should be.
    pub expected: String,
    /// The bars, if there are any.
    pub bars: Option<SourceFile>,
    /// The actions, if there are any.
    pub actions: Option<SourceFile>,
}

/// A source that cannot be read, whichever the ticker. Messages name the source: they go to the user, never into an
/// output.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Its URI or a setting is not understood.
    #[error("source.files: {0}")]
    Location(StoreError),
    /// It does not answer; it may later.
    #[error("the source does not answer: {0}")]
    Unavailable(StoreError),
    /// It refuses to be read.
    #[error("the source refuses to be read: {0}")]
    Refused(StoreError),
    /// There is no such folder.
    #[error(
        "the source's folder {uri} does not exist; write the folder that holds `bars`, or mount it there"
    )]
    NoFolder {
        /// The source.
        uri: String,
    },
    /// There is no such table in it.
    #[error(
        "the source {uri} has no file {name}, which spec.{field} names; put it there, or correct the path"
    )]
    NoTable {
        /// The source.
        uri: String,
        /// The table's place inside it.
        name: String,
        /// The field that names it.
        field: &'static str,
    },
    /// There is nothing in it.
    #[error("the source {uri} has no files in its folder `bars`; it must hold bars/TICKER.{extension}")]
    Empty {
        /// The source.
        uri: String,
        /// How the files' names should end.
        extension: &'static str,
    },
}

impl From<StoreError> for SourceError {
    fn from(error: StoreError) -> Self {
        use object_store::Error;
        match &error {
            StoreError::Location { .. } => Self::Location(error),
            StoreError::Access {
                source:
                    Error::PermissionDenied { .. }
                    | Error::Unauthenticated { .. }
                    | Error::NotFound { .. }
                    | Error::NotSupported { .. }
                    | Error::InvalidPath { .. },
                ..
            } => Self::Refused(error),
            _ => Self::Unavailable(error),
        }
    }
}

impl From<SourceError> for StageError {
    fn from(error: SourceError) -> Self {
        let category = match error {
            SourceError::Location(_) => Category::BadSpec,
            SourceError::Unavailable(_) => Category::Unavailable,
            SourceError::Refused(_)
            | SourceError::NoFolder { .. }
            | SourceError::NoTable { .. }
            | SourceError::Empty { .. } => Category::SourceUnreadable,
        };
        Self::new(category, error.to_string())
    }
}

impl SourceFile {
    /// The ending that tells a table's form.
    pub fn form(&self) -> &'static str {
        let endings = ["csv", "csv.gz", "parquet"];
        endings.into_iter().find(|ending| self.name.ends_with(&format!(".{ending}"))).unwrap_or("csv")
    }

    /// The digest of its content.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

impl TickerFiles {
    /// The digests of the files that there are: what decides the ticker's output beside the spec.
    pub fn digests(&self) -> Vec<Digest> {
        self.bars.iter().chain(&self.actions).map(SourceFile::digest).collect()
    }

    /// The bars.
    ///
    /// # Errors
    /// When there are none.
    pub fn bars(&self) -> Result<&SourceFile, Problem> {
        self.bars.as_ref().ok_or_else(|| {
            Problem::new(ProblemKind::NoData, format!("the source has no file {}", self.expected))
        })
    }
}

impl Folder {
    /// Opens the folder at a `file://`, `s3://`, `gs://` or `az://` URI and checks that there is something to read.
    ///
    /// # Errors
    /// When the URI or a setting is not understood, when the source does not answer or refuses, and when it has no
    /// bars.
    pub async fn open(
        location: &StoreLocation,
        settings: &Settings,
        format: FileFormat,
    ) -> Result<Self, SourceError> {
        let uri = || location.uri.clone();
        // Opening a store makes its folder, which is not wanted of a source.
        let folder = Url::parse(&location.uri).ok().filter(|url| url.scheme() == "file");
        if let Some(Ok(path)) = folder.map(|url| url.to_file_path())
            && !path.is_dir()
        {
            return Err(SourceError::NoFolder { uri: uri() });
        }
        let extensions: &[&str] = match format {
            FileFormat::Csv => &["csv", "csv.gz"],
            FileFormat::Parquet => &["parquet"],
        };
        let store = Store::open(location, settings)?;
        if store.list("bars").await?.is_empty() {
            let extension = extensions.first().copied().unwrap_or_default();
            return Err(SourceError::Empty { uri: uri(), extension });
        }
        Ok(Self { store, uri: uri(), extensions })
    }

    /// The files of a ticker. A ticker without files is no error here.
    ///
    /// # Errors
    /// When the source does not answer or refuses.
    pub async fn read(&self, ticker: &str) -> Result<TickerFiles, SourceError> {
        let extension = self.extensions.first().copied().unwrap_or_default();
        Ok(TickerFiles {
            expected: format!("bars/{ticker}.{extension}"),
            bars: self.first("bars", ticker).await?,
            actions: self.first("actions", ticker).await?,
        })
    }

    /// A table at a place inside the folder; `field` of the spec names it.
    ///
    /// # Errors
    /// When it is not there, and when the source does not answer or refuses.
    pub async fn table(&self, name: &str, field: &'static str) -> Result<SourceFile, SourceError> {
        match self.store.find(name).await? {
            Some(bytes) => Ok(SourceFile { name: name.to_owned(), bytes }),
            None => {
                let (uri, name) = (self.uri.clone(), name.to_owned());
                Err(SourceError::NoTable { uri, name, field })
            }
        }
    }

    async fn first(&self, folder: &str, ticker: &str) -> Result<Option<SourceFile>, SourceError> {
        for extension in self.extensions {
            let name = format!("{folder}/{ticker}.{extension}");
            if let Some(bytes) = self.store.find(&name).await? {
                return Ok(Some(SourceFile { name, bytes }));
            }
        }
        Ok(None)
    }
}
