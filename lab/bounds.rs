//! What a user may bound, counted where it arrives: how often a port is asked, how long a host is dealt with, and how
//! little is sent.

use std::time::Duration;

use crate::require::{Lab, require};
use crate::scanner::{Outcome, User};
use crate::server;
use portolan_lab::namespace::neighbours;

const LIMIT: Duration = Duration::from_secs(60);

/// Nothing ever comes back from these, and they are counted one by one.
const SILENT: std::ops::RangeInclusive<u16> = 20001..=20010;

#[test]
fn a_port_is_asked_no_more_often_than_said() {
    let Some(lab) = require("max-retries", &["nft"]) else { return };
    for retries in [3, 1, 0] {
        let most = ask_silent(&lab, "-sS", retries);
        // So much gets lost that by itself it would ask more often.
        assert_eq!(most, retries + 1, "-sS --max-retries {retries}");
        let by_udp = ask_silent(&lab, "-sU", retries);
        assert!((1..=retries + 1).contains(&by_udp), "-sU --max-retries {retries}: {by_udp}");
        println!(
            "max-retries {retries}: a silent port is asked {most} times by SYN, {by_udp} times over UDP"
        );
    }
}

/// How often a silent port is asked at most, of a host on the way to whom the first packet to every other port is lost.
fn ask_silent(lab: &Lab, method: &str, retries: u64) -> u64 {
    let (scanner, target) = neighbours();
    let (proto, user) = if method == "-sS" { ("tcp", User::MayCapture) } else { ("udp", User::Nobody) };
    let silent = format!("{}-{}", SILENT.start(), SILENT.end());
    // The canary is a port that answers: what it is asked is never a first packet.
    target.nft(&format!(
        "table inet lab {{
            set met {{ type inet_service; flags dynamic; }};
            chain lab {{
                type filter hook input priority 0;
                {proto} dport {silent} drop;
                {proto} dport 1-50 {proto} dport != @met add @met {{ {proto} dport }} drop;
            }};
        }}"
    ));
    let counted: Vec<(String, String)> =
        SILENT.map(|port| (format!("port_{port}"), format!("{proto} dport {port}"))).collect();
    let counted: Vec<(&str, &str)> =
        counted.iter().map(|(name, what)| (name.as_str(), what.as_str())).collect();
    target.count("to-scanner", &counted);
    let (ports, retries) = (format!("1-100,{silent}"), retries.to_string());
    let words = [method, "198.18.0.2", "-p", &ports, "--max-retries", &retries, "--json"];
    let outcome = lab.scan(&scanner, &words).by(user).run(LIMIT);
    outcome.assert_code(0);
    if method == "-sS" && retries != "0" {
        assert_capped(&outcome);
    }
    SILENT.map(|port| target.counted(&format!("port_{port}"))).max().unwrap_or_default()
}

/// Where losses ask for more than was allowed, silence is not taken for an answer.
fn assert_capped(outcome: &Outcome) {
    let ports = outcome.report().ports("198.18.0.2");
    for port in SILENT {
        assert_eq!(ports[&port].verdict, "unknown/retries-capped", "{port}");
    }
}

/// One host answers at half of its ports half of the time: their silence asks for many attempts, with rests between them.
#[test]
fn a_host_is_given_no_more_time_than_said() {
    let Some(lab) = require("host-timeout", &["nft"]) else { return };
    let (quick, slow) = ("198.18.3.1", "198.18.3.2");
    for (method, user) in [("-sS", User::MayCapture), ("-sT", User::Nobody)] {
        let (scanner, target) = neighbours();
        scanner.ip("route add 198.18.3.0/24 via 198.18.0.2");
        target.ip("route add local 198.18.3.0/24 dev lo");
        target.firewall(
            "input",
            &[
                format!("ip daddr {slow} tcp dport 51-100 drop"),
                format!("ip daddr {slow} tcp dport 1-50 numgen inc mod 2 == 0 drop"),
            ],
        );
        target.count("to-scanner", &[("slow", &format!("ip daddr {slow} tcp dport 51-100 tcp flags syn"))]);
        let _listeners = server::listeners(&target, &[quick, slow], &[22, 80]);
        let words = [method, quick, slow, "-p", "1-100", "--host-timeout", "2s", "--json"];
        let outcome = lab.scan(&scanner, &words).by(user).run(LIMIT);
        let report = outcome.report();
        let closed = if method == "-sS" { "closed/reset" } else { "closed/conn-refused" };
        report.assert_truth(quick, 1..=100, |port, verdict| match port {
            22 | 80 => verdict == "open/syn-ack",
            _ => verdict == closed,
        });
        report.assert_truth(slow, 1..=100, |port, verdict| match port {
            51..=100 => verdict == "unknown/host-timeout",
            22 => ["open/syn-ack", "unknown/host-timeout"].contains(&verdict),
            _ => [closed, "unknown/host-timeout"].contains(&verdict),
        });
        let warned: Vec<&str> = report.warnings().filter(|id| *id == "warn.host-timeout").collect();
        assert_eq!(warned.len(), 1, "one host was cut off");
        // What it would have got by itself: seven attempts or more for half of everything lost.
        let asked = target.counted("slow");
        assert!((50..350).contains(&asked), "{asked} packets to 50 ports");
        println!(
            "host-timeout: {method}: the quick host right, {asked} packets to 50 silent ports of the slow one, which are unknown, \
             {:.1} s",
            outcome.wall.as_secs_f64()
        );
    }
}

/// `-T2` lets 64 probes wait, and on a silent host each waits for a second. Who asks for 200 a second gets more.
#[test]
fn a_full_window_holds_nothing_back_below_the_least_rate() {
    let Some(lab) = require("min-rate", &["nft"]) else { return };
    let waiting = |more: &[&str]| {
        let (scanner, target) = neighbours();
        target.firewall("input", &["meta l4proto tcp drop".to_owned()]);
        target.count("to-scanner", &[("asked", "tcp dport 1-130 tcp flags syn")]);
        let words = ["-sS", "198.18.0.2", "-p", "1-130", "-T2", "--max-retries", "0", "--packet-trace"];
        let words = [&words[..], more].concat();
        let outcome = lab.scan(&scanner, &words).by(User::MayCapture).run(LIMIT);
        outcome.assert_code(0);
        assert_eq!(target.counted("asked"), 130, "each port is asked once, however fast");
        most_waiting(&outcome)
    };
    let (without, with) = (waiting(&[]), waiting(&["--min-rate", "200"]));
    assert!((32..=64).contains(&without), "{without} wait without a least rate");
    assert!(with > 64, "{with} wait where the window may hold nothing back");
    println!("min-rate: {without} probes wait at a time without it, {with} with it; each port asked once");
}

/// How many probes were on their way at a time, by the trace.
fn most_waiting(outcome: &Outcome) -> i64 {
    let mut waiting = 0;
    let steps = outcome.stderr.lines().map(|line| match line.get(..4) {
        Some("SEND") => 1,
        Some("QUIT" | "RCVD" | "FAIL") => -1,
        _ => 0,
    });
    steps
        .map(|step| {
            waiting += step;
            waiting
        })
        .max()
        .unwrap_or_default()
}
