use std::time::Duration;

use crate::require::{Lab, require};
use crate::scanner::User;
use crate::server;
use portolan_lab::namespace::{Namespace, behind_a_router, neighbours};
use portolan_lab::ndjson::{Report, Told};
use portolan_lab::server::End;

/// One port, what a firewall does with it, and what a scanner must say.
pub(crate) struct Rule {
    pub(crate) port: u16,
    action: &'static str,
    /// As a connect tells it.
    pub(crate) verdict: &'static str,
    /// The answer is an ICMP error, so its sender is known.
    pub(crate) is_icmp: bool,
}

const fn silent(port: u16, action: &'static str, verdict: &'static str) -> Rule {
    Rule { port, action, verdict, is_icmp: false }
}

const fn told(port: u16, action: &'static str, verdict: &'static str) -> Rule {
    Rule { port, action, verdict, is_icmp: true }
}

pub(crate) const V4: &[Rule] = &[
    silent(1001, "drop", "filtered/no-response"),
    silent(1002, "reject with tcp reset", "closed/conn-refused"),
    told(1003, "reject with icmp type port-unreachable", "filtered/port-unreach"),
    told(1004, "reject with icmp type host-prohibited", "filtered/host-prohibited"),
    told(1005, "reject with icmp type admin-prohibited", "filtered/admin-prohibited"),
    told(1006, "reject with icmp type net-prohibited", "filtered/net-prohibited"),
    told(1007, "reject with icmp type net-unreachable", "filtered/net-unreach"),
    told(1008, "reject with icmp type host-unreachable", "filtered/host-unreach"),
    told(1009, "reject with icmp type prot-unreachable", "filtered/proto-unreach"),
];

pub(crate) const V6: &[Rule] = &[
    silent(1001, "drop", "filtered/no-response"),
    silent(1002, "reject with tcp reset", "closed/conn-refused"),
    told(1003, "reject with icmpv6 type port-unreachable", "filtered/port-unreach"),
    told(1004, "reject with icmpv6 type addr-unreachable", "filtered/addr-unreach"),
    told(1005, "reject with icmpv6 type admin-prohibited", "filtered/admin-prohibited"),
    told(1006, "reject with icmpv6 type no-route", "filtered/no-route"),
    told(1007, "reject with icmpv6 type policy-fail", "filtered/failed-policy"),
    told(1008, "reject with icmpv6 type reject-route", "filtered/reject-route"),
];

/// Nothing listens there and no rule names it.
pub(crate) const CLOSED: u16 = 1010;

