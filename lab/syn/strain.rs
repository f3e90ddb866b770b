//! Our own machine, or the first link, under strain: what it cannot carry costs time, and makes no verdict wrong.

use std::time::Duration;

use crate::require::require;
use crate::scanner::User;
use crate::server;
use portolan_lab::namespace::{Namespace, behind_a_router, neighbours, run};
use portolan_lab::ndjson::Report;
use portolan_lab::server::End;

use super::paths::{ASKED, PORTS, assert_right, serve};

const LIMIT: Duration = Duration::from_secs(60);

/// While the scanner does not run, another program's errors fill its ring: ICMP is for whoever listens. What was lost there
/// may have been an answer.
#[test]
fn a_ring_that_overflows_is_no_silence() {
    let Some(lab) = require("syn overflow", &["nft"]) else { return };
    let Some(other) = require("syn overflow", &["nft"]) else { return };
    for address in ["198.18.0.2", "2001:db8::2"] {
        let (scanner, target) = neighbours();
        let _listeners = serve(&target, address);
        target.count("to-scanner", &[("asked", "tcp flags syn")]);
        let file = lab.writable("found");
        let words = ["-sS", address, "-p", ASKED, "--max-rate", "300", "-oJ", &file];
        let mut running = lab.scan(&scanner, &words).by(User::MayCapture).start();
        running.until("packets", LIMIT, |_| target.counted("asked") >= 100);
        running.suspend();
        // Each of its datagrams comes back as an error, and together they are twice what the ring holds.
        other.scan(&scanner, &["-sU", address, "-p-", "--json"]).report(LIMIT);
        running.resume();
        let mut outcome = running.finish(LIMIT);
        let said = std::mem::replace(&mut outcome.stdout, lab.read("found"));
        let unknown = assert_right(&outcome, address, "-sS", |_| false);
        let overruns = outcome.report().finish()["overruns"].as_u64().unwrap_or_default();
        assert!(overruns > 0, "nothing was lost: {}", outcome.report().finish());
        assert!(said.contains("lost in our own receive queue"), "not told: {said}");
        assert!(unknown == 0, "{unknown} ports unknown");
        println!(
            "syn overflow: {address}: {overruns} packets lost in our ring, and told; no verdict wrong or unknown"
        );
    }
}

/// A device that takes twenty packets, whose other end is asleep for a while.
#[test]
fn a_device_that_takes_no_more_is_no_silence() {
    let Some(lab) = require("syn device full", &["nft", "/dev/net/tun"]) else { return };
    for method in ["-sS", "-sT"] {
        let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
        let left = End { namespace: &scanner, device: "to-target", addresses: &["198.18.0.1/30"] };
        let right = End { namespace: &target, device: "to-scanner", addresses: &["198.18.0.2/30"] };
        let path = server::path(left, right, "delay=2ms");
        scanner.ip("link set to-target txqueuelen 20");
        let _listeners = serve(&target, "198.18.0.2");
        target.count("to-scanner", &[("asked", "tcp flags syn")]);
        let words = [method, "198.18.0.2", "-p", ASKED, "--max-rate", "300", "--json"];
        let mut running = lab.scan(&scanner, &words).by(User::MayCapture).start();
        running.until("packets", LIMIT, |_| target.counted("asked") >= 50);
        path.suspend();
        running.until("a full device", LIMIT, |_| dropped(&scanner) >= 100);
        path.resume();
        let outcome = running.finish(LIMIT);
        let unknown = assert_right(&outcome, "198.18.0.2", method, |_| false);
        let faults = outcome.report().finish()["local_faults"].as_u64().unwrap_or_default();
        // The kernel does not tell a TCP socket that its SYN was dropped.
        assert_eq!(faults > 0, method == "-sS", "{}", outcome.report().finish());
        println!(
            "syn device full: {method}: {} packets dropped by our own device, {faults} times we were told; no verdict wrong, \
             {unknown} unknown, {:.1} s",
            dropped(&scanner),
            outcome.wall.as_secs_f64()
        );
    }
}

/// What the scanner's own device dropped.
fn dropped(scanner: &Namespace) -> u64 {
    let file = "/sys/class/net/to-target/statistics/tx_dropped";
    let text = run(scanner.command("cat").arg(file));
    text.trim().parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

/// The router's link to the host carries a hundred kilobits a second, and no more than a tenth of them waits for it.
#[test]
fn a_narrow_link_is_no_silence() {
    let Some(lab) = require("syn narrow", &["nft", "tc"]) else { return };
    for method in ["-sS", "-sT"] {
        let (scanner, router, target) = behind_a_router();
        let mut queue = router.command("tc");
        queue.args(["qdisc", "add", "dev", "to-target", "root", "tbf", "rate", "100kbit"]);
        run(queue.args(["burst", "1600", "latency", "100ms"]));
        let _listeners = serve(&target, "198.18.0.6");
        let scan = lab.scan(&scanner, &[method, "198.18.0.6", "-p", ASKED, "--json"]);
        let outcome = scan.by(User::MayCapture).run(LIMIT);
        let unknown = assert_right(&outcome, "198.18.0.6", method, |_| false);
        let lost = dropped_by_queue(&router);
        assert!(lost > 0, "the link was wide enough");
        assert_loss_is_told(&outcome.report());
        println!(
            "syn narrow: {method}: {lost} packets dropped before the link of {} ports; no verdict wrong, {unknown} unknown, \
             {:.1} s",
            PORTS.len(),
            outcome.wall.as_secs_f64()
        );
    }
}

fn dropped_by_queue(router: &Namespace) -> u64 {
    let said = run(router.command("tc").args(["-s", "qdisc", "show", "dev", "to-target"]));
    let number = said.split("(dropped ").nth(1).and_then(|rest| rest.split(',').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("not understood: {said}"))
}

/// What a scan loses is said, unless it is next to nothing.
fn assert_loss_is_told(report: &Report) {
    let finish = report.finish();
    let loss = finish["loss"].as_f64().unwrap_or_default();
    let warned = report.warnings().any(|id| id == "warn.loss");
    assert!(loss > 0.0 && (warned || loss < 0.05), "not told: {finish}");
}
