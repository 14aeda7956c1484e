//! The objects of a folder: `<folder>/<kind>/<name>.json`, each with its status, as `ats` keeps them.

use std::{
    fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
};

use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::{KINDS, Objects};

/// Reads a folder, and says of each kind what is wrong with it. A kind that cannot be read stays as it was.
pub(crate) fn read_into(folder: &Path, objects: &Mutex<Objects>) -> [(&'static str, Option<String>); 3] {
    let mut unreadable = Vec::new();
    let universes = kind(folder, &mut unreadable);
    let models = kind(folder, &mut unreadable);
    let strategies = kind(folder, &mut unreadable);
    let mut known = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let problems = [
        put(&mut known.universes, universes),
        put(&mut known.models, models),
        put(&mut known.strategies, strategies),
    ];
    unreadable.sort();
    known.unreadable = unreadable;
    let mut kinds = KINDS.into_iter();
    problems.map(|problem| (kinds.next().unwrap_or_default(), problem))
}

fn put<K>(known: &mut Vec<K>, read: Result<Vec<K>, String>) -> Option<String> {
    match read {
        Ok(all) => {
            *known = all;
            None
        }
        Err(problem) => Some(problem),
    }
}

/// The objects of a kind by name; those that do not decode are told apart. Before the first run there are none.
fn kind<K>(folder: &Path, unreadable: &mut Vec<(String, String)>) -> Result<Vec<K>, String>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let kind = K::kind(&());
    let folder = folder.join(kind.to_lowercase());
    let problem = |error: io::Error| format!("{} cannot be read: {error}", folder.display());
    let entries = match fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(problem)?,
    };
    let mut all: Vec<K> = Vec::new();
    for entry in entries {
        let path = entry.map_err(problem)?.path();
        // Beside the objects are those that are being written.
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = fs::read(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        match serde_json::from_slice(&bytes) {
            Ok(object) => all.push(object),
            Err(error) => {
                let name = path.file_stem().unwrap_or_default().to_string_lossy();
                unreadable.push((format!("{kind}/{name}"), error.to_string()));
            }
        }
    }
    all.sort_by_key(ResourceExt::name_any);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read_and_what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Mutex::new(Objects::default());
        assert!(read_into(folder.path(), &objects).iter().all(|(_, problem)| problem.is_none()));
        let kind = folder.path().join("strategy");
        fs::create_dir(&kind).unwrap();
        fs::write(kind.join("half.json"), "{").unwrap();
        fs::write(kind.join("whole.json.new"), "{").unwrap();
        let problems = read_into(folder.path(), &objects);
        assert_eq!(
            problems.map(|(kind, problem)| (kind, problem.is_some())),
            KINDS.map(|kind| (kind, false))
        );
        let unreadable = objects.lock().unwrap().unreadable.clone();
        assert_eq!(unreadable.len(), 1, "{unreadable:?}");
        assert_eq!(unreadable[0].0, "Strategy/half");

        // A folder that cannot be read is told, and what is known stays.
        fs::remove_file(kind.join("half.json")).unwrap();
        fs::remove_file(kind.join("whole.json.new")).unwrap();
        fs::remove_dir(&kind).unwrap();
        fs::write(&kind, "no folder").unwrap();
        let problems = read_into(folder.path(), &objects);
        assert!(problems[2].1.as_ref().unwrap().contains("cannot be read"), "{problems:?}");
    }
}
