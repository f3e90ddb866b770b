//! How fast is asked where the path does not bear everything, and what is told of it.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use portolan_model::sockets::Sockets;
use portolan_model::{Finish, LossBy, PaceBecause};
use portolan_scan::{Engine, Framed, Plan, PlanSpec, Settled, TcpMethod, drive};
use portolan_sim::{Score, Tally, WorldSpec};
use portolan_target::{AddressSet, Ports};

/// One host behind `path`, whose ports `rest` do not matter.
fn world(ports: u32, path: &str) -> WorldSpec {
    WorldSpec::parse(&format!(
        "about = \"One host behind a path.\"\n\
         targets = [{{ addresses = \"192.0.2.1\", named = true }}]\n\
         ports = \"1-{ports}\"\n\
         path = [{path}]\n\
         [[hosts]]\n\
         addresses = \"192.0.2.1\"\n\
         rest = \"closed\"\n\
         rules = [{{ answer = \"open\", count = 300 }}]\n"
    ))
    .unwrap()
}

fn scan(spec: &WorldSpec, seed: u64, limit: impl FnOnce(&mut PlanSpec)) -> (Tally, Finish) {
    let world = spec.build(seed);
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let ports = Ports { tcp: world.ports().clone(), ..Ports::default() };
    let tcp = TcpMethod::Syn;
    let mut plan = PlanSpec { products: vec![(hosts, ports)], named, seed, tcp, ..PlanSpec::default() };
    limit(&mut plan);
    let mut door = Framed::new(world.sockets(), (!seed, seed));
    let engine = Engine::new(Plan::new(plan).unwrap(), door.capacity());
    let mut score = Score::new();
    let finish = drive(engine, &mut door, &mut |settled: Settled| match settled {
        Settled::Verdict(verdict) => score.verdict(&verdict),
        Settled::Update(verdict) => score.update(&verdict),
        Settled::Group(group) => score.group(&group),
        Settled::Host(_) | Settled::Warning(_) | Settled::Progress(_) => {}
    });
    let door = door.into_inner();
    (score.tally(&door), finish)
}

/// A SYN of 74 octets at 20 and at 5 Mbit/s, in packets a second.
const WIDE: f64 = 20e6 / 8.0 / 74.0;
const NARROW: f64 = 5e6 / 8.0 / 74.0;

#[test]
fn a_way_that_becomes_narrow_and_wide_again_is_followed_and_told() {
    // On a cable, on a near path and on one further away; and with a queue so short that no delay tells of it.
    for (one_way, queue) in
        [(0.05, 50.0), (2.0, 50.0), (10.0, 50.0), (10.0, 100.0), (25.0, 50.0), (10.0, 20.0)]
    {
        let path = format!(
            "{{ node = \"delay\", ms = {one_way} }}, \
             {{ node = \"bottleneck\", per_second = {WIDE}, burst = 138, ms = {queue}, way = \"out\", changes = [\
             {{ after_ms = 1000, per_second = {NARROW} }}, {{ after_ms = 3000, per_second = {WIDE} }}] }}"
        );
        let optimal = 3.0 + (65_535.0 - WIDE - 2.0 * NARROW) / WIDE;
        for seed in 1..=3 {
            let (tally, finish) = scan(&world(65_535, &path), seed, |_| {});
            let about = format!("{one_way} ms, queue {queue} ms, seed {seed}: {finish:?}");
            assert_eq!((tally.right, tally.wrong, tally.undecided), (65_535, 0, 0), "{about}");
            assert!(finish.elapsed.as_secs_f64() <= optimal * 1.5, "{about}");
            // About half of what passes or more, and no more than three halves of it, in the middle of each stretch.
            let at = |seconds: f64| {
                let steps = &finish.rate.steps;
                steps
                    .iter()
                    .rfind(|step| step.at.as_secs_f64() <= seconds)
                    .map_or(0.0, |step| step.answers as f64)
            };
            let narrow = at(2.0);
            assert!((NARROW * 0.5..NARROW * 1.5).contains(&narrow), "{narrow} {about}");
            assert!(at(0.9) > narrow * 2.0 && at(f64::MAX) > narrow * 1.5, "{about}");
        }
    }
}

