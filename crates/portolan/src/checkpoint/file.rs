use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Fault;

/// More than the largest checkpoint needs, in bytes: of all hosts under way together a few million ports at most.
pub(super) const MOST: u64 = 64 << 20;

/// What a path holds; `None` if there is nothing yet.
pub(super) fn look(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::Io(error)),
        // A pipe would be waited for, a device may never end.
        Ok(metadata) if !metadata.is_file() => return Err(Fault::NoFile),
        Ok(metadata) if metadata.len() > MOST => return Err(Fault::TooLarge),
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    // It may have grown meanwhile.
    let file = File::open(path).map_err(Fault::Io)?;
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(Fault::Io)?;
    if bytes.len() as u64 > MOST { Err(Fault::TooLarge) } else { Ok(Some(bytes)) }
}

/// A file that is written whole or not at all.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    /// The file as it was first written, which stays open for a process that has given its rights away.
    first: Option<File>,
}

impl Place {
    /// The place of this path, in whose folder a file can be made now.
    pub(super) fn new(path: &Path) -> Result<Self, Fault> {
        // A link is followed: what it leads to is replaced, not the link. What is not there yet has no other name.
        let path = fs::canonicalize(path).or_else(|_| std::path::absolute(path)).map_err(Fault::Io)?;
        let place = Place { path, first: None };
        let (file, temporary) = place.beside().map_err(Fault::Io)?;
        drop(file);
        fs::remove_file(temporary).map_err(Fault::Io)?;
        Ok(place)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes it: a reader finds what was there before or all of `bytes`, also after a loss of power.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match (self.replace(bytes), &mut self.first) {
            (Ok(()), Some(_)) => Ok(()),
            (Ok(()), first) => {
                *first = Some(OpenOptions::new().write(true).open(&self.path)?);
                Ok(())
            }
            // A root without capabilities may not write into a user's folder, but the file is open still. If this is cut
            // short, the hash says so.
            (Err(error), Some(file)) if error.kind() == io::ErrorKind::PermissionDenied => {
                file.rewind()?;
                file.set_len(0)?;
                file.write_all(bytes)?;
                file.sync_all()
            }
            (Err(error), _) => Err(error),
        }
    }

    fn replace(&self, bytes: &[u8]) -> io::Result<()> {
        let (mut file, temporary) = self.beside()?;
        let written = file
            .write_all(bytes)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, &self.path));
        if written.is_err() {
            // The error that counts is the one before.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        // Not every file system lets a folder be synchronised; the file itself is.
        let _ = self.path.parent().map(File::open).map(|folder| folder.and_then(|folder| folder.sync_all()));
        Ok(())
    }

    /// A new file in the same folder, readable by its owner alone: a scan is nobody else's business.
    fn beside(&self) -> io::Result<(File, PathBuf)> {
        let name = self.path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.new", std::process::id()));
        let temporary = self.path.with_file_name(hidden);
        let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = match create() {
            // Left by a process of this number that was killed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::remove_file(&temporary)?;
                create()?
            }
            other => other?,
        };
        Ok((file, temporary))
    }
}
