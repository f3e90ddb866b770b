//! The simulated door: a kernel's `connect` and `sendto`, and packets past it, over a world in virtual time.

mod datagrams;
mod packets;

use std::mem;
use std::time::Duration;

use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Instant, LocalFault, Mac};

use crate::agenda::Agenda;
use crate::attempts::{Attempt, Attempts, Key};
use crate::counters::Counters;
use crate::host::{Answer, Does, HostLife, Presence, Reply};
use crate::machine::Machine;
use crate::node::Forgery;
use crate::packet::{Connect, Content, Flow, Packet, Way};
use crate::path::{Extra, Path, Reached, Walk};
use crate::random::{Random, mix};
use crate::truth::{Judgement, Told};
use crate::world::World;

use datagrams::{Datagrams, FORGERS_TTL};
use packets::Packets;

/// The door to a [`World`].
///
/// It keeps the contract of [`Sockets`] (see [`crate::conformance`]) but for what a world does on purpose:
/// where a node duplicates, a completion may come twice; where a node forges, one may come that nobody
/// asked for, and so may datagrams, errors about datagrams, and packets.
///
/// It carries packets too ([`Frames`](portolan_model::frames::Frames)), and is their judge: one that is no sound SYN, ACK or
/// ping of ours, and no RST that a SYN-ACK has earned, is a bug, and it panics.
#[derive(Debug)]
pub struct SimSockets {
    world: World,
    path: Path,
    lives: Vec<HostLife>,
    machine: Machine,
    attempts: Attempts,
    agenda: Agenda<Step>,
    datagrams: Datagrams,
    packets: Packets,
    /// Ends of connects, and what became of datagrams on this machine, not read yet.
    done: Vec<Event>,
    clock: Instant,
    random: Random,
    counters: Counters,
}

/// What will happen.
#[derive(Debug)]
enum Step {
    /// A packet goes on.
    Walk(Walk),
    /// The kernel's retransmission timer fires.
    SynAgain(Key),
    /// A host's timer fires: its SYN-ACK for the `n`th time again, from 0.
    SynAckAgain(Walk, u8),
    /// The attempt ends within this machine.
    End(Key, Outcome),
    /// The door says what it should not.
    Stray(Completion),
    /// Something about a datagram comes to a port of ours.
    Arrive(u16, Event),
    /// A packet of our own making never leaves, or a neighbour does not answer.
    Unsent(ProbeId, LocalFault),
    /// A neighbour answers, which was asked then.
    Neighbour(ProbeId, Instant, Mac),
    /// A packet that nobody earned comes in.
    Forged(Vec<u8>),
}

impl Sockets for SimSockets {
    fn now(&self) -> Instant {
        self.clock
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: self.machine.spec.sockets, packets: 0, datagrams: self.machine.spec.datagrams }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        let now = self.clock;
        inbox.extend(self.done.drain(..).map(|mut event| {
            // An end is noticed when somebody looks, as with a real door.
            if let Event::Connect(Completion { at, .. }) = &mut event {
                *at = now;
            }
            event
        }));
        self.datagrams.read(now, inbox);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Connect { probe, to } => self.connect(probe, to),
                // Who turns it into a packet stands around this door.
                Request::Syn { probe, .. } | Request::Ack { probe, .. } | Request::Ping { probe, .. } => {
                    self.end_at_once(probe, LocalFault::Permission);
                }
                Request::Datagram { probe, to, payload, own_port } => {
                    self.send_datagram(probe, to, payload.into(), own_port);
                }
                Request::Abandon(probe) => self.abandon(probe),
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let before = self.clock;
        while self.done.is_empty() && !self.datagrams.has_news() && !self.packets.has_news() {
            let next = match (self.agenda.next_at(), deadline) {
                (Some(next), Some(deadline)) if next > deadline => None,
                (next, _) => next,
            };
            match next {
                Some(at) => self.run_until(at.max(self.clock)),
                None => {
                    // Without a deadline nothing will ever happen again; a second is our interruption, so
                    // that a loop that waits for nothing at least sees its clock run.
                    self.clock = deadline.unwrap_or(self.clock + Duration::from_secs(1)).max(self.clock);
                    break;
                }
            }
        }
        if self.clock > before {
            self.stall();
        }
    }
}

