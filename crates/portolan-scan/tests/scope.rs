//! Excluded addresses are never asked, and never more probes wait or leave than allowed.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use portolan_model::sockets::{Capacity, Event, Request, Sockets};
use portolan_model::{Address, AddressRange, Instant, Ping, PortSet};
use portolan_scan::{Discovery, Engine, Framed, Plan, PlanSpec, Settled, Shard, Timing, drive};
use portolan_sim::{SimSockets, WorldSpec};
use portolan_target::{AddressSet, Exclusions, Ports};
use proptest::prelude::*;

const WORLD: &str = r#"
about = "A /24 of which the lower half are hosts."
targets = [{ addresses = "10.0.0.0-10.0.0.255" }]
ports = "80,443"
udp_ports = "80,443"
[[hosts]]
addresses = "10.0.0.0-10.0.0.127"
rest = "closed"
rules = [{ answer = "open", share = 0.5 }]
udp = { rest = "closed", rules = [{ answer = "silent", share = 0.5 }] }
"#;

/// A door that remembers whom it was asked to connect to or to ping, and when.
struct Watched {
    door: Framed<SimSockets>,
    asked: Vec<(Instant, Address)>,
    /// Whom it was asked to ask on the link. They are all behind a router, so no packet leaves for that.
    links: Vec<Address>,
    waiting: BTreeSet<u32>,
    most_waiting: usize,
}

impl Sockets for Watched {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        let before = inbox.len();
        self.door.receive(inbox);
        for event in &inbox[before..] {
            if let Event::Connect(end) = event {
                self.waiting.remove(&end.probe.slot);
            }
        }
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        for request in outbox.iter() {
            match request {
                Request::Ping { to, ping: Ping::Neighbour, .. } => self.links.push(*to),
                Request::Ping { probe, to, .. } => {
                    self.asked.push((self.door.now(), *to));
                    self.waiting.insert(probe.slot);
                }
                Request::Connect { probe, to }
                | Request::Syn { probe, to }
                | Request::Ack { probe, to }
                | Request::Datagram { probe, to, .. } => {
                    self.asked.push((self.door.now(), to.address));
                    self.waiting.insert(probe.slot);
                }
                Request::Abandon(probe) => {
                    self.waiting.remove(&probe.slot);
                }
            }
            self.most_waiting = self.most_waiting.max(self.waiting.len());
        }
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

fn watch(spec: PlanSpec, sockets: usize) -> Watched {
    let door = Framed::new(WorldSpec::parse(WORLD).unwrap().build(1).sockets(), (1, 2));
    let packets = if spec.discovery.is_some() { sockets } else { 0 };
    let mut watched =
        Watched { door, asked: Vec::new(), links: Vec::new(), waiting: BTreeSet::new(), most_waiting: 0 };
    if let Ok(plan) = Plan::new(spec) {
        drive(
            Engine::new(plan, Capacity { sockets, packets, datagrams: sockets }),
            &mut watched,
            &mut |_: Settled| {},
        );
    }
    watched
}

fn hosts(first: u8, last: u8) -> AddressSet {
    let address = |last| Address::from(Ipv4Addr::new(10, 0, 0, last));
    AddressSet::from(AddressRange { first: address(first), last: address(last) })
}

/// What is asked of each host.
#[derive(Copy, Clone, Debug)]
enum Asked {
    FewTcp,
    ManyTcp,
    Udp,
    Both,
    /// Whether it is there, first or alone.
    Found,
    FoundOnly,
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        Just(Asked::FewTcp),
        Just(Asked::ManyTcp),
        Just(Asked::Udp),
        Just(Asked::Both),
        Just(Asked::Found),
        Just(Asked::FoundOnly)
    ]
}

fn spec(asked: Asked) -> PlanSpec {
    let some = |n| [80u16, 443].into_iter().chain(1000..2000).take(n).collect::<PortSet>();
    let ports = match asked {
        Asked::FoundOnly => Ports::default(),
        Asked::FewTcp | Asked::Found => Ports::tcp(some(2)),
        Asked::ManyTcp => Ports::tcp(some(20)),
        Asked::Udp => Ports { tcp: PortSet::new(), udp: some(5) },
        Asked::Both => Ports { tcp: some(3), udp: some(3) },
    };
    let found = matches!(asked, Asked::Found | Asked::FoundOnly);
    PlanSpec {
        products: vec![(hosts(0, 255), ports)],
        discovery: found.then(Discovery::default),
        hosts_only: matches!(asked, Asked::FoundOnly),
        ..PlanSpec::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn excluded_addresses_are_never_asked(cuts in prop::collection::vec((0u8..=255, 0u8..=40), 0..6), what in asked(), seed: u64) {
        let cut = |(first, len): (u8, u8)| hosts(first, first.saturating_add(len));
        let excluded = cuts.into_iter().map(cut).fold(AddressSet::new(), |all, one| all.union(&one));
        let spec = PlanSpec { excluded: Exclusions::new(excluded.clone()), seed, ..spec(what) };
        let watched = watch(spec, 500);
        let asked = watched.asked.iter().map(|(_, address)| *address);
        let asked: AddressSet = asked.chain(watched.links).collect();
        prop_assert!(asked.intersection(&excluded).is_empty());
        prop_assert_eq!(asked, hosts(0, 255).difference(&excluded));
    }

    #[test]
    fn shards_together_ask_what_the_whole_asks(count in 1u32..6, what in asked(), seed: u64) {
        let mut parts = AddressSet::new();
        for index in 1..=count {
            let asked = watch(PlanSpec { shard: Some(Shard { index, count }), seed, ..spec(what) }, 500).asked;
            let part: AddressSet = asked.into_iter().map(|(_, address)| address).collect();
            prop_assert!(parts.intersection(&part).is_empty());
            parts = parts.union(&part);
        }
        prop_assert_eq!(parts, hosts(0, 255));
    }

    #[test]
    fn never_more_sockets_than_the_machine_bears(sockets in 1usize..80, what in asked()) {
        let most = watch(spec(what), sockets).most_waiting;
        prop_assert!(most <= sockets, "{most} of {sockets}");
    }

    #[test]
    fn a_full_window_holds_nothing_back_below_the_floor(rate in 20u64..2000, what in prop_oneof![Just(Asked::FewTcp), Just(Asked::ManyTcp)]) {
        let timing = Timing { window: 1, ceiling: 1, ..Timing::default() };
        let silent = |min_rate| {
            let ports = spec(what).products.remove(0).1;
            let hosts = hosts(128, 135);
            watch(PlanSpec { products: vec![(hosts.clone(), ports)], named: hosts, timing, min_rate, ..PlanSpec::default() }, 500).asked
        };
        // Everything is asked once before anything is due again.
        let first = |asked: &[(Instant, Address)]| asked[15].0.since(asked[0].0).as_secs_f64();
        prop_assert!(first(&silent(None)) > 5.0);
        let took = first(&silent(Some(rate)));
        prop_assert!(took <= 15.0 / rate as f64 + 0.001, "{took} s for 15 probes at {rate}/s");
    }

    #[test]
    fn never_faster_than_asked(rate in 50u64..5000, what in asked()) {
        let asked = watch(PlanSpec { max_rate: Some(rate), ..spec(what) }, 500).asked;
        let burst = usize::try_from((rate / 100).max(1)).unwrap();
        for window in asked.windows(burst + 200) {
            let took = window[window.len() - 1].0.since(window[0].0);
            // The first burst may leave at once; the rest needs its time, less one batch.
            prop_assert!(took + Duration::from_millis(1) >= Duration::from_secs(1) * 135 / u32::try_from(rate).unwrap());
        }
    }
}
