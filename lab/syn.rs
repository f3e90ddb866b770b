//! SYNs of our own making, against real kernels: what `-sS` tells of hosts, firewalls and links whose truth is known.
//!
//! The scanner runs as an unprivileged user with CAP_NET_RAW, or as root. All of it happens in namespaces without a way
//! out.

mod ack;
mod faults;
mod kept;
mod links;
mod paths;
mod rights;
mod scope;
mod strain;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::require::{Lab, require};
use crate::scanner::{Outcome, User};
use crate::server;
use crate::veth::{self, CLOSED, Rule, V4, V6};
use portolan_lab::namespace::{Namespace, behind_a_router, neighbours};
use portolan_lab::ndjson::{Report, Told};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_host_with_servers_and_a_firewall() {
    let Some(lab) = require("syn veth", &["nft", "nginx", "sshd", "ssh-keygen"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &veth::firewall());
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _web = server::nginx(&lab, &target, &addresses);
    let _shell = server::sshd(&lab, &target, &addresses);
    for (address, rules) in addresses.into_iter().zip([V4, V6]) {
        both_methods_agree(&lab, &scanner, address, rules, None);
        println!("syn veth: {address}: every state, reason and sender right, and as by connect");
    }
}

#[test]
fn a_firewall_on_the_way_is_named() {
    let Some(lab) = require("syn router", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    router.firewall("forward", &veth::firewall());
    let _listeners = server::listeners(&target, &["198.18.0.6", "2001:db8:0:2::2"], &[22, 80]);
    let hosts = [("198.18.0.6", "198.18.0.2", V4), ("2001:db8:0:2::2", "2001:db8:0:1::2", V6)];
    for (address, by, rules) in hosts {
        both_methods_agree(&lab, &scanner, address, rules, Some(by));
        println!(
            "syn router: {address}: every state, reason and sender right, and as by connect; {by} named"
        );
    }
}

fn both_methods_agree(lab: &Lab, scanner: &Namespace, address: &str, rules: &[Rule], by: Option<&str>) {
    let ports = veth::asked(rules);
    let run = |method: &str| {
        let words = [method, address, "-p", &ports, "--json", "--all"];
        done(lab.scan(scanner, &words).by(User::MayCapture).run(LIMIT))
    };
    let (syn, connect) = (run("-sS"), run("-sT"));
    assert_methods(&syn, address, |_| "syn");
    assert_methods(&connect, address, |_| "connect");
    assert_eq!(syn.ports(address), truth(rules, by, "closed/reset"), "{address} by SYN");
    assert_eq!(connect.ports(address), truth(rules, by, "closed/conn-refused"), "{address} by connect");
}

/// What is to be told of the ports of `rules`, and of three more. ICMP errors come from `by`, or from the host itself.
fn truth(rules: &[Rule], by: Option<&str>, closed: &str) -> BTreeMap<u16, Told> {
    let by = by.map(|by| by.parse().expect("an address"));
    let plain = |verdict: &str| {
        let verdict = if verdict.starts_with("closed/") { closed } else { verdict };
        Told { verdict: verdict.to_owned(), from: None }
    };
    let ruled = |rule: &Rule| Told { from: by.filter(|_| rule.is_icmp), ..plain(rule.verdict) };
    let mut truth: BTreeMap<u16, Told> = rules.iter().map(|rule| (rule.port, ruled(rule))).collect();
    truth.extend([(22, plain("open/syn-ack")), (80, plain("open/syn-ack")), (CLOSED, plain(closed))]);
    truth
}

/// A box on the way that resets in the name of a host betrays itself by its distance, once the host's own is known.
#[test]
fn a_reset_from_nearer_is_not_the_hosts_own() {
    let Some(lab) = require("syn nearer", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    router.firewall("forward", &["tcp dport 1000-1199 reject with tcp reset".to_owned()]);
    let addresses = ["198.18.0.6", "2001:db8:0:2::2"];
    // Open ports before, among and after the others, whatever the order.
    let open: Vec<u16> = (1200..1220).chain([22, 80]).collect();
    let _listeners = server::listeners(&target, &addresses, &open);
    for address in addresses {
        let words = ["-sS", address, "-p", "22,80,1000-1239", "--json", "--all"];
        let report = done(lab.scan(&scanner, &words).by(User::MayCapture).run(LIMIT));
        report.assert_truth(address, (1000..1240).chain([22, 80]), |port, verdict| {
            verdict == if open.contains(&port) { "open/syn-ack" } else { "closed/reset" }
        });
        let records = report.records(address);
        let known = open.iter().map(|port| answered_at(records[port])).min().expect("some are open");
        let nearer = |port: &u16| (1000..1200).contains(port);
        for (port, record) in records.iter().filter(|(port, _)| !open.contains(port)) {
            let doubted = because(record, "reset.from-nearer");
            // In the same microsecond either may have come first.
            let at = answered_at(record);
            let expected = nearer(port) && at > known;
            assert!(doubted == expected || (nearer(port) && at == known), "{port}: {record}");
            assert!(because(record, "syn.acknowledged"), "{port}: {record}");
        }
        let doubted = records.values().filter(|record| because(record, "reset.from-nearer")).count();
        assert!(doubted > 0, "{address}: no open port was heard before the last reset of the router");
        println!("syn nearer: {address}: {doubted} of 200 resets of the router told from the host's own 20");
    }
}

/// All ports of a host near by, and of one behind a link without addresses of its own.
#[test]
fn all_ports_of_a_host_that_refuses_in_four_ways() {
    let Some(lab) = require("syn ways", &["nft", "/dev/net/tun"]) else { return };
    veth::scan_near_and_far(&lab, User::MayCapture, "closed/reset");
}

/// The report of a scan that asked everything.
fn done(outcome: Outcome) -> Report {
    outcome.assert_code(0);
    outcome.report()
}

/// Whether a record says that it is so for this reason.
fn because(record: &Value, why: &str) -> bool {
    record["confidence"]["because"].as_array().is_some_and(|list| list.iter().any(|said| said == why))
}

/// When the last of the evidence was there, in microseconds.
fn answered_at(record: &Value) -> u64 {
    let times = record["evidence"].as_array().into_iter().flatten().filter_map(|fact| fact["t_us"].as_u64());
    times.max().unwrap_or_else(|| panic!("no evidence: {record}"))
}

/// Demands that every record of a host says how the port was asked.
fn assert_methods(report: &Report, address: &str, method: impl Fn(u16) -> &'static str) {
    let records = report.records(address);
    assert!(!records.is_empty(), "nothing told of {address}");
    for (port, record) in records {
        assert_eq!(record["method"], method(port), "{address} {port}: {record}");
    }
}