#[test]
fn a_host_with_servers_and_a_firewall() {
    let Some(lab) = require("veth", &["nft", "nginx", "sshd", "ssh-keygen"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &firewall());
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _web = server::nginx(&lab, &target, &addresses);
    let _shell = server::sshd(&lab, &target, &addresses);
    for (address, rules) in addresses.into_iter().zip([V4, V6]) {
        let report = scan(&lab, &scanner, address, rules);
        check(&report, address, rules, None);
        println!("veth: {address}: every state and reason right");
    }
}

#[test]
fn a_firewall_on_the_way_is_named() {
    let Some(lab) = require("router", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    router.firewall("forward", &firewall());
    let _listeners = server::listeners(&target, &["198.18.0.6", "2001:db8:0:2::2"], &[22, 80]);
    let hosts = [("198.18.0.6", "198.18.0.2", V4), ("2001:db8:0:2::2", "2001:db8:0:1::2", V6)];
    for (address, by, rules) in hosts {
        let report = scan(&lab, &scanner, address, rules);
        check(&report, address, rules, Some(by));
        println!("router: {address}: every state and reason right, {by} named");
    }
}

/// The rules of both families.
pub(crate) fn firewall() -> Vec<String> {
    let line =
        |family: &str, rule: &Rule| format!("meta nfproto {family} tcp dport {} {}", rule.port, rule.action);
    let v4 = V4.iter().map(|rule| line("ipv4", rule));
    let v6 = V6.iter().map(|rule| line("ipv6", rule));
    v4.chain(v6).collect()
}

/// The ports that rules name, two that are open and one that is closed, as `-p` takes them.
pub(crate) fn asked(rules: &[Rule]) -> String {
    let ruled: String = rules.iter().map(|rule| format!(",{}", rule.port)).collect();
    format!("22,80,{CLOSED}{ruled}")
}

fn scan(lab: &Lab, scanner: &Namespace, address: &str, rules: &[Rule]) -> Report {
    let ports = asked(rules);
    lab.scan(scanner, &[address, "-p", &ports, "--json"]).report(Duration::from_secs(60))
}

/// Every verdict of `address`; ICMP errors come from `by`, or from the host itself.
fn check(report: &Report, address: &str, rules: &[Rule], by: Option<&str>) {
    let by = by.map(|by| by.parse().expect("an address"));
    let plain = |verdict: &str| Told { verdict: verdict.to_owned(), from: None };
    let mut truth: std::collections::BTreeMap<u16, Told> = rules
        .iter()
        .map(|rule| (rule.port, Told { from: by.filter(|_| rule.is_icmp), ..plain(rule.verdict) }))
        .collect();
    truth.extend([
        (22, plain("open/syn-ack")),
        (80, plain("open/syn-ack")),
        (CLOSED, plain("closed/conn-refused")),
    ]);
    assert_eq!(report.ports(address), truth, "{address}");
}

/// Refusals of many ports are looked at together, by two threads: an ICMP error must find its own port among them. Near by
/// all is over within connect(2); behind a path it comes to a socket that waits.
#[test]
fn all_ports_of_a_host_that_refuses_in_four_ways() {
    let Some(lab) = require("ways", &["nft", "/dev/net/tun"]) else { return };
    scan_near_and_far(&lab, User::Nobody, "closed/conn-refused");
}

/// Near by and behind a path without link addresses, as this user; `closed` is what is said of a port without a rule.
pub(crate) fn scan_near_and_far(lab: &Lab, user: User, closed: &str) {
    let (scanner, near) = neighbours();
    scan_ways(lab, (&scanner, user), &near, (closed, "near"));
    let (scanner, far) = (Namespace::new("scanner"), Namespace::new("far"));
    let left = End { namespace: &scanner, device: "to-far", addresses: &["198.18.0.1/30", "2001:db8::1/64"] };
    let right =
        End { namespace: &far, device: "to-scanner", addresses: &["198.18.0.2/30", "2001:db8::2/64"] };
    let _path = server::path(left, right, "delay=5ms");
    scan_ways(lab, (&scanner, user), &far, (closed, "behind 10 ms"));
}

fn scan_ways(
    lab: &Lab,
    (scanner, user): (&Namespace, User),
    target: &Namespace,
    (closed, place): (&str, &str),
) {
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let open: Vec<u16> = (0..200).map(|n| n * 300 + 5).collect();
    target.firewall(
        "input",
        &[
            "tcp dport 1-60000 tcp dport & 7 == 1 reject with icmpx type port-unreachable".to_owned(),
            "tcp dport 1-60000 tcp dport & 7 == 2 reject with icmpx type admin-prohibited".to_owned(),
            "tcp dport 1-60000 tcp dport & 127 == 3 drop".to_owned(),
        ],
    );
    let _listeners = server::listeners(target, &addresses, &open);
    for address in addresses {
        let scan = lab.scan(scanner, &[address, "-p-", "--json"]).by(user);
        let outcome = scan.run(Duration::from_secs(120));
        outcome.assert_code(0);
        let report = outcome.report();
        report.assert_truth(address, 1..=65535, |port, verdict| {
            let ruled = port <= 60000;
            verdict
                == match port {
                    port if ruled && port & 7 == 1 => "filtered/port-unreach",
                    port if ruled && port & 7 == 2 => "filtered/admin-prohibited",
                    port if ruled && port & 127 == 3 => "filtered/no-response",
                    port if open.contains(&port) => "open/syn-ack",
                    _ => closed,
                }
        });
        println!(
            "ways: {address} {place}, as {user:?}: 65535 ports, 15000 of them refused by ICMP, every verdict right, {:.2} s, {} attempts repeated",
            outcome.wall.as_secs_f64(),
            report.finish()["retries"]
        );
    }
}
