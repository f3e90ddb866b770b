use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use portolan_explain::Lang;
use portolan_model::record::CHECKPOINT;
use portolan_model::{PlanHash, Untrusted};

use super::file::MOST;

/// Why a checkpoint cannot be used; nothing was sent.
#[derive(Debug)]
pub(crate) struct CheckpointError {
    flag: &'static str,
    path: PathBuf,
    fault: Fault,
}

/// What is wrong with it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The system refused to read or write it.
    Io(io::Error),
    /// A folder, a device, a pipe.
    NoFile,
    /// More than any scan needs.
    TooLarge,
    /// No checkpoint at all.
    Foreign,
    /// Written by a version that writes other checkpoints.
    Version(u64),
    /// Cut off, or changed since.
    Damaged,
    /// The file that is to be written is something else.
    InTheWay,
    /// It holds another scan, which is not finished.
    Unfinished,
    /// The folder where the scan was typed cannot be entered.
    Folder(PathBuf, io::Error),
    /// What was typed makes another plan now.
    Changed(Box<Change>),
}

/// Two plans that are not the same.
#[derive(Debug)]
pub(crate) struct Change {
    /// That of the earlier run.
    pub(super) before: PlanHash,
    /// That of this one.
    pub(super) now: PlanHash,
}

impl CheckpointError {
    pub(super) fn new(flag: &'static str, path: &Path, fault: Fault) -> Self {
        CheckpointError { flag, path: path.to_owned(), fault }
    }

    #[cfg(test)]
    pub(super) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// What is wrong.
    pub(crate) fn message(&self, lang: Lang) -> String {
        let colon = if lang == Lang::Fr { "\u{a0}:" } else { ":" };
        format!("{} {}{colon} {}", self.flag, shown(&self.path), self.fault.words(lang))
    }

    /// What can be done.
    pub(crate) fn advice(&self, lang: Lang) -> Option<String> {
        let path = quoted(&self.path);
        Some(match (&self.fault, lang) {
            (Fault::Unfinished, Lang::En) => {
                format!("portolan --resume {path} goes on with it; remove it to begin anew")
            }
            (Fault::Unfinished, Lang::Fr) => {
                format!("portolan --resume {path} le reprend\u{a0}; supprimez-le pour recommencer")
            }
            (Fault::Changed(_), Lang::En) => {
                "bring back what it was, or scan anew with another --checkpoint".to_owned()
            }
            (Fault::Changed(_), Lang::Fr) => {
                "rétablissez ce qui était, ou balayez à nouveau avec un autre --checkpoint".to_owned()
            }
            _ => return None,
        })
    }
}

impl Fault {
    fn words(&self, lang: Lang) -> String {
        let say = |en: &str, fr: &str| match lang {
            Lang::En => en.to_owned(),
            Lang::Fr => fr.to_owned(),
        };
        match self {
            Fault::Io(error) => error.to_string(),
            Fault::NoFile => say("not a regular file", "ce n’est pas un fichier ordinaire"),
            Fault::TooLarge => say(
                &format!("larger than {} MiB, as no checkpoint is", MOST >> 20),
                &format!("plus de {} Mio, ce qu’aucun point de reprise n’atteint", MOST >> 20),
            ),
            Fault::Foreign => {
                say("not a checkpoint of portolan", "ce n’est pas un point de reprise de portolan")
            }
            Fault::Version(version) => say(
                &format!("a checkpoint of version {version}; this portolan reads version {CHECKPOINT}"),
                &format!(
                    "point de reprise de version {version}\u{a0}; ce portolan lit la version {CHECKPOINT}"
                ),
            ),
            Fault::Damaged => say(
                "cut off or changed since it was written: its hash does not fit; nothing was sent",
                "tronqué ou modifié depuis son écriture\u{a0}: sa somme ne correspond pas\u{a0}; rien n’a été envoyé",
            ),
            Fault::InTheWay => say(
                "the file is there and is no checkpoint of this version; it is left as it is",
                "le fichier existe et n’est pas un point de reprise de cette version\u{a0}; il reste tel quel",
            ),
            Fault::Unfinished => {
                say("holds a scan that is not finished", "contient un balayage qui n’est pas terminé")
            }
            Fault::Folder(folder, error) => say(
                &format!("the scan was typed in {}: {error}", shown(folder)),
                &format!("le balayage a été lancé dans {}\u{a0}: {error}", shown(folder)),
            ),
            Fault::Changed(change) => change.words(lang),
        }
    }
}

impl Change {
    fn words(&self, lang: Lang) -> String {
        let Change { before, now } = self;
        let rows = [
            (
                before.targets != now.targets,
                "its targets (a list, the address of a name, or a network of this machine)",
                "ses cibles (une liste, l’adresse d’un nom ou un réseau de cette machine)",
            ),
            (
                before.excluded != now.excluded,
                "its exclusions (a list, or the address of a name)",
                "ses exclusions (une liste ou l’adresse d’un nom)",
            ),
            (
                before.ports != now.ports,
                "its ports (a list, or the ranking of another version)",
                "ses ports (une liste ou le classement d’une autre version)",
            ),
            (before.order != now.order, "its order", "son ordre"),
        ];
        let what: Vec<&str> = rows
            .into_iter()
            .filter(|(differs, _, _)| *differs)
            .map(|(_, en, fr)| if lang == Lang::En { en } else { fr })
            .collect();
        match lang {
            Lang::En => format!("not the same scan any more: {} changed; nothing was sent", what.join(", ")),
            Lang::Fr => {
                format!(
                    "ce n’est plus le même balayage\u{a0}: {} ont changé\u{a0}; rien n’a été envoyé",
                    what.join(", ")
                )
            }
        }
    }
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

impl std::error::Error for CheckpointError {}

/// A path for people.
pub(super) fn shown(path: &Path) -> String {
    Untrusted::new(path.as_os_str().as_bytes()).escaped_short(200)
}

/// A path as a shell takes it, where that can be shown.
pub(crate) fn quoted(path: &Path) -> String {
    let text = shown(path);
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@%,".contains(letter);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
