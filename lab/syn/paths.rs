use std::time::Duration;

use crate::require::{Lab, require};
use crate::scanner::{Outcome, Running, User};
use crate::server;
use portolan_lab::namespace::Namespace;
use portolan_lab::server::{End, Server};

const LIMIT: Duration = Duration::from_secs(60);

/// What is asked, by either method.
pub(super) const PORTS: std::ops::RangeInclusive<u16> = 1..=400;
pub(super) const ASKED: &str = "1-400";

/// One in twenty listens, and here one in a hundred is dropped; the others refuse.
fn is_open(port: u16) -> bool {
    port % 20 == 1
}

fn is_silent(port: &u16) -> bool {
    port % 100 == 7
}

/// The words of a path, and what it must have counted in the end: else the fault did not happen, and nothing is shown.
struct Fault {
    name: &'static str,
    path: &'static str,
    counts: &'static str,
    /// What else the scan is told.
    more: &'static [&'static str],
}

const FAULTS: &[Fault] = &[
    Fault {
        name: "out of order and twice",
        path: "seed=1 delay=2ms reorder=0.1,15ms duplicate=0.1",
        counts: "held back",
        more: &[],
    },
    Fault {
        name: "losses in bursts",
        path: "seed=2 delay=2ms burst=450ms,50ms,1",
        counts: "lost",
        more: &["--max-rate", "300"],
    },
    Fault {
        name: "cut amid the scan",
        path: "seed=3 delay=2ms outage=500ms,1500ms",
        counts: "lost",
        more: &["--max-rate", "300"],
    },
    Fault {
        name: "a table of flows that is too small",
        path: "seed=4 delay=2ms flows=200,300ms",
        counts: "packets refused",
        more: &[],
    },
];

/// A scan behind a path with a fault.
struct Sailing {
    fault: &'static Fault,
    method: &'static str,
    scan: Running,
    path: Server,
    _listeners: Server,
    // After the servers in them, and the folder of the scan: what is first here is dropped first.
    _namespaces: [Namespace; 2],
    _lab: Lab,
}

/// What a path does to packets may cost time and verdicts, but makes none wrong. Such scans wait most of the time: they do
/// it all at once.
#[test]
fn bad_paths_make_no_verdict_wrong() {
    let mut sailing = Vec::new();
    for fault in FAULTS {
        for method in ["-sS", "-sT"] {
            let Some(lab) = require("syn paths", &["nft", "/dev/net/tun"]) else { return };
            sailing.push(Sailing::start(lab, fault, method));
        }
    }
    sailing.into_iter().for_each(Sailing::finish);
}

impl Sailing {
    fn start(lab: Lab, fault: &'static Fault, method: &'static str) -> Self {
        let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
        let left = End { namespace: &scanner, device: "to-target", addresses: &["198.18.0.1/30"] };
        let right = End { namespace: &target, device: "to-scanner", addresses: &["198.18.0.2/30"] };
        let path = server::path(left, right, fault.path);
        let dropped: Vec<String> = PORTS.filter(is_silent).map(|port| port.to_string()).collect();
        target.firewall("input", &[format!("tcp dport {{ {} }} drop", dropped.join(", "))]);
        let listeners = serve(&target, TARGET);
        let words = [&[method, TARGET, "-p", ASKED, "--json"], fault.more].concat();
        let scan = lab.scan(&scanner, &words).by(User::MayCapture).start();
        Sailing {
            fault,
            method,
            scan,
            path,
            _listeners: listeners,
            _namespaces: [scanner, target],
            _lab: lab,
        }
    }

    fn finish(self) {
        let Sailing { fault: Fault { name, counts, .. }, method, .. } = self;
        let outcome = self.scan.finish(LIMIT);
        let said = self.path.finish();
        assert!(happened(&said, counts), "{name}: it did not happen: {said}");
        let unknown = assert_right(&outcome, TARGET, method, is_silent);
        // A scan that knows nothing has nothing wrong either.
        assert!(unknown * 10 <= PORTS.len(), "{name}: {method}: {unknown} ports unknown");
        println!(
            "syn paths: {name}: {method}: no verdict wrong, {unknown} unknown, {:.1} s; {}",
            outcome.wall.as_secs_f64(),
            said.lines().filter(|line| line.contains(" packets ")).collect::<Vec<_>>().join("; ")
        );
    }
}

const TARGET: &str = "198.18.0.2";

/// The open ports of a host.
pub(super) fn serve(target: &Namespace, address: &str) -> Server {
    let open: Vec<u16> = PORTS.filter(|port| is_open(*port)).collect();
    server::listeners(target, &[address], &open)
}

/// Demands that every port of such a host is told as it is, or unknown; how many are that.
pub(super) fn assert_right(
    outcome: &Outcome,
    address: &str,
    method: &str,
    is_silent: impl Fn(&u16) -> bool,
) -> usize {
    let closed = if method == "-sS" { "closed/reset" } else { "closed/conn-refused" };
    assert!(matches!(outcome.status.code(), Some(0 | 3)), "{}: {}", outcome.status, outcome.stderr);
    let report = outcome.report();
    report.assert_truth(address, PORTS, |port, verdict| {
        let truth = match port {
            port if is_silent(&port) => "filtered/no-response",
            port if is_open(port) => "open/syn-ack",
            _ => closed,
        };
        verdict == truth || verdict.starts_with("unknown/")
    });
    report.ports(address).values().filter(|told| told.verdict.starts_with("unknown/")).count()
}

/// Whether the path counted at least one packet `what`.
fn happened(said: &str, what: &str) -> bool {
    let before = said.split_once(what).map(|(before, _)| before.split_whitespace().last());
    before.flatten().and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0)
}
