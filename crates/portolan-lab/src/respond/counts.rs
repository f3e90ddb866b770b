//! What the responder counts.

use portolan_sys::Errno;
use portolan_sys::bpf::{Map, MapKind};
use serde_json::Value;

/// What became of a frame. Each is counted as seen, and once as one of the others.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Counter {
    /// Came in.
    Seen,
    /// Left to the kernel of the responder's namespace.
    Passed,
    /// An ARP request, answered.
    Arp,
    /// A ping, answered.
    Echo,
    /// A SYN, answered with SYN-ACK: an open port.
    SynAck,
    /// A SYN, answered with a reset: a closed port.
    Reset,
    /// Answered with ICMP 3/13 by the router.
    Prohibited,
    /// A datagram, answered with ICMP 3/3.
    Unreachable,
    /// Not answered, because so it is there.
    Silent,
    /// A TCP segment that does not begin a connection, such as a scanner's reset.
    Ignored,
    /// Counted as one of the answers above, but lost: the kernel would not make room for it.
    Failed,
}

/// All of them and their names, in the order of their numbers.
const ALL: [(Counter, &str); 11] = [
    (Counter::Seen, "seen"),
    (Counter::Passed, "passed"),
    (Counter::Arp, "arp"),
    (Counter::Echo, "echo"),
    (Counter::SynAck, "syn_ack"),
    (Counter::Reset, "reset"),
    (Counter::Prohibited, "prohibited"),
    (Counter::Unreachable, "unreachable"),
    (Counter::Silent, "silent"),
    (Counter::Ignored, "ignored"),
    (Counter::Failed, "failed"),
];

/// How often each happened.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts([u64; ALL.len()]);

impl Counts {
    /// How often this happened.
    pub fn of(&self, counter: Counter) -> u64 {
        self.0[counter as usize]
    }

    /// One line of JSON: an object with a number for each name.
    pub fn written(&self) -> String {
        let named = ALL.iter().map(|(counter, name)| ((*name).to_owned(), self.of(*counter).into()));
        Value::Object(named.collect()).to_string()
    }

    /// The counts in what a responder said: its last line. `None` if it did not say them.
    pub fn read(said: &str) -> Option<Self> {
        let told: Value = serde_json::from_str(said.lines().last()?).ok()?;
        let mut counts = Counts::default();
        for (counter, name) in ALL {
            counts.0[counter as usize] = told.get(name)?.as_u64()?;
        }
        Some(counts)
    }
}

/// The map that the program counts in. Each processor has an entry of its own, so that none waits for another.
pub(crate) fn map() -> Result<Map, Errno> {
    Map::create(MapKind::Array, 4, ENTRY_LENGTH, PROCESSORS)
}

/// The sums over all processors.
pub(crate) fn sums(map: &Map) -> Result<Counts, Errno> {
    let mut counts = Counts::default();
    for processor in 0..PROCESSORS {
        let entry = map.lookup(&processor.to_ne_bytes())?;
        for (sum, count) in counts.0.iter_mut().zip(entry.as_chunks().0) {
            *sum += u64::from_ne_bytes(*count);
        }
    }
    Ok(counts)
}

/// A power of two. A processor with a higher number shares an entry with another, and a count may be lost.
pub(crate) const PROCESSORS: u32 = 256;

/// Two lines of the processor's cache hold all counters.
const ENTRY_LENGTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_they_were_written() {
        let mut counts = Counts::default();
        for (count, number) in counts.0.iter_mut().zip(1_u64..) {
            *count = number * 1_000_000_007;
        }
        assert_eq!(Counts::read(&format!("ready\n{}\n", counts.written())), Some(counts));
        assert_eq!(Counts::read("ready\n"), None);
        assert_eq!(Counts::read(""), None);
        assert_eq!(counts.of(Counter::Failed), 11 * 1_000_000_007);
        assert!(ALL.iter().zip(0..).all(|((counter, _), number)| *counter as usize == number));
        assert!(size_of::<Counts>() <= ENTRY_LENGTH);
    }
}
