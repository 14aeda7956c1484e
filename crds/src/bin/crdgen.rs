//! Writes the CustomResourceDefinitions into a folder: `crdgen config/crd/bases`.

use std::{env, fs, path::PathBuf, process::ExitCode};

use ats_crds::manifests::{definitions, file_name, to_yaml};

fn main() -> ExitCode {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: crdgen FOLDER");
        return ExitCode::from(2);
    };
    match write_all(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: cannot write the definitions to {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    fs::create_dir_all(folder)?;
    for definition in definitions() {
        fs::write(folder.join(file_name(&definition)), to_yaml(&definition)?)?;
    }
    Ok(())
}
