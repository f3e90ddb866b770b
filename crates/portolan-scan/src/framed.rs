mod datagrams;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use portolan_model::frames::{Batch, Frames, Heard, Numbers};
use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Instant, LocalFault, Ping, Pong};

use crate::technique::icmp_timestamp::originate;
use crate::technique::packet::{self, Answer, Kind, Question};
use crate::technique::tcp_syn;

use datagrams::{Datagrams, told};

/// A door of packets, for the engine to ask as it asks any other: it writes the SYNs, the ACKs and the pings, and knows their answers
/// among everything that comes in; a scan's datagrams it writes where the door holds ports for them. All else goes through the same door's sockets.
///
/// The number of a packet is one of [`Numbers`]: so the number that comes back leads to the attempt without a search, and
/// only one of 2^32 numbers is the right one. An empty datagram has no number; its port of ours stands for it.
///
/// A SYN-ACK leaves a half-open connection behind. Where the kernel has seen it, the kernel gives it up; where it was
/// kept from it ([`Framed::keep_answers`]) we do, with one RST for each SYN-ACK that bears a number of ours, also for
/// one that comes again, to an attempt that is settled. Such a RST asks nothing: it is no probe, and is not counted as one.
pub struct Framed<D> {
    door: D,
    ports: RangeInclusive<u16>,
    next_port: u16,
    heeded: Heeded,
    batch: Batch,
    /// Requests of a batch that are no packets.
    others: Vec<Request>,
    /// What is known without having asked.
    done: Vec<Event>,
}

/// Whom answers are waited for from.
struct Heeded {
    numbers: Numbers,
    secret: (u64, u64),
    waiting: Vec<Option<Waiting>>,
    /// Where those wait that bear no number, by their address, port and port of ours.
    by_ends: HashMap<Ends, u32>,
    /// Of a scan, whose answers bear names of its own.
    datagrams: Datagrams,
}

type Ends = (IpAddr, u16, u16);

/// An attempt whose answer is waited for.
#[derive(Copy, Clone, Debug)]
struct Waiting {
    probe: ProbeId,
    /// What was sent; nothing if a neighbour is asked, whose question is the door's own.
    question: Option<Question>,
    /// When it left, as far as that is known.
    sent: Option<Instant>,
    /// It waited for its way.
    held: bool,
}

