//! `ats convert`: old ConfigMaps to kustomize overlays.

use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::convert::overlays;
use crate::{ConvertArguments, Failure};

const KUSTOMIZATION: &str = "kustomization.yaml";

pub(super) fn convert(arguments: &ConvertArguments) -> Result<ExitCode, Failure> {
    let base = arguments.base.canonicalize().map_err(|error| unreadable(&arguments.base, &error))?;
    if !["kustomization.yaml", "kustomization.yml", "Kustomization"]
        .iter()
        .any(|name| base.join(name).is_file())
    {
        return Err(Failure::Input(format!(
            "--base {}: no {KUSTOMIZATION} is there; name the folder that all environments share",
            arguments.base.display()
        )));
    }
    let mut documents = Vec::new();
    for file in &arguments.files {
        let text = std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
        let found: Vec<Value> = serde_saphyr::from_multiple(&text)
            .map_err(|error| Failure::Input(format!("{}: {error}", file.display())))?;
        let found = found.into_iter().filter(|document| !document.is_null());
        documents.extend(found.map(|document| (file.display().to_string(), document)));
    }
    let overlays = overlays(&documents, arguments.mode.map(Into::into))
        .map_err(|problems| Failure::Input(problems.join("\nerror: ")))?;

    // Everything is looked at before anything is written, and a folder appears whole.
    let folders: Vec<PathBuf> =
        overlays.iter().map(|overlay| arguments.output.join(&overlay.environment)).collect();
    for folder in &folders {
        if folder.exists() {
            return Err(Failure::Input(format!(
                "{} is there already: remove it, or name another --output",
                folder.display()
            )));
        }
    }
    if arguments.output.exists() && !arguments.output.is_dir() {
        let output = arguments.output.display();
        return Err(Failure::Input(format!("{output} is no folder: name another --output")));
    }
    std::fs::create_dir_all(&arguments.output).map_err(|error| unreadable(&arguments.output, &error))?;
    let output = arguments.output.canonicalize()?;
    let mut parts = Vec::new();
    for overlay in &overlays {
        let part = output.join(format!(".{}.part", overlay.environment));
        let text = overlay.kustomization(&relative(&output.join(&overlay.environment), &base));
        let written =
            std::fs::create_dir_all(&part).and_then(|()| std::fs::write(part.join(KUSTOMIZATION), text));
        parts.push(part);
        if let Err(error) = written {
            discard(&parts);
            return Err(unreadable(&arguments.output, &error));
        }
    }
    let mut shown = String::new();
    for (part, folder) in parts.iter().zip(&folders) {
        if let Err(error) = std::fs::rename(part, folder) {
            discard(&parts);
            return Err(unreadable(folder, &error));
        }
        shown.push_str(&format!("{}\n", folder.join(KUSTOMIZATION).display()));
    }
    super::write(shown.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Input(format!("{}: {error}", path.display()))
}

/// Takes away what was begun; the error that led here is the one to tell.
fn discard(parts: &[PathBuf]) {
    for part in parts {
        drop(std::fs::remove_dir_all(part));
    }
}

/// The way from a folder to another one, both absolute.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to): (Vec<Component<'_>>, Vec<Component<'_>>) =
        (from.components().collect(), to.components().collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), from.len() - shared);
    let down = to[shared..].iter().map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}