impl SimSockets {
    pub(crate) fn new(world: World) -> Self {
        SimSockets {
            path: Path::new(&world),
            lives: vec![HostLife::default(); world.hosts()],
            machine: Machine::new(world.spec.machine.clone()),
            attempts: Attempts::default(),
            agenda: Agenda::new(),
            datagrams: Datagrams::default(),
            packets: Packets::default(),
            done: Vec::new(),
            clock: Instant::ZERO,
            random: Random::new(mix(world.seed())),
            counters: Counters::default(),
            world,
        }
    }

    /// The world behind this door.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What has happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How many SYN-ACKs the scanner was told of that its kernel was kept from, and has not given up.
    pub fn half_open(&self) -> u64 {
        self.packets.owed()
    }

    /// What `told` of `endpoint` is worth, after what happened: silence of a host that fell silent before
    /// anything of it could be heard is undecided, since nobody could know better.
    pub fn judge(&self, endpoint: Endpoint, told: Told) -> Judgement {
        let truth = self.world.truth(endpoint);
        match truth.judge(told) {
            Judgement::Wrong
                if told == Told::silence(endpoint.transport)
                    && !self.is_heard(endpoint)
                    && (truth.may_fall_silent || self.is_lost(endpoint)) =>
            {
                Judgement::Undecided
            }
            judgement => judgement,
        }
    }

    /// Whether all that this host answered was lost on the way, since nobody repeats a RST. (A SYN-ACK comes again.)
    pub(crate) fn is_lost(&self, endpoint: Endpoint) -> bool {
        self.world.is_asked_by_ack(endpoint) && !self.is_heard(endpoint)
    }

    fn is_heard(&self, endpoint: Endpoint) -> bool {
        self.world.host(endpoint.address).is_some_and(|host| self.lives[host as usize].heard)
    }

    fn connect(&mut self, probe: ProbeId, to: Endpoint) {
        self.run_until(self.clock + self.machine.spec.connect_cost());
        self.counters.connects += 1;
        let sent = self.clock;
        let host = self.world.host(to.address);
        let own = host.is_some_and(|host| self.world.group(host).own);
        let open = self.open_sockets();
        let chance = (&mut self.random, &mut self.counters);
        let local = match self.machine.open(to, own, open, chance) {
            Ok(local) => local,
            Err(fault) => return self.end_at_once(probe, fault),
        };
        let chain = host.map_or(self.path.nobodys(), |host| self.world.group_number(host));
        let attempt = Attempt { probe, to, sent, host, chain, local, again: 0, accepted: false };
        let key = self.attempts.add(attempt);
        match self.local_end(&attempt, own) {
            Some((outcome, after)) => self.agenda.put(sent + after, Step::End(key, outcome)),
            None => {
                self.send_syn(key, attempt);
                self.arm(key, attempt);
            }
        }
    }

    /// A connect or a SYN ends before anything was sent.
    fn end_at_once(&mut self, probe: ProbeId, fault: LocalFault) {
        let (sent, outcome) = (self.clock, Outcome::Local(fault));
        self.done.push(Event::Connect(Completion { probe, sent, at: sent, outcome }));
    }

    /// How an attempt ends that never leaves this machine, and after how long.
    fn local_end(&mut self, attempt: &Attempt, own: bool) -> Option<(Outcome, Duration)> {
        if let Some((fault, after)) = self.no_neighbour(attempt.to, attempt.host) {
            return Some((Outcome::Local(fault), after));
        }
        let itself = attempt.to.address.socket(attempt.to.port);
        let closed = || {
            attempt.host.is_some_and(|host| self.world.answer(host, attempt.to) == Does::Tcp(Answer::Closed))
        };
        if own && attempt.local == itself && closed() {
            // RFC 9293 section 3.5, simultaneous open: the SYN meets the socket that sent it.
            self.counters.self_connects += 1;
            return Some((Outcome::Connected { local: itself }, LOOPBACK));
        }
        None
    }

