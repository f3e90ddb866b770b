use std::path::{Path, PathBuf};

use crate::error::WorldError;
use crate::spec::WorldSpec;

/// The folder of the worlds that come with this crate.
pub fn worlds_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("worlds")
}

/// Every world of that folder with its name, in the order of names. The folder is the list.
pub fn all_worlds() -> Result<Vec<(String, WorldSpec)>, WorldError> {
    let folder = worlds_dir();
    let failed = |source| WorldError::Read { path: folder.clone(), source };
    let mut worlds = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            worlds.push((name.unwrap_or_default(), WorldSpec::load(&path)?));
        }
    }
    worlds.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(worlds)
}
