//! Which hosts are there, before real kernels: what `-sn` finds is the truth, and a scan of a range asks only those.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::require::require;
use crate::scanner::User;
use portolan_lab::namespace::{Namespace, behind_a_router, cable};
use portolan_lab::ndjson::Report;

const LIMIT: Duration = Duration::from_secs(60);

/// Three hosts on one link with the scanner, each 198.18.0.N and 2001:db8::N; the last of them drops all but what the link
/// itself needs.
struct Link {
    scanner: Namespace,
    hosts: [Namespace; 3],
    /// What joins them.
    _bridge: Namespace,
}

const HOSTS: [(u8, &str); 3] =
    [(11, "00:1b:21:00:00:0b"), (12, "02:00:00:00:00:0c"), (13, "02:00:00:00:00:0d")];

fn link() -> Link {
    let bridge = Namespace::new("bridge");
    bridge.ip("link add joint type bridge");
    bridge.ip("link set joint up");
    let join = |number: u8, mac: &str| {
        let namespace = Namespace::new("host");
        let port = format!("to-{number}");
        let addresses = [format!("198.18.0.{number}/24"), format!("2001:db8::{number:x}/64")];
        cable((&namespace, "eth0", &[&addresses[0], &addresses[1]]), (&bridge, &port, &[]));
        namespace.ip(&format!("link set eth0 address {mac}"));
        bridge.ip(&format!("link set {port} master joint"));
        namespace
    };
    let scanner = join(1, "02:00:00:00:00:01");
    let hosts = HOSTS.map(|(number, mac)| join(number, mac));
    let nd = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept".to_owned();
    hosts[2].firewall("input", &[nd, "drop".to_owned()]);
    Link { scanner, hosts, _bridge: bridge }
}

/// State, reason and hardware address of each host that is told.
fn told(report: &Report) -> BTreeMap<String, (String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |host: &Value| (text(&host["state"]), text(&host["reason"]), text(&host["mac"]));
    report.of_kind("host").map(|host| (text(&host["target"]), row(host))).collect()
}

fn rows(rows: &[(&str, &str, &str, &str)]) -> BTreeMap<String, (String, String, String)> {
    let row = |(target, state, reason, mac): &(&str, &str, &str, &str)| {
        ((*target).to_owned(), ((*state).to_owned(), (*reason).to_owned(), (*mac).to_owned()))
    };
    rows.iter().map(row).collect()
}

fn hosts(report: &Report) -> [u64; 4] {
    let hosts = &report.finish()["hosts"];
    ["up", "down", "silent", "aliased"].map(|state| hosts[state].as_u64().unwrap_or_default())
}

#[test]
fn on_a_link_its_own_answer_decides() {
    let Some(lab) = require("discovery link", &["nft"]) else { return };
    let link = link();
    let truth = {
        let own = ["198.18.0.1", "2001:db8::1"].map(|address| (address, "up", "localhost-response", ""));
        let v4 = ["198.18.0.11", "198.18.0.12", "198.18.0.13"].into_iter().zip(HOSTS);
        let v6 = ["2001:db8::b", "2001:db8::c", "2001:db8::d"].into_iter().zip(HOSTS);
        let v4 = v4.map(|(address, (_, mac))| (address, "up", "arp-response", mac));
        let v6 = v6.map(|(address, (_, mac))| (address, "up", "nd-response", mac));
        rows(&own.into_iter().chain(v4).chain(v6).collect::<Vec<_>>())
    };
    for user in [User::MayCapture, User::Root] {
        let words = ["-sn", "198.18.0.0/28", "2001:db8::/124", "--json"];
        let report = lab.scan(&link.scanner, &words).by(user).report(LIMIT);
        assert_eq!(told(&report), truth, "{user:?}");
        let [up, down, silent, _] = hosts(&report);
        // Of the own network's first address and of the unspecified host nobody is asked.
        assert_eq!((up, silent), (8, 0), "{user:?}");
        assert!(down >= 22, "{user:?}: {down}");
        let vendors = report.of_kind("host").filter_map(|host| host["vendor"].as_str());
        assert_eq!(vendors.collect::<Vec<_>>(), ["Intel", "Intel"], "{user:?}");
        println!("discovery link: {user:?}: {up} up and {down} down in either family, as is true");
    }
}

