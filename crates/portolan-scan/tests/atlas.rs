//! The atlas: every world, twenty seeds each, every verdict held against the truth; one table of it all.
//!
//! `PORTOLAN_SEED=7 PORTOLAN_WORLD=loss-10 cargo test -p portolan-scan --test atlas -- --nocapture` shows one
//! run with its first wrong verdicts.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

mod voyage;

use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use portolan_scan::{Guards, StrategyKind, TcpMethod};
use portolan_sim::{WorldSpec, all_worlds};
use voyage::{Voyage, sail, sail_by};

/// So many seeds for each world.
const SEEDS: u64 = 20;

#[test]
fn every_verdict_is_right_in_every_world() {
    let worlds = chosen_worlds();
    let seeds = chosen_seeds();
    let rows = in_parallel(&worlds, |(name, spec)| Row::of(TcpMethod::Connect, name, spec, &seeds));
    check("accuracy", &rows);
}

/// The same by SYNs of our own making. A machine's own firewall does not see those, and to a machine's own addresses there
/// are none: such worlds are left out, and what is asked over UDP alone is the same.
#[test]
fn every_verdict_by_syn_is_right_in_every_world() {
    let mut worlds = chosen_worlds();
    worlds.retain(|(_, spec)| {
        let world = spec.build(1);
        !world.has_local_firewall() && !world.has_own_hosts() && !world.ports().is_empty()
    });
    let seeds = chosen_seeds();
    let rows = in_parallel(&worlds, |(name, spec)| Row::of(TcpMethod::Syn, name, spec, &seeds));
    check("accuracy_syn", &rows);
}

/// Nothing may be wrong in any row; the table is kept.
#[expect(clippy::print_stdout, reason = "the table is what a test is asked for by hand")]
fn check(snapshot: &str, rows: &[Row]) {
    let mut table = String::from(HEADING);
    let mut bad = String::new();
    for row in rows {
        writeln!(table, "{row}").unwrap();
        bad.push_str(&row.complaints());
    }
    println!("{table}");
    assert!(bad.is_empty(), "{bad}");
    if std::env::var_os("PORTOLAN_SEED").is_none() && std::env::var_os("PORTOLAN_WORLD").is_none() {
        assert!(rows.len() >= 40, "{} worlds", rows.len());
        insta::assert_snapshot!(snapshot, table);
    }
}

#[test]
fn both_strategies_are_sailed() {
    for kind in [StrategyKind::PerHost, StrategyKind::Sweep] {
        let any = chosen_worlds()
            .iter()
            .any(|(_, spec)| voyage::plan(&spec.build(1), TcpMethod::Connect, 1).strategy() == kind);
        assert!(any || std::env::var_os("PORTOLAN_WORLD").is_some(), "{kind:?}");
    }
}

#[test]
fn same_seed_same_bytes() {
    for (name, spec) in chosen_worlds() {
        let [first, second] = [0, 1].map(|_| sail(spec.build(3), 3, Guards::default()));
        assert_eq!(first.log, second.log, "{name}");
    }
}