impl<D: Frames> Framed<D> {
    /// A door around `door`. Who knows `secret` can forge answers.
    pub fn new(door: D, secret: (u64, u64)) -> Self {
        let (ports, datagrams) = (door.ports(), Datagrams::new(door.datagram_ports()));
        // Where one scan begins, the one before it may have left its traces in boxes on the way.
        let next_port = within(&ports, secret.1);
        Framed {
            door,
            ports,
            next_port,
            heeded: Heeded {
                numbers: Numbers::new(secret),
                secret,
                waiting: Vec::new(),
                by_ends: HashMap::new(),
                datagrams,
            },
            batch: Batch::default(),
            others: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Keeps what comes by the ways to `towards` from the kernel, which would take the time to refuse each SYN-ACK; whether
    /// that can be done for any of them. If one of ours is lost, it comes again.
    pub fn keep_answers(&mut self, towards: &[Address]) -> bool {
        self.door.keep_answers(self.heeded.numbers, towards)
    }

    /// Whether a scan's datagrams can leave as packets.
    pub fn can_send_datagrams(&self) -> bool {
        self.heeded.datagrams.can_any_leave()
    }

    /// The door itself again.
    pub fn into_inner(self) -> D {
        self.door
    }

    fn ping(&mut self, probe: ProbeId, to: Address, ping: Ping) {
        match ping {
            Ping::Neighbour => {
                self.heeded.wait(Waiting { probe, question: None, sent: None, held: false });
                self.door.ask_neighbour(probe, to);
            }
            Ping::Echo => self.ask(probe, Kind::Echo, to, Kind::Echo.theirs()),
            Ping::Timestamp => self.ask(probe, Kind::Timestamp, to, Kind::Timestamp.theirs()),
            Ping::Syn(port) => self.ask(probe, Kind::Syn, to, port),
            Ping::Ack(port) => self.ask(probe, Kind::Ack, to, port),
            Ping::Udp(port) => self.ask(probe, Kind::Udp, to, port),
        }
    }

    fn ask(&mut self, probe: ProbeId, kind: Kind, to: Address, theirs: u16) {
        let source = match self.door.source(to) {
            Ok(source) => source,
            Err(fault) => return self.fail(probe, fault),
        };
        let (ours, number, proof) = self.numbers(probe, kind, to.ip(), theirs);
        let question = Question { kind, source, to, ours, theirs, number, proof };
        if !self.batch.push(probe, to, packet::LONGEST, |buffer| packet::emit(&question, buffer)) {
            return self.fail(probe, LocalFault::NoRoute);
        }
        self.heeded.wait(Waiting { probe, question: Some(question), sent: None, held: false });
    }

    /// The port of ours that a packet leaves from, its number, and what an answer repeats besides.
    fn numbers(&mut self, probe: ProbeId, kind: Kind, to: IpAddr, theirs: u16) -> (u16, u32, u64) {
        let Heeded { numbers, secret, .. } = &self.heeded;
        let end = Endpoint::tcp(Address::new(to), theirs);
        match kind {
            Kind::Syn | Kind::Ack => {
                // From another port each time: what a box or a host remembers of an earlier attempt must not meet this one.
                let port = self.next_port;
                self.next_port = if port == *self.ports.end() { *self.ports.start() } else { port + 1 };
                (port, numbers.number(end, port, probe.slot), 0)
            }
            Kind::Echo | Kind::Timestamp => {
                let number = numbers.number(end, 0, probe.slot);
                let proof = packet::proof(*secret, to, theirs, number);
                (0, number, if kind == Kind::Echo { proof } else { originate(proof) })
            }
            // The next port can be told by whoever has seen the one before; this one cannot.
            Kind::Udp => {
                let number = probe.tag ^ probe.slot.rotate_left(16);
                (within(&self.ports, packet::proof(*secret, to, theirs, number)), 0, 0)
            }
        }
    }

    /// Sends a datagram as a packet; those that cannot leave as one leave by a socket.
    fn send(&mut self, probe: ProbeId, to: Endpoint, payload: Box<[u8]>, own_port: bool) {
        let datagrams = &mut self.heeded.datagrams;
        if datagrams.suits(to, &payload, own_port)
            && let Ok(source) = self.door.source(to.address)
            && datagrams.write((probe, to, &payload), source, &mut self.batch)
        {
            return;
        }
        self.others.push(Request::Datagram { probe, to, payload, own_port });
    }

    fn fail(&mut self, probe: ProbeId, fault: LocalFault) {
        let at = self.door.now();
        let outcome = Outcome::Local(fault);
        self.done.push(Event::Connect(Completion { probe, sent: at, at, outcome }));
    }
}

/// One of these ports.
fn within(ports: &RangeInclusive<u16>, number: u64) -> u16 {
    let span = u64::from(ports.end() - ports.start()) + 1;
    #[expect(clippy::cast_possible_truncation, reason = "below the number of ports")]
    let port = ports.start() + (number % span) as u16;
    port
}

impl Heeded {
    fn wait(&mut self, waiting: Waiting) {
        let slot = waiting.probe.slot as usize;
        if slot >= self.waiting.len() {
            self.waiting.resize(slot + 1, None);
        }
        self.forget_datagram(self.waiting[slot]);
        if let Some(question) = waiting.question.filter(|question| question.kind == Kind::Udp) {
            self.by_ends.insert(ends(&question), waiting.probe.slot);
        }
        self.waiting[slot] = Some(waiting);
    }

    /// The attempt of this name.
    fn find(&mut self, probe: ProbeId) -> Option<&mut Waiting> {
        self.waiting.get_mut(probe.slot as usize)?.as_mut().filter(|waiting| waiting.probe == probe)
    }

    /// The attempt of this name; nobody waits for its answer any more.
    fn take(&mut self, probe: ProbeId) -> Option<Waiting> {
        let place = self.waiting.get_mut(probe.slot as usize)?;
        let taken = place.take_if(|waiting| waiting.probe == probe);
        self.forget_datagram(taken);
        taken
    }

    /// Where the packet waits that bore this number, if it is one of ours.
    fn place(&self, answer: &Answer<'_>) -> u32 {
        let end = Endpoint::tcp(Address::new(answer.to), answer.theirs);
        self.numbers.place(end, answer.ours, answer.number)
    }

    /// The attempt that this answers, which waits no more.
    fn answered(&mut self, answer: &Answer<'_>) -> Option<(Waiting, Question)> {
        let slot = match answer.kind {
            Some(Kind::Udp) => *self.by_ends.get(&(answer.to, answer.theirs, answer.ours))?,
            _ => self.place(answer),
        };
        let place = self.waiting.get_mut(usize::try_from(slot).ok()?)?;
        let is_about = |waiting: &Waiting| waiting.question.is_some_and(|asked| answer.is_about(&asked));
        let taken = place.take_if(|waiting| is_about(waiting))?;
        self.forget_datagram(Some(taken));
        Some((taken, taken.question?))
    }

    fn forget_datagram(&mut self, taken: Option<Waiting>) {
        let Some(Waiting { probe, question: Some(question), .. }) = taken else { return };
        if question.kind == Kind::Udp
            && let Entry::Occupied(entry) = self.by_ends.entry(ends(&question))
            && *entry.get() == probe.slot
        {
            entry.remove();
        }
    }

    /// What something heard means to those who wait. What we have to say to it goes into the batch.
    fn event(&mut self, heard: Heard<'_>, batch: &mut Batch) -> Option<Event> {
        let (probe, sent, at, outcome) = match heard {
            Heard::Held { probe } => {
                self.find(probe)?.held = true;
                return Some(Event::Held(probe));
            }
            Heard::Sent { probe, at } => {
                let waiting = self.find(probe)?;
                waiting.sent = Some(at);
                return waiting.held.then_some(Event::Left { probe, at });
            }
            Heard::Lost { count, at } => return Some(Event::Overrun { count, at }),
            Heard::Unsent { probe, at, fault } => (self.take(probe)?.probe, at, at, Outcome::Local(fault)),
            Heard::OffLink { probe, at } => (self.take(probe)?.probe, at, at, Outcome::OffLink),
            Heard::Neighbour { probe, asked, at, mac } => {
                (self.take(probe)?.probe, asked, at, Outcome::Pong(Pong::Neighbour { mac }))
            }
            Heard::Packet { at, packet, checksummed, kept } => {
                let answer = packet::parse(packet, checksummed)?;
                if self.datagrams.is_ours(&answer) {
                    return Some(told(&answer, at));
                }
                // Beyond the last place the number is none of ours.
                let ours = (self.place(&answer) as usize) < self.waiting.len();
                let answered = self.answered(&answer);
                if kept && ours && matches!(answer.outcome, Outcome::SynAck(_)) {
                    give_up(answered.map_or_else(|| answer.syn(), |(_, question)| question), batch);
                }
                let (asked, question) = answered?;
                let sent = asked.sent.unwrap_or(at);
                (asked.probe, sent, at.max(sent), in_its_zone(answer.outcome, question.to))
            }
        };
        Some(Event::Connect(Completion { probe, sent, at, outcome }))
    }
}

/// Gives up the connection that a SYN of ours began. If this is lost, the SYN-ACK comes again, and then another.
fn give_up(syn: Question, batch: &mut Batch) {
    batch.push(NOBODY, syn.to, packet::LONGEST, |buffer| tcp_syn::emit_reset(&syn, buffer));
}

fn ends(question: &Question) -> Ends {
    (question.to.ip(), question.theirs, question.ours)
}

/// An ICMP error of the target itself comes from the target's zone.
fn in_its_zone(outcome: Outcome, to: Address) -> Outcome {
    match outcome {
        Outcome::Icmp(mut icmp) if icmp.from.is_some_and(|from| from.ip() == to.ip()) => {
            icmp.from = Some(to);
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
        // A number has room for so many places.
        let (room, sockets) = (self.door.room(), self.door.capacity());
        let by_packets = if self.can_send_datagrams() { room / LARGER } else { 0 };
        let packets = room.min(1 << Numbers::PLACE_BITS);
        Capacity { packets, datagrams: sockets.datagrams.max(by_packets), ..sockets }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.done);
        self.door.receive(inbox);
        let Framed { door, heeded, batch, .. } = self;
        door.hear(&mut |heard| {
            if !heeded.datagrams.fate(heard, inbox) {
                inbox.extend(heeded.event(heard, batch));
            }
        });
    }

    fn heard_until(&self) -> Instant {
        self.door.heard_until()
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Syn { probe, to } => self.ask(probe, Kind::Syn, to.address, to.port),
                Request::Ack { probe, to } => self.ask(probe, Kind::Ack, to.address, to.port),
                Request::Ping { probe, to, ping } => self.ping(probe, to, ping),
                Request::Datagram { probe, to, payload, own_port } => self.send(probe, to, payload, own_port),
                Request::Abandon(probe) if self.heeded.take(probe).is_some() => {}
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

/// An answer over UDP may take so many times the room of one over TCP.
const LARGER: usize = 8;

/// Whose fate nobody asks about: no attempt has this place.
const NOBODY: ProbeId = ProbeId { slot: u32::MAX, tag: 0 };
