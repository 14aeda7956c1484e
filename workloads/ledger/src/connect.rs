//! Opening the ledger: the pool, its bounds, the migrations, and errors without secrets.

use crate::{Ledger, LedgerError, migrations::MIGRATIONS};
use sqlx::{
    AnyConnection, AnyPool, Connection as _, Executor as _, Row as _, any::AnyPoolOptions,
    migrate::MigrateError,
};
use std::{path::PathBuf, time::Duration};
use url::Url;

/// Bounds of the connection pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerOptions {
    /// Connections at most. A trading process needs two: one to trade and one to read.
    pub max_connections: u32,
    /// How long to wait for a connection, to the server or from the pool.
    pub acquire_timeout: Duration,
}

impl Default for LedgerOptions {
    fn default() -> Self {
        Self { max_connections: 4, acquire_timeout: Duration::from_secs(10) }
    }
}

/// Which of the two databases is behind the ledger. They differ in how a connection is set up and a write
/// transaction begins, in nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// What every connection is told first. SQLite waits for a lock instead of failing and syncs each commit: an
    /// order is sent right after its row is committed, so that a power cut must not take the row back. PostgreSQL
    /// ends transactions of a process that hangs, since the next holder of the lease waits for its row lock.
    fn setup(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL"
            }
            Self::Postgres => {
                "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; \
                 SET application_name = 'ats-ledger'"
            }
        }
    }

    /// What a connection that only reads is told beside that: the database itself refuses its writes.
    fn read_only(self) -> &'static str {
        match self {
            Self::Sqlite => "PRAGMA query_only = ON",
            Self::Postgres => {
                "SET default_transaction_read_only = on; SET statement_timeout = '20s'; \
                 SET application_name = 'ats-ledger-reader'"
            }
        }
    }

    /// Whether there are tables, as 0 or 1.
    fn has_tables(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT COUNT(*) AS found FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'"
            }
            Self::Postgres => {
                "SELECT CASE WHEN to_regclass('_sqlx_migrations') IS NULL THEN 0::BIGINT ELSE 1::BIGINT END AS found"
            }
        }
    }

    /// SQLite takes its write lock at the start, since a read lock that becomes a write lock can fail at once.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres => "BEGIN",
        }
    }
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Trading: the tables are made and brought up to date.
    Write,
    /// Looking on: nothing is made or changed.
    Read,
}

/// A checked URL: what the driver gets and what may be shown.
struct Target {
    dialect: Dialect,
    url: String,
    place: String,
    file: Option<PathBuf>,
}

fn target(text: &str, access: Access) -> Result<Target, LedgerError> {
    let mode = if access == Access::Write { "rwc" } else { "rw" };
    let refuse = |problem: &str| LedgerError::Url { problem: problem.to_owned() };
    match text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest)) {
        Some((scheme, rest)) if scheme == "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() {
                return Err(refuse("it names no file"));
            }
            if path.contains('?') || path.contains(":memory:") {
                return Err(refuse("it must be the path of a file, without parameters"));
            }
            // An absolute path, escaped: the first part of a relative one would be taken for a host.
            let file = std::path::absolute(path).map_err(|error| refuse(&error.to_string()))?;
            let escaped =
                Url::from_file_path(&file).map_err(|()| refuse("its path cannot be written as a URL"))?;
            Ok(Target {
                dialect: Dialect::Sqlite,
                url: format!("sqlite://{}?mode={mode}", escaped.path()),
                place: path.to_owned(),
                file: Some(file),
            })
        }
        Some((scheme, _)) if scheme == "postgres" || scheme == "postgresql" => {
            // The parser's error never repeats the text, which holds the password.
            let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
            let host =
                url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| refuse("it names no host"))?;
            let database = url.path().trim_start_matches('/');
            if database.is_empty() {
                return Err(refuse("it names no database"));
            }
            let place = format!("{host}:{}, database {database}", url.port().unwrap_or(5432));
            Ok(Target { dialect: Dialect::Postgres, url: text.to_owned(), place, file: None })
        }
        Some((scheme, _)) => Err(refuse(&format!("scheme {scheme:?} is not known"))),
        None => Err(refuse("it has no scheme")),
    }
}

/// What to check, by what the server said.
fn hint(error: &sqlx::Error, dialect: Dialect) -> &'static str {
    if dialect == Dialect::Sqlite {
        return "check that the folder exists and is writable, and that the file is a SQLite database";
    }
    match error {
        sqlx::Error::Database(refused) => match refused.code().as_deref() {
            Some("28P01" | "28000") => "check the user and password of the URL, and pg_hba.conf",
            Some("3D000") => "create the database, or correct its name in the URL",
            Some("53300") => "the server has no connection left: raise max_connections or stop a client",
            _ => "check the server's log",
        },
        sqlx::Error::Tls(_) => "check the server's certificate, or the sslmode parameter of the URL",
        _ => {
            "check host and port of the URL, that the server runs, and that a network policy lets this process through"
        }
    }
}

impl Target {
    fn unreachable(&self, error: &sqlx::Error) -> LedgerError {
        // A configuration error may repeat parts of the URL.
        let problem = match error {
            sqlx::Error::Configuration(_) => "the URL was not understood".to_owned(),
            other => other.to_string(),
        };
        LedgerError::Unreachable { place: self.place.clone(), problem, hint: hint(error, self.dialect) }
    }

