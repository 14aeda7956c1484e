//! The lease of a strategy and its epoch, the fence in front of every write; and the run that an epoch is.

use crate::{
    Ledger, LedgerError, StrategyIdentity, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns, text_enum},
    writer::{Recorded, conflict},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sqlx::any::AnyRow;

/// The right to trade a strategy. It is proven by its epoch, not by this value: see [`Ledger::write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The strategy.
    pub strategy: StrategyKey,
    /// Raised by one each time that the lease is taken.
    pub epoch: i64,
    /// Who holds it.
    pub holder: String,
    /// Until when nobody else can take it. Sending must stop a margin before.
    pub expires_at: Timestamp,
}

/// A lease as monitoring shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaseRow {
    /// The current epoch.
    pub epoch: i64,
    /// Who holds or last held it.
    pub holder: String,
    /// When it was taken.
    pub acquired_at: Timestamp,
    /// Until when it is held.
    pub expires_at: Timestamp,
}

text_enum! {
    /// What a run trades against.
    RunMode {
        /// The simulated broker, or a broker's paper account.
        Paper,
        /// A broker's live account.
        Live,
    }
}

/// What a trading process of one epoch runs with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Paper or live.
    pub mode: RunMode,
    /// Digest of the universe's dataset.
    pub dataset_digest: String,
    /// Digest of the model, when the signal is one.
    pub model_digest: Option<String>,
    /// Revision of the engine.
    pub engine_revision: i64,
    /// When the run began.
    pub started_at: Timestamp,
}

fn expiry(now: Timestamp, ttl: SignedDuration) -> Result<Timestamp, LedgerError> {
    now.checked_add(ttl).map_err(|_| LedgerError::Name {
        what: "lease time",
        value: ttl.to_string(),
        rule: "a time that ends before the year 9999",
    })
}

impl Ledger {
    /// Takes the lease of a strategy for `ttl` and raises its epoch, which ends all writes of the previous holder.
    /// A lease that has not ended is only given to a process with the same `holder` name: a container that was
    /// restarted in its pod need not wait. Registers the strategy when it is new.
    ///
    /// # Errors
    /// [`LedgerError::LeaseHeld`] while another holder's lease has not ended.
    pub async fn acquire_lease(
        &self,
        identity: &StrategyIdentity,
        holder: &str,
        ttl: SignedDuration,
        now: Timestamp,
    ) -> Result<Lease, LedgerError> {
        const ACTION: &str = "taking the lease";
        let key = identity.key();
        let expires_at = expiry(now, ttl)?;
        let mut tx = self.pool.begin_with(self.dialect.begin()).await.during(ACTION)?;
        sqlx::query(
            "INSERT INTO strategies (strategy, namespace, name, uid) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (strategy) DO NOTHING",
        )
        .bind(key.as_str())
        .bind(identity.namespace.as_deref())
        .bind(identity.name.as_str())
        .bind(identity.uid.as_deref())
        .execute(&mut *tx)
        .await
        .during(ACTION)?;
        sqlx::query(
            "INSERT INTO accounts (strategy, cash, entries) VALUES ($1, '0', 0) ON CONFLICT (strategy) DO NOTHING",
        )
        .bind(key.as_str())
        .execute(&mut *tx)
        .await
        .during(ACTION)?;
        let taken = sqlx::query(
            "INSERT INTO leases (strategy, epoch, holder, acquired_at, expires_at) VALUES ($1, 1, $2, $3, $4) \
             ON CONFLICT (strategy) DO UPDATE SET epoch = leases.epoch + 1, holder = excluded.holder, \
             acquired_at = excluded.acquired_at, expires_at = excluded.expires_at \
             WHERE leases.expires_at <= excluded.acquired_at OR leases.holder = excluded.holder \
             RETURNING epoch",
        )
        .bind(key.as_str())
        .bind(holder)
        .bind(text::instant(now))
        .bind(text::instant(expires_at))
        .fetch_optional(&mut *tx)
        .await
        .during(ACTION)?;
        let Some(row) = taken else {
            tx.rollback().await.during(ACTION)?;
            return Err(match self.lease(&key).await? {
                Some(held) => {
                    LedgerError::LeaseHeld { strategy: key, holder: held.holder, until: held.expires_at }
                }
                None => {
                    LedgerError::LeaseHeld { strategy: key, holder: "another process".into(), until: now }
                }
            });
        };
        let epoch = Columns { row: &row, table: "leases" }.integer("epoch")?;
        tx.commit().await.during(ACTION)?;
        Ok(Lease { strategy: key, epoch, holder: holder.to_owned(), expires_at })
    }

