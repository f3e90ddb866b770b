//! A scan that was not let run for a while (Ctrl-Z, a busy or paused machine) takes nothing for silent that answered
//! meanwhile.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::time::Duration;

use portolan_model::Instant;
use portolan_model::sockets::{Capacity, Event, Request, Sockets};
use portolan_scan::{Engine, Plan, PlanSpec, Settled, drive};
use portolan_sim::{Score, SimSockets, Tally, all_worlds};
use portolan_target::{AddressSet, Ports};

/// Sleeps for long after it has received, every so often.
struct Sleepy {
    door: SimSockets,
    turns: u64,
    /// What came in meanwhile.
    missed: Vec<Event>,
    heard: Instant,
    /// Whether it says that it has heard nothing since.
    honest: bool,
}

impl Sockets for Sleepy {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        self.heard = self.door.now();
        inbox.append(&mut self.missed);
        self.door.receive(inbox);
        self.turns += 1;
        if self.turns.is_multiple_of(7) {
            let awake = self.door.now() + Duration::from_secs(20);
            while self.door.now() < awake {
                self.door.receive(&mut self.missed);
                self.door.wait_until(Some(awake));
            }
        }
    }

    fn heard_until(&self) -> Instant {
        if self.honest { self.heard } else { self.now() }
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

fn scan(name: &str, seed: u64, honest: bool) -> Tally {
    let world = all_worlds().unwrap().into_iter().find(|(other, _)| other == name).unwrap().1.build(seed);
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let ports = Ports { tcp: world.ports().clone(), ..Ports::default() };
    let plan = PlanSpec { products: vec![(hosts.clone(), ports)], named: hosts, seed, ..PlanSpec::default() };
    let mut door =
        Sleepy { door: world.sockets(), turns: 0, missed: Vec::new(), heard: Instant::ZERO, honest };
    let engine = Engine::new(Plan::new(plan).unwrap(), door.capacity());
    let mut score = Score::new();
    drive(engine, &mut door, &mut |settled: Settled| match settled {
        Settled::Verdict(verdict) => score.verdict(&verdict),
        Settled::Update(verdict) => score.update(&verdict),
        Settled::Group(group) => score.group(&group),
        Settled::Host(_) | Settled::Warning(_) | Settled::Progress(_) => {}
    });
    score.tally(&door.door)
}

#[test]
fn what_came_while_we_slept_is_heard() {
    for name in ["clean", "firewall-drop", "default-drop", "v6-clean"] {
        for seed in 1..=5 {
            let tally = scan(name, seed, true);
            assert_eq!(
                (tally.wrong, tally.undecided, tally.untold),
                (0, 0, 0),
                "{name} seed {seed}: {tally}"
            );
            assert_eq!(tally.open_found, tally.open, "{name} seed {seed}: {tally}");
        }
    }
}

#[test]
fn a_door_that_hides_its_sleep_makes_it_wrong() {
    let faults = |seed| {
        let tally = scan("clean", seed, false);
        tally.wrong + tally.undecided + tally.open - tally.open_found
    };
    assert!((1..=5).map(faults).sum::<u64>() > 0);
}
