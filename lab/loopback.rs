use std::time::{Duration, Instant};

use crate::require::require;
use crate::server;
use portolan_lab::namespace::{Namespace, cable};
use portolan_lab::ndjson::open_or_refused;

/// Half of them among the ephemeral ports (32768–60999), where a scanner of its own machine meets itself.
const TWELVE: [u16; 12] = [1, 22, 80, 443, 3306, 8080, 33333, 40000, 45678, 52001, 60999, 65535];

#[test]
fn twelve_listeners_again_and_again() {
    let Some(lab) = require("twelve", &[]) else { return };
    let namespace = Namespace::new("twelve");
    let _listeners = server::listeners(&namespace, &["127.0.0.1", "::1"], &TWELVE);
    let runs: u32 = std::env::var("PORTOLAN_LAB_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(50);
    let start = Instant::now();
    for run in 1..=runs {
        let scan = lab.scan(&namespace, &["127.0.0.1", "::1", "-p-", "--json"]);
        let report = scan.report(Duration::from_secs(60));
        println!("twelve: run {run} of {runs}, {:.1} s since the first", start.elapsed().as_secs_f64());
        for target in ["127.0.0.1", "::1"] {
            report.assert_truth(target, 1..=65535, open_or_refused(&TWELVE));
        }
    }
}

#[test]
fn all_ports_of_loopback_and_of_a_neighbour_with_a_thousand_listeners() {
    let Some(lab) = require("big", &[]) else { return };
    let thousand: Vec<u16> = (0..1000).map(|n| n * 65 + 7).collect();
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    cable(
        (&scanner, "to-target", &["198.18.0.1/30", "2001:db8::1/64"]),
        (&target, "to-scanner", &["198.18.0.2/30", "2001:db8::2/64"]),
    );
    let _here = server::listeners(&scanner, &["127.0.0.1", "::1"], &thousand);
    let _there = server::listeners(&target, &["198.18.0.2", "2001:db8::2"], &thousand);
    for target in ["127.0.0.1", "::1", "198.18.0.2", "2001:db8::2"] {
        let outcome = lab.scan(&scanner, &[target, "-p-", "--json"]).run(Duration::from_secs(120));
        println!("big: 65535 ports of {target}, 1000 of them open: {:.2} s", outcome.wall.as_secs_f64());
        outcome.assert_code(0);
        outcome.report().assert_truth(target, 1..=65535, open_or_refused(&thousand));
    }
}
