//! The catalogue: what the probe files hold, as tables.

use portolan_model::{Check, Cookie, Piece, PortSet, UdpProbe};

use crate::extract::{Extract, Field, Find, Form};

/// Every question over UDP, in order of their names.
pub static UDP: &[UdpProbe] = generated::UDP;

/// Every probe file with all that it says, in the order of [`UDP`].
pub static ENTRIES: &[Entry] = generated::ENTRIES;

/// The entry of the probe of this name.
pub fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.probe.name == name)
}

/// Every port that some probe of the catalogue is for.
pub fn udp_ports() -> PortSet {
    UDP.iter().flat_map(|probe| probe.ports).copied().collect()
}

/// One probe file.
#[derive(Debug)]
pub struct Entry {
    /// The question and how its answer is recognised.
    pub probe: UdpProbe,
    /// The protocol, as people write it.
    pub title: &'static str,
    /// The specification from which the bytes were written.
    pub source: &'static str,
    /// Why asking is harmless: how much is sent, and what it leaves behind.
    pub polite: &'static str,
    /// Answers that the tests hold it against.
    pub samples: &'static [Sample],
    pub(crate) extracts: &'static [Extract],
}

/// One answer, and what it must tell.
#[derive(Debug)]
pub struct Sample {
    /// Whether a server sent it.
    pub origin: Origin,
    /// The server, its version and how it was started; or the section it is composed from.
    pub from: &'static str,
    /// The cookie of the question.
    pub cookie: Cookie,
    /// The bytes of the answer.
    pub reply: &'static [u8],
    /// Every field that it gives, with its text; `product` and `version` are those of the service.
    pub tells: &'static [(&'static str, &'static str)],
}

/// Where a sample comes from.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
pub enum Origin {
    /// A real server sent it.
    Recorded,
    /// It was written from the specification.
    Composed,
}

impl Origin {
    /// The word of the probe files.
    pub const fn token(self) -> &'static str {
        match self {
            Origin::Recorded => "recorded",
            Origin::Composed => "composed",
        }
    }
}

/// What `build/` makes of the folder.
mod generated {
    use super::{Check, Cookie, Entry, Extract, Field, Find, Form, Origin, Piece, Sample, UdpProbe};

    include!(concat!(env!("OUT_DIR"), "/udp.rs"));
}
