use std::time::Duration;

use portolan_model::frames::{Frames, Heard};
use portolan_model::sockets::ProbeId;
use portolan_model::{Address, Instant, LocalFault, Mac};

/// Checks what [`Frames::ask_neighbour`] promises on doors that `make` opens, one a check. `there` is a neighbour that
/// answers, `absent` an address of the same link that nobody has, `behind` one behind a gateway. A broken clause panics with
/// its name, as a test does.
pub fn neighbours_conform<F: Frames>(mut make: impl FnMut() -> F, [there, absent, behind]: [Address; 3]) {
    each_is_told_once(&mut make(), &[there, absent, behind]);
    each_is_told_once(&mut make(), &[behind, there, there, absent, absent]);
    a_neighbour_is_the_same_machine_each_time(&mut make(), there);
    what_passes_no_wire_is_no_neighbour(&mut make());
}

/// How it ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum End {
    There { asked: Instant, at: Instant, mac: Mac },
    OffLink(Instant),
    Unsent(LocalFault, Instant),
}

fn each_is_told_once<F: Frames>(door: &mut F, asked: &[Address]) {
    let (there, behind) = if asked.len() == 3 { (asked[0], asked[2]) } else { (asked[1], asked[0]) };
    let before = door.now();
    let told = ask(door, asked);
    let now = door.now();
    for (to, end) in asked.iter().zip(told) {
        match end {
            End::There { asked, at, .. } if *to == there => {
                assert!(before <= asked && asked <= at && at <= now, "before, asked, at, now: {end:?}");
            }
            End::OffLink(at) if *to == behind => assert!(before <= at && at <= now),
            End::Unsent(LocalFault::NoNeighbour { on_link: true }, at) if *to != there && *to != behind => {
                // Whoever is slow is not absent.
                assert!(
                    at.since(before) >= Duration::from_millis(500),
                    "given up after {:?}",
                    at.since(before)
                );
            }
            other => panic!("{to} ended in {other:?}"),
        }
    }
}

fn a_neighbour_is_the_same_machine_each_time<F: Frames>(door: &mut F, there: Address) {
    let mac = |end| match end {
        End::There { mac, .. } => mac,
        other => panic!("{there} ended in {other:?}"),
    };
    let (first, second) = (ask(door, &[there]), ask(door, &[there, there]));
    assert_eq!([second[0], second[1]].map(mac), [mac(first[0]); 2]);
}

fn what_passes_no_wire_is_no_neighbour<F: Frames>(door: &mut F) {
    for ip in ["127.0.0.1", "::1"] {
        let Ok(ip) = ip.parse() else { continue };
        let wanted = door.source(Address::new(ip)).map(|source| panic!("{ip} is asked from {source}"));
        let Err::<(), _>(fault) = wanted else { continue };
        assert!(
            matches!(ask(door, &[Address::new(ip)])[..], [End::Unsent(told, _)] if told == fault),
            "of {ip}"
        );
    }
}

/// Asks them at once, and hears until each has ended, and a moment longer for what is too many.
fn ask<F: Frames>(door: &mut F, asked: &[Address]) -> Vec<End> {
    let name = |n: usize| ProbeId { slot: u32::try_from(n).unwrap_or(0), tag: 0xa5a5 };
    for (n, to) in asked.iter().enumerate() {
        door.ask_neighbour(name(n), *to);
    }
    let (mut told, mut held) = (vec![None; asked.len()], vec![false; asked.len()]);
    let mut end = door.now() + PATIENCE;
    let mut complete = false;
    while door.now() < end {
        door.wait_until(Some(end));
        door.hear(&mut |heard| {
            let (probe, ended) = match heard {
                Heard::Held { probe } => (probe, None),
                Heard::Neighbour { probe, asked, at, mac } => (probe, Some(End::There { asked, at, mac })),
                Heard::OffLink { probe, at } => (probe, Some(End::OffLink(at))),
                Heard::Unsent { probe, at, fault } => (probe, Some(End::Unsent(fault, at))),
                // What strangers send.
                Heard::Packet { .. } => return,
                Heard::Sent { .. } | Heard::Lost { .. } => panic!("{heard:?} of a question"),
            };
            let place = probe.slot as usize;
            assert!(place < asked.len() && probe == name(place), "told of what was not asked: {probe:?}");
            assert_eq!(told[place], None, "{probe:?} has ended, and {heard:?} is told");
            match ended {
                None => assert!(!std::mem::replace(&mut held[place], true), "{probe:?} is held twice"),
                end => told[place] = end,
            }
        });
        if !complete && told.iter().all(Option::is_some) {
            (complete, end) = (true, door.now() + MOMENT);
        }
    }
    let within = |end: Option<End>| end.unwrap_or_else(|| panic!("not told within {PATIENCE:?}: {told:?}"));
    told.iter().copied().map(within).collect()
}

/// Within this each ends.
const PATIENCE: Duration = Duration::from_secs(6);

/// And what is told twice comes within this.
const MOMENT: Duration = Duration::from_millis(200);
