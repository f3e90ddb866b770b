use std::os::fd::AsFd;
use std::thread;

use portolan_lab::namespace::{Namespace, neighbours, run};
use portolan_lab::ndjson::Report;
use portolan_lab::server::Server;
use portolan_sys::bpf::programs_at_ingress;
use portolan_sys::interfaces::index_of;
use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::require::{Lab, require};
use crate::scanner::{Scan, User};
use crate::server;

use super::{LIMIT, done};

const ADDRESSES: [&str; 2] = ["198.18.0.2", "2001:db8::2"];
const OPEN: [u16; 21] = [
    22, 100, 600, 1100, 1600, 2100, 2600, 3100, 3600, 4100, 4600, 5100, 5600, 6100, 6600, 7100, 7600, 8100,
    8600, 9100, 9600,
];

/// A scanner and a target that listens, and counts what it is asked.
fn place() -> (Namespace, Namespace, Server) {
    let (scanner, target) = neighbours();
    let open = OPEN.map(|port| port.to_string()).join(", ");
    let to_open = format!("tcp dport {{ {open} }} tcp flags & (syn | rst | ack) == syn");
    let counted =
        [("asked", "tcp flags & syn != 0"), ("to-open", &*to_open), ("resets", "tcp flags & rst != 0")];
    target.count("to-scanner", &counted);
    let listeners = server::listeners(&target, &ADDRESSES, &OPEN);
    (scanner, target, listeners)
}

/// So many endpoints that it pays.
fn scan<'a>(lab: &'a Lab, scanner: &'a Namespace, address: &str, more: &[&str]) -> Scan<'a> {
    lab.scan(scanner, &[&["-sS", address, "-p", "1-10000", "--json", "--all"], more].concat())
}

/// Who sends the RSTs is told by the kernel's own counter: where it is kept from the answers it sends none, and each
/// SYN-ACK gets one all the same.
#[test]
fn the_kernel_is_kept_from_answers_where_it_may_be() {
    let Some(lab) = require("syn kept", &["nft"]) else { return };
    for (user, kept) in [(User::Root, true), (User::MayCapture, false)] {
        let (scanner, target, _listeners) = place();
        for address in ADDRESSES {
            let kernels = || scanner.counters()["Tcp.OutRsts"];
            let [asked, resets] = ["to-open", "resets"].map(|name| target.counted(name));
            let before = kernels();
            let report = done(scan(&lab, &scanner, address, &[]).by(user).run(LIMIT));
            assert_eq!(report.begin()["plan"]["answers_kept"], kept, "{user:?}");
            assert_truth(&report, address);
            let [asked, resets] =
                [("to-open", asked), ("resets", resets)].map(|(name, before)| target.counted(name) - before);
            assert!(asked >= OPEN.len() as u64, "{asked} SYNs to {} open ports", OPEN.len());
            assert_eq!(resets, asked, "{user:?}: each SYN-ACK of {address} gets one RST");
            assert_eq!(kernels() - before, if kept { 0 } else { asked }, "{user:?}: the kernel's own share");
            assert_eq!(half_open(&target), 0, "{user:?}: nothing is left half open at {address}");
            assert_eq!(attached(&scanner), 0, "{user:?}: nothing is left behind");
            println!(
                "syn kept: {address} {user:?}: {asked} SYN-ACKs, {resets} RSTs, {} by the kernel",
                kernels() - before
            );
        }
    }
}

/// From and to the very ports that the scan sends from.
#[test]
fn connections_of_this_machine_pass() {
    let Some(lab) = require("syn kept beside", &["nft", "bash"]) else { return };
    let (scanner, target, _listeners) = place();
    let mut running = scan(&lab, &scanner, ADDRESSES[0], &["--max-rate", "2000"]).by(User::Root).start();
    running.until("packets", LIMIT, |_| target.counted("asked") >= 100);
    assert_eq!(attached(&scanner), 1);
    // The scan has chosen its ports by now: from here on the kernel may give them to others too.
    scanner.sysctl("net.ipv4.ip_local_port_range", "61000 65535");
    let _own = server::listeners(&scanner, &["198.18.0.1", "2001:db8::1"], &[62000]);
    for address in ADDRESSES {
        connect(&scanner, address, 22);
    }
    for address in ["198.18.0.1", "2001:db8::1"] {
        connect(&target, address, 62000);
    }
    assert!(running.is_running(), "the scan was too short");
    let outcome = running.finish(LIMIT);
    outcome.assert_code(0);
    assert_truth(&outcome.report(), ADDRESSES[0]);
    println!("syn kept beside: connections from and to the scan's own ports were made while it ran");
}

#[test]
fn nothing_is_left_however_it_ends() {
    let Some(lab) = require("syn kept killed", &["nft"]) else { return };
    for how in ["killed", "interrupted"] {
        let (scanner, target, _listeners) = place();
        let mut running = scan(&lab, &scanner, ADDRESSES[0], &["--max-rate", "1000"]).by(User::Root).start();
        running.until("packets", LIMIT, |_| target.counted("asked") >= 100);
        assert_eq!(attached(&scanner), 1, "it is there");
        if how == "killed" {
            // By SIGKILL.
            drop(running);
        } else {
            running.interrupt();
            running.finish(LIMIT).assert_code(3);
        }
        assert_eq!(attached(&scanner), 0, "{how}");
        // And the kernel refuses again what it knows nothing of.
        let before = scanner.counters()["Tcp.OutRsts"];
        done(
            lab.scan(&scanner, &["-sS", ADDRESSES[0], "-p", "22", "--json"]).by(User::MayCapture).run(LIMIT),
        );
        assert!(scanner.counters()["Tcp.OutRsts"] > before, "{how}");
        println!("syn kept killed: {how}, and nothing is left");
    }
}

fn assert_truth(report: &Report, address: &str) {
    report.assert_truth(address, 1..=10_000, |port, verdict| {
        verdict == if OPEN.contains(&port) { "open/syn-ack" } else { "closed/reset" }
    });
}

fn connect(from: &Namespace, address: &str, port: u16) {
    run(from.command("bash").args(["-c", &format!("exec 3<>/dev/tcp/{address}/{port}")]));
}

/// How many connections wait for the end of their handshake (SYN_RECV).
fn half_open(namespace: &Namespace) -> usize {
    let tables = run(namespace.command("cat").args(["/proc/net/tcp", "/proc/net/tcp6"]));
    tables.lines().filter(|line| line.split_whitespace().nth(3) == Some("03")).count()
}

/// How many programs are at the ingress of the scanner's cable.
fn attached(scanner: &Namespace) -> u32 {
    let path = format!("/run/netns/{}", scanner.name());
    thread::scope(|scope| {
        let count = || {
            let place =
                rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).expect("it is there");
            move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).expect("as root");
            programs_at_ingress(index_of("to-target").expect("its cable")).expect("as root")
        };
        thread::Builder::new().spawn_scoped(scope, count).expect("a thread").join()
    })
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
