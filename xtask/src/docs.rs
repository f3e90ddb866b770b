use std::path::PathBuf;
use std::process::Command;

use crate::step::{cargo, read, root, run};

/// Writes the man page, the completions and the page of probes as the release binary tells them.
pub(crate) fn write() -> Result<(), String> {
    for (path, text) in generate()? {
        let path = root().join(path);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        written.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Fails if a committed file is not what the release binary tells.
pub(crate) fn check() -> Result<(), String> {
    let stale: Vec<&str> = generate()?
        .into_iter()
        .filter(|(path, text)| std::fs::read(root().join(path)).ok().as_ref() != Some(text))
        .map(|(path, _)| path)
        .collect();
    if stale.is_empty() {
        println!("{} generated files are fresh", FILES.len());
        return Ok(());
    }
    Err(format!("stale or missing: {}; write them with `cargo xtask docs`", stale.join(", ")))
}

fn generate() -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    run(cargo("build --release --package portolan"))?;
    let binary = target_directory()?.join("release/portolan");
    FILES
        .iter()
        .map(|(what, path)| {
            let mut command = Command::new(&binary);
            command.args(["--generate", what]);
            Ok((*path, read(command)?))
        })
        .collect()
}

/// Where cargo builds.
pub(crate) fn target_directory() -> Result<PathBuf, String> {
    let metadata = crate::house::metadata()?;
    let folder = metadata["target_directory"].as_str();
    folder.map(PathBuf::from).ok_or_else(|| "cargo metadata names no target_directory".to_owned())
}

/// What `--generate` is asked for, and where it is kept.
const FILES: &[(&str, &str)] = &[
    ("man", "docs/man/portolan.1"),
    ("complete-bash", "docs/completions/portolan.bash"),
    ("complete-zsh", "docs/completions/_portolan"),
    ("complete-fish", "docs/completions/portolan.fish"),
    ("probes", "docs/probes.md"),
];
