//! The last status of each object on this machine: `<folder>/<kind>/<name>.json`, the object as a cluster would show it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::Failure;

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct State {
    folder: PathBuf,
}

impl State {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, kind: &str, name: &str) -> PathBuf {
        self.folder.join(kind.to_lowercase()).join(format!("{name}.json"))
    }

    /// Makes the folder, so that a run that could not keep its results ends before it begins.
    pub(crate) fn prepare(&self) -> Result<(), Failure> {
        let probe = self.folder.join(".writable");
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&probe, ""))
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|error| {
                Failure::Input(format!(
                    "the folder {} for the objects' status cannot be written: {error}; run in a folder of yours, or \
                     name another one with --state (and --store, --ledger)",
                    self.folder.display()
                ))
            })
    }

    /// Keeps an object with its status; a reader never sees half of it.
    pub(crate) fn keep(&self, kind: &str, name: &str, object: &Value) -> Result<(), Failure> {
        let path = self.path(kind, name);
        let failure =
            |error: std::io::Error| Failure::Failed(format!("{} cannot be written: {error}", path.display()));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failure)?;
        }
        let text = serde_json::to_vec_pretty(object).map_err(|error| Failure::Failed(error.to_string()))?;
        let fresh = path.with_extension("json.new");
        fs::write(&fresh, text).map_err(failure)?;
        fs::rename(&fresh, &path).map_err(failure)
    }

    /// Names of a kind's objects that were run; none where the folder cannot be read.
    fn names(&self, kind: &str) -> Vec<String> {
        let entries = fs::read_dir(self.folder.join(kind.to_lowercase())).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        files.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    }

    /// The object as the last run left it.
    pub(crate) fn find(&self, kind: &str, name: &str) -> Result<Option<Value>, Failure> {
        let path = self.path(kind, name);
        match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                Failure::Failed(format!("{} is damaged ({error}); delete it and run again", path.display()))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Failure::Failed(format!("{} cannot be read: {error}", path.display()))),
        }
    }

    /// The object named `NAME` or `KIND/NAME` among these kinds.
    pub(crate) fn resolve(&self, reference: &str, kinds: &[&str]) -> Result<(String, Value), Failure> {
        let (wanted, name) = match reference.split_once('/') {
            Some((kind, name)) => (Some(kind.to_lowercase()), name),
            None => (None, reference),
        };
        let fits = |kind: &str| {
            wanted.as_ref().is_none_or(|wanted| {
                let full = kind.to_lowercase();
                *wanted == full
                    || *wanted == format!("{full}s")
                    || short_names(kind).contains(&wanted.as_str())
            })
        };
        if wanted.is_some() && !kinds.iter().any(|kind| fits(kind)) {
            let kinds = kinds.join(" or a ");
            return Err(Failure::Input(format!("{reference:?} has nothing of the sort: name a {kinds}")));
        }
        let mut found = Vec::new();
        for kind in kinds.iter().filter(|kind| fits(kind)) {
            if let Some(object) = self.find(kind, name)? {
                found.push(((*kind).to_owned(), object));
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => {
                let known: Vec<String> =
                    kinds.iter().filter(|kind| fits(kind)).flat_map(|kind| self.names(kind)).collect();
                let near = ats_expression::did_you_mean(name, known.iter().map(String::as_str));
                let near = near.map(|near| format!("{near} If not, ")).unwrap_or_default();
                Err(Failure::Input(format!(
                    "no run of {reference:?} is known here: {near}run it first with `ats run`, or name its folder with --state"
                )))
            }
            _ => Err(Failure::Input(format!("{reference:?} names several objects: write KIND/NAME"))),
        }
    }
}

fn short_names(kind: &str) -> &'static [&'static str] {
    match kind {
        "TradingUniverse" => &["tu", "universe", "universes"],
        "ModelTrainingJob" => &["mtj", "model", "models"],
        "Strategy" => &["strat", "strategies"],
        _ => &[],
    }
}
