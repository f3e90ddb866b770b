//! The file of `--checkpoint` and `--resume`: what was typed, which plan that made, and where its scan is.
//!
//! Two lines of JSON. The first says that this is a checkpoint and of which version, and bears a hash of the second, which
//! is everything else. A file that was cut, changed or made by another version is refused with the reason; none is ever
//! taken for another scan.

mod fault;
mod file;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use portolan_model::Checkpoint;
use portolan_model::record::{CHECKPOINT, CheckpointHeader, CheckpointRecord, Typed};
use portolan_scan::Plan;
use rustix::io::Errno;
use siphasher::sip128::SipHasher24;

use fault::{Change, Fault};
pub(crate) use fault::{CheckpointError, quoted};
use file::{Place, look};

/// Where a run keeps its checkpoint.
#[derive(Debug)]
pub(crate) struct Keep {
    flag: &'static str,
    place: Place,
    typed: Typed,
    /// Where an earlier run left it, and with which seed.
    earlier: Option<(u64, Checkpoint)>,
}

impl Keep {
    /// A new one, for a scan typed so. Nothing is written yet; what another scan still needs is not overwritten.
    pub(crate) fn new(path: &Path, argv: &[OsString]) -> Result<Self, CheckpointError> {
        const FLAG: &str = "--checkpoint";
        let error = |fault| CheckpointError::new(FLAG, path, fault);
        match look(path).map_err(error)?.as_deref() {
            None | Some([]) => {}
            Some(bytes) => match parse(bytes) {
                Ok((_, _, before)) if before.complete => {}
                Ok(_) => return Err(error(Fault::Unfinished)),
                Err(_) => return Err(error(Fault::InTheWay)),
            },
        }
        let argv = argv.iter().map(|word| word.as_bytes().to_vec()).collect();
        // Without it relative paths lead from wherever the scan is resumed.
        let directory = std::env::current_dir().ok().map(|path| path.into_os_string().into_vec());
        let place = Place::new(path).map_err(error)?;
        Ok(Keep { flag: FLAG, place, typed: Typed { argv, directory }, earlier: None })
    }

    /// The one of an earlier run.
    pub(crate) fn resume(path: &Path) -> Result<Self, CheckpointError> {
        const FLAG: &str = "--resume";
        let error = |fault| CheckpointError::new(FLAG, path, fault);
        let bytes = look(path).map_err(error)?.ok_or_else(|| error(Fault::Io(Errno::NOENT.into())))?;
        let (typed, seed, checkpoint) = parse(&bytes).map_err(error)?;
        let place = Place::new(path).map_err(error)?;
        Ok(Keep { flag: FLAG, place, typed, earlier: Some((seed, checkpoint)) })
    }

    /// Whether nothing is left to ask.
    pub(crate) fn is_complete(&self) -> bool {
        self.earlier.as_ref().is_some_and(|(_, checkpoint)| checkpoint.complete)
    }

    /// Whether it goes on with an earlier run.
    pub(crate) fn is_resumed(&self) -> bool {
        self.earlier.is_some()
    }

    /// The seed of the earlier run.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.earlier.as_ref().map(|(seed, _)| *seed)
    }

    /// The command line of the scan.
    pub(crate) fn argv(&self) -> Vec<OsString> {
        self.typed.argv.iter().map(|word| OsString::from_vec(word.clone())).collect()
    }

    /// Goes to the folder where the scan was typed, from which its relative paths lead.
    pub(crate) fn enter(&self) -> Result<(), CheckpointError> {
        let Some(directory) =
            self.typed.directory.clone().map(|bytes| PathBuf::from(OsString::from_vec(bytes)))
        else {
            return Ok(());
        };
        if std::env::current_dir().is_ok_and(|current| current == directory) {
            return Ok(());
        }
        std::env::set_current_dir(&directory).map_err(|source| self.error(Fault::Folder(directory, source)))
    }

    /// Where the scan of `plan` goes on: nothing else than what was planned before may be asked.
    pub(crate) fn from(&self, plan: &Plan) -> Result<Checkpoint, CheckpointError> {
        let hash = plan.hash();
        match &self.earlier {
            None => Ok(Checkpoint { plan: hash, ..Checkpoint::default() }),
            Some((_, from)) if from.plan == hash => Ok(from.clone()),
            Some((_, from)) => {
                Err(self.error(Fault::Changed(Box::new(Change { before: from.plan, now: hash }))))
            }
        }
    }

    /// Writes it: once before anything is sent, so that it is known that this can be done, and once at the end.
    pub(crate) fn write(&mut self, seed: u64, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let bytes = written(env!("CARGO_PKG_VERSION"), &self.typed, seed, checkpoint);
        self.place.write(&bytes).map_err(|source| self.error(Fault::Io(source)))
    }

    /// The path, for people.
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    fn error(&self, fault: Fault) -> CheckpointError {
        CheckpointError::new(self.flag, self.place.path(), fault)
    }
}

fn written(by: &str, typed: &Typed, seed: u64, checkpoint: &Checkpoint) -> Vec<u8> {
    let record = CheckpointRecord::new(by, typed, seed, checkpoint);
    // Neither has a key or a number that JSON could not write.
    let content = serde_json::to_vec(&record).unwrap_or_default();
    let header = CheckpointHeader { version: CHECKPOINT.into(), hash: hash(&content) };
    let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
    bytes.push(b'\n');
    bytes.extend_from_slice(&content);
    bytes.push(b'\n');
    bytes
}

fn parse(bytes: &[u8]) -> Result<(Typed, u64, Checkpoint), Fault> {
    let ours = bytes.starts_with(br#"{"portolan-checkpoint":"#);
    let fault = || if ours { Fault::Damaged } else { Fault::Foreign };
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let header: CheckpointHeader =
        lines.next().and_then(|line| serde_json::from_slice(line).ok()).ok_or_else(fault)?;
    if header.version != u64::from(CHECKPOINT) {
        return Err(Fault::Version(header.version));
    }
    let content = lines.next().and_then(|rest| rest.strip_suffix(b"\n")).ok_or(Fault::Damaged)?;
    if hash(content) != header.hash {
        return Err(Fault::Damaged);
    }
    let record: CheckpointRecord = serde_json::from_slice(content).map_err(|_| Fault::Damaged)?;
    let checkpoint = record.checkpoint().ok_or(Fault::Damaged)?;
    Ok((record.typed(), record.seed(), checkpoint))
}

/// It shows accidents, not intent: whoever may write the file may write any scan into it.
fn hash(content: &[u8]) -> String {
    let hash = SipHasher24::new_with_keys(0x706f_7274_6f6c_616e, 0x636f_6e74_656e_7473).hash(content);
    format!("{:032x}", hash.as_u128())
}

#[cfg(test)]
mod tests;
