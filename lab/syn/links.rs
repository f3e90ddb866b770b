use std::collections::BTreeMap;

use crate::require::{Lab, require};
use crate::scanner::User;
use crate::server;
use portolan_lab::namespace::{Namespace, neighbours};

use super::{LIMIT, assert_methods, done};

/// Nobody there, a gateway that is gone, no way at all: the same is told by either method, and never of the target.
#[test]
fn nobody_on_the_link_and_no_way_there() {
    let Some(lab) = require("syn links", &[]) else { return };
    let (scanner, target) = neighbours();
    // Room for absent neighbours, and for gateways that never were.
    scanner.ip("addr add 198.18.1.1/24 dev to-target");
    target.ip("addr add 198.18.1.2/24 dev to-scanner");
    for words in [
        "route add 198.18.2.0/24 via 198.18.1.77",
        "-6 route add 2001:db8:2::/48 via 2001:db8::77",
        "route add unreachable 198.18.8.0/24",
        "route add prohibit 198.18.9.0/24",
        "-6 route add unreachable 2001:db8:8::/48",
        "-6 route add prohibit 2001:db8:9::/48",
    ] {
        scanner.ip(words);
    }
    for (address, verdict, code) in [
        ("198.18.1.9", "unknown/no-neighbour", 0),
        ("2001:db8::9", "unknown/no-neighbour", 0),
        ("198.18.2.9", "unknown/local-no-neighbour", 3),
        ("2001:db8:2::9", "unknown/local-no-neighbour", 3),
        ("198.18.7.1", "unknown/local-no-route", 3),
        ("2001:db8:7::1", "unknown/local-no-route", 3),
        ("198.18.8.1", "unknown/local-no-route", 3),
        ("2001:db8:8::1", "unknown/local-no-route", 3),
        ("198.18.9.1", "unknown/local-perm", 3),
        ("2001:db8:9::1", "unknown/local-perm", 3),
    ] {
        let told = ["-sS", "-sT"].map(|method| tell(&lab, &scanner, method, address, code));
        for (ports, method) in told.into_iter().zip(["-sS", "-sT"]) {
            let expected = BTreeMap::from([22, 80].map(|port| (port, verdict.to_owned())));
            assert_eq!(ports, expected, "{method} {address}");
        }
        println!("syn links: {address}: {verdict} and exit code {code} by either method");
    }
}

/// Two ports of a host as `method` tells them, where the scan must end with this code.
fn tell(lab: &Lab, scanner: &Namespace, method: &str, address: &str, code: i32) -> BTreeMap<u16, String> {
    let words = [method, address, "-p", "22,80", "-Pn", "--json"];
    let outcome = lab.scan(scanner, &words).by(User::MayCapture).run(LIMIT);
    outcome.assert_code(code);
    let ports = outcome.report().ports(address);
    ports.into_iter().map(|(port, told)| (port, told.verdict)).collect()
}

/// What passes no wire is asked by connect, and what does by SYN, in one run.
#[test]
fn loopback_and_own_addresses_beside_a_neighbour() {
    let Some(lab) = require("syn own", &[]) else { return };
    let (scanner, target) = neighbours();
    let own = ["127.0.0.1", "::1", "198.18.0.1", "2001:db8::1"];
    let theirs = ["198.18.0.2", "2001:db8::2"];
    let _here = server::listeners(&scanner, &own, &[22]);
    let _there = server::listeners(&target, &theirs, &[80]);
    let list = lab.write("list", [own, [theirs[0], theirs[1], "", ""]].concat().join("\n"));
    let list = list.to_str().expect("a plain path");
    for method in [&["-sS"][..], &[]] {
        let words = [method, &["-iL", list, "-p", "22,80,81", "--json", "--all"]].concat();
        let report = done(lab.scan(&scanner, &words).by(User::MayCapture).run(LIMIT));
        for (addresses, open, how, closed) in
            [(&own[..], 22, "connect", "closed/conn-refused"), (&theirs, 80, "syn", "closed/reset")]
        {
            for address in addresses {
                report.assert_truth(address, [22, 80, 81], |port, verdict| {
                    verdict == if port == open { "open/syn-ack" } else { closed }
                });
                assert_methods(&report, address, |_| how);
            }
        }
        let plan = &report.begin()["plan"];
        println!("syn own: {method:?}: own by connect, neighbours by SYN; the plan says {}", plan["method"]);
    }
}
