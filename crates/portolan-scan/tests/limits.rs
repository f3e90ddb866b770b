//! What a user may limit, and what the templates change: never the truth of a verdict, only how much is known.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::collections::BTreeMap;
use std::time::Duration;

use portolan_model::sockets::Sockets;
use portolan_model::{Endpoint, Finish, Reason};
use portolan_scan::{Engine, Plan, PlanSpec, Settled, Timing, drive};
use portolan_sim::{Score, Tally, WorldSpec, all_worlds};
use portolan_target::{AddressSet, Ports};

/// What came of one scan.
struct Outcome {
    tally: Tally,
    finish: Finish,
    reasons: BTreeMap<Endpoint, Reason>,
}

impl Outcome {
    fn count(&self, reason: Reason) -> usize {
        self.reasons.values().filter(|told| **told == reason).count()
    }
}

/// Scans a world with a plan that is changed by `limit`.
fn scan(spec: &WorldSpec, seed: u64, limit: impl FnOnce(&mut PlanSpec)) -> Outcome {
    let world = spec.build(seed);
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let ports = Ports { tcp: world.ports().clone(), ..Ports::default() };
    let mut plan = PlanSpec { products: vec![(hosts, ports)], named, seed, ..PlanSpec::default() };
    limit(&mut plan);
    let mut door = world.sockets();
    let engine = Engine::new(Plan::new(plan).unwrap(), door.capacity());
    let (mut score, mut reasons) = (Score::new(), BTreeMap::new());
    let finish = drive(engine, &mut door, &mut |settled: Settled| match settled {
        Settled::Verdict(verdict) => {
            score.verdict(&verdict);
            reasons.insert(verdict.endpoint, verdict.reason());
        }
        Settled::Update(verdict) => {
            score.update(&verdict);
            reasons.insert(verdict.endpoint, verdict.reason());
        }
        Settled::Group(group) => {
            score.group(&group);
            for range in &group.targets {
                reasons
                    .extend(group.ports.iter().map(|port| (Endpoint::tcp(range.first, port), group.reason)));
            }
        }
        Settled::Host(_) | Settled::Warning(_) | Settled::Progress(_) => {}
    });
    Outcome { tally: score.tally(&door), finish, reasons }
}

fn world(name: &str) -> WorldSpec {
    all_worlds().unwrap().into_iter().find(|(other, _)| other == name).unwrap().1
}

#[test]
fn no_template_makes_a_verdict_wrong() {
    for name in ["clean", "loss-10", "loss-burst", "default-drop", "satellite", "firewall-drop", "everything"]
    {
        let spec = world(name);
        for template in 0..=5 {
            for seed in 1..=8 {
                let outcome = scan(&spec, seed, |plan| plan.timing = Timing::template(template).unwrap());
                let tally = &outcome.tally;
                assert_eq!(
                    tally.wrong + tally.untold + tally.repeated,
                    0,
                    "{name} -T{template} seed {seed}: {tally}"
                );
            }
        }
    }
}

#[test]
fn fewer_retries_than_the_losses_ask_for_leave_silence_unknown() {
    let spec = world("loss-10");
    let (mut capped, mut free) = (0, 0);
    for seed in 1..=20 {
        let outcome = scan(&spec, seed, |plan| plan.max_retries = Some(1));
        assert_eq!(outcome.tally.wrong, 0, "seed {seed}: {}", outcome.tally);
        let ports = outcome.reasons.len() as u64;
        // Canaries and the kernel's own SYNs come on top of one retry a port.
        assert!(outcome.finish.retries <= ports, "{} retries of {ports} ports", outcome.finish.retries);
        capped += outcome.count(Reason::RetriesCapped);
        free += scan(&spec, seed, |_| {}).count(Reason::RetriesCapped);
    }
    assert!(capped > 0 && free == 0, "{capped} {free}");
}

#[test]
fn without_losses_one_retry_is_enough() {
    let outcome = scan(&world("clean"), 1, |plan| plan.max_retries = Some(1));
    assert_eq!((outcome.tally.wrong, outcome.tally.undecided), (0, 0), "{}", outcome.tally);
}

/// A thousand ports, nearly all of them silent: longer than a second.
const SLOW: &str = r#"
about = "A host that drops nearly everything, on a slow path."
targets = [{ addresses = "192.0.2.1", named = true }]
ports = "1-1000"
path = [{ node = "delay", ms = 400 }]
[[hosts]]
addresses = "192.0.2.1"
rest = "drop"
rules = [{ answer = "open", count = 20 }]
"#;

#[test]
fn a_host_whose_time_is_over_keeps_what_was_found() {
    let spec = WorldSpec::parse(SLOW).unwrap();
    for (seconds, all) in [(1, false), (2, false), (600, true)] {
        let given = Duration::from_secs(seconds);
        let outcome = scan(&spec, 7, |plan| plan.host_timeout = Some(given));
        let cut_off = outcome.count(Reason::HostTimeout);
        assert_eq!(outcome.tally.wrong + outcome.tally.untold, 0, "{}", outcome.tally);
        assert_eq!(cut_off == 0, all, "{seconds} s: {cut_off} ports");
        assert!(all || outcome.finish.elapsed < given + Duration::from_millis(50), "{:?}", outcome.finish);
        assert!(outcome.tally.open_found > 0, "what answered in time is kept");
        assert_eq!(outcome.finish.completeness < 0.99, !all, "{}", outcome.finish.completeness);
    }
}

#[test]
fn a_sweep_with_a_time_for_each_host_goes_host_by_host() {
    let spec = WorldSpec::parse(
        &SLOW
            .replace("192.0.2.1\"", "192.0.2.1-192.0.2.30\"")
            .replace("1-1000", "1-10")
            .replace("count = 20", "count = 5"),
    )
    .unwrap();
    let outcome = scan(&spec, 7, |plan| plan.host_timeout = Some(Duration::from_secs(60)));
    assert_eq!((outcome.tally.wrong, outcome.tally.open_found), (0, outcome.tally.open), "{}", outcome.tally);
    let judged = outcome.reasons.len();
    assert_eq!(judged, 300);
}