    /// Whether the next machine towards `to` does not answer ARP or NDP, and after how long that is known.
    fn no_neighbour(&mut self, to: Endpoint, host: Option<u32>) -> Option<(LocalFault, Duration)> {
        let no_gateway = self.machine.spec.has_no_gateway(to.address);
        let presence = host.map(|host| self.world.group(host).presence);
        if !no_gateway && presence != Some(Presence::NoNeighbour) {
            return None;
        }
        Some(self.nobody_answers(!no_gateway))
    }

    /// Nobody answers ARP or NDP, and so long it takes until that is known.
    fn nobody_answers(&mut self, on_link: bool) -> (LocalFault, Duration) {
        self.counters.no_neighbour += 1;
        let fault = LocalFault::NoNeighbour { on_link };
        // Linux asks three times, a second apart (`mcast_solicit`, `retrans_time_ms`); who comes later
        // waits for what is left of it.
        (fault, Duration::from_secs(1) + self.random.up_to(Duration::from_secs(2)))
    }

    fn open_sockets(&self) -> usize {
        self.attempts.len() + self.datagrams.own_ports()
    }

    fn abandon(&mut self, probe: ProbeId) {
        self.close(probe);
        match self.attempts.find(probe).and_then(|key| self.attempts.remove(key)) {
            Some(attempt) => {
                self.machine.tcp_ports.release(attempt.local.port());
                self.counters.abandoned += 1;
            }
            None => {
                self.done.retain(|event| !matches!(event, Event::Connect(end) if end.probe == probe));
            }
        }
    }

    /// Lets everything happen that is due by `now`, and then it is `now`.
    fn run_until(&mut self, now: Instant) {
        while let Some((at, step)) = self.agenda.pop_due(now) {
            self.clock = self.clock.max(at);
            self.happen(step);
        }
        self.clock = self.clock.max(now);
    }

    fn happen(&mut self, step: Step) {
        match step {
            Step::Walk(walk) => self.walk(walk),
            Step::SynAgain(key) => self.syn_again(key),
            Step::SynAckAgain(back, n) => self.syn_ack_again(back, n),
            Step::End(key, outcome) => self.end(key, outcome),
            Step::Stray(event) => self.done.push(Event::Connect(event)),
            Step::Arrive(port, event) => self.arrive(port, event),
            Step::Unsent(probe, fault) => self.packets.unsent(probe, fault, self.clock),
            Step::Neighbour(probe, asked, mac) => self.packets.neighbour(probe, asked, self.clock, mac),
            Step::Forged(bytes) => {
                self.arrive_packet(bytes);
            }
        }
    }

    fn walk(&mut self, mut walk: Walk) {
        loop {
            let now = self.clock;
            let (agenda, random) = (&mut self.agenda, &mut self.random);
            let mut forged = Vec::new();
            let besides = |extra| match extra {
                Extra::Copy(copy, lag) => agenda.put(now + lag, Step::Walk(copy)),
                Extra::Forged(packet, forgery, lag) => forged.push((packet, forgery, lag)),
            };
            let reached = self.path.walk(walk, now, (random, &mut self.counters), besides);
            for (packet, forgery, lag) in forged {
                self.forge(&packet, forgery, lag);
            }
            let answer = match reached {
                Reached::Nowhere => return,
                Reached::Waits(walk, lag) => return self.agenda.put(now + lag, Step::Walk(walk)),
                // It arrives in its turn.
                Reached::End(walk, lag) if lag > Duration::ZERO => {
                    return self.agenda.put(now + lag, Step::Walk(walk));
                }
                Reached::End(walk, _) if walk.way == Way::Back => return self.deliver(&walk),
                Reached::End(walk, _) => self.ask_host(walk.packet),
            };
            let Some((back, lag)) = answer else { return };
            if lag > Duration::ZERO {
                return self.agenda.put(now + lag, Step::Walk(back));
            }
            walk = back;
        }
    }

