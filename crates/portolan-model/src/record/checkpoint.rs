use serde::{Deserialize, Serialize};

use crate::checkpoint::{Checkpoint, OpenHost, OpenPorts, PlanHash};
use crate::ports::PortSet;

/// The version of the written form of a checkpoint. Any change of what is written, or of what it means, is another one.
pub const CHECKPOINT: u32 = 1;

/// The first line of a checkpoint's file: what it is, and how to see that nothing of it changed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
pub struct CheckpointHeader {
    /// [`CHECKPOINT`]; a reader looks at it before anything else.
    #[serde(rename = "portolan-checkpoint")]
    pub version: u64,
    /// A hash of the second line, in hexadecimal.
    #[serde(default)]
    pub hash: String,
}

/// The second line: a scan, and where it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
pub struct CheckpointRecord {
    /// The version of portolan that wrote it, for people.
    version: String,
    argv: Vec<WordRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<WordRecord>,
    seed: u64,
    plan: PlanHashRecord,
    complete: bool,
    done: Vec<(u64, u64)>,
    open: Vec<OpenHostRecord>,
}

/// The command line, and where it was typed: in bytes, since the system's words need not be text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Typed {
    /// The program's name and its words.
    pub argv: Vec<Vec<u8>>,
    /// The folder from which relative paths lead, if it was known.
    pub directory: Option<Vec<u8>>,
}

/// A word: as text if it is some, else its bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(untagged)]
enum WordRecord {
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct PlanHashRecord {
    targets: String,
    ports: String,
    excluded: String,
    order: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct OpenHostRecord {
    visit: u64,
    heard: bool,
    tcp: OpenPortsRecord,
    udp: OpenPortsRecord,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct OpenPortsRecord {
    settled: Vec<(u16, u16)>,
    witnesses: Vec<u16>,
    silent: Vec<(u16, u16)>,
    unanswered: Vec<(u16, u16)>,
    answers: (u32, u32),
    spell: bool,
}

impl CheckpointRecord {
    /// The written form of a scan that was typed so, has this seed, and is there.
    pub fn new(version: &str, typed: &Typed, seed: u64, checkpoint: &Checkpoint) -> Self {
        let PlanHash { targets, ports, excluded, order } = checkpoint.plan;
        CheckpointRecord {
            version: version.to_owned(),
            argv: typed.argv.iter().map(|word| WordRecord::new(word)).collect(),
            directory: typed.directory.as_deref().map(WordRecord::new),
            seed,
            plan: PlanHashRecord {
                targets: hex(targets),
                ports: hex(ports),
                excluded: hex(excluded),
                order: hex(order),
            },
            complete: checkpoint.complete,
            done: checkpoint.done.ranges().map(|range| range.into_inner()).collect(),
            open: checkpoint.open.iter().map(OpenHostRecord::new).collect(),
        }
    }

    /// What was typed.
    pub fn typed(&self) -> Typed {
        Typed {
            argv: self.argv.iter().map(WordRecord::bytes).collect(),
            directory: self.directory.as_ref().map(WordRecord::bytes),
        }
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Where the scan is; `None` if a hash is none.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        let PlanHashRecord { targets, ports, excluded, order } = &self.plan;
        Some(Checkpoint {
            plan: PlanHash {
                targets: unhex(targets)?,
                ports: unhex(ports)?,
                excluded: unhex(excluded)?,
                order: unhex(order)?,
            },
            complete: self.complete,
            done: self.done.iter().map(|(first, last)| *first..=*last).collect(),
            open: self.open.iter().map(OpenHostRecord::host).collect(),
        })
    }
}

impl WordRecord {
    fn new(word: &[u8]) -> Self {
        match std::str::from_utf8(word) {
            Ok(text) => WordRecord::Text(text.to_owned()),
            Err(_) => WordRecord::Bytes(word.to_vec()),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            WordRecord::Text(text) => text.as_bytes().to_vec(),
            WordRecord::Bytes(bytes) => bytes.clone(),
        }
    }
}

impl OpenHostRecord {
    fn new(host: &OpenHost) -> Self {
        OpenHostRecord {
            visit: host.visit,
            heard: host.heard,
            tcp: OpenPortsRecord::new(&host.tcp),
            udp: OpenPortsRecord::new(&host.udp),
        }
    }

    fn host(&self) -> OpenHost {
        OpenHost { visit: self.visit, heard: self.heard, tcp: self.tcp.ports(), udp: self.udp.ports() }
    }
}

impl OpenPortsRecord {
    fn new(ports: &OpenPorts) -> Self {
        let ranges = |set: &PortSet| set.ranges().map(|range| range.into_inner()).collect();
        OpenPortsRecord {
            settled: ranges(&ports.settled),
            witnesses: ports.witnesses.clone(),
            silent: ranges(&ports.silent),
            unanswered: ranges(&ports.unanswered),
            answers: ports.answers,
            spell: ports.spell,
        }
    }

    fn ports(&self) -> OpenPorts {
        let set = |ranges: &[(u16, u16)]| ranges.iter().map(|(first, last)| *first..=*last).collect();
        OpenPorts {
            settled: set(&self.settled),
            witnesses: self.witnesses.clone(),
            silent: set(&self.silent),
            unanswered: set(&self.unanswered),
            answers: self.answers,
            spell: self.spell,
        }
    }
}

fn hex(hash: u128) -> String {
    format!("{hash:032x}")
}

fn unhex(text: &str) -> Option<u128> {
    // `from_str_radix` alone would take a sign.
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| digits)
}
