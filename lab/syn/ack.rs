//! ACKs of no connection: what `-sA` tells of firewalls with and without a memory, held against `-sS` and, where it is
//! installed, against nmap.

use std::collections::BTreeMap;
use std::process::Command;

use crate::require::{Lab, require};
use crate::scanner::User;
use crate::server;
use crate::veth::{self, CLOSED, Rule, V4, V6};
use portolan_lab::namespace::{Namespace, behind_a_router, neighbours, run};
use portolan_lab::ndjson::Told;
use portolan_lab::which;

use super::{LIMIT, assert_methods, because, done};

/// Open ports behind rules that know connections: what is dropped, what is reset and what is refused are ACKs of none.
const KNOWING: &[(u16, &str, &str)] = &[
    (2001, "ct state invalid drop", "filtered/no-response"),
    (2002, "ct state invalid reject with tcp reset", "unfiltered/reset"),
    (2003, "ct state invalid reject with icmpx type admin-prohibited", "filtered/admin-prohibited"),
    (2004, "tcp flags & (fin | syn | rst | ack) != syn drop", "filtered/no-response"),
];

#[test]
fn a_host_with_a_firewall_and_a_memory() {
    let Some(lab) = require("ack veth", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    build(&target, "input");
    let addresses = ["198.18.0.2", "2001:db8::2"];
    let _listeners = server::listeners(&target, &addresses, &open());
    for (address, rules) in addresses.into_iter().zip([V4, V6]) {
        check(&lab, &scanner, address, rules, None);
    }
}

#[test]
fn a_firewall_with_a_memory_on_the_way() {
    let Some(lab) = require("ack router", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    build(&router, "forward");
    let _listeners = server::listeners(&target, &["198.18.0.6", "2001:db8:0:2::2"], &open());
    let hosts = [("198.18.0.6", "198.18.0.2", V4), ("2001:db8:0:2::2", "2001:db8:0:1::2", V6)];
    for (address, by, rules) in hosts {
        check(&lab, &scanner, address, rules, Some(by));
    }
}

/// What passes no wire cannot be asked by ACK, and nothing is made of that.
#[test]
fn loopback_and_own_addresses() {
    let Some(lab) = require("ack own", &[]) else { return };
    let (scanner, target) = neighbours();
    let scan = |words: &[&str], user| {
        let words = [&["-sA", "-p", "22,80", "--json"], words].concat();
        lab.scan(&scanner, &words).by(user).run(LIMIT)
    };
    for own in ["127.0.0.1", "::1", "198.18.0.1", "2001:db8::1"] {
        let outcome = scan(&[own], User::MayCapture);
        outcome.assert_code(2);
        assert!(outcome.stderr.contains("no packet to it passes a wire"), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "", "{own}");
    }
    let outcome = scan(&["127.0.0.1", "198.18.0.1", "198.18.0.2"], User::MayCapture);
    outcome.assert_code(3);
    let report = outcome.report();
    for own in ["127.0.0.1", "198.18.0.1"] {
        report.assert_truth(own, [22, 80], |_, verdict| verdict == "unknown/local-own-address");
    }
    report.assert_truth("198.18.0.2", [22, 80], |_, verdict| verdict == "unfiltered/reset");
    // Who may not send any is told so, before anything is sent.
    target.count("to-scanner", &[("asked", "tcp dport 1-1000")]);
    let outcome = scan(&["198.18.0.2"], User::Nobody);
    outcome.assert_code(2);
    assert!(outcome.stderr.contains("-sA") && outcome.stderr.contains("CAP_NET_RAW"), "{}", outcome.stderr);
    println!("ack own: refused alone, unknown beside a neighbour, and refused without CAP_NET_RAW");
}

/// A firewall of both kinds, which does not take an ACK for the middle of a connection that it has missed.
fn build(firewall: &Namespace, hook: &str) {
    let knowing = KNOWING.iter().map(|(port, action, _)| format!("tcp dport {port} {action}"));
    firewall.firewall(hook, &veth::firewall().into_iter().chain(knowing).collect::<Vec<_>>());
    // Only after a rule has asked for it does this namespace follow connections.
    firewall.sysctl("net.netfilter.nf_conntrack_tcp_loose", "0");
}

fn open() -> Vec<u16> {
    KNOWING.iter().map(|(port, ..)| *port).chain([22, 80]).collect()
}

fn check(lab: &Lab, scanner: &Namespace, address: &str, rules: &[Rule], by: Option<&str>) {
    let knowing: String = KNOWING.iter().map(|(port, ..)| format!(",{port}")).collect();
    let ports = veth::asked(rules) + &knowing;
    let run = |method: &str| {
        let words = [method, address, "-p", &ports, "--json", "--all"];
        done(lab.scan(scanner, &words).by(User::MayCapture).run(LIMIT))
    };
    let ack = run("-sA");
    assert_methods(&ack, address, |_| "ack");
    let truth = truth(rules, by);
    assert_eq!(ack.ports(address), truth, "{address} by ACK");
    for (port, record) in ack.records(address) {
        let reset = record["state"] == "unfiltered";
        assert_eq!(because(record, "ack.reset"), reset, "{port}: {record}");
    }
    // A SYN begins a connection: the rules that know some let it through.
    let syn = run("-sS").ports(address);
    for (port, ..) in KNOWING {
        assert_eq!(syn[port].verdict, "open/syn-ack", "{address} {port} by SYN");
    }
    let states = truth.into_iter().map(|(port, told)| (port, state(&told.verdict).to_owned())).collect();
    let beside = match nmap(scanner, address, &ports) {
        Some(nmaps) => {
            assert_eq!(nmaps, states, "{address} by nmap -sA");
            ", and as nmap tells it"
        }
        None => "; nmap is not installed",
    };
    println!("ack: {address}: {} ports, every state, reason and sender right{beside}", states.len());
}

/// What an ACK tells of the ports of `rules`, of those behind a memory, and of three more.
fn truth(rules: &[Rule], by: Option<&str>) -> BTreeMap<u16, Told> {
    const RESET: &str = "unfiltered/reset";
    let by = by.map(|by| by.parse().expect("an address"));
    let told = |verdict: &str, is_icmp: bool| Told {
        verdict: if verdict.starts_with("closed/") { RESET } else { verdict }.to_owned(),
        from: by.filter(|_| is_icmp),
    };
    let ruled = rules.iter().map(|rule| (rule.port, told(rule.verdict, rule.is_icmp)));
    let knowing =
        KNOWING.iter().map(|(port, action, verdict)| (*port, told(verdict, action.contains("icmpx"))));
    let plain = [22, 80, CLOSED].map(|port| (port, told(RESET, false)));
    ruled.chain(knowing).chain(plain).collect()
}

fn state(verdict: &str) -> &str {
    verdict.split('/').next().unwrap_or(verdict)
}

/// The states as nmap tells them: each port, or all of a state that it takes together.
fn nmap(scanner: &Namespace, address: &str, ports: &str) -> Option<BTreeMap<u16, String>> {
    which("nmap")?;
    let mut command: Command = scanner.command("nmap");
    command.args(["-n", "-Pn", "-sA", "-p", ports, "-oG", "-", address]);
    if address.contains(':') {
        command.arg("-6");
    }
    let text = run(&mut command);
    let line = text.lines().find(|line| line.contains("Ports:") || line.contains("Ignored State:"));
    let line = line.unwrap_or_else(|| panic!("nothing told by nmap: {text}"));
    let fields: BTreeMap<&str, &str> = line.split('\t').filter_map(|field| field.split_once(": ")).collect();
    let together = fields.get("Ignored State").and_then(|field| field.split_whitespace().next());
    let asked = ports.split(',').filter_map(|port| port.parse().ok());
    let mut states: BTreeMap<u16, String> =
        asked.map(|port| (port, together.unwrap_or("not told").to_owned())).collect();
    for one in fields.get("Ports").unwrap_or(&"").split(", ") {
        let mut parts = one.split('/');
        if let (Some(Ok(port)), Some(state)) = (parts.next().map(str::parse), parts.next()) {
            states.insert(port, state.to_owned());
        }
    }
    Some(states)
}