    /// A SYN or a datagram reaches the end of its way.
    fn ask_host(&mut self, mut packet: Packet) -> Option<(Walk, Duration)> {
        let host = packet.host?;
        let does = match &packet.flow {
            Flow::Ping(ping) => ping.kind().map(Does::Ping),
            _ => None,
        };
        let does = does.unwrap_or_else(|| self.world.answer(host, packet.to));
        let chance = (self.clock, &mut self.random, &mut self.counters);
        let life = &mut self.lives[host as usize];
        let Reply { content, after, ttl } = life.receive(self.world.group(host), does, &packet, chance)?;
        packet.content = content;
        let position = self.path.len(packet.chain);
        let back = Walk { packet, way: Way::Back, position, ttl };
        self.arm_host(&back, does, after);
        Some((back, after))
    }

    /// What the host will send again by itself.
    fn arm_host(&mut self, back: &Walk, does: Does, after: Duration) {
        let accepted = back.packet.content == Content::SynAck
            && match &back.packet.flow {
                Flow::Connect(connect) => {
                    let attempt = self.attempts.get_mut(connect.attempt);
                    attempt.is_some_and(|attempt| !mem::replace(&mut attempt.accepted, true))
                }
                Flow::Syn(_) => self.packets.accept(&back.packet),
                Flow::Datagram(_) | Flow::Ping(_) => false,
            };
        if accepted {
            self.agenda.put(self.clock + SYN_ACK_AGAIN[0], Step::SynAckAgain(back.clone(), 0));
        }
        if matches!(does, Does::Udp(answer) if answer.answers_twice()) {
            self.agenda.put(self.clock + after, Step::Walk(back.clone()));
        }
    }

    /// A packet reaches our kernel.
    fn deliver(&mut self, Walk { packet, ttl, .. }: &Walk) {
        self.counters.answers += 1;
        match &packet.flow {
            Flow::Connect(connect) => self.complete(packet, *connect),
            Flow::Datagram(payload) => self.deliver_datagram(packet, payload),
            Flow::Syn(syn) => {
                self.deliver_packet(packet, syn.answer(&packet.content, *ttl, self.world.seed()))
            }
            Flow::Ping(ping) => self.deliver_packet(packet, ping.answer(&packet.content, *ttl)),
        }
    }

    fn complete(&mut self, packet: &Packet, Connect { attempt, probe, sent }: Connect) {
        let Some(outcome) = packet.outcome() else { return };
        if self.attempts.get_mut(attempt).is_some() {
            self.heed(packet);
            self.end(attempt, outcome);
        } else if packet.copy {
            self.counters.duplicates += 1;
            self.done.push(Event::Connect(Completion { probe, sent, at: self.clock, outcome }));
        } else {
            self.counters.answers_late += 1;
        }
    }

    /// Somebody waits for this packet: its host, if it is its own, was heard.
    fn heed(&mut self, packet: &Packet) {
        if let Some(host) = packet.host {
            self.lives[host as usize].heard |= packet.is_the_hosts_own();
        }
    }

    fn end(&mut self, key: Key, outcome: Outcome) {
        if let Some(attempt) = self.attempts.remove(key) {
            self.machine.tcp_ports.release(attempt.local.port());
            let Attempt { probe, sent, .. } = attempt;
            self.done.push(Event::Connect(Completion { probe, sent, at: self.clock, outcome }));
        }
    }

    fn send_syn(&mut self, key: Key, attempt: Attempt) {
        self.counters.syns += 1;
        let Attempt { probe, to, sent, host, chain, local, .. } = attempt;
        let flow = Flow::Connect(Connect { attempt: key, probe, sent });
        let packet = Packet { flow, to, host, chain, local, content: Content::Syn, copy: false };
        self.walk(Walk::out(packet));
    }

