use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemons::DAEMONS;
use crate::require::{Lab, require};
use crate::scanner::User;
use crate::server;
use portolan_lab::namespace::{Namespace, behind_a_router, neighbours};
use portolan_lab::ndjson::{Report, Told};
use portolan_lab::server::Server;

const LIMIT: Duration = Duration::from_secs(120);

/// By sockets, and by packets of our own making: the same is told.
const USERS: [User; 2] = [User::Nobody, User::MayCapture];

/// One port, what a firewall does with datagrams to it, and what a scanner must say.
struct Rule {
    port: u16,
    action: &'static str,
    /// When the host's own firewall does it …
    by_host: &'static str,
    /// … and when a router on the way does.
    by_router: &'static str,
}

const fn same(port: u16, action: &'static str, verdict: &'static str) -> Rule {
    Rule { port, action, by_host: verdict, by_router: verdict }
}

const V4: &[Rule] = &[
    same(1001, "drop", "open|filtered/no-response"),
    Rule {
        port: 1003,
        action: "reject with icmp type port-unreachable",
        by_host: "closed/port-unreach",
        by_router: "filtered/port-unreach",
    },
    same(1004, "reject with icmp type host-prohibited", "filtered/host-prohibited"),
    same(1005, "reject with icmp type admin-prohibited", "filtered/admin-prohibited"),
    same(1006, "reject with icmp type net-prohibited", "filtered/net-prohibited"),
    same(1007, "reject with icmp type net-unreachable", "filtered/net-unreach"),
    same(1008, "reject with icmp type host-unreachable", "filtered/host-unreach"),
    same(1009, "reject with icmp type prot-unreachable", "filtered/proto-unreach"),
];

const V6: &[Rule] = &[
    same(1001, "drop", "open|filtered/no-response"),
    Rule {
        port: 1003,
        action: "reject with icmpv6 type port-unreachable",
        by_host: "closed/port-unreach",
        by_router: "filtered/port-unreach",
    },
    same(1004, "reject with icmpv6 type addr-unreachable", "filtered/addr-unreach"),
    same(1005, "reject with icmpv6 type admin-prohibited", "filtered/admin-prohibited"),
    same(1006, "reject with icmpv6 type no-route", "filtered/no-route"),
    same(1007, "reject with icmpv6 type policy-fail", "filtered/failed-policy"),
    same(1008, "reject with icmpv6 type reject-route", "filtered/reject-route"),
];

/// A socket that answers whatever it gets, one that never answers, and a port without either.
const ECHO: u16 = 7;
const MUTE: u16 = 2000;
const CLOSED: u16 = 1010;

#[test]
fn daemons_are_found_and_named() {
    let tools: Vec<&str> = DAEMONS.iter().map(|daemon| daemon.tool).chain(["openssl"]).collect();
    let Some(lab) = require("udp daemons", &tools) else { return };
    let (scanner, target) = neighbours();
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _running: Vec<Server> =
        DAEMONS.iter().flat_map(|daemon| daemon.serve(&lab, &target, &addresses)).collect();
    for (address, user) in addresses.into_iter().flat_map(|address| USERS.map(|user| (address, user))) {
        let outcome = lab.scan(&scanner, &["-sU", address, "--json"]).by(user).run(LIMIT);
        outcome.assert_code(0);
        let report = outcome.report();
        let ports = report.ports_over("udp", address);
        for daemon in DAEMONS {
            let named = (told(&ports, daemon.port), report.service(address, daemon.port));
            assert_eq!(
                named,
                ("open/udp-response", Some(daemon.service.to_owned())),
                "{address} {}",
                daemon.tool
            );
        }
        let open = |told: &Told| told.verdict.starts_with("open/");
        // charon also serves port 4500, and coturn 3479.
        let usual =
            |port: u16| DAEMONS.iter().any(|daemon| daemon.port == port) || [3479, 4500].contains(&port);
        for (port, told) in &ports {
            assert!(open(told) == usual(*port) || *port == 3479, "{address} {port}: {}", told.verdict);
            assert!(
                open(told) || told.verdict == "closed/port-unreach",
                "{address} {port}: {}",
                told.verdict
            );
        }
        println!(
            "udp daemons: {address}, as {user:?}: {} daemons found and named, {} ports closed, {:.2} s of wall",
            DAEMONS.len(),
            ports.values().filter(|told| told.verdict.starts_with("closed/")).count(),
            outcome.wall.as_secs_f64()
        );
    }
}

