//! The steps by which the tables came to be what they are, compiled in.

use std::sync::LazyLock;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The files of folder `migrations` in their order; a new one goes to the end. They are named here because the macro
/// that finds them has both drivers, with SQLite itself, compiled once more, for the compiler.
const FILES: [(&str, &str); 3] = [
    ("ledger", include_str!("../migrations/0001_ledger.sql")),
    ("simulated broker", include_str!("../migrations/0002_simulated_broker.sql")),
    ("stop limit orders", include_str!("../migrations/0003_stop_limit_orders.sql")),
];

/// What brings a database up to date.
pub(crate) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let migrations = (1..).zip(FILES).map(|(version, (description, sql))| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
});

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// As sqlx reads the folder: databases hold these checksums.
    #[tokio::test]
    async fn every_file_of_the_folder_is_there() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let folder = Migrator::new(folder.as_path()).await.unwrap();
        let of = |migrator: &Migrator| -> Vec<_> {
            let each = migrator.iter();
            each.map(|one| (one.version, one.description.clone(), one.checksum.clone(), one.no_tx)).collect()
        };
        assert_eq!(of(&MIGRATIONS), of(&folder));
    }
}
