//! A door of packets keeps the contract of one of sockets, datagrams included; and what comes in bent, cut or made up says
//! nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

#[expect(dead_code, reason = "other doors have need of more")]
mod strangers;
#[expect(dead_code, reason = "other tests sail by other ways")]
mod voyage;

use std::net::IpAddr;
use std::ops::RangeInclusive;

use portolan_model::frames::{Batch, Frames, Heard, Numbers};
use portolan_model::sockets::{Capacity, Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Fact, Instant, LocalFault};
use portolan_scan::{Engine, Framed, Settled, TcpMethod, drive};
use portolan_sim::conformance::datagrams_conform;
use portolan_sim::{Score, SimSockets, World, WorldSpec};
use strangers::Dice;

#[test]
fn datagrams_of_our_own_conform() {
    for address in ["192.0.2.1", "2001:db8::1"] {
        let text = format!(
            "about = 'three ports'\ntargets = [{{ addresses = '{address}', named = true }}]\nudp_ports = '1-3'\n\
             path = [{{ node = 'delay', ms = 5 }}]\n[[hosts]]\naddresses = '{address}'\n[hosts.udp]\nrest = 'closed'\n\
             rules = [{{ answer = 'echo', ports = '2' }}, {{ answer = 'silent', ports = '3' }}]\n"
        );
        let spec = WorldSpec::parse(&text).unwrap();
        let to = |port| Endpoint::udp(Address::new(address.parse().unwrap()), port);
        let open = || Framed::new(spec.build(3).sockets_with_datagrams(), (1, 2));
        datagrams_conform(open, to(2), to(1), to(3));
    }
}

/// A host of which a third of the ports answer, a third refuse, and a third are silent.
fn world(address: &str, seed: u64) -> World {
    let text = format!(
        "about = 'a few of each'\ntargets = [{{ addresses = '{address}', named = true }}]\nports = '1-60'\n\
         udp_ports = '1-60'\npath = [{{ node = 'delay', ms = 5 }}]\n[[hosts]]\naddresses = '{address}'\nrest = 'drop'\n\
         rules = [{{ answer = 'open', ports = '1-20' }}, {{ answer = 'closed', ports = '21-40' }}]\n[hosts.udp]\n\
         rest = 'silent'\nrules = [{{ answer = {{ service = {{ speaks = 'a' }} }}, ports = '1-20' }}, \
         {{ answer = 'closed', ports = '21-40' }}]\n"
    );
    WorldSpec::parse(&text).unwrap().build(seed)
}

/// The simulated door on a bad link: before `share` of 256 packets a damaged copy of each comes in, and one that nobody sent.
struct Rough {
    door: SimSockets,
    dice: Dice,
    share: u8,
    damaged: u64,
    /// What came, of which some is made up.
    seen: Vec<Vec<u8>>,
}

impl Rough {
    fn new(door: SimSockets, seed: u64, share: u8) -> Self {
        Rough { door, dice: Dice::new(seed), share, damaged: 0, seen: Vec::new() }
    }

    /// A packet cut, or with one bit of it turned: every checksum shows that (RFC 1071), and what has none, a hop limit of
    /// IPv6, decides nothing here.
    fn damage(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut bytes = packet.to_vec();
        match self.dice.below(3) {
            0 => bytes.truncate(self.dice.below(bytes.len())),
            _ => {
                let at = self.dice.below(bytes.len() * 8);
                bytes[at / 8] ^= 1 << (at % 8);
            }
        }
        bytes
    }

    /// A packet that nobody sent: noise, or pieces of two that came.
    fn made_up(&mut self) -> Vec<u8> {
        let length = self.dice.below(120);
        let mut noise: Vec<u8> = (0..length).map(|_| self.dice.next() as u8).collect();
        noise.iter_mut().take(1).for_each(|first| *first = self.dice.one(&[0x45, 0x60, *first]));
        let which = self.dice.below(self.seen.len());
        let Some(seen) = self.seen.get(which) else { return noise };
        let at = self.dice.below(seen.len());
        [&seen[..at], &noise].concat()
    }
}

impl Frames for Rough {
    fn source(&mut self, to: Address) -> Result<IpAddr, LocalFault> {
        self.door.source(to)
    }

    fn ports(&self) -> RangeInclusive<u16> {
        self.door.ports()
    }

    fn datagram_ports(&self) -> &[u16] {
        self.door.datagram_ports()
    }

    fn room(&self) -> usize {
        self.door.room()
    }

    fn keep_answers(&mut self, numbers: Numbers, towards: &[Address]) -> bool {
        self.door.keep_answers(numbers, towards)
    }

    fn send(&mut self, batch: &mut Batch) {
        self.door.send(batch);
    }

    fn ask_neighbour(&mut self, probe: ProbeId, to: Address) {
        self.door.ask_neighbour(probe, to);
    }

    fn hear(&mut self, hear: &mut dyn FnMut(Heard<'_>)) {
        let mut came = Vec::new();
        self.door.hear(&mut |heard| match heard {
            Heard::Packet { at, packet, .. } => came.push((at, packet.to_vec())),
            heard => hear(heard),
        });
        for (at, bytes) in came {
            self.seen.push(bytes.clone());
            if self.dice.chance(self.share) {
                self.damaged += 1;
                for packet in [self.damage(&bytes), self.made_up()] {
                    hear(Heard::Packet { at, packet: &packet, checksummed: true, kept: false });
                }
            }
            hear(Heard::Packet { at, packet: &bytes, checksummed: true, kept: false });
        }
    }
}

impl Sockets for Rough {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        self.door.receive(inbox);
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

/// So many worlds: in the code of a refusal only few bits are turned.
const SEEDS: u64 = 60;

/// Every port is told rightly all the same, and of every answer from how far away it came.
#[test]
fn what_is_damaged_or_made_up_is_no_answer() {
    for (address, share) in [("192.0.2.1", 0), ("2001:db8::1", 0), ("192.0.2.1", 200), ("2001:db8::1", 200)] {
        let (mut damaged, mut answers) = (0, 0);
        for seed in 1..=SEEDS {
            let world = world(address, seed);
            let plan = voyage::plan(&world, TcpMethod::Syn, seed);
            let mut door =
                Framed::new(Rough::new(world.sockets_with_datagrams(), seed, share), (!seed, seed));
            let engine = Engine::new(plan, door.capacity());
            let mut score = Score::new();
            drive(engine, &mut door, &mut |settled: Settled| match settled {
                Settled::Verdict(verdict) => {
                    let facts = verdict.evidence().iter().map(|seen| seen.fact);
                    answers += facts
                        .filter(|fact| matches!(fact, Fact::Datagram { ttl: Some(_), .. }))
                        .count() as u64;
                    score.verdict(&verdict);
                }
                Settled::Update(verdict) => score.update(&verdict),
                Settled::Group(group) => score.group(&group),
                _ => {}
            });
            let rough = door.into_inner();
            damaged += rough.damaged;
            let tally = score.tally(&rough.door);
            assert_eq!((tally.right, tally.wrong), (tally.endpoints, 0), "{address} {seed}: {tally:?}");
        }
        assert_eq!(answers, SEEDS * 20, "{address}");
        assert!(damaged > SEEDS * 50 || share == 0, "{address}: {damaged} damaged");
    }
}