#[test]
fn a_host_with_a_firewall() {
    let Some(lab) = require("udp firewall", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &firewall());
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _sockets = sockets(&target, &addresses);
    let refusals = ["icmp type destination-unreachable", "icmpv6 type destination-unreachable"];
    target.count("to-scanner", &refusals.map(|refusal| ("refused", refusal)));
    for (address, rules) in addresses.into_iter().zip([V4, V6]) {
        for user in USERS {
            let before = scanner.counters();
            let report = scan(&lab, (&scanner, user), address, rules);
            check(&report, address, rules, None);
            let after = scanner.counters();
            let field = if address.contains(':') { "Udp6OutDatagrams" } else { "Udp.OutDatagrams" };
            let by_socket = after[field] - before[field];
            let raw = user == User::MayCapture;
            assert_eq!(by_socket == 0, raw, "{by_socket} datagrams left by sockets");
            assert_eq!(report.begin()["plan"]["udp_by"], if raw { "packets" } else { "sockets" });
            let answered = report.of_kind("verdict").find(|told| told["port"] == ECHO).expect("it answers");
            let facts = answered["evidence"].as_array().into_iter().flatten();
            let hops: Vec<_> = facts.filter_map(|fact| fact["ttl"].as_u64()).collect();
            assert_eq!(hops, if raw { vec![64] } else { vec![] }, "{answered}");
            println!("udp firewall: {address}, as {user:?}: every state and reason right");
        }
    }
    assert_eq!(target.counted("refused"), 0, "our kernel refused what answered us");
}

