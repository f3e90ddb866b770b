use std::time::{Duration, Instant};

use serde_json::Value;

use crate::require::{Lab, require};
use crate::scanner::{Outcome, User};
use crate::server;
use portolan_lab::namespace::{Namespace, behind_a_router, cable, neighbours};
use portolan_lab::ndjson::Report;

use super::done;

const LIMIT: Duration = Duration::from_secs(120);

/// What the scan is about to ask when the fault comes, at so many packets a second.
const PORTS: std::ops::RangeInclusive<u16> = 1..=2000;
const RATE: &str = "300";

/// A fault of our own machine for two seconds in the middle of a scan: it may cost verdicts, but makes none wrong.
struct Fault<'a> {
    name: &'a str,
    begins: &'a dyn Fn(),
    ends: &'a dyn Fn(),
}

#[test]
fn our_own_link_goes_down_and_comes_back() {
    let Some(lab) = require("syn link down", &["nft"]) else { return };
    for address in ["198.18.0.2", "2001:db8::2"] {
        let (scanner, target) = neighbours();
        // As machines that are meant to survive this are set up: else IPv6 addresses are gone for good.
        scanner.sysctl("net.ipv6.conf.all.keep_addr_on_down", "1");
        let fault = Fault {
            name: "link down",
            begins: &|| scanner.ip("link set to-target down"),
            ends: &|| scanner.ip("link set to-target up"),
        };
        scan_through(&lab, &scanner, &target, address, &fault);
    }
}

#[test]
fn our_own_route_goes_and_comes_back() {
    let Some(lab) = require("syn route gone", &["nft"]) else { return };
    for (address, family, via) in
        [("198.18.0.6", "-4", "198.18.0.2"), ("2001:db8:0:2::2", "-6", "2001:db8:0:1::2")]
    {
        let (scanner, _router, target) = behind_a_router();
        let fault = Fault {
            name: "route gone",
            begins: &|| scanner.ip(&format!("{family} route del default")),
            ends: &|| scanner.ip(&format!("{family} route add default via {via}")),
        };
        scan_through(&lab, &scanner, &target, address, &fault);
    }
}

/// A card that is taken out and put in again has another number and another address; so has the one at the other end.
#[test]
fn our_own_card_is_put_in_anew() {
    let Some(lab) = require("syn card anew", &["nft"]) else { return };
    for address in ["198.18.0.2", "2001:db8::2"] {
        let (scanner, target) = neighbours();
        let fault = Fault {
            name: "card anew",
            begins: &|| scanner.ip("link del to-target"),
            ends: &|| {
                cable(
                    (&scanner, "to-target", &["198.18.0.1/30", "2001:db8::1/64"]),
                    (&target, "to-scanner", &["198.18.0.2/30", "2001:db8::2/64"]),
                );
            },
        };
        scan_through(&lab, &scanner, &target, address, &fault);
    }
}

/// A neighbour that has another card from one moment to the next, as where a spare machine takes over, and says nothing
/// of it.
#[test]
fn a_neighbour_takes_another_card() {
    let Some(lab) = require("syn other card", &["nft"]) else { return };
    for address in ["198.18.0.2", "2001:db8::2"] {
        let (scanner, target) = neighbours();
        let fault = Fault {
            name: "other card",
            begins: &|| target.ip("link set to-scanner address 02:00:00:00:00:99"),
            ends: &|| {},
        };
        scan_through(&lab, &scanner, &target, address, &fault);
    }
}

/// Hosts that are met for the first time while there is no route: what is asked of them later is asked.
#[test]
fn a_sweep_goes_on_when_the_route_is_back() {
    let Some(lab) = require("syn sweep", &["nft"]) else { return };
    for (range, family, via, any) in [
        ("198.18.3.0/24", "-4", "198.18.0.2", "0.0.0.0"),
        ("2001:db8:3::/120", "-6", "2001:db8:0:1::2", "::"),
    ] {
        let (scanner, router, target) = behind_a_router();
        let inner = if family == "-4" { "198.18.0.6" } else { "2001:db8:0:2::2" };
        router.ip(&format!("{family} route add {range} via {inner}"));
        target.ip(&format!("{family} route add local {range} dev lo"));
        target.count("to-router", &[("asked", "tcp flags syn")]);
        let _listeners = server::listeners(&target, &[any], &[22]);
        let words = ["-sS", range, "-p", "22,80,81,82", "-Pn", "--max-rate", "100", "--json", "--all"];
        let mut running = lab.scan(&scanner, &words).by(User::MayCapture).start();
        running.until("packets", LIMIT, |_| target.counted("asked") >= 50);
        let gone = Instant::now();
        scanner.ip(&format!("{family} route del default"));
        std::thread::sleep(Duration::from_secs(2));
        scanner.ip(&format!("{family} route add default via {via}"));
        let gone = gone.elapsed();
        assert!(running.is_running(), "the scan was too short for the fault");
        let report = finished(running.finish(LIMIT));
        let unknown = unknown_for_the_route(&report, range);
        println!("syn sweep: {range}: {} of 1024 ports unknown, no verdict wrong", unknown.len());
        assert_passes(unknown.into_iter(), gone);
    }
}

