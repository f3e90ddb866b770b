//! The simulated door: a kernel's `connect` over a world, in virtual time.

use std::mem;
use std::time::Duration;

use portolan_model::sockets::{Capacity, Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Instant, LocalFault};

use crate::agenda::Agenda;
use crate::attempts::{Attempt, Attempts, Key};
use crate::counters::Counters;
use crate::host::{Answer, HostLife, Presence};
use crate::machine::Machine;
use crate::packet::{Content, Packet, Way};
use crate::path::{Extra, Path, Reached, Walk};
use crate::random::{Random, mix};
use crate::truth::{Judgement, Told};
use crate::world::World;

/// The door to a [`World`].
///
/// It keeps the contract of [`Sockets`] (see [`crate::conformance`]) but for what a world does on purpose:
/// where a node duplicates, a completion may come twice; where a node forges, one may come that nobody
/// asked for.
#[derive(Debug)]
pub struct SimSockets {
    world: World,
    path: Path,
    lives: Vec<HostLife>,
    machine: Machine,
    attempts: Attempts,
    agenda: Agenda<Step>,
    done: Vec<Completion>,
    clock: Instant,
    random: Random,
    counters: Counters,
}

/// What will happen.
#[derive(Copy, Clone, Debug)]
enum Step {
    /// A packet goes on.
    Walk(Walk),
    /// The kernel's retransmission timer fires.
    SynAgain(Key),
    /// A host's timer fires: its SYN-ACK for the `n`th time again, from 0.
    SynAckAgain(Packet, u8),
    /// The attempt ends within this machine.
    End(Key, Outcome),
    /// The door says what it should not.
    Stray(Completion),
}