#[test]
fn a_firewall_on_the_way_is_named() {
    let Some(lab) = require("udp router", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    router.firewall("forward", &firewall());
    let _sockets = sockets(&target, &["198.18.0.6", "2001:db8:0:2::2"]);
    let hosts = [("198.18.0.6", "198.18.0.2", V4), ("2001:db8:0:2::2", "2001:db8:0:1::2", V6)];
    for (address, by, rules) in hosts {
        for user in USERS {
            let report = scan(&lab, (&scanner, user), address, rules);
            check(&report, address, rules, Some(by));
            println!("udp router: {address}, as {user:?}: every state and reason right, {by} named");
        }
    }
}

/// Every port of the loopback, where an error comes back before the next datagram is sent: none is lost to it.
#[test]
fn all_ports_of_loopback() {
    let Some(lab) = require("udp loopback", &[]) else { return };
    let namespace = Namespace::new("udp-loopback");
    // Some of them among the ephemeral ports, where the scanner's own sockets are.
    let mutes: Vec<u16> = (0..200).map(|n| n * 321 + 500).collect();
    let echoes: Vec<u16> = (0..50).map(|n| n * 1299 + 7).filter(|port| !mutes.contains(port)).collect();
    let addresses = ["127.0.0.1", "::1"];
    let _mute = server::datagrams(&namespace, &addresses, &mutes, "mute");
    let _echo = server::datagrams(&namespace, &addresses, &echoes, "echo");
    for address in addresses {
        let before = namespace.counters();
        let outcome = lab.scan(&namespace, &["-sU", "-p-", address, "--json"]).run(LIMIT);
        let after = namespace.counters();
        outcome.assert_code(0);
        let report = outcome.report();
        report.assert_truth_over("udp", address, 1..=65535, |port, verdict| {
            let truth = match () {
                () if mutes.contains(&port) => "open|filtered/no-response",
                () if echoes.contains(&port) => "open/udp-response",
                () => "closed/port-unreach",
            };
            verdict == truth
        });
        let finish = report.finish();
        let number = |field: &str| finish[field].as_u64().unwrap_or_else(|| panic!("no {field}: {finish}"));
        assert_eq!((number("local_faults"), number("overruns")), (0, 0), "{finish}");
        assert!(number("pending_errors") > 0, "the trap was never met: {finish}");
        // The kernel's own count of what left: ours, and one answer for each datagram that an echo got.
        let field = if address.contains(':') { "Udp6OutDatagrams" } else { "Udp.OutDatagrams" };
        let left = after[field] - before[field];
        let answers = number("packets")..=number("packets") + 4 * echoes.len() as u64;
        assert!(answers.contains(&left), "{left} datagrams left, {finish}");
        println!(
            "udp loopback: 65535 ports of {address} in {:.2} s, {} datagrams, {} sends repeated for a pending error",
            outcome.wall.as_secs_f64(),
            number("packets"),
            number("pending_errors")
        );
    }
}

/// The limit that Linux has by default: six errors at once, then one a second (`icmp_ratelimit`). This version proves
/// nothing by silence, so it may not say more than it knows.
#[test]
fn withheld_errors_make_no_verdict() {
    let Some(lab) = require("udp icmp limit", &[]) else { return };
    let (scanner, target) = neighbours();
    target.sysctl("net.ipv4.icmp_ratelimit", "1000");
    let _echo = server::datagrams(&target, &["198.18.0.2"], &[ECHO, 4000], "echo");
    let outcome = lab.scan(&scanner, &["-sU", "-p", "1-100,4000", "198.18.0.2", "--json"]).run(LIMIT);
    outcome.assert_code(0);
    let report = outcome.report();
    report.assert_truth_over("udp", "198.18.0.2", (1..=100).chain([4000]), |port, verdict| match port {
        ECHO | 4000 => verdict == "open/udp-response",
        _ => ["closed/port-unreach", "open|filtered/no-response"].contains(&verdict),
    });
    for event in report.events("open|filtered") {
        assert_eq!(event["confidence"]["level"], "weak", "{event}");
    }
    println!("udp icmp limit: nothing wrong in {:.2} s", outcome.wall.as_secs_f64());
}

/// What our own machine does not let out is no silence.
#[test]
fn a_firewall_of_our_own_is_no_silence() {
    let Some(lab) = require("udp own firewall", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    let rules = [
        "udp dport 2001 drop",
        "udp dport 2002 reject with icmpx type admin-prohibited",
        "udp dport 2003 reject with icmpx type port-unreachable",
    ];
    scanner.firewall("output", &rules.map(str::to_owned));
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _echo = server::datagrams(&target, &addresses, &[ECHO, 2001, 2002, 2003], "echo");
    for address in addresses {
        let outcome = lab.scan(&scanner, &["-sU", "-p", "7,9,2001-2003", address, "--json"]).run(LIMIT);
        outcome.assert_code(3);
        outcome.report().assert_truth_over("udp", address, [7, 9, 2001, 2002, 2003], |port, verdict| {
            match port {
                ECHO => verdict == "open/udp-response",
                9 => verdict == "closed/port-unreach",
                _ => verdict == "unknown/local-firewall",
            }
        });
        println!("udp own firewall: {address}: what did not leave is unknown, exit code 3");
    }
}

#[test]
fn no_route_and_no_neighbour_are_no_silence() {
    let Some(lab) = require("udp routes", &[]) else { return };
    let (scanner, _target) = neighbours();
    scanner.ip("route add unreachable 198.18.8.0/24");
    scanner.ip("route add prohibit 198.18.9.0/24");
    for (address, verdict, code) in [
        ("198.18.7.1", "unknown/local-no-route", 3),
        ("198.18.8.1", "unknown/local-no-route", 3),
        ("198.18.9.1", "unknown/local-perm", 3),
        ("2001:db8:7::1", "unknown/local-no-route", 3),
        ("2001:db8::9", "unknown/no-neighbour", 0),
    ] {
        for user in USERS {
            let words = ["-sU", "-p", "53,161", address, "-Pn", "--json"];
            let outcome = lab.scan(&scanner, &words).by(user).run(LIMIT);
            outcome.assert_code(code);
            outcome.report().assert_truth_over("udp", address, [53, 161], |_, told| told == verdict);
        }
    }
}

/// TCP and UDP of one host in one run, each with its own ports.
#[test]
fn both_protocols_in_one_run() {
    let Some(lab) = require("udp and tcp", &[]) else { return };
    let (scanner, target) = neighbours();
    let _echo = server::datagrams(&target, &["198.18.0.2"], &[ECHO], "echo");
    let _listeners = server::listeners(&target, &["198.18.0.2"], &[22, 80]);
    for (user, technique, refused, by) in [
        (User::Nobody, "-sTU", "closed/conn-refused", "sockets"),
        // Who asks for the kernel's own connects has no packet of our making sent.
        (User::MayCapture, "-sTU", "closed/conn-refused", "sockets"),
        (User::MayCapture, "-sSU", "closed/reset", "packets"),
    ] {
        let words = [technique, "-p", "T:22,80,81,U:7,9", "198.18.0.2", "--json"];
        let outcome = lab.scan(&scanner, &words).by(user).run(LIMIT);
        outcome.assert_code(0);
        let report = outcome.report();
        report.assert_truth_over("tcp", "198.18.0.2", [22, 80, 81], |port, verdict| {
            verdict == if port == 81 { refused } else { "open/syn-ack" }
        });
        report.assert_truth_over("udp", "198.18.0.2", [7, 9], |port, verdict| {
            verdict == if port == 9 { "closed/port-unreach" } else { "open/udp-response" }
        });
        assert_eq!(report.finish()["hosts"]["up"], 1);
        assert_eq!(report.begin()["plan"]["udp_by"], by, "{technique} as {user:?}");
    }
}

fn sockets(target: &Namespace, addresses: &[&str]) -> [Server; 2] {
    let ruled = V4.iter().map(|rule| rule.port);
    // Something would answer behind each rule.
    let echoes: Vec<u16> = ruled.chain([ECHO]).collect();
    [
        server::datagrams(target, addresses, &echoes, "echo"),
        server::datagrams(target, addresses, &[MUTE], "mute"),
    ]
}

/// The rules of both families.
fn firewall() -> Vec<String> {
    let line =
        |family: &str, rule: &Rule| format!("meta nfproto {family} udp dport {} {}", rule.port, rule.action);
    let v4 = V4.iter().map(|rule| line("ipv4", rule));
    let v6 = V6.iter().map(|rule| line("ipv6", rule));
    v4.chain(v6).collect()
}

fn scan(lab: &Lab, (scanner, user): (&Namespace, User), address: &str, rules: &[Rule]) -> Report {
    let ruled: String = rules.iter().map(|rule| format!(",{}", rule.port)).collect();
    let ports = format!("{ECHO},{MUTE},{CLOSED}{ruled}");
    lab.scan(scanner, &["-sU", address, "-p", &ports, "--json"]).by(user).report(LIMIT)
}

/// Every verdict of `address`; what a rule answers comes from `by`, or from the host itself.
fn check(report: &Report, address: &str, rules: &[Rule], by: Option<&str>) {
    let by = by.map(|by| by.parse().expect("an address"));
    let plain = |verdict: &str| Told { verdict: verdict.to_owned(), from: None };
    let ruled = |rule: &Rule| {
        let verdict = if by.is_some() { rule.by_router } else { rule.by_host };
        Told { verdict: verdict.to_owned(), from: by.filter(|_| verdict.starts_with("filtered/")) }
    };
    let mut truth: BTreeMap<u16, Told> = rules.iter().map(|rule| (rule.port, ruled(rule))).collect();
    truth.extend([
        (ECHO, plain("open/udp-response")),
        (MUTE, plain("open|filtered/no-response")),
        (CLOSED, plain("closed/port-unreach")),
    ]);
    assert_eq!(report.ports_over("udp", address), truth, "{address}");
}

fn told(ports: &BTreeMap<u16, Told>, port: u16) -> &str {
    ports.get(&port).map_or("not told", |told| &told.verdict)
}
