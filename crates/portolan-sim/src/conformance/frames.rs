use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use portolan_model::frames::{Batch, Frames, Heard, Numbers};
use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Endpoint, Instant, LocalFault};
use portolan_wire::{TcpFlags, TcpOptions, TcpRepr, TcpView, protocol};

use crate::ip::{IpHeader, IpView};

/// Checks the contract of [`Frames`] on doors that `make` opens, one a check. `open` answers a SYN with a SYN-ACK,
/// `closed` with a RST, and both an ACK of no connection with a RST, all within a second and on another machine than this one. A broken clause panics with its name,
/// as a test does.
///
/// It asks nothing of checksums: what a local interface hands over may not bear its final ones. What strangers send is
/// passed over, but for TCP to the ports that packets are sent from: nobody else answers there.
pub fn frames_conform<F: Frames>(mut make: impl FnMut() -> F, open: Endpoint, closed: Endpoint) {
    let (open, closed) = (Target { to: open, says: Says::SynAck }, Target { to: closed, says: Says::Reset });
    there_is_room_and_a_port(&make());
    what_passes_no_wire_has_no_source(&mut make());
    super::a_deadline_that_has_passed_does_not_wait(&mut make());
    a_wait_ends_at_its_deadline_and_tells_of_nothing(&mut make());
    each_packet_is_told_once_and_answered_rightly(&mut make(), open, closed);
    a_batch_is_used_again(&mut make(), open, closed);
    a_wait_ends_when_a_packet_comes(&mut make(), closed);
    what_is_kept_comes_again_until_it_is_given_up(&mut make(), open);
    an_ack_is_reset_whoever_listens(&mut make(), open.to, closed.to);
}

fn there_is_room_and_a_port<F: Frames>(door: &F) {
    assert!(door.room() >= 1, "a door without room for one answer");
    let ports = door.ports();
    assert!(!ports.is_empty(), "a door without a port to send from");
    assert!(*ports.start() >= 1024, "ports of the system (RFC 6335 section 6): {ports:?}");
    assert_eq!(ports, door.ports(), "the ports stay");
}

fn what_passes_no_wire_has_no_source<F: Frames>(door: &mut F) {
    for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        assert_eq!(door.source(Address::new(ip)), Err(LocalFault::OwnAddress), "of {ip}");
    }
}

fn a_wait_ends_at_its_deadline_and_tells_of_nothing<F: Frames>(door: &mut F) {
    let before = door.now();
    door.send(&mut Batch::default());
    let mut talk = Talk::default();
    // What strangers send may end a wait early, but not for ever.
    talk.linger(door);
    let waited = door.now().since(before);
    assert!(waited < MOMENT + PATIENCE, "waited {waited:?} for {MOMENT:?}");
    assert!(talk.fates.is_empty() && talk.answers.is_empty(), "nothing was sent: {talk:?}");
}

fn each_packet_is_told_once_and_answered_rightly<F: Frames>(door: &mut F, open: Target, closed: Target) {
    let mut batch = Batch::default();
    let (mut talk, before) = (Talk::default(), door.now());
    let number = door.room().min(door.ports().len()).min(32);
    for (n, to) in (0..number).zip([open, closed].into_iter().cycle()) {
        talk.ask(door, &mut batch, n, to);
    }
    door.send(&mut batch);
    assert!(batch.is_empty(), "sending empties the batch");
    talk.listen(door);
    talk.check(before, door.now());
}

fn a_batch_is_used_again<F: Frames>(door: &mut F, open: Target, closed: Target) {
    let mut batch = Batch::default();
    for (n, to) in [open, closed, open].into_iter().enumerate() {
        let (mut talk, before) = (Talk::default(), door.now());
        talk.ask(door, &mut batch, n % door.ports().len(), to);
        door.send(&mut batch);
        talk.listen(door);
        talk.check(before, door.now());
    }
}

fn an_ack_is_reset_whoever_listens<F: Frames>(door: &mut F, open: Endpoint, closed: Endpoint) {
    let mut batch = Batch::default();
    let (mut talk, before) = (Talk::default(), door.now());
    for (n, to) in [open, closed].into_iter().enumerate().take(door.room().min(door.ports().len())) {
        talk.ask(door, &mut batch, n, Target { to, says: Says::ResetOfAck });
    }
    door.send(&mut batch);
    talk.listen(door);
    talk.check(before, door.now());
}

fn a_wait_ends_when_a_packet_comes<F: Frames>(door: &mut F, closed: Target) {
    let mut batch = Batch::default();
    let (mut talk, before) = (Talk::default(), door.now());
    talk.ask(door, &mut batch, 0, closed);
    door.send(&mut batch);
    let end = before + PATIENCE * 10;
    while !talk.is_complete() {
        talk.turn(door, end);
    }
    let waited = door.now().since(before);
    assert!(waited < PATIENCE * 2, "waited {waited:?} for an answer that was there");
}