    /// Extends the lease to `now + ttl`, on the condition that the epoch is still ours.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] when it was taken over.
    pub async fn renew(
        &self,
        lease: &Lease,
        ttl: SignedDuration,
        now: Timestamp,
    ) -> Result<Lease, LedgerError> {
        let expires_at = expiry(now, ttl)?;
        self.set_expiry(lease, expires_at).await?;
        Ok(Lease { expires_at, ..lease.clone() })
    }

    /// Ends the lease, so that the next holder need not wait.
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] when it was taken over.
    pub async fn release(&self, lease: &Lease, now: Timestamp) -> Result<(), LedgerError> {
        self.set_expiry(lease, now).await
    }

    async fn set_expiry(&self, lease: &Lease, expires_at: Timestamp) -> Result<(), LedgerError> {
        let done = sqlx::query("UPDATE leases SET expires_at = $1 WHERE strategy = $2 AND epoch = $3")
            .bind(text::instant(expires_at))
            .bind(lease.strategy.as_str())
            .bind(lease.epoch)
            .execute(&self.pool)
            .await
            .during("renewing the lease")?;
        if done.rows_affected() == 1 {
            return Ok(());
        }
        Err(LedgerError::Fenced { strategy: lease.strategy.clone(), epoch: lease.epoch })
    }

    /// The lease of a strategy, held or ended.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn lease(&self, strategy: &StrategyKey) -> Result<Option<LeaseRow>, LedgerError> {
        let row =
            sqlx::query("SELECT epoch, holder, acquired_at, expires_at FROM leases WHERE strategy = $1")
                .bind(strategy.as_str())
                .fetch_optional(&self.pool)
                .await
                .during("reading the lease")?;
        row.map(|row| {
            let c = Columns { row: &row, table: "leases" };
            Ok(LeaseRow {
                epoch: c.integer("epoch")?,
                holder: c.text("holder")?,
                acquired_at: c.instant("acquired_at")?,
                expires_at: c.instant("expires_at")?,
            })
        })
        .transpose()
    }

    /// The runs of a strategy with their epochs, oldest first.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn runs(&self, strategy: &StrategyKey) -> Result<Vec<(i64, Run)>, LedgerError> {
        let rows = sqlx::query("SELECT * FROM runs WHERE strategy = $1 ORDER BY epoch")
            .bind(strategy.as_str())
            .fetch_all(&self.pool)
            .await
            .during("reading runs")?;
        rows.iter().map(read_run).collect()
    }
}

fn read_run(row: &AnyRow) -> Result<(i64, Run), LedgerError> {
    let c = Columns { row, table: "runs" };
    let run = Run {
        mode: c.parsed("mode")?,
        dataset_digest: c.text("dataset_digest")?,
        model_digest: c.optional("model_digest")?,
        engine_revision: c.integer("engine_revision")?,
        started_at: c.instant("started_at")?,
    };
    Ok((c.integer("epoch")?, run))
}

impl Writer {
    /// Records what this epoch runs with, once.
    ///
    /// # Errors
    /// [`LedgerError::EntryConflict`] when the epoch was recorded with other inputs.
    pub async fn record_run(&mut self, run: &Run) -> Result<Recorded, LedgerError> {
        const ACTION: &str = "recording the run";
        let done = sqlx::query(
            "INSERT INTO runs (strategy, epoch, mode, dataset_digest, model_digest, engine_revision, started_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (strategy, epoch) DO NOTHING",
        )
        .bind(self.strategy.as_str())
        .bind(self.epoch)
        .bind(run.mode.as_str())
        .bind(run.dataset_digest.as_str())
        .bind(run.model_digest.as_deref())
        .bind(run.engine_revision)
        .bind(text::instant(run.started_at))
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        if done.rows_affected() == 1 {
            return Ok(Recorded::New);
        }
        let row = sqlx::query("SELECT * FROM runs WHERE strategy = $1 AND epoch = $2")
            .bind(self.strategy.as_str())
            .bind(self.epoch)
            .fetch_one(&mut *self.tx)
            .await
            .during(ACTION)?;
        let (epoch, stored) = read_run(&row)?;
        let inputs = |r: &Run| {
            format!(
                "{} dataset {} model {} revision {}",
                r.mode,
                r.dataset_digest,
                r.model_digest.as_deref().unwrap_or("none"),
                r.engine_revision
            )
        };
        conflict("run of epoch", &epoch, &inputs(&stored), &inputs(run))?;
        Ok(Recorded::Known)
    }
}