#[test]
fn a_scan_asks_who_is_there_and_never_who_is_excluded() {
    let Some(lab) = require("discovery scan", &["nft"]) else { return };
    let link = link();
    let from = ["198.18.0.1", "2001:db8::1"];
    link.hosts[1].count(
        "eth0",
        &[
            ("asked", &format!("ip saddr {} ip daddr 198.18.0.12", from[0])),
            ("asked", "arp daddr ip 198.18.0.12"),
            ("asked", &format!("ip6 saddr {} ip6 daddr {{ 2001:db8::c, ff02::1:ff00:c }}", from[1])),
        ],
    );
    let words = [
        "198.18.0.8/29",
        "2001:db8::8/125",
        "-p1-20",
        "--exclude",
        "198.18.0.12,2001:db8::c",
        "--json",
        "--all",
    ];
    let report = lab.scan(&link.scanner, &words).by(User::MayCapture).report(LIMIT);
    assert_eq!(link.hosts[1].counted("asked"), 0, "somebody excluded was asked");
    assert_eq!(hosts(&report), [4, 10, 0, 0]);
    for address in ["198.18.0.11", "2001:db8::b"] {
        report.assert_truth(address, 1..=20, |_, verdict| verdict == "closed/reset");
    }
    assert_eq!(told(&report).len(), 4, "{:?}", told(&report));
    // The counter counts.
    let words = ["-sn", "198.18.0.12", "2001:db8::c", "--json"];
    let report = lab.scan(&link.scanner, &words).by(User::MayCapture).report(LIMIT);
    assert_eq!(hosts(&report)[0], 2);
    assert!(link.hosts[1].counted("asked") >= 2);
    println!("discovery scan: only hosts that are there were scanned, and nothing reached who is excluded");
}

#[test]
fn a_prefix_of_the_link_is_asked_at_once_and_a_strange_one_is_refused() {
    let Some(lab) = require("discovery wide", &["nft"]) else { return };
    let link = link();
    let words = ["-sn", "2001:db8::/64", "--json"];
    let report = lab.scan(&link.scanner, &words).by(User::MayCapture).report(LIMIT);
    let found = told(&report);
    for address in ["2001:db8::b", "2001:db8::c"] {
        assert!(found.contains_key(address), "{address} among {found:?}");
    }
    let warning = report.of_kind("warning").find(|warning| warning["id"] == "warn.found-on-link");
    assert!(
        warning.is_some_and(|warning| warning["count"].as_u64() == Some(found.len() as u64)),
        "{warning:?}"
    );
    for (words, user, hint) in [
        (["-sn", "2001:db8:5::/64"], User::MayCapture, "/112"),
        (["-p80", "2001:db8::/64"], User::Nobody, "CAP_NET_RAW"),
        (["-sT", "2001:db8::/64"], User::MayCapture, "-sT"),
    ] {
        let outcome = lab.scan(&link.scanner, &words).by(user).run(LIMIT);
        outcome.assert_code(2);
        assert!(
            outcome.stderr.contains("IPv6 addresses") && outcome.stderr.contains(hint),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stdout, "");
    }
    println!("discovery wide: {} hosts of a /64 found, others refused with what to do", found.len());
}