/// Where the kernel is kept from a SYN-ACK, nobody refuses it but us; where it is not, it has done so.
fn what_is_kept_comes_again_until_it_is_given_up<F: Frames>(door: &mut F, open: Target) {
    let numbers = Numbers::new((7, 11));
    let said = door.keep_answers(numbers, &[open.to.address]);
    let mut batch = Batch::default();
    let mut talk = Talk::default();
    talk.ask(door, &mut batch, 0, open);
    batch.clear();
    let (probe, mut asked) = talk.asked.drain().next().unwrap_or_else(|| panic!("it was asked"));
    asked.sequence = numbers.number(asked.to, asked.port, 0);
    talk.asked.insert(probe, asked);
    push(&mut batch, probe, asked.to, &asked.packet());
    door.send(&mut batch);
    talk.listen(door);
    // RFC 6298 section 2.1: a SYN-ACK comes again after a second.
    talk.linger_for(door, PATIENCE * 3 / 2);
    let kept = talk.answers[0].kept;
    assert_eq!(kept, said, "whether it is kept is as it was said");
    assert_eq!(talk.answers.len() > 1, kept, "the kernel was kept from it: {kept}; {talk:?}");
    if kept {
        let reset = Asked { sequence: asked.sequence.wrapping_add(1), ..asked };
        talk = Talk::default();
        talk.asked.insert(probe, asked);
        push(&mut batch, probe, asked.to, &reset.segment(TcpFlags::RST));
        door.send(&mut batch);
        // The third comes two seconds after the second.
        talk.linger_for(door, PATIENCE * 3);
        assert!(talk.answers.is_empty(), "it was given up: {talk:?}");
        assert_eq!(talk.fates.len(), 1, "the fate of a RST is told too");
    }
}

fn push(batch: &mut Batch, probe: ProbeId, to: Endpoint, packet: &[u8]) {
    assert!(batch.push(probe, to.address, packet.len(), |buffer| {
        buffer.copy_from_slice(packet);
        Some(packet.len())
    }));
}

/// What was asked and what was told.
#[derive(Debug, Default)]
struct Talk {
    asked: HashMap<ProbeId, Asked>,
    fates: Vec<(ProbeId, Instant)>,
    answers: Vec<Answer>,
}

/// Whom to ask, and what is answered.
#[derive(Copy, Clone, Debug)]
struct Target {
    to: Endpoint,
    says: Says,
}

/// What is answered: the first two to a SYN, the last to an ACK.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Says {
    SynAck,
    Reset,
    ResetOfAck,
}

/// A SYN, or an ACK of no connection.
#[derive(Copy, Clone, Debug)]
struct Asked {
    to: Endpoint,
    /// Our own end.
    source: IpAddr,
    port: u16,
    sequence: u32,
    says: Says,
}

/// A segment that came to one of our ports.
#[derive(Debug)]
struct Answer {
    at: Instant,
    from: Endpoint,
    /// To which of our addresses and ports.
    local: (IpAddr, u16),
    flags: TcpFlags,
    sequence: u32,
    acknowledgment: u32,
    /// Whether the kernel was kept from it.
    kept: bool,
}

impl Talk {
    /// Puts a SYN or an ACK from the `n`th of our ports into the batch.
    fn ask<F: Frames>(&mut self, door: &mut F, batch: &mut Batch, n: usize, Target { to, says }: Target) {
        let source = door.source(to.address).unwrap_or_else(|fault| panic!("no way to {to}: {fault:?}"));
        assert_eq!(source.is_ipv6(), to.address.is_ipv6(), "our address is of the same family: {source}");
        let number = u32::try_from(n).unwrap_or(0);
        // Across the end of the sequence space.
        let sequence = (u32::MAX - 8).wrapping_add(number);
        let port = door.ports().nth(n).unwrap_or_else(|| panic!("no {n}th port"));
        let probe = ProbeId { slot: number, tag: number ^ 0x5eed };
        let asked = Asked { to, source, port, sequence, says };
        push(batch, probe, to, &asked.packet());
        self.asked.insert(probe, asked);
    }

    /// Hears until every packet was told and answered, and a moment longer for what is too many.
    fn listen<F: Frames>(&mut self, door: &mut F) {
        let end = door.now() + PATIENCE;
        while !self.is_complete() {
            assert!(self.turn(door, end) < end, "within {PATIENCE:?} only this was told: {self:?}");
        }
        self.linger(door);
    }

    fn linger<F: Frames>(&mut self, door: &mut F) {
        self.linger_for(door, MOMENT);
    }

    fn linger_for<F: Frames>(&mut self, door: &mut F, time: Duration) {
        let end = door.now() + time;
        while self.turn(door, end) < end {}
    }

