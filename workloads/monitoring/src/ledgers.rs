//! Reading ledgers again and again, each for itself: one that is away holds up no other.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use ats_crds::Strategy;
use ats_ledger::{Ledger, LedgerOptions, StrategyKey};
use futures::future::join_all;
use jiff::Timestamp;
use tokio::sync::RwLock;
use tokio_util::sync::CancellationToken;

use crate::{
    Book, Books, LedgerName, LedgerState,
    book::{self, key_of},
    watch::Watch,
};

/// A ledger that takes longer is taken to be away.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where URLs of ledgers are found.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// The default's, when it is given.
    pub(crate) default: Option<String>,
    /// A folder with one file for each.
    pub(crate) folder: PathBuf,
}

impl Sources {
    /// The URL of a ledger, or why there is none.
    fn url(&self, name: &LedgerName) -> Result<String, String> {
        let (file, missing) = match name {
            LedgerName::Default => {
                if let Some(url) = &self.default {
                    return Ok(url.clone());
                }
                let words = "the operator names no default ledger, or its Secret is not in this namespace";
                ("default".to_owned(), words.to_owned())
            }
            LedgerName::Secret { name, key } => {
                (format!("secrets/{name}/{key}"), format!("there is no Secret {name} with a key {key}"))
            }
        };
        match std::fs::read_to_string(self.folder.join(file)) {
            Ok(url) => Ok(url.trim().to_owned()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(missing),
            Err(error) => Err(format!("the URL of the ledger cannot be read: {error}")),
        }
    }
}

/// A ledger that is open, and by which URL.
struct Open {
    url: String,
    ledger: Ledger,
}

/// Reads the ledgers of the namespace's strategies until the token is cancelled.
pub(crate) async fn follow(
    sources: Sources,
    period: Duration,
    watch: Watch,
    books: Arc<RwLock<Books>>,
    stop: CancellationToken,
) {
    let mut open: BTreeMap<LedgerName, Open> = BTreeMap::new();
    let work = async {
        // Before the first list there are no strategies to read for.
        watch.ready().await;
        loop {
            refresh(&sources, &watch.objects().strategies, &mut open, &books).await;
            tokio::time::sleep(period).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
    for Open { ledger, .. } in open.into_values() {
        ledger.close().await;
    }
}

async fn refresh(
    sources: &Sources,
    strategies: &[Strategy],
    open: &mut BTreeMap<LedgerName, Open>,
    books: &RwLock<Books>,
) {
    let mut wanted: BTreeMap<LedgerName, Vec<StrategyKey>> = BTreeMap::new();
    for strategy in strategies {
        if let (Some(name), Ok(key)) = (LedgerName::of(strategy), key_of(strategy)) {
            wanted.entry(name).or_default().push(key);
        }
    }
    let before = books.read().await.clone();
    let reads = wanted.into_iter().map(|(name, keys)| {
        let opened = open.remove(&name);
        let before = &before.books;
        async move {
            let read = tokio::time::timeout(PATIENCE, read_one(sources, &name, &keys, opened, before)).await;
            let read = read.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
            (name, keys, read)
        }
    });
    let done = join_all(reads).await;
    // Ledgers that nobody uses any more are closed.
    open.clear();
    let mut now = Books::default();
    for (name, keys, read) in done {
        let known = before.ledgers.get(&name);
        match read {
            Ok((opened, read)) => {
                if known.is_some_and(|known| known.problem.is_some()) {
                    tracing::info!(ledger = %name, "the ledger can be read again");
                }
                now.books.extend(read);
                let state = LedgerState { problem: None, read_at: Some(Timestamp::now()) };
                now.ledgers.insert(name.clone(), state);
                open.insert(name, opened);
            }
            Err(problem) => {
                if known.and_then(|known| known.problem.as_ref()) != Some(&problem) {
                    tracing::warn!(ledger = %name, "the ledger cannot be read, its figures stay as they are: {problem}");
                }
                let old =
                    keys.into_iter().filter_map(|key| before.books.get(&key).map(|book| (key, book.clone())));
                now.books.extend(old);
                let read_at = known.and_then(|known| known.read_at);
                now.ledgers.insert(name, LedgerState { problem: Some(problem), read_at });
            }
        }
    }
    *books.write().await = now;
}

async fn read_one(
    sources: &Sources,
    name: &LedgerName,
    keys: &[StrategyKey],
    opened: Option<Open>,
    before: &BTreeMap<StrategyKey, Book>,
) -> Result<(Open, Vec<(StrategyKey, Book)>), String> {
    let url = sources.url(name)?;
    let opened = opened.filter(|open| open.url == url);
    // A ledger that is opened anew may have been restored.
    let is_known = opened.is_some();
    let open = match opened {
        Some(open) => open,
        None => {
            let options = LedgerOptions { max_connections: 1, acquire_timeout: Duration::from_secs(10) };
            let ledger = Ledger::open_read_only(&url, options).await.map_err(|error| error.to_string())?;
            Open { url, ledger }
        }
    };
    let mut read = Vec::new();
    for key in keys {
        let book = book::read(&open.ledger, key, before.get(key).filter(|_| is_known))
            .await
            .map_err(|error| error.to_string())?;
        read.push((key.clone(), book));
    }
    Ok((open, read))
}