/// Demands that a fault was over for us not long after it was over: from the first port given up to the last.
fn assert_passes<'a>(unknown: impl Iterator<Item = &'a Value>, gone: Duration) {
    let times: Vec<u64> = unknown.map(super::answered_at).collect();
    let span = times.iter().max().zip(times.iter().min()).map_or(0, |(last, first)| last - first);
    // The door remembers a way for a second; the rest is for a busy machine.
    let most = gone + Duration::from_secs(3);
    assert!(u128::from(span) < most.as_micros(), "ports are given up for {span} us; it lasted {gone:?}");
}

/// The records of ports that are unknown by a failure of ours; every other must be told as it is.
fn unknown_for_the_route<'a>(report: &'a Report, range: &str) -> Vec<&'a Value> {
    let base = range
        .split('/')
        .next()
        .and_then(|first| first.strip_suffix(if range.contains(':') { ":" } else { ".0" }));
    let base = base.expect("a range of the lab");
    let mut unknown = Vec::new();
    for last in 0..256 {
        let host = if range.contains(':') { format!("{base}:{last:x}") } else { format!("{base}.{last}") };
        let records = report.records(&host);
        assert_eq!(records.len(), 4, "{host}");
        for (port, record) in records {
            let verdict = (record["state"].as_str(), record["reason"].as_str());
            match (port, verdict) {
                (_, (Some("unknown"), Some(reason))) if reason.starts_with("local-") => {
                    unknown.push(record);
                }
                (22, (Some("open"), _)) | (80..=82, (Some("closed"), Some("reset"))) => {}
                _ => panic!("{host} {port}: {record}"),
            }
        }
    }
    unknown
}

/// The report of a scan that may have left something unknown.
fn finished(outcome: Outcome) -> Report {
    assert!(matches!(outcome.status.code(), Some(0 | 3)), "{}: {}", outcome.status, outcome.stderr);
    outcome.report()
}

fn scan_through(lab: &Lab, scanner: &Namespace, target: &Namespace, address: &str, fault: &Fault<'_>) {
    let open: Vec<u16> = PORTS.step_by(20).collect();
    let silent = |port: u16| port % 100 == 7;
    let dropped: Vec<String> = PORTS.filter(|port| silent(*port)).map(|port| port.to_string()).collect();
    target.firewall("input", &[format!("tcp dport {{ {} }} drop", dropped.join(", "))]);
    let _listeners = server::listeners(target, &[address], &open);
    // In the first second of a link IPv6 neighbours do not answer: that is another fault than the one looked at.
    done(lab.scan(scanner, &["-sT", address, "-p", "1,2", "--json"]).run(LIMIT));
    let ports = format!("{}-{}", PORTS.start(), PORTS.end());
    let before = target.counters()["Tcp.InSegs"];
    let asked = || target.counters()["Tcp.InSegs"] - before;
    let words = ["-sS", address, "-p", &ports, "--max-rate", RATE, "--json", "--all"];
    let mut running = lab.scan(scanner, &words).by(User::MayCapture).start();
    running.until("packets", LIMIT, |_| asked() >= 300);
    let gone = Instant::now();
    (fault.begins)();
    std::thread::sleep(Duration::from_secs(2));
    (fault.ends)();
    let gone = gone.elapsed();
    assert!(running.is_running(), "the scan was too short for the fault");
    let before = asked();
    let outcome = running.finish(LIMIT);
    let after = asked();
    let report = outcome.report();
    let unknown = our_own_fault(&report, address);
    report.assert_truth(address, PORTS, |port, verdict| {
        let truth = match port {
            port if open.contains(&port) => "open/syn-ack",
            port if silent(port) => "filtered/no-response",
            _ => "closed/reset",
        };
        verdict == truth || verdict.starts_with("unknown/local-")
    });
    outcome.assert_code(if unknown == 0 { 0 } else { 3 });
    let records = report.records(address);
    assert_passes(records.into_values().filter(|record| record["state"] == "unknown"), gone);
    println!(
        "syn {}: {address}: {unknown} of {} ports unknown for a fault of ours, no verdict wrong, {:.1} s; \
         {} packets arrived after it",
        fault.name,
        PORTS.len(),
        outcome.wall.as_secs_f64(),
        after - before,
    );
}

/// How many ports stay unknown, by a failure of this machine.
fn our_own_fault(report: &Report, address: &str) -> usize {
    report.ports(address).values().filter(|told| told.verdict.starts_with("unknown/local-")).count()
}
