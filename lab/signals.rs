use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use crate::require::{Lab, require};
use crate::scanner::Scan;
use crate::server;
use portolan_lab::namespace::{Namespace, cable};
use portolan_lab::server::Server;

/// A neighbour that takes everything and answers nothing but on port 22: a scan of it takes long.
struct Silence {
    scanner: Namespace,
    _target: Namespace,
    _shell: Server,
}

impl Silence {
    fn new() -> Self {
        let (scanner, target) = (Namespace::new("scanner"), Namespace::new("silence"));
        cable((&scanner, "to-target", &["198.18.0.1/30"]), (&target, "to-scanner", &["198.18.0.2/30"]));
        target.firewall("input", &["tcp dport != 22 drop".to_owned()]);
        let shell = server::listeners(&target, &["198.18.0.2"], &[22]);
        Silence { scanner, _target: target, _shell: shell }
    }

    fn scan<'a>(&'a self, lab: &'a Lab) -> Scan<'a> {
        lab.scan(&self.scanner, &["198.18.0.2", "-p-", "-Pn", "--json"])
    }
}

#[test]
fn one_interrupt_keeps_what_was_found() {
    let Some(lab) = require("interrupt", &["nft"]) else { return };
    let silence = Silence::new();
    let running = silence.scan(&lab).start();
    std::thread::sleep(Duration::from_secs(1));
    let start = Instant::now();
    running.interrupt();
    let outcome = running.finish(Duration::from_secs(5));
    let took = start.elapsed();
    println!("interrupt: ended after {:.2} s", took.as_secs_f64());
    outcome.assert_code(3);
    assert!(took < Duration::from_millis(1500), "it took {took:?}");
    let report = outcome.report();
    assert_eq!(report.finish()["ended"], "interrupted");
    // Silence is held until vouched or the scan is over, so nothing here may be called closed.
    for (port, told) in report.ports("198.18.0.2") {
        let verdict = told.verdict.as_str();
        let is_right = match port {
            22 => ["open/syn-ack", "unknown/interrupted"].contains(&verdict),
            _ => ["filtered/no-response", "unknown/interrupted"].contains(&verdict),
        };
        assert!(is_right, "{port}: {verdict}");
    }
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let Some(lab) = require("second interrupt", &["nft"]) else { return };
    let silence = Silence::new();
    let running = silence.scan(&lab).start();
    std::thread::sleep(Duration::from_secs(1));
    running.interrupt();
    std::thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    running.interrupt();
    let outcome = running.finish(Duration::from_secs(5));
    let took = start.elapsed();
    println!("second interrupt: ended after {:.2} s, {}", took.as_secs_f64(), outcome.status);
    assert!(took < Duration::from_millis(300), "it took {took:?}");
    assert!(!outcome.status.success(), "an abandoned scan is no success");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let Some(lab) = require("head", &[]) else { return };
    let namespace = Namespace::new("head");
    let many: Vec<u16> = (1..=500).collect();
    let _listeners = server::listeners(&namespace, &["127.0.0.1"], &many);
    for format in [&["--json", "--all"][..], &["-q"], &[]] {
        let words = [&["127.0.0.1", "-p-"], format].concat();
        let (running, pipe) = lab.scan(&namespace, &words).start_piped();
        let mut first = String::new();
        BufReader::new(pipe).read_line(&mut first).expect("a pipe can be read");
        assert!(!first.is_empty(), "{words:?}: nothing was written");
        let outcome = running.finish(Duration::from_secs(60));
        assert!(matches!(outcome.status.code(), Some(0 | 3)), "{words:?}: {}", outcome.status);
        assert_eq!(outcome.stderr, "", "{words:?}: a quiet end");
    }
}
