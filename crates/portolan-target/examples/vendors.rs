//! Packs the IEEE's listing: `vendors FOLDER OUT`, where FOLDER has `oui.csv`, `mam.csv`, `oui36.csv` and `iab.csv` as the
//! IEEE gives them out. Called by `cargo xtask vendors`. The time kept is that of `oui.csv`.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "this program talks to the person who runs it")]

use std::error::Error;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use portolan_target::vendors::{Registry, pack};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (words.next(), words.next()) else {
        return Err("usage: vendors FOLDER OUT".into());
    };
    let mut registry = Registry::default();
    for file in ["oui.csv", "mam.csv", "oui36.csv", "iab.csv"] {
        let path = folder.join(file);
        registry.read_csv(&std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let time = std::fs::metadata(folder.join("oui.csv"))?.modified()?.duration_since(UNIX_EPOCH)?.as_secs();
    let packed = pack(&registry, time).ok_or("too many names for the packed form")?;
    std::fs::write(&out, &packed)?;
    println!("{} prefixes, {} bytes", registry.len(), packed.len());
    Ok(())
}
