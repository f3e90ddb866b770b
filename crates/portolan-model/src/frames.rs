//! The door with capture rights: whole IP packets, as they leave this machine and as they come in.
//!
//! What can capture has sockets too, and both tell one time: so [`Frames`] is [`Sockets`] and more. A door carries
//! packets and tells what became of each; it neither writes nor judges one. What is below IP is its own business: it
//! knows our interfaces and routes, asks ARP and NDP for the next machine, and says so when nobody answers.

use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use crate::endpoint::Address;
use crate::evidence::LocalFault;
use crate::ping::Mac;
use crate::sockets::{ProbeId, Sockets};
use crate::time::Instant;

mod numbers;

pub use numbers::Numbers;

/// Packets to send, in order. Their bytes stand in one buffer, which is used again: sending allocates nothing.
#[derive(Clone, Default, Debug)]
pub struct Batch {
    bytes: Vec<u8>,
    packets: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    probe: ProbeId,
    to: Address,
    place: Range<usize>,
}

/// One packet of a [`Batch`].
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Outgoing<'a> {
    /// The attempt's name, which its fate bears.
    pub probe: ProbeId,
    /// To whom; the packet's own destination, with its zone.
    pub to: Address,
    /// The packet, from its IP header on.
    pub packet: &'a [u8],
}

impl Batch {
    /// Adds the packet that `write` makes of a zeroed buffer of `most` bytes; it tells how many of them it used. If
    /// `write` makes none, nothing is added.
    pub fn push(
        &mut self,
        probe: ProbeId,
        to: Address,
        most: usize,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> bool {
        let start = self.bytes.len();
        self.bytes.resize(start + most, 0);
        let used = write(&mut self.bytes[start..]).map(|used| used.min(most));
        self.bytes.truncate(start + used.unwrap_or(0));
        if let Some(used) = used {
            self.packets.push(Entry { probe, to, place: start..start + used });
        }
        used.is_some()
    }

    /// The packets, in the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Outgoing<'_>> {
        self.packets.iter().map(|Entry { probe, to, place }| Outgoing {
            probe: *probe,
            to: *to,
            packet: &self.bytes[place.clone()],
        })
    }

    /// How many packets.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Removes all packets, and keeps the room that they took.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
    }
}

/// What a door of packets has to tell.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// A packet of ours waits until somebody tells who the next machine is, or a neighbour was asked. What becomes of it is
    /// told later.
    Held {
        /// Which.
        probe: ProbeId,
    },
    /// A packet of ours left this machine.
    Sent {
        /// Which.
        probe: ProbeId,
        /// When: the moment before the call that sent it.
        at: Instant,
    },
    /// A packet of ours never left this machine, or a neighbour that was asked did not answer.
    Unsent {
        /// Which.
        probe: ProbeId,
        /// When that was known.
        at: Instant,
        /// Why.
        fault: LocalFault,
    },
    /// A neighbour that was asked says that it is there.
    Neighbour {
        /// Which.
        probe: ProbeId,
        /// When it was last asked.
        asked: Instant,
        /// When it answered.
        at: Instant,
        /// Its hardware address.
        mac: Mac,
    },
    /// Who was to be asked as a neighbour is none: it is behind a gateway, or its link has no hardware addresses to ask for.
    OffLink {
        /// Which.
        probe: ProbeId,
        /// When that was known.
        at: Instant,
    },
    /// A packet came in that may concern us: it goes to one of [`Frames::ports`] over TCP or UDP, to one of
    /// [`Frames::datagram_ports`] over UDP, or is an ICMP message. It may be anybody's, and anything: nothing of it was checked.
    Packet {
        /// When the kernel saw it.
        at: Instant,
        /// From its IP header on; what follows the packet itself (padding) may stand behind it.
        packet: &'a [u8],
        /// Whether it carries its checksums: what another machine sent does; what comes from this machine may not yet, where
        /// the card was to compute them.
        checksummed: bool,
        /// Whether the kernel does not see it, if it answers a SYN of ours (see [`Frames::keep_answers`]): then nobody
        /// replies to it but us.
        kept: bool,
    },
    /// Our own ring was full: so many packets were lost in it since the last time this was told.
    Lost {
        /// How many.
        count: u64,
        /// When it was noticed.
        at: Instant,
    },
}

/// Packets of our own making; behind it a kernel or a simulated world.
pub trait Frames: Sockets {
    /// From which address of ours a packet to `to` leaves, or why none would.
    ///
    /// An address that the kernel itself answers for (loopback, our own) is [`LocalFault::OwnAddress`] here: no packet to it
    /// passes a wire.
    fn source(&mut self, to: Address) -> Result<IpAddr, LocalFault>;

    /// The TCP and UDP ports of ours that no socket of this machine uses or will be given: what comes to them is for us.
    fn ports(&self) -> RangeInclusive<u16>;

    /// The UDP ports of ours, none of [`Frames::ports`], that are held for the datagrams of a scan: no socket reads what comes
    /// to them, and nobody refuses it. None where those leave by sockets only.
    fn datagram_ports(&self) -> &[u16];

    /// How many answers the door holds until they are read.
    fn room(&self) -> usize;

    /// Keeps answers to our SYNs from this machine's own kernel, which knows nothing of those SYNs and would refuse every
    /// SYN-ACK: on the way to `towards`, where that can be done; whether it could be done to any of them. Of each packet it is
    /// told whether it was ([`Heard::Packet`]).
    ///
    /// Nobody else's packets are kept from it: an answer is a SYN-ACK or a RST to one of [`Frames::ports`] that
    /// acknowledges one of `numbers`. A stranger's is taken for one by a chance of 1 in 2^16.
    fn keep_answers(&mut self, numbers: Numbers, towards: &[Address]) -> bool;

    /// Sends the packets and empties the batch. The fate of each is told once: [`Heard::Sent`] or [`Heard::Unsent`]; what
    /// has to wait for it is [`Heard::Held`] before.
    fn send(&mut self, batch: &mut Batch);

    /// Asks the link who is behind `to` (ARP, NDP), again and again for a while if need be. The end is told once:
    /// [`Heard::Neighbour`], [`Heard::OffLink`] or [`Heard::Unsent`], where nobody answered with
    /// [`LocalFault::NoNeighbour`]; if it is not known at once, [`Heard::Held`] is told before.
    fn ask_neighbour(&mut self, probe: ProbeId, to: Address);

    /// Tells everything that is known by now, without waiting.
    fn hear(&mut self, hear: &mut dyn FnMut(Heard<'_>));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn a_batch_gives_back_what_was_written_and_is_used_again() {
        let mut batch = Batch::default();
        let to = Address::from(Ipv4Addr::new(192, 0, 2, 1));
        let name = |slot| ProbeId { slot, tag: slot };
        for round in 0..2 {
            for slot in 0..3u8 {
                let added = batch.push(name(slot.into()), to, 8, |buffer| {
                    assert_eq!(buffer, [0; 8], "a zeroed buffer, in round {round}");
                    buffer.fill(slot);
                    (slot != 1).then_some(usize::from(slot) + 1)
                });
                assert_eq!(added, slot != 1);
            }
            let told: Vec<_> = batch.iter().map(|one| (one.probe.slot, one.packet.to_vec())).collect();
            assert_eq!(told, [(0, vec![0]), (2, vec![2; 3])]);
            assert_eq!((batch.len(), batch.is_empty()), (2, false));
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
