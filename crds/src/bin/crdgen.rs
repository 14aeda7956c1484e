//! Writes what is generated from the API types: `crdgen FOLDER` fills `FOLDER/config/crd/bases` and
//! `FOLDER/docs/reference`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ats_crds::{
    manifests::{definitions, file_name, to_yaml},
    reference,
};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return end("usage: crdgen FOLDER", 2);
    };
    match write_all(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => end(&format!("crdgen: cannot write to {}: {error}", folder.display()), 1),
    }
}

#[allow(clippy::print_stderr, reason = "a command speaks on standard error")]
fn end(message: &str, code: u8) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(code)
}

fn write_all(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bases = folder.join("config/crd/bases");
    let pages = folder.join("docs/reference");
    fs::create_dir_all(&bases)?;
    fs::create_dir_all(&pages)?;
    for definition in definitions() {
        fs::write(bases.join(file_name(&definition)), to_yaml(&definition)?)?;
        fs::write(
            pages.join(format!("{}.md", definition.spec.names.singular.as_deref().unwrap_or_default())),
            reference::kind(&definition),
        )?;
    }
    fs::write(pages.join("reasons.md"), reference::reasons())?;
    Ok(())
}