    /// Winds the retransmission timer.
    fn arm(&mut self, key: Key, attempt: Attempt) {
        if let Some(after) = self.machine.spec.backoff.after(attempt.again) {
            self.agenda.put(attempt.sent + after, Step::SynAgain(key));
        }
    }

    fn syn_again(&mut self, key: Key) {
        let Some(attempt) = self.attempts.get_mut(key) else { return };
        if self.machine.spec.backoff.is_last(attempt.again) {
            return self.end(key, Outcome::TimedOut);
        }
        attempt.again += 1;
        let attempt = *attempt;
        self.counters.syns_again += 1;
        self.send_syn(key, attempt);
        self.arm(key, attempt);
    }

    fn syn_ack_again(&mut self, back: Walk, n: u8) {
        // Once the attempt is over, our kernel's RST or ACK has told the host.
        let waits = match &back.packet.flow {
            Flow::Connect(connect) => self.attempts.get_mut(connect.attempt).is_some(),
            Flow::Syn(_) => self.packets.is_half_open(&back.packet),
            Flow::Datagram(_) | Flow::Ping(_) => false,
        };
        let dead = |host: u32| self.lives[host as usize].is_dead(self.world.group(host));
        if !waits || back.packet.host.is_none_or(dead) {
            return;
        }
        self.counters.syn_acks_again += 1;
        match SYN_ACK_AGAIN.get(usize::from(n) + 1) {
            Some(after) => self.agenda.put(self.clock + *after, Step::SynAckAgain(back.clone(), n + 1)),
            None => self.packets.forget(&back.packet),
        }
        self.walk(back);
    }

    fn forge(&mut self, packet: &Packet, forgery: Forgery, lag: Duration) {
        let step = match (&packet.flow, forgery) {
            (Flow::Connect(connect), _) => self.forge_completion(packet, *connect),
            (Flow::Datagram(payload), Forgery::Datagram(kind)) => {
                Step::Arrive(packet.local.port(), self.forge_datagram(packet, payload, kind))
            }
            (Flow::Syn(syn), _) => Step::Forged(self.forge_packet(syn)),
            (Flow::Ping(ping), Forgery::Datagram(kind)) if self.is_of_a_scan(ping) => {
                let Some(payload) = ping.payload() else { return };
                let event = self.forge_datagram(packet, payload, kind);
                let Some(bytes) = ping.forged_as(&event, FORGERS_TTL) else { return };
                Step::Forged(bytes)
            }
            (Flow::Ping(ping), _) => Step::Forged(self.forge_pong(ping)),
            (Flow::Datagram(_), Forgery::Completion) => return,
        };
        self.agenda.put(self.clock + lag, step);
    }

    fn forge_completion(&mut self, packet: &Packet, Connect { probe, sent, .. }: Connect) -> Step {
        self.counters.forged += 1;
        // Any bit but none: the tag is wrong for certain.
        let flip = u32::try_from(self.random.next() >> 32).unwrap_or(1).max(1);
        let probe = ProbeId { slot: probe.slot, tag: probe.tag ^ flip };
        let outcome = Outcome::Connected { local: packet.local };
        Step::Stray(Completion { probe, sent, at: self.clock, outcome })
    }

    /// The process is woken late now and then; the world does not wait for it.
    fn stall(&mut self) {
        if let Some(stall) = self.machine.spec.stall
            && self.random.chance(stall.probability.0)
        {
            self.counters.stalls += 1;
            self.run_until(self.clock + stall.ms.0);
        }
    }
}

/// Within a machine.
const LOOPBACK: Duration = Duration::from_micros(20);

/// How long a host waits before it sends a SYN-ACK again (Linux's `tcp_synack_retries` = 5, from 1 s).
const SYN_ACK_AGAIN: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
];