#[test]
fn random_loss_is_no_reason_to_slow_down() {
    let path =
        |loss: f64| format!("{{ node = \"delay\", ms = 20 }}, {{ node = \"loss\", probability = {loss} }}");
    for seed in 1..=5 {
        let (_, free) = scan(&world(65_535, &path(0.0)), seed, |_| {});
        assert_eq!(free.rate.loss, None, "nothing was lost");
        // 5 % of round trips, and 5 % of all packets.
        for loss in [0.025, 0.05] {
            let (tally, lossy) = scan(&world(65_535, &path(loss)), seed, |_| {});
            assert_eq!((tally.wrong, tally.open_found), (0, 300), "seed {seed}: {tally}");
            assert_ne!(lossy.rate.loss, Some(LossBy::Pace), "seed {seed}: {:?}", lossy.rate);
            let kept = lossy.rate.mean as f64 / free.rate.mean as f64;
            // A trial takes a tenth of a second at a quarter of the pace, and all of it less than half a second.
            assert!(kept > 0.5, "seed {seed}: {kept} of {:?}, {:?}", free.rate, lossy.rate);
        }
    }
}

#[test]
fn what_drops_all_beyond_a_rate_is_noticed_without_any_delay() {
    for (one_way, per_second, way) in [(20.0, 2000.0, "out"), (1.0, 2000.0, "out"), (1.0, 10_000.0, "back")] {
        let path = format!(
            "{{ node = \"delay\", ms = {one_way} }}, \
             {{ node = \"bottleneck\", per_second = {per_second}, burst = 50, way = \"{way}\" }}"
        );
        for seed in 1..=5 {
            let (tally, finish) = scan(&world(20_000, &path), seed, |_| {});
            let about = format!("{one_way} ms, {per_second} {way}, seed {seed}: {tally}, {finish:?}");
            assert_eq!((tally.wrong, tally.undecided, tally.open_found), (0, 0, 300), "{about}");
            assert_eq!(finish.rate.loss, Some(LossBy::Pace), "{about}");
            assert!(finish.elapsed.as_secs_f64() < 20_000.0 / per_second * 1.5, "{about}");
        }
    }
}

#[test]
fn a_ceiling_is_reached_and_never_passed() {
    let (_, finish) =
        scan(&world(4000, "{ node = \"delay\", ms = 5 }"), 1, |plan| plan.max_rate = Some(2000));
    assert!((1900..=2040).contains(&finish.rate.mean), "{:?}", finish.rate);
    assert!(finish.rate.highest <= 2000 + 640, "a tenth of a second and a batch: {:?}", finish.rate);
    assert_eq!(finish.rate.steps.len(), 1, "{:?}", finish.rate);
    assert_eq!(finish.rate.steps[0].because, PaceBecause::Start);
}

/// How many of so many scans saw a share of the responsive ports that lies outside the bounds they told.
fn outside(each_way: f64, retries: Option<u8>, seeds: u64) -> u64 {
    let spec = WorldSpec::parse(&format!(
        "about = \"A lossy path.\"\n\
         targets = [{{ addresses = \"192.0.2.1\", named = true }}]\n\
         ports = \"1-500\"\n\
         path = [{{ node = \"delay\", ms = 10 }}, {{ node = \"loss\", probability = {each_way} }}]\n\
         [[hosts]]\n\
         addresses = \"192.0.2.1\"\n\
         rest = \"closed\"\n\
         rules = [{{ answer = \"open\", count = 20 }}, {{ answer = \"drop\", count = 50 }}]\n"
    ))
    .unwrap();
    let misses = (1..=seeds).filter(|seed| {
        let (_, finish) = scan(&spec, *seed, |plan| plan.max_retries = retries);
        let seen = (finish.counts.open + finish.counts.closed) as f32 / 450.0;
        let (low, high) = finish.completeness_bounds.unwrap();
        assert!(low <= finish.completeness && finish.completeness <= high, "{finish:?}");
        seen < low - 1e-6 || seen > high + 1e-6
    });
    misses.count() as u64
}

#[test]
fn the_share_seen_lies_within_its_bounds() {
    const SEEDS: u64 = 100;
    for each_way in [0.01, 0.05, 0.2] {
        // With few attempts much is missed, and the bounds say something; with as many as are wanted, next to nothing.
        for retries in [Some(1), Some(2), None] {
            let outside = outside(each_way, retries, SEEDS);
            assert!(outside * 20 <= SEEDS, "{each_way} {retries:?}: {outside} of {SEEDS} outside");
        }
    }
}