    /// One turn of the loop; the time after it, which never goes back.
    fn turn<F: Frames>(&mut self, door: &mut F, end: Instant) -> Instant {
        let before = door.now();
        door.wait_until(Some(end));
        let between = door.now();
        let ports = door.ports();
        door.hear(&mut |heard| match heard {
            Heard::Sent { probe, at } => self.fates.push((probe, at)),
            Heard::Held { probe } => {
                let told = self.fates.iter().any(|(other, _)| *other == probe);
                assert!(!told, "{probe:?} was sent before it was held");
            }
            Heard::Packet { at, packet, kept, .. } => {
                self.answers
                    .extend(Answer::read(packet, at, kept).filter(|answer| ports.contains(&answer.local.1)));
            }
            Heard::Unsent { .. } | Heard::Lost { .. } | Heard::Neighbour { .. } | Heard::OffLink { .. } => {
                panic!("{heard:?} of a few packets to a near host")
            }
        });
        let (told, asked) = (self.fates.len(), self.asked.len());
        assert!(told <= asked, "of {asked} packets the fate is told {told} times");
        let after = door.now();
        assert!(before <= between && between <= after, "time goes back: {before:?}, {between:?}, {after:?}");
        after
    }

    fn is_complete(&self) -> bool {
        let answered = |asked: &Asked| self.answers.iter().any(|answer| answer.is_from(asked));
        self.fates.len() >= self.asked.len() && self.asked.values().all(answered)
    }

    fn check(&self, before: Instant, now: Instant) {
        for (probe, at) in &self.fates {
            assert!(self.asked.contains_key(probe), "told of what was not sent: {probe:?}");
            assert!(before <= *at && *at <= now, "before, sent, now: {before:?}, {at:?}, {now:?}");
        }
        let mut told: Vec<_> = self.fates.iter().map(|(probe, _)| (probe.slot, probe.tag)).collect();
        told.sort_unstable();
        told.dedup();
        let (named, asked) = (told.len(), self.asked.len());
        assert_eq!((named, self.fates.len()), (asked, asked), "each packet is told once, with its name");
        for answer in &self.answers {
            let Some((probe, asked)) = self.asked.iter().find(|(_, asked)| answer.is_from(asked)) else {
                panic!("an answer to what was not sent: {answer:?}");
            };
            answer.check(asked);
            let sent = self.fates.iter().find(|(told, _)| told == probe).map(|(_, at)| *at);
            assert!(
                sent <= Some(answer.at) && answer.at <= now,
                "sent, answered, now: {sent:?}, {answer:?}, {now:?}"
            );
        }
    }
}

impl Asked {
    fn packet(&self) -> Vec<u8> {
        let is_ack = self.says == Says::ResetOfAck;
        self.segment(if is_ack { TcpFlags::ACK } else { TcpFlags::SYN })
    }

    fn segment(&self, flags: TcpFlags) -> Vec<u8> {
        let is_ack = flags == TcpFlags::ACK;
        let size = (!is_ack).then_some(1460);
        let segment = TcpRepr {
            source_port: self.port,
            destination_port: self.to.port,
            sequence: self.sequence,
            acknowledgment: if is_ack { self.sequence } else { 0 },
            flags,
            window: 1024,
            urgent: 0,
            options: TcpOptions { maximum_segment_size: size, ..TcpOptions::default() },
            payload: &[],
        };
        let header = IpHeader::tcp(self.source, self.to.address.ip(), 64);
        header.packet(segment.length(), |pseudo, buffer| segment.emit(pseudo, buffer))
    }
}

impl Answer {
    fn read(packet: &[u8], at: Instant, kept: bool) -> Option<Answer> {
        let ip = IpView::read(packet).ok().filter(|ip| ip.protocol == protocol::TCP)?;
        let segment = TcpView::new_checked(ip.payload).ok()?;
        Some(Answer {
            at,
            from: Endpoint::tcp(Address::new(ip.source), segment.source_port()),
            local: (ip.destination, segment.destination_port()),
            flags: segment.flags(),
            sequence: segment.sequence(),
            acknowledgment: segment.acknowledgment(),
            kept,
        })
    }

    fn is_from(&self, asked: &Asked) -> bool {
        // A packet does not say from which zone it is.
        self.from.port == asked.to.port
            && self.from.address.ip() == asked.to.address.ip()
            && self.local.1 == asked.port
    }

    fn check(&self, asked: &Asked) {
        assert_eq!(self.local.0, asked.source, "it is addressed to the source of what it answers");
        let kind = match asked.says {
            Says::SynAck => TcpFlags::SYN | TcpFlags::ACK,
            Says::Reset => TcpFlags::RST | TcpFlags::ACK,
            Says::ResetOfAck => {
                assert_eq!(self.flags, TcpFlags::RST, "{self:?} of {asked:?}");
                return assert_eq!(self.sequence, asked.sequence, "it bears the number of the ACK: {self:?}");
            }
        };
        assert_eq!(self.acknowledgment, asked.sequence.wrapping_add(1), "it acknowledges the SYN: {self:?}");
        assert!(self.flags.contains(kind), "{self:?} of {asked:?}");
    }
}

/// Within this everything comes that comes at all.
const PATIENCE: Duration = Duration::from_millis(1000);

/// And what comes twice comes within this.
const MOMENT: Duration = Duration::from_millis(200);