/// Each guard, switched off, makes a world red that is right with it: none of them is there for show. (The canary
/// turns most of what would be wrong into unknown, so what stays undecided counts here too.)
#[test]
fn without_a_guard_the_atlas_turns_red() {
    let all = Guards::default();
    let cases = [
        ("retry", Guards { retry: false, ..all }, "loss-05"),
        ("self-connect", Guards { self_connect: false, ..all }, "self"),
        ("requeue", Guards { requeue: false, ..all }, "local-two-descriptors"),
        ("cookie", Guards { cookie: false, ..all }, "forged"),
        ("retry", Guards { retry: false, ..all }, "udp-loss-10"),
        ("cookie", Guards { cookie: false, ..all }, "udp-forged-answer"),
        ("cookie", Guards { cookie: false, ..all }, "udp-forged-icmp"),
        ("sender", Guards { sender: false, ..all }, "udp-rejects"),
        // Retries would hide that nothing was sent.
        ("retry and requeue", Guards { retry: false, requeue: false, ..all }, "udp-trap-pending-error"),
        ("retry and requeue", Guards { retry: false, requeue: false, ..all }, "udp-trap-no-buffers"),
    ];
    let once = Guards { retry: false, ..all };
    for (guard, guards, world) in cases {
        let (_, spec) = all_worlds().unwrap().into_iter().find(|(name, _)| name == world).unwrap();
        let red = |guards: Guards| {
            let voyages = (1..=SEEDS).map(|seed| sail(spec.build(seed), seed, guards));
            voyages.fold((0, 0), |sum, voyage| (sum.0 + voyage.faults(), sum.1 + voyage.faults_and_gaps()))
        };
        let (guarded, unguarded) =
            (red(if guards.requeue || guards.retry { all } else { once }), red(guards));
        assert_eq!(guarded.0, 0, "{world} with every guard");
        // Silence over UDP is undecided where it may be anything; then there must be more of it.
        assert!(guarded.1 == 0 || world.starts_with("udp-"), "{world} with every guard: {guarded:?}");
        assert!(unguarded.1 > guarded.1, "{world} without {guard}: {unguarded:?}, with it {guarded:?}");
        println!("{world}: without {guard} {unguarded:?}, with it {guarded:?}");
    }
}

const HEADING: &str =
    "world                        endpoints  right %  undecided  wrong  untold      open found   virtual s\n";

/// One line of the table: a world over all its seeds.
struct Row {
    name: String,
    voyages: Vec<Voyage>,
}

impl Row {
    fn of(tcp: TcpMethod, name: &str, spec: &WorldSpec, seeds: &[u64]) -> Row {
        let voyages = seeds.iter().map(|seed| sail_by(tcp, spec.build(*seed), *seed, Guards::default()));
        Row { name: name.to_owned(), voyages: voyages.collect() }
    }

    fn sum(&self, of: impl Fn(&Voyage) -> u64) -> u64 {
        self.voyages.iter().map(of).sum()
    }

    fn complaints(&self) -> String {
        let mut bad = String::new();
        for voyage in self.voyages.iter().filter(|voyage| voyage.faults() > 0) {
            let tally = &voyage.tally;
            writeln!(bad, "{} seed {}: {tally} {:?}", self.name, voyage.seed, tally.examples).unwrap();
        }
        bad
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [endpoints, right, undecided, wrong, untold, open, found] = [
            self.sum(|voyage| voyage.tally.endpoints),
            self.sum(|voyage| voyage.tally.right),
            self.sum(|voyage| voyage.tally.undecided),
            self.sum(|voyage| voyage.tally.wrong),
            self.sum(|voyage| voyage.tally.untold),
            self.sum(|voyage| voyage.tally.open),
            self.sum(|voyage| voyage.tally.open_found),
        ];
        let tellable = endpoints - self.sum(|voyage| voyage.tally.untold_silent);
        let share = if tellable == 0 { 100.0 } else { right as f64 * 100.0 / tellable as f64 };
        let mut seconds: Vec<f64> =
            self.voyages.iter().map(|voyage| voyage.finish.elapsed.as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        let open = format!("{found}/{open}");
        let name = &self.name;
        write!(
            f,
            "{name:<28} {endpoints:>9}  {share:>7.3}  {undecided:>9}  {wrong:>5}  {untold:>6}  {open:>14}  {median:>10.2}"
        )
    }
}

fn chosen_worlds() -> Vec<(String, WorldSpec)> {
    let wanted = std::env::var("PORTOLAN_WORLD").ok();
    let mut worlds = all_worlds().unwrap();
    worlds.retain(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    worlds
}

fn chosen_seeds() -> Vec<u64> {
    match std::env::var("PORTOLAN_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=SEEDS).collect(),
    }
}

fn in_parallel<T: Sync, R: Send>(work: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut done: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let take = || next.fetch_add(1, Ordering::Relaxed);
                    std::iter::repeat_with(take)
                        .map_while(|at| Some((at, job(work.get(at)?))))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, row)| row).collect()
}
