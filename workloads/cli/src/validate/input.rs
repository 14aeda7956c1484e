//! Which files a user named.

use std::io::Read;
use std::path::{Path, PathBuf};

/// One text of the input.
pub(crate) struct Source {
    /// The path as it was named, or `standard input`.
    pub(crate) name: String,
    /// Its text, or why it could not be read.
    pub(crate) text: Result<String, String>,
}

/// Reads files, the YAML and JSON files of folders (not of folders inside them, as `kubectl apply -f` does), and `-`.
pub(crate) fn read(paths: &[PathBuf]) -> Vec<Source> {
    paths.iter().flat_map(|path| read_path(path)).collect()
}

fn read_path(path: &Path) -> Vec<Source> {
    if path == Path::new("-") {
        let mut text = String::new();
        let result = std::io::stdin().lock().read_to_string(&mut text);
        return vec![Source {
            name: "standard input".to_owned(),
            text: result.map(|_| text).map_err(|e| e.to_string()),
        }];
    }
    let name = path.display().to_string();
    if !path.is_dir() {
        let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"));
        return vec![Source { name, text }];
    }
    match files(path) {
        Ok(files) if files.is_empty() => {
            let text = Err("the folder has no .yaml, .yml or .json file".to_owned());
            vec![Source { name, text }]
        }
        Ok(files) => files.iter().flat_map(|file| read_path(file)).collect(),
        Err(error) => vec![Source { name, text: Err(format!("cannot be read: {error}")) }],
    }
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_manifest =
            path.extension().is_some_and(|ext| ["yaml", "yml", "json"].iter().any(|known| ext == *known));
        if is_manifest && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
