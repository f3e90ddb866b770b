use std::collections::HashMap;
use std::net::IpAddr;

use portolan_model::frames::{Batch, Heard};
use portolan_model::sockets::{Datagram, DatagramError, Event, Outcome, ProbeId};
use portolan_model::{Address, Endpoint, Instant};

use crate::technique::packet::{Answer, Kind, Question};
use crate::technique::udp_packet::{self, LONGEST, MOST_PAYLOAD};

/// A scan's datagrams that leave as packets of our own making, from a few ports that the door holds for them. The wire knows
/// no names: whatever comes to these ports is handed over as it came, as a socket would.
pub(super) struct Datagrams {
    ports: Box<[u16]>,
    /// Those whose fate is not told yet.
    leaving: HashMap<ProbeId, Leaving>,
}

/// A datagram whose fate is not told yet.
#[derive(Copy, Clone)]
struct Leaving {
    local: u16,
    /// It waits for its way.
    held: bool,
}

impl Datagrams {
    pub(super) fn new(ports: &[u16]) -> Self {
        Datagrams { ports: ports.into(), leaving: HashMap::new() }
    }

    pub(super) fn can_any_leave(&self) -> bool {
        !self.ports.is_empty()
    }

    /// Whether a request can leave as a packet. A port that only one exchange uses is a socket's: there are more of those.
    /// In which zone an answer comes a packet does not say.
    pub(super) fn suits(&self, to: Endpoint, payload: &[u8], own_port: bool) -> bool {
        self.can_any_leave() && !own_port && to.address.zone() == 0 && payload.len() <= MOST_PAYLOAD
    }

    /// Writes it, always from the same of our ports to the same of theirs: a box on the way that keeps a name for each
    /// exchange keeps one.
    pub(super) fn write(
        &mut self,
        (probe, to, payload): (ProbeId, Endpoint, &[u8]),
        source: IpAddr,
        batch: &mut Batch,
    ) -> bool {
        let turn = usize::from(to.port) % self.ports.len().max(1);
        let Some(local) = self.ports.get(turn).copied() else { return false };
        let question = Question {
            kind: Kind::Udp,
            source,
            to: to.address,
            ours: local,
            theirs: to.port,
            number: 0,
            proof: payload.len() as u64,
        };
        let written =
            batch.push(probe, to.address, LONGEST, |buffer| udp_packet::emit(&question, payload, buffer));
        if written {
            self.leaving.insert(probe, Leaving { local, held: false });
        }
        written
    }

    /// Tells what became of one of ours; false if this is about something else.
    pub(super) fn fate(&mut self, heard: Heard<'_>, inbox: &mut Vec<Event>) -> bool {
        let (Heard::Held { probe } | Heard::Sent { probe, .. } | Heard::Unsent { probe, .. }) = heard else {
            return false;
        };
        let Some(leaving) = self.leaving.get_mut(&probe) else { return false };
        match heard {
            Heard::Sent { at, .. } => {
                inbox.extend(leaving.held.then_some(Event::Left { probe, at }));
                inbox.push(Event::Sent { probe, at, local: leaving.local, held: 0 });
            }
            Heard::Unsent { at, fault, .. } => inbox.push(Event::Unsent { probe, at, fault }),
            _ => {
                leaving.held = true;
                inbox.push(Event::Held(probe));
                return true;
            }
        }
        self.leaving.remove(&probe);
        true
    }

    /// Whether this is about a datagram from one of our ports.
    pub(super) fn is_ours(&self, answer: &Answer<'_>) -> bool {
        answer.kind == Some(Kind::Udp) && self.ports.contains(&answer.ours)
    }
}

/// What comes in about a datagram of ours, as a socket would tell it.
pub(super) fn told(answer: &Answer<'_>, at: Instant) -> Event {
    let Answer { to, ours, theirs, carried, outcome, .. } = *answer;
    let there = Endpoint::udp(Address::new(to), theirs);
    match outcome {
        Outcome::Pong(pong) => {
            Event::Datagram(Datagram { from: there, local: ours, at, ttl: pong.ttl(), bytes: carried.into() })
        }
        outcome => Event::Error(DatagramError { to: there, at, outcome, quoted: carried.into() }),
    }
}
