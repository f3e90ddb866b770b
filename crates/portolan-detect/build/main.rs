//! Turns the probe files into const tables, so that start-up parses nothing. Every mistake in a file stops the build
//! with the file's name, the key and what is wrong; all files are read before it stops.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a build script speaks to cargo on stdout")]

mod emit;
mod file;
mod read;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build");
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistakes) => {
            for line in mistakes.iter().flat_map(|mistake| mistake.lines()) {
                println!("cargo::error={line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), Vec<String>> {
    let mut mistakes = Vec::new();
    let mut probes = Vec::new();
    for path in files().map_err(|mistake| vec![mistake])? {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let read = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        match read.and_then(|text| read::probe(&name, &text)) {
            Ok(probe) => probes.push(probe),
            Err(mistake) => mistakes.push(format!("{}: {mistake}", path.display())),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    probes.sort_by(|one, other| one.name.cmp(&other.name));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default()).join("udp.rs");
    std::fs::write(&out, emit::table(&probes)).map_err(|error| vec![format!("{}: {error}", out.display())])
}

/// The probe files in order of their paths. Anything else in the folder is a mistake: a file that nobody reads would
/// look like a probe that is asked.
fn files() -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("{FOLDER}: {error}");
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(Path::new(FOLDER)).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            return Err(format!("{}: not a .toml file", path.display()));
        }
        paths.push(path);
    }
    paths.sort();
    Ok(paths)
}

const FOLDER: &str = "probes/udp";
