//! Who made a host's network card: by the listing that portolan brings, or by a newer one of this machine.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::UNIX_EPOCH;

use portolan_model::{Mac, Untrusted};
use portolan_target::vendors::{self, Registry};
use rustix::fs::OFlags;

/// The maker of the card behind this address, where that can be told. Files are read when the first one is wanted: most
/// scans meet no hardware address.
pub(crate) fn vendor(mac: Mac) -> Option<Untrusted> {
    static NEWER: OnceLock<Option<Registry>> = OnceLock::new();
    let newer =
        NEWER.get_or_init(|| FOLDERS.iter().find_map(|folder| newer(Path::new(folder), vendors::as_of())));
    match newer {
        Some(registry) => registry.name(mac).map(Untrusted::from),
        None => vendors::name(mac).map(Untrusted::from),
    }
}

/// Where Debian and its kin keep the IEEE's files, and where its updater writes newer ones.
const FOLDERS: [&str; 2] = ["/var/lib/ieee-data", "/usr/share/ieee-data"];
const FILES: [&str; 4] = ["oui.csv", "mam.csv", "oui36.csv", "iab.csv"];
/// The largest of them has four million bytes today.
const LARGEST: u64 = 32 << 20;
/// As many prefixes are listed in the largest file at least, or it is not that file.
const LEAST: usize = 10_000;

/// The listing of a folder, if its main file is newer than `than` (seconds since 1970-01-01 UTC) and whole.
fn newer(folder: &Path, than: u64) -> Option<Registry> {
    let changed = fs::metadata(folder.join(FILES[0])).and_then(|about| about.modified()).ok()?;
    if changed.duration_since(UNIX_EPOCH).ok()?.as_secs() <= than {
        return None;
    }
    let mut registry = Registry::default();
    for file in FILES {
        registry.read_csv(&read(&folder.join(file)).ok()?);
    }
    (registry.len() >= LEAST).then_some(registry)
}

/// A file's bytes, if it is a file of a sound size: neither a pipe without an end nor a device.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    // A pipe that nobody writes into would else hold the scan up for ever.
    let file =
        OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || about.len() > LARGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTEL: Mac = Mac([0x00, 0x1b, 0x21, 1, 2, 3]);

    /// A listing of more prefixes than a wrong file would have, all of one maker.
    fn folder(rows: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text: String = (0..rows).map(|n| format!("MA-L,{n:06X},\u{1b}[2JMaker Inc,x\n")).collect();
        fs::write(folder.path().join("oui.csv"), format!("MA-L,001B21,Newer Corp,x\n{text}")).unwrap();
        for file in &FILES[1..] {
            fs::write(folder.path().join(file), "").unwrap();
        }
        folder
    }

    #[test]
    fn a_newer_listing_is_preferred_and_an_older_one_is_not_read() {
        let folder = folder(LEAST);
        let registry = newer(folder.path(), 0).unwrap();
        assert_eq!(registry.name(INTEL), Some("Newer"));
        assert_eq!(registry.name(Mac([0, 0, 1, 2, 3, 4])), Some("[2JMaker"));
        assert_eq!(newer(folder.path(), u64::MAX), None);
    }

    #[test]
    fn what_is_no_whole_listing_is_left_alone() {
        assert_eq!(newer(Path::new("/nonexistent"), 0), None);
        assert_eq!(newer(folder(LEAST - 2).path(), 0), None, "too few");
        let missing = folder(LEAST);
        fs::remove_file(missing.path().join("mam.csv")).unwrap();
        assert_eq!(newer(missing.path(), 0), None, "a part is missing");
        let long = folder(LEAST);
        fs::File::create(long.path().join("iab.csv")).unwrap().set_len(LARGEST + 1).unwrap();
        assert_eq!(newer(long.path(), 0), None, "too large");
        let pipe = folder(LEAST);
        let path = pipe.path().join("oui36.csv");
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        assert_eq!(newer(pipe.path(), 0), None, "a pipe that nobody writes into");
    }
}
