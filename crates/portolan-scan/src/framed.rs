use std::net::IpAddr;
use std::ops::RangeInclusive;

use portolan_model::frames::{Batch, Frames, Heard};
use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Instant, LocalFault};

use crate::technique::tcp_syn::{self, Answer, Syn};

/// A door of packets, for the engine to ask as it asks any other: it writes the SYNs, and knows their answers among
/// everything that comes in. Whatever is no SYN goes through the same door's sockets.
///
/// The sequence number of a SYN is a keyed hash of its ends, combined with the attempt's place: so the number that comes
/// back leads to the attempt without a search, and only one of 2^32 numbers is the right one.
pub struct Framed<D> {
    door: D,
    secret: (u64, u64),
    ports: RangeInclusive<u16>,
    next_port: u16,
    waiting: Vec<Option<Waiting>>,
    batch: Batch,
    /// Requests of a batch that are no SYNs.
    others: Vec<Request>,
    /// What is known without having asked.
    done: Vec<Event>,
}

/// A SYN whose answer is waited for.
#[derive(Copy, Clone, Debug)]
struct Waiting {
    probe: ProbeId,
    syn: Syn,
    /// When it left, as far as that is known.
    sent: Option<Instant>,
    /// It waited for its way.
    held: bool,
}

impl<D: Frames> Framed<D> {
    /// A door around `door`. Who knows `secret` can forge answers.
    pub fn new(door: D, secret: (u64, u64)) -> Self {
        let ports = door.ports();
        // Where one scan begins, the one before it may have left its traces in boxes on the way.
        let span = u64::from(ports.end() - ports.start()) + 1;
        #[expect(clippy::cast_possible_truncation, reason = "below the number of ports")]
        let next_port = ports.start() + (secret.1 % span) as u16;
        Framed {
            door,
            secret,
            ports,
            next_port,
            waiting: Vec::new(),
            batch: Batch::default(),
            others: Vec::new(),
            done: Vec::new(),
        }
    }

    /// The door itself again.
    pub fn into_inner(self) -> D {
        self.door
    }

    fn ask(&mut self, probe: ProbeId, to: Endpoint) {
        let source = match self.door.source(to.address) {
            Ok(source) => source,
            Err(fault) => return self.fail(probe, fault),
        };
        // From another port each time: what a box or a host remembers of an earlier attempt must not meet this one.
        let port = self.next_port;
        self.next_port = if port == *self.ports.end() { *self.ports.start() } else { port + 1 };
        let sequence = tcp_syn::mask(self.secret, to, port) ^ probe.slot;
        let syn = Syn { source, port, to, sequence };
        if !self.batch.push(probe, to.address, tcp_syn::LONGEST, |buffer| tcp_syn::emit(&syn, buffer)) {
            return self.fail(probe, LocalFault::NoRoute);
        }
        let slot = probe.slot as usize;
        if slot >= self.waiting.len() {
            self.waiting.resize(slot + 1, None);
        }
        self.waiting[slot] = Some(Waiting { probe, syn, sent: None, held: false });
    }

    fn fail(&mut self, probe: ProbeId, fault: LocalFault) {
        let at = self.door.now();
        let outcome = Outcome::Local(fault);
        self.done.push(Event::Connect(Completion { probe, sent: at, at, outcome }));
    }

    /// Whether this was a SYN; nobody waits for its answer any more.
    fn forget(&mut self, probe: ProbeId) -> bool {
        take(&mut self.waiting, probe).is_some()
    }
}

/// The SYN of this name.
fn find(waiting: &mut [Option<Waiting>], probe: ProbeId) -> Option<&mut Waiting> {
    waiting.get_mut(probe.slot as usize)?.as_mut().filter(|waiting| waiting.probe == probe)
}

/// The SYN of this name, taken out.
fn take(waiting: &mut [Option<Waiting>], probe: ProbeId) -> Option<Waiting> {
    waiting.get_mut(probe.slot as usize)?.take_if(|waiting| waiting.probe == probe)
}

/// What something heard means to those who wait.
fn event(secret: (u64, u64), waiting: &mut [Option<Waiting>], heard: Heard<'_>) -> Option<Event> {
    match heard {
        Heard::Held { probe } => {
            find(waiting, probe)?.held = true;
            Some(Event::Held(probe))
        }
        Heard::Sent { probe, at } => {
            let waiting = find(waiting, probe)?;
            waiting.sent = Some(at);
            waiting.held.then_some(Event::Left { probe, at })
        }
        Heard::Unsent { probe, at, fault } => {
            take(waiting, probe)?;
            let outcome = Outcome::Local(fault);
            Some(Event::Connect(Completion { probe, sent: at, at, outcome }))
        }
        Heard::Packet { at, packet, checksummed } => {
            let answer = tcp_syn::parse(packet, checksummed)?;
            let slot = tcp_syn::mask(secret, answer.to, answer.port) ^ answer.sequence;
            let place = waiting.get_mut(usize::try_from(slot).ok()?)?;
            let asked = place.take_if(|waiting| is_about(&answer, &waiting.syn))?;
            let sent = asked.sent.unwrap_or(at);
            let outcome = in_its_zone(answer.outcome, asked.syn.to);
            Some(Event::Connect(Completion { probe: asked.probe, sent, at: at.max(sent), outcome }))
        }
        Heard::Lost { count, at } => Some(Event::Overrun { count, at }),
    }
}

/// Whether an answer bears the numbers of this SYN. A packet knows no zones.
fn is_about(answer: &Answer, syn: &Syn) -> bool {
    let ends = |to: Endpoint, source: IpAddr, port: u16| (to.address.ip(), to.port, source, port);
    ends(answer.to, answer.source, answer.port) == ends(syn.to, syn.source, syn.port)
        && answer.sequence == syn.sequence
}

/// An ICMP error of the target itself comes from the target's zone.
fn in_its_zone(outcome: Outcome, to: Endpoint) -> Outcome {
    match outcome {
        Outcome::Icmp(mut icmp) if icmp.from.is_some_and(|from| from.ip() == to.address.ip()) => {
            icmp.from = Some(to.address);
            Outcome::Icmp(icmp)
        }
        outcome => outcome,
    }
}

impl<D: Frames> Sockets for Framed<D> {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        Capacity { packets: self.door.room(), ..self.door.capacity() }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.done);
        self.door.receive(inbox);
        let (secret, waiting) = (self.secret, &mut self.waiting);
        self.door.hear(&mut |heard| inbox.extend(event(secret, waiting, heard)));
    }

    fn heard_until(&self) -> Instant {
        self.door.heard_until()
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Syn { probe, to } => self.ask(probe, to),
                Request::Abandon(probe) if self.forget(probe) => {}
                other => self.others.push(other),
            }
        }
        if !self.batch.is_empty() {
            self.door.send(&mut self.batch);
        }
        if !self.others.is_empty() {
            self.door.transmit(&mut self.others);
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        if self.done.is_empty() {
            self.door.wait_until(deadline);
        }
    }
}
