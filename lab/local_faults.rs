use std::time::Duration;

use crate::require::require;
use crate::server;
use portolan_lab::namespace::{Namespace, cable};
use portolan_lab::ndjson::open_or_refused;

const LIMIT: Duration = Duration::from_secs(60);

/// Routes that refuse on our own side: the target was never asked.
#[test]
fn no_route_of_ours_is_no_verdict() {
    let Some(lab) = require("routes", &[]) else { return };
    let namespace = Namespace::new("routes");
    namespace.ip("route add unreachable 198.18.8.0/24");
    namespace.ip("route add prohibit 198.18.9.0/24");
    namespace.ip("-6 route add unreachable 2001:db8:8::/48");
    namespace.ip("-6 route add prohibit 2001:db8:9::/48");
    for (target, verdict) in [
        ("198.18.7.1", "unknown/local-no-route"),
        ("198.18.8.1", "unknown/local-no-route"),
        ("198.18.9.1", "unknown/local-perm"),
        ("2001:db8:7::1", "unknown/local-no-route"),
        ("2001:db8:8::1", "unknown/local-no-route"),
        ("2001:db8:9::1", "unknown/local-perm"),
    ] {
        let outcome = lab.scan(&namespace, &[target, "-p", "22,80", "-Pn", "--json"]).run(LIMIT);
        outcome.assert_code(3);
        outcome.report().assert_truth(target, [22, 80], |_, told| told == verdict);
    }
}

/// Rules on our own way out. Linux does not tell a TCP socket that its SYN was dropped there, so silence
/// is all a scanner can see; it must never read as the target's answer.
#[test]
fn a_firewall_of_our_own_is_no_answer() {
    let Some(lab) = require("own firewall", &["nft"]) else { return };
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    cable((&scanner, "to-target", &["198.18.0.1/30"]), (&target, "to-scanner", &["198.18.0.2/30"]));
    let rules = [
        "tcp dport 2001 drop",
        "tcp dport 2002 reject with icmp type admin-prohibited",
        "tcp dport 2003 reject with icmp type port-unreachable",
    ];
    scanner.firewall("output", &rules.map(str::to_owned));
    let open = [22, 2001, 2002, 2003];
    let _listeners = server::listeners(&target, &["198.18.0.2"], &open);
    let scan = lab.scan(&scanner, &["198.18.0.2", "-p", "22,80,2001-2003", "--json"]);
    let outcome = scan.run(LIMIT);
    let report = outcome.report();
    let ports = report.ports("198.18.0.2");
    println!("own firewall: {:?}", ports.values().map(|told| told.verdict.as_str()).collect::<Vec<_>>());
    let is_ours = |verdict: &str| verdict == "unknown/local-firewall";
    report.assert_truth("198.18.0.2", [22, 80, 2001, 2002, 2003], |port, verdict| match port {
        22 | 80 => open_or_refused(&[22])(port, verdict),
        2001 => is_ours(verdict) || verdict == "filtered/no-response",
        _ => is_ours(verdict),
    });
    outcome.assert_code(3);
}