impl Sockets for SimSockets {
    fn now(&self) -> Instant {
        self.clock
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: self.machine.spec.sockets, datagrams: 0 }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        // An end is noticed when somebody looks, as with a real door.
        let at = self.clock;
        inbox.extend(self.done.drain(..).map(|event| Event::Connect(Completion { at, ..event })));
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.drain(..) {
            match request {
                Request::Connect { probe, to } => self.connect(probe, to),
                Request::Datagram { .. } => {}
                Request::Abandon(probe) => self.abandon(probe),
            }
        }
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        let before = self.clock;
        while self.done.is_empty() {
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

    /// What `told` of `endpoint` is worth, after what happened: silence of a host that fell silent before
    /// anything of it could be heard is undecided, since nobody could know better.
    pub fn judge(&self, endpoint: Endpoint, told: Told) -> Judgement {
        let truth = self.world.truth(endpoint);
        let heard = self.world.host(endpoint.address).is_some_and(|host| self.lives[host as usize].heard);
        match truth.judge(told) {
            Judgement::Wrong if truth.may_fall_silent && !heard && told == Told::SILENCE => {
                Judgement::Undecided
            }
            judgement => judgement,
        }
    }

    fn connect(&mut self, probe: ProbeId, to: Endpoint) {
        self.run_until(self.clock + self.machine.spec.connect_cost());
        self.counters.connects += 1;
        let sent = self.clock;
        let host = self.world.host(to.address);
        let own = host.is_some_and(|host| self.world.group(host).own);
        let chance = (&mut self.random, &mut self.counters);
        let local = match self.machine.open(to, own, self.attempts.len(), chance) {
            Ok(local) => local,
            Err(fault) => {
                let outcome = Outcome::Local(fault);
                self.done.push(Completion { probe, sent, at: sent, outcome });
                return;
            }
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

    /// How an attempt ends that never leaves this machine, and after how long.
    fn local_end(&mut self, attempt: &Attempt, own: bool) -> Option<(Outcome, Duration)> {
        let no_gateway = self.machine.spec.has_no_gateway(attempt.to.address);
        let presence = attempt.host.map(|host| self.world.group(host).presence);
        if no_gateway || presence == Some(Presence::NoNeighbour) {
            self.counters.no_neighbour += 1;
            let outcome = Outcome::Local(LocalFault::NoNeighbour { on_link: !no_gateway });
            // Linux asks three times, a second apart (`mcast_solicit`, `retrans_time_ms`); who comes later
            // waits for what is left of it.
            return Some((outcome, Duration::from_secs(1) + self.random.up_to(Duration::from_secs(2))));
        }
        let itself = attempt.to.address.socket(attempt.to.port);
        let closed =
            || attempt.host.is_some_and(|host| self.world.answer(host, attempt.to) == Answer::Closed);
        if own && attempt.local == itself && closed() {
            // RFC 9293 section 3.5, simultaneous open: the SYN meets the socket that sent it.
            self.counters.self_connects += 1;
            return Some((Outcome::Connected { local: itself }, LOOPBACK));
        }
        None
    }

    fn abandon(&mut self, probe: ProbeId) {
        match self.attempts.find(probe).and_then(|key| self.attempts.remove(key)) {
            Some(attempt) => {
                self.machine.release(attempt.local.port());
                self.counters.abandoned += 1;
            }
            None => self.done.retain(|event| event.probe != probe),
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
            Step::SynAckAgain(packet, n) => self.syn_ack_again(packet, n),
            Step::End(key, outcome) => self.end(key, outcome),
            Step::Stray(event) => self.done.push(event),
        }
    }

    fn walk(&mut self, mut walk: Walk) {
        loop {
            let now = self.clock;
            let (agenda, random) = (&mut self.agenda, &mut self.random);
            let mut forged = Vec::new();
            let besides = |extra| match extra {
                Extra::Copy(copy, lag) => agenda.put(now + lag, Step::Walk(copy)),
                Extra::Forged(packet, lag) => forged.push((packet, lag)),
            };
            let reached = self.path.walk(walk, now, (random, &mut self.counters), besides);
            for (packet, lag) in forged {
                self.forge(&packet, lag);
            }
            let answer = match reached {
                Reached::Nowhere => return,
                Reached::Waits(walk, lag) => return self.agenda.put(now + lag, Step::Walk(walk)),
                // It arrives in its turn.
                Reached::End(walk, lag) if lag > Duration::ZERO => {
                    return self.agenda.put(now + lag, Step::Walk(walk));
                }
                Reached::End(walk, _) if walk.way == Way::Back => return self.deliver(&walk.packet),
                Reached::End(walk, _) => self.ask_host(walk.packet),
            };
            let Some((back, lag)) = answer else { return };
            if lag > Duration::ZERO {
                return self.agenda.put(now + lag, Step::Walk(back));
            }
            walk = back;
        }
    }

    /// A SYN reaches the end of its way.
    fn ask_host(&mut self, mut packet: Packet) -> Option<(Walk, Duration)> {
        let host = packet.host?;
        let answer = self.world.answer(host, packet.to);
        let chance = (self.clock, &mut self.random, &mut self.counters);
        let life = &mut self.lives[host as usize];
        let (content, lag) = life.receive(self.world.group(host), answer, &packet, chance)?;
        packet.content = content;
        if content == Content::SynAck
            && let Some(attempt) = self.attempts.get_mut(packet.attempt)
            && !mem::replace(&mut attempt.accepted, true)
        {
            self.agenda.put(self.clock + SYN_ACK_AGAIN[0], Step::SynAckAgain(packet, 0));
        }
        Some((Walk { packet, way: Way::Back, position: self.path.len(packet.chain) }, lag))
    }

    /// A packet reaches our kernel.
    fn deliver(&mut self, packet: &Packet) {
        self.counters.answers += 1;
        let Some(outcome) = packet.outcome() else { return };
        if self.attempts.get_mut(packet.attempt).is_some() {
            let from_host = match packet.content {
                Content::Icmp(icmp) => icmp.from == Some(packet.to.address),
                Content::Syn | Content::SynAck | Content::Reset => true,
            };
            if let Some(host) = packet.host {
                self.lives[host as usize].heard |= from_host;
            }
            self.end(packet.attempt, outcome);
        } else if packet.copy {
            self.counters.duplicates += 1;
            self.done.push(Completion { probe: packet.probe, sent: packet.sent, at: self.clock, outcome });
        } else {
            self.counters.answers_late += 1;
        }
    }

    fn end(&mut self, key: Key, outcome: Outcome) {
        if let Some(attempt) = self.attempts.remove(key) {
            self.machine.release(attempt.local.port());
            self.done.push(Completion { probe: attempt.probe, sent: attempt.sent, at: self.clock, outcome });
        }
    }

    fn send_syn(&mut self, key: Key, attempt: Attempt) {
        self.counters.syns += 1;
        let Attempt { probe, to, sent, host, chain, local, .. } = attempt;
        let packet =
            Packet { attempt: key, probe, to, sent, host, chain, local, content: Content::Syn, copy: false };
        self.walk(Walk { packet, way: Way::Out, position: 0 });
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

    fn syn_ack_again(&mut self, packet: Packet, n: u8) {
        // Once the attempt is over, our kernel's RST or ACK has told the host.
        let alive = self.attempts.get_mut(packet.attempt).is_some();
        let dead = |host: u32| self.lives[host as usize].is_dead(self.world.group(host));
        if !alive || packet.host.is_none_or(dead) {
            return;
        }
        self.counters.syn_acks_again += 1;
        if let Some(after) = SYN_ACK_AGAIN.get(usize::from(n) + 1) {
            self.agenda.put(self.clock + *after, Step::SynAckAgain(packet, n + 1));
        }
        self.walk(Walk { packet, way: Way::Back, position: self.path.len(packet.chain) });
    }

    fn forge(&mut self, packet: &Packet, lag: Duration) {
        self.counters.forged += 1;
        // Any bit but none: the tag is wrong for certain.
        let flip = u32::try_from(self.random.next() >> 32).unwrap_or(1).max(1);
        let probe = ProbeId { slot: packet.probe.slot, tag: packet.probe.tag ^ flip };
        let outcome = Outcome::Connected { local: packet.local };
        let event = Completion { probe, sent: packet.sent, at: self.clock, outcome };
        self.agenda.put(self.clock + lag, Step::Stray(event));
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
