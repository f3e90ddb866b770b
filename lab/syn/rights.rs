use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::require::require;
use crate::scanner::{Running, User};
use crate::server;
use portolan_lab::namespace::neighbours;

use super::{LIMIT, assert_methods, done};

/// What a scanner may do is given away before it asks anything, by every thread.
#[test]
fn no_thread_keeps_a_capability() {
    let Some(lab) = require("syn rights", &["nft"]) else { return };
    for user in [User::MayCapture, User::Root] {
        let (scanner, target) = neighbours();
        target.count("to-scanner", &[("asked", "tcp dport 1-1000")]);
        let words = ["-sS", "198.18.0.2", "-p", "1-1000", "--max-rate", "50", "--json"];
        let mut running = lab.scan(&scanner, &words).by(user).start();
        running.until("threads", LIMIT, |running| is_scanner(running) && tasks(running).len() > 1);
        let mut seen = assert_bare(&running, user);
        // Again, later and later.
        for packets in [1, 10, 30] {
            running.until("packets", LIMIT, |_| target.counted("asked") >= packets);
            seen = seen.max(assert_bare(&running, user));
        }
        assert!(running.is_running(), "the scan was too short to be looked at");
        println!("syn rights: {user:?}: {seen} threads without a capability, and with no_new_privs");
    }
}

/// Who became root by sudo is who scans, once everything is open, and owns what was written.
#[test]
fn behind_sudo_it_is_the_users_own_scan() {
    let Some(lab) = require("syn sudo", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.count("to-scanner", &[("asked", "tcp dport 1-1000")]);
    let folder = lab.directory.path().join("sudo");
    std::fs::create_dir(&folder).expect("the lab's folder is ours");
    let (new, old) = (folder.join("new.json"), folder.join("old.txt"));
    std::fs::write(&old, "of another run").expect("the lab's folder is ours");
    let written = [&new, &old].map(|path| path.to_str().expect("plain text"));
    let words =
        ["-sS", "198.18.0.2", "-p", "1-1000", "--max-rate", "300", "-oJ", written[0], "-oN", written[1]];
    let scan = lab.scan(&scanner, &words).by(User::Root).with("SUDO_UID", "65534").with("SUDO_GID", "65533");
    let mut running = scan.start();
    running.until("packets", LIMIT, |_| target.counted("asked") >= 30);
    let seen = assert_bare(&running, User::Root);
    for task in tasks(&running) {
        let Ok(status) = std::fs::read_to_string(task.join("status")) else { continue };
        for (name, ids) in
            [("Uid", "65534 65534 65534 65534"), ("Gid", "65533 65533 65533 65533"), ("Groups", "")]
        {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            let words = line.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(words, ids, "{name} of {}", task.display());
        }
    }
    running.finish(LIMIT).assert_code(0);
    let owner = |path: &PathBuf| {
        let data = std::fs::metadata(path).expect("it was written");
        assert!(data.len() > 0, "{} is empty", path.display());
        (data.uid(), data.gid())
    };
    assert_eq!(owner(&new), (65534, 65533));
    assert_eq!(owner(&old), (0, 0), "what was there stays whose it was");
    println!("syn sudo: {seen} threads are the user's, who owns the new file and not the old one");
}

/// Whether the process is the scanner by now, and not yet one of the programs that start it.
fn is_scanner(running: &Running) -> bool {
    std::fs::read_to_string(format!("/proc/{}/comm", running.id()))
        .is_ok_and(|name| name.trim() == "portolan")
}

fn tasks(running: &Running) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(format!("/proc/{}/task", running.id())).into_iter().flatten();
    folder.flatten().map(|entry| entry.path()).collect()
}

/// Demands that no thread may do anything; how many there are.
fn assert_bare(running: &Running, user: User) -> usize {
    let mut seen = 0;
    for task in tasks(running) {
        // A thread may have ended meanwhile.
        let Ok(status) = std::fs::read_to_string(task.join("status")) else { continue };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap_or_else(|| panic!("no {name}: {status}")).trim()
        };
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
            assert_eq!(field(set).trim_start_matches('0'), "", "{user:?}: {set} of {}", task.display());
        }
        // Only who has CAP_SETPCAP can empty this one.
        if user == User::Root {
            assert_eq!(field("CapBnd").trim_start_matches('0'), "", "CapBnd of {}", task.display());
        }
        assert_eq!(field("NoNewPrivs"), "1", "{user:?}: {}", task.display());
        seen += 1;
    }
    assert!(seen > 0, "no thread was seen");
    seen
}

/// Who may not capture is told so and what would help, or is served by connect; nothing is sent in the first case.
#[test]
fn without_the_right_it_is_said_or_done_otherwise() {
    let Some(lab) = require("syn denied", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.count("to-scanner", &[("asked", "tcp dport 1-65535"), ("asked", "ether type arp")]);
    let _listeners = server::listeners(&target, &["198.18.0.2", "2001:db8::2"], &[22]);
    for address in ["198.18.0.2", "2001:db8::2"] {
        let before = target.counted("asked");
        for method in [&["-sS"][..], &["--method", "syn"]] {
            let words = [method, &[address, "-p", "22,80", "--json"]].concat();
            let outcome = lab.scan(&scanner, &words).run(LIMIT);
            outcome.assert_code(2);
            let mut lines = outcome.stderr.lines();
            let (error, hint) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
            assert!(error.starts_with("error:") && error.contains("CAP_NET_RAW"), "{error}");
            let command = format!("setcap cap_net_raw=ep {}", lab.binary.display());
            assert!(hint.starts_with("hint:") && hint.contains(&command), "{hint}");
            assert_eq!((lines.next(), outcome.stdout.as_str()), (None, ""), "{}", outcome.stderr);
        }
        assert_eq!(target.counted("asked"), before, "something was sent to {address}");
        for (user, how, why) in [
            (User::Nobody, "connect", "may-not-capture"),
            (User::MayCapture, "syn", "may-capture"),
            (User::Root, "syn", "may-capture"),
        ] {
            let scan = lab.scan(&scanner, &[address, "-p", "22,80", "--json", "--all"]);
            let report = done(scan.by(user).run(LIMIT));
            let plan = &report.begin()["plan"];
            assert_eq!(
                (&plan["method"], &plan["method_why"]),
                (&how.into(), &why.into()),
                "{user:?}: {plan}"
            );
            assert_methods(&report, address, |_| how);
            report.assert_truth(address, [22, 80], |port, verdict| match (port, how) {
                (22, _) => verdict == "open/syn-ack",
                (_, "syn") => verdict == "closed/reset",
                _ => verdict == "closed/conn-refused",
            });
        }
        assert!(target.counted("asked") > before, "the counter counts");
        println!("syn denied: {address}: -sS refused with its hint, auto falls back and says why");
    }
}

/// A file that carries the capability is what the hint leads to.
#[test]
fn the_command_of_the_hint_helps() {
    let Some(lab) = require("syn setcap", &["setcap"]) else { return };
    let (scanner, target) = neighbours();
    let _listeners = server::listeners(&target, &["198.18.0.2"], &[22]);
    portolan_lab::namespace::run(std::process::Command::new("setcap").arg("cap_net_raw=ep").arg(&lab.binary));
    let scan = lab.scan(&scanner, &["-sS", "198.18.0.2", "-p", "22,80", "--json", "--all"]);
    let report = done(scan.by(User::Nobody).run(Duration::from_secs(30)));
    assert_methods(&report, "198.18.0.2", |_| "syn");
    println!("syn setcap: an unprivileged user scans by SYN after setcap");
}
