//! The engine's state after a bar, from which the next bar goes on.

use crate::{
    Ledger, LedgerError, Recorded, StrategyKey, Writer,
    error::During as _,
    text::{self, Columns},
};
use jiff::{Timestamp, civil::Date};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// A state to save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSnapshot<'s, T> {
    /// The instant when the bar was complete.
    pub bar: Timestamp,
    /// The session of the bar.
    pub session: Date,
    /// Revision of the engine that can read it.
    pub engine_revision: i64,
    /// The state; it must serialise the same each time (no hash maps).
    pub state: &'s T,
}

/// A state that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState<T> {
    /// The instant when the bar was complete.
    pub bar: Timestamp,
    /// The session of the bar.
    pub session: Date,
    /// Revision of the engine that wrote it.
    pub engine_revision: i64,
    /// The state.
    pub state: T,
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Writer {
    /// Saves the state after a bar as JSON with its checksum.
    ///
    /// # Errors
    /// [`LedgerError::StateConflict`] when the bar has a state with other content.
    pub async fn save_state<T: Serialize + Sync>(
        &mut self,
        snapshot: StateSnapshot<'_, T>,
        now: Timestamp,
    ) -> Result<Recorded, LedgerError> {
        const ACTION: &str = "saving the engine's state";
        let json = serde_json::to_string(snapshot.state)
            .map_err(|source| LedgerError::Json { what: "the engine's state", source })?;
        let sum = checksum(&json);
        let done = sqlx::query(
            "INSERT INTO engine_states (strategy, bar, session, engine_revision, state, checksum, saved_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (strategy, bar) DO NOTHING",
        )
        .bind(self.strategy.as_str())
        .bind(text::instant(snapshot.bar))
        .bind(snapshot.session.to_string())
        .bind(snapshot.engine_revision)
        .bind(json)
        .bind(sum.as_str())
        .bind(text::instant(now))
        .execute(&mut *self.tx)
        .await
        .during(ACTION)?;
        if done.rows_affected() == 1 {
            return Ok(Recorded::New);
        }
        let row = sqlx::query("SELECT checksum FROM engine_states WHERE strategy = $1 AND bar = $2")
            .bind(self.strategy.as_str())
            .bind(text::instant(snapshot.bar))
            .fetch_one(&mut *self.tx)
            .await
            .during(ACTION)?;
        if (Columns { row: &row, table: "engine_states" }).text("checksum")? == sum {
            return Ok(Recorded::Known);
        }
        Err(LedgerError::StateConflict { strategy: self.strategy.clone(), bar: snapshot.bar })
    }

    /// Deletes the states of bars before `bar`, which are of no use once a later one is there.
    ///
    /// # Errors
    /// A database that fails.
    pub async fn forget_states_before(&mut self, bar: Timestamp) -> Result<(), LedgerError> {
        sqlx::query("DELETE FROM engine_states WHERE strategy = $1 AND bar < $2")
            .bind(self.strategy.as_str())
            .bind(text::instant(bar))
            .execute(&mut *self.tx)
            .await
            .during("deleting old states of the engine")?;
        Ok(())
    }
}

impl Ledger {
    /// The latest state of a strategy.
    ///
    /// # Errors
    /// [`LedgerError::StateChecksum`] when it is not what was saved; JSON that is not a `T`.
    pub async fn load_state<T: DeserializeOwned>(
        &self,
        strategy: &StrategyKey,
    ) -> Result<Option<SavedState<T>>, LedgerError> {
        let row = sqlx::query("SELECT * FROM engine_states WHERE strategy = $1 ORDER BY bar DESC LIMIT 1")
            .bind(strategy.as_str())
            .fetch_optional(&self.pool)
            .await
            .during("loading the engine's state")?;
        let Some(row) = row else { return Ok(None) };
        let c = Columns { row: &row, table: "engine_states" };
        let (bar, json) = (c.instant("bar")?, c.text("state")?);
        if checksum(&json) != c.text("checksum")? {
            return Err(LedgerError::StateChecksum { strategy: strategy.clone(), bar });
        }
        let state = serde_json::from_str(&json)
            .map_err(|source| LedgerError::Json { what: "the engine's state", source })?;
        Ok(Some(SavedState {
            bar,
            session: c.session("session")?,
            engine_revision: c.integer("engine_revision")?,
            state,
        }))
    }
}