/// Hosts behind a router, each of which answers one kind of question.
#[test]
fn behind_a_router_any_answer_counts() {
    let Some(lab) = require("discovery router", &["nft"]) else { return };
    let (scanner, router, target) = behind_a_router();
    let mut rules = Vec::new();
    let only = [
        (11, "icmp type echo-request", "icmpv6 type echo-request"),
        (12, "tcp dport 443 tcp flags syn / syn,ack", "tcp dport 443 tcp flags syn / syn,ack"),
        (13, "tcp dport 80 tcp flags ack / syn,ack", "tcp dport 80 tcp flags ack / syn,ack"),
        (14, "udp dport 40125", "udp dport 40125"),
        (15, "icmp type timestamp-request", "icmpv6 type 255"),
        (16, "icmp type 255", "icmpv6 type 255"),
    ];
    for (host, v4, v6) in only {
        target.ip(&format!("addr add 198.18.1.{host}/32 dev lo"));
        target.ip(&format!("addr add 2001:db8:1:1::{host:x}/128 dev lo"));
        rules.push(format!("ip daddr 198.18.1.{host} {v4} accept"));
        rules.push(format!("ip6 daddr 2001:db8:1:1::{host:x} {v6} accept"));
    }
    rules.extend(["ip daddr 198.18.1.0/24 drop", "ip6 daddr 2001:db8:1:1::/64 drop"].map(str::to_owned));
    target.firewall("input", &rules);
    router.ip("route add 198.18.1.0/24 via 198.18.0.6");
    router.ip("-6 route add 2001:db8:1:1::/64 via 2001:db8:0:2::2");
    router.ip("route add unreachable 198.18.1.99/32");
    router.ip("-6 route add unreachable 2001:db8:1:1::63/128");
    let targets = ["198.18.1.11-16", "198.18.1.99", "2001:db8:1:1::b-2001:db8:1:1::10", "2001:db8:1:1::63"];
    let every = ["-sn", "-PE", "-PP", "-PS443", "-PA80", "-PU40125", "--json"];
    let report = lab.scan(&scanner, &[&every[..], &targets].concat()).by(User::MayCapture).report(LIMIT);
    let expected = rows(&[
        ("198.18.1.11", "up", "echo-reply", ""),
        ("198.18.1.12", "up", "reset", ""),
        ("198.18.1.13", "up", "reset", ""),
        ("198.18.1.14", "up", "port-unreach", ""),
        ("198.18.1.15", "up", "timestamp-reply", ""),
        ("198.18.1.99", "down", "host-unreach", ""),
        ("2001:db8:1:1::b", "up", "echo-reply", ""),
        ("2001:db8:1:1::c", "up", "reset", ""),
        ("2001:db8:1:1::d", "up", "reset", ""),
        ("2001:db8:1:1::e", "up", "port-unreach", ""),
        ("2001:db8:1:1::63", "down", "no-route", ""),
    ]);
    assert_eq!(told(&report), expected);
    // 15 has no timestamps over IPv6, and 16 answers nothing.
    assert_eq!(hosts(&report), [9, 2, 3, 0]);
    println!("discovery router: each of six answers found its host, a router's word told who is not there");

    let words = ["-sn", "-PS443", "198.18.1.11-12", "2001:db8:1:1::b-2001:db8:1:1::c", "--json"];
    let report = lab.scan(&scanner, &words).by(User::Nobody).report(LIMIT);
    let found: Vec<String> = told(&report).into_keys().collect();
    assert_eq!(found, ["198.18.1.12", "2001:db8:1:1::c"], "by connect");
    println!("discovery router: without privilege -PS finds whoever answers a connect");
}

/// A machine that answers for a whole prefix is scanned once.
#[test]
fn an_aliased_prefix_is_scanned_once() {
    let Some(lab) = require("discovery aliased", &[]) else { return };
    let (scanner, router, target) = behind_a_router();
    target.ip("-6 route add local 2001:db8:2::/112 dev lo");
    router.ip("-6 route add 2001:db8:2::/112 via 2001:db8:0:2::2");
    let words = ["2001:db8:2::/112", "-p1-20", "--json"];
    let report = lab.scan(&scanner, &words).by(User::MayCapture).report(LIMIT);
    let [up, down, silent, aliased] = hosts(&report);
    assert_eq!((down, silent), (0, 0));
    assert!(up < 64 && up + aliased == 1 << 16, "{up} up, {aliased} aliased");
    assert!(report.of_kind("warning").any(|warning| warning["id"] == "warn.aliased-prefix"));
    println!("discovery aliased: {up} of 65,536 addresses scanned");
}

/// What people see, in French, by one interface.
#[test]
fn people_read_it_in_their_language() {
    let Some(lab) = require("discovery words", &["nft"]) else { return };
    let link = link();
    let words = ["-sn", "-e", "eth0", "198.18.0.11-14", "--lang", "fr"];
    let outcome = lab.scan(&link.scanner, &words).by(User::MayCapture).run(LIMIT);
    outcome.assert_code(0);
    for text in
        ["FABRICANT", "00:1b:21:00:00:0b  Intel", "02:00:00:00:00:0c  locale", "3 actifs, 1 injoignable"]
    {
        assert!(outcome.stdout.contains(text), "{text}: {}", outcome.stdout);
    }
    let outcome = lab.scan(&link.scanner, &["-sn", "-q", "198.18.0.12-13"]).by(User::MayCapture).run(LIMIT);
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["198.18.0.12", "198.18.0.13"]);
    let outcome = lab.scan(&link.scanner, &["-PE", "198.18.0.12"]).run(LIMIT);
    outcome.assert_code(2);
    assert!(
        outcome.stderr.contains("-PE") && outcome.stderr.contains("setcap cap_net_raw=ep"),
        "{}",
        outcome.stderr
    );
}