    fn migration(&self, error: MigrateError) -> LedgerError {
        match error {
            MigrateError::VersionMissing(version) => {
                LedgerError::Newer { place: self.place.clone(), version }
            }
            other => LedgerError::Migration { place: self.place.clone(), problem: other.to_string() },
        }
    }

    /// Brings the tables up to date. Several processes may do so at once: PostgreSQL's migrator takes an advisory
    /// lock; on SQLite all of it is one write transaction.
    async fn migrate(&self, connection: &mut AnyConnection, patience: Duration) -> Result<(), LedgerError> {
        match self.dialect {
            Dialect::Postgres => {
                MIGRATIONS.run_direct(None, connection, false).await.map_err(|error| self.migration(error))
            }
            Dialect::Sqlite => {
                write_ahead(connection, patience).await.map_err(|error| self.unreachable(&error))?;
                let mut transaction = connection
                    .begin_with(self.dialect.begin())
                    .await
                    .map_err(|error| self.unreachable(&error))?;
                MIGRATIONS
                    .run_direct(None, &mut *transaction, false)
                    .await
                    .map_err(|error| self.migration(error))?;
                transaction.commit().await.map_err(|error| self.unreachable(&error))
            }
        }
    }

    /// Whether the tables are those of this version.
    async fn check(&self, connection: &mut AnyConnection) -> Result<(), LedgerError> {
        async fn number(
            connection: &mut AnyConnection,
            statement: &'static str,
        ) -> Result<Option<i64>, sqlx::Error> {
            connection.fetch_one(statement).await?.try_get(0)
        }
        let failed = |error| self.unreachable(&error);
        let place = || self.place.clone();
        if number(connection, self.dialect.has_tables()).await.map_err(failed)? != Some(1) {
            return Err(LedgerError::NoTables { place: place() });
        }
        let last = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
        let version = number(connection, last).await.map_err(failed)?.unwrap_or_default();
        let ours = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or_default();
        match version.cmp(&ours) {
            std::cmp::Ordering::Less => Err(LedgerError::Older { place: place(), version }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(LedgerError::Newer { place: place(), version }),
        }
    }
}

/// SQLite's code of a lock that another connection holds.
const BUSY: &str = "5";

/// Switches a SQLite file to write-ahead logging, a property of the file, so that readers never wait for the writer. The
/// switch needs the file for itself and, unlike other statements, fails at once where another process has it open for a
/// moment: it is asked again.
async fn write_ahead(connection: &mut AnyConnection, patience: Duration) -> Result<(), sqlx::Error> {
    let end = tokio::time::Instant::now() + patience;
    loop {
        match connection.execute("PRAGMA journal_mode = WAL").await {
            Err(sqlx::Error::Database(refused))
                if refused.code().as_deref() == Some(BUSY) && tokio::time::Instant::now() < end =>
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            other => return other.map(drop),
        }
    }
}

pub(crate) async fn open(text: &str, options: LedgerOptions, access: Access) -> Result<Ledger, LedgerError> {
    sqlx::any::install_default_drivers();
    let target = target(text, access)?;
    let folder = target.file.as_deref().and_then(|file| file.parent());
    if let Some(folder) = folder.filter(|_| access == Access::Write) {
        std::fs::create_dir_all(folder).map_err(|error| LedgerError::Unreachable {
            place: target.place.clone(),
            problem: error.to_string(),
            hint: hint(&sqlx::Error::PoolClosed, Dialect::Sqlite),
        })?;
    }
    // The first connection is made outside of the pool, which would try again until its time-out and forget why.
    let first = tokio::time::timeout(options.acquire_timeout, AnyConnection::connect(&target.url));
    let mut first = match first.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(target.unreachable(&error)),
        Err(_) => return Err(target.unreachable(&sqlx::Error::PoolTimedOut)),
    };
    let (setup, read_only) = (target.dialect.setup(), target.dialect.read_only());
    first.execute(setup).await.map_err(|error| target.unreachable(&error))?;
    match access {
        Access::Write => target.migrate(&mut first, options.acquire_timeout).await?,
        Access::Read => target.check(&mut first).await?,
    }
    first.close().await.map_err(|error| target.unreachable(&error))?;

    let pool: AnyPool = AnyPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                connection.execute(setup).await?;
                if access == Access::Read {
                    connection.execute(read_only).await?;
                }
                Ok(())
            })
        })
        .connect(&target.url)
        .await
        .map_err(|error| target.unreachable(&error))?;
    Ok(Ledger { pool, dialect: target.dialect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_no_password() {
        let target =
            target("postgres://trader:s3cret@db.example:6432/ats?sslmode=require", Access::Write).unwrap();
        assert_eq!(target.place, "db.example:6432, database ats");
        let shown = target.unreachable(&sqlx::Error::PoolTimedOut).to_string();
        assert!(shown.contains("db.example:6432") && !shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn refused_urls_say_what_to_write() {
        for (url, word) in [
            ("mysql://u:s3cret@h/d", "mysql"),
            ("ledger.db", "no scheme"),
            ("sqlite://", "no file"),
            ("sqlite://x.db?mode=ro", "without parameters"),
            ("sqlite::memory:", "path of a file"),
            ("postgres://u:s3cret@h", "no database"),
            ("postgres://u:s3cret@:5432/d", "host"),
            ("postgres://u:s3cret@h:port/d", "port"),
        ] {
            let shown = target(url, Access::Write).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(shown.contains(word) && shown.contains("sqlite://PATH"), "{url}: {shown}");
            assert!(!shown.contains("s3cret"), "{shown}");
        }
    }
}
