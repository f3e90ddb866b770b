//! Stopped at any instant and resumed, a scan of real hosts tells what one run tells, and nobody else is asked.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use portolan_lab::namespace::{Namespace, cable, neighbours};
use portolan_lab::ndjson::{Report, Told};
use rustix::process::Signal;

use crate::require::{Lab, require};
use crate::scanner::User;
use crate::server;

const LIMIT: Duration = Duration::from_secs(30);
/// In so many instants each scan is stopped …
const INSTANTS: u64 = 50;
/// … so many scans at a time.
const WORKERS: u64 = 10;
const HOST: &str = "198.18.0.2";
/// Refused, but for the open and the silent ones.
const PORTS: std::ops::RangeInclusive<u16> = 1000..=2999;
const OPEN: std::ops::RangeInclusive<u16> = 1500..=1799;
const SILENT: &str = "2000-2029";

#[test]
fn a_syn_scan_that_is_stopped_and_resumed_tells_what_one_run_tells() {
    stop_at_many_instants("resume syn", "-sS", User::MayCapture);
}

#[test]
fn a_connect_scan_that_is_stopped_and_resumed_tells_what_one_run_tells() {
    stop_at_many_instants("resume connect", "-sT", User::Nobody);
}

fn stop_at_many_instants(scenario: &str, method: &str, user: User) {
    let Some(lab) = require(scenario, &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &[format!("tcp dport {SILENT} drop")]);
    let _listeners = server::listeners(&target, &[HOST], &OPEN.collect::<Vec<_>>());
    let ports = format!("{}-{}", PORTS.start(), PORTS.end());
    let words = [method, HOST, "-p", &ports, "--max-rate", "10000", "-q"];
    let whole = Kept::new(&lab, "whole");
    let outcome = lab.scan(&scanner, &[&words[..], &whole.outputs()].concat()).by(user).run(LIMIT);
    outcome.assert_code(0);
    let (whole, wall) = (whole.told(HOST), outcome.wall);
    assert_eq!(whole.len(), PORTS.len());
    assert_eq!(whole.values().filter(|told| told.verdict == "open/syn-ack").count(), OPEN.len());
    assert_eq!(whole.values().filter(|told| told.verdict == "filtered/no-response").count(), 30);

    let one = |lab: &Lab, instant: u64| {
        let kept = Kept::new(lab, "stopped");
        let mut words = [&words[..], &kept.outputs()].concat();
        let checkpoint = kept.checkpoint.to_str().expect("a path of ours");
        words.extend(["--checkpoint", checkpoint]);
        let running = lab.scan(&scanner, &words).by(user).start();
        kept.begins();
        thread::sleep(wall.mul_f64(random(instant)));
        running.signal(if instant.is_multiple_of(5) { Signal::TERM } else { Signal::INT });
        let stopped = running.finish(LIMIT);
        let early = stopped.status.code() == Some(3);
        assert!(early || stopped.status.code() == Some(0), "instant {instant}: {}", stopped.status);
        let before = kept.told(HOST);
        let settled = before.values().filter(|told| told.verdict != "unknown/interrupted").count();
        let resumed = lab.scan(&scanner, &["--resume", checkpoint]).by(user).run(LIMIT);
        resumed.assert_code(0);
        assert_eq!(kept.told(HOST), whole, "instant {instant}, {settled} settled before");
        // And then nothing is left to ask.
        if instant < WORKERS {
            let nothing = lab.scan(&scanner, &["--resume", checkpoint]).by(user).run(LIMIT);
            nothing.assert_code(0);
            assert!(nothing.stderr.contains("complete") && nothing.stdout.is_empty(), "{}", nothing.stderr);
        }
        (early, settled)
    };
    let each = |worker: u64| {
        // Each has a folder of its own.
        let lab = require(scenario, &["nft"]).expect("it was there before");
        (worker..INSTANTS)
            .filter(|instant| instant % WORKERS == worker)
            .map(|instant| one(&lab, instant))
            .collect()
    };
    let ends: Vec<(bool, usize)> = thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|worker| scope.spawn(move || -> Vec<_> { each(worker) })).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("it said what was wrong")).collect()
    });
    let early = ends.iter().filter(|(early, _)| *early).count();
    let amid =
        ends.iter().filter(|(early, settled)| *early && *settled > 0 && *settled < PORTS.len()).count();
    println!(
        "{scenario}: {} instants of {:.2} s, {early} before the end, {amid} amid the ports",
        ends.len(),
        wall.as_secs_f64()
    );
    assert!(amid >= 10, "too few of the instants were amid the scan: {ends:?}");
}

/// A range with exclusions, in four shards, each stopped and resumed.
#[test]
fn shards_stopped_and_resumed_are_together_the_whole_and_ask_nobody_else() {
    let Some(lab) = require("resume scope", &["nft"]) else { return };
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    cable((&scanner, "to-target", &["198.18.0.1/24"]), (&target, "to-scanner", &["198.18.0.200/24"]));
    let hosts: Vec<String> = (32..64).map(|last| format!("198.18.0.{last}")).collect();
    hosts.iter().for_each(|host| target.ip(&format!("addr add {host}/24 dev to-scanner")));
    target.count(
        "to-scanner",
        &[
            ("excluded", "ip daddr { 198.18.0.33, 198.18.0.40/30 }"),
            ("excluded", "arp daddr ip { 198.18.0.33, 198.18.0.40/30 }"),
            ("asked", "ip daddr 198.18.0.32/27 tcp flags syn"),
        ],
    );
    let _listeners = server::listeners(&target, &[&hosts[4], &hosts[20]], &[22, 80]);
    let range = ["198.18.0.32/27", "--exclude", "198.18.0.33,198.18.0.40/30", "--seed", "7"];
    // Many ports of hosts in turn, and a sweep.
    for ports in ["1-80", "22,80"] {
        let words = [&range[..], &["-sS", "-p", ports, "--max-rate", "5000", "-q"]].concat();
        let whole = Kept::new(&lab, "whole");
        let outcome =
            lab.scan(&scanner, &[&words[..], &whole.outputs()].concat()).by(User::MayCapture).run(LIMIT);
        outcome.assert_code(0);
        let of_shard = |shard: &str| {
            // Each has a folder of its own.
            let lab = require("resume scope", &["nft"]).expect("it was there before");
            let kept = Kept::new(&lab, "shard");
            let checkpoint = kept.checkpoint.to_str().expect("a path of ours");
            let own = [&words[..], &["--shard", shard, "--checkpoint", checkpoint], &kept.outputs()].concat();
            let running = lab.scan(&scanner, &own).by(User::MayCapture).start();
            kept.begins();
            thread::sleep(Duration::from_millis(60));
            running.interrupt();
            running.finish(LIMIT);
            lab.scan(&scanner, &["--resume", checkpoint]).by(User::MayCapture).run(LIMIT).assert_code(0);
            hosts.iter().map(|host| kept.told(host)).collect()
        };
        let shards: Vec<Vec<BTreeMap<u16, Told>>> = thread::scope(|scope| {
            let of_shard = &of_shard;
            let shards = ["1/4", "2/4", "3/4", "4/4"].map(|shard| scope.spawn(move || of_shard(shard)));
            shards.into_iter().map(|shard| shard.join().expect("it said what was wrong")).collect()
        });
        for (at, host) in hosts.iter().enumerate() {
            let told: Vec<_> =
                shards.iter().map(|shard| &shard[at]).filter(|told| !told.is_empty()).collect();
            assert!(told.len() <= 1, "{host}: told by two shards");
            let told = told.first().map_or_else(BTreeMap::new, |told| BTreeMap::clone(told));
            assert_eq!(told, whole.told(host), "{host} -p {ports}");
        }
    }
    assert_eq!(target.counted("excluded"), 0);
    assert!(target.counted("asked") > 0, "the counters count nothing");
    println!("resume scope: four shards, stopped and resumed, are the whole; no packet to what is excluded");
}

/// A root who has given its rights away may not make files in another user's folder, but writes into the file it made.
#[test]
fn root_keeps_a_checkpoint_in_another_users_folder() {
    let Some(lab) = require("resume root", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &["tcp dport != 22 drop".to_owned()]);
    let kept = Kept::new(&lab, "owned");
    let folder = kept.checkpoint.parent().expect("it has a folder");
    std::os::unix::fs::chown(folder, Some(65534), Some(65534)).expect("root may");
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).expect("root may");
    let checkpoint = kept.checkpoint.to_str().expect("a path of ours");
    let words = ["-sS", HOST, "-p", "1-300", "-Pn", "--checkpoint", checkpoint];
    let running = lab.scan(&scanner, &words).by(User::Root).start();
    kept.begins();
    thread::sleep(Duration::from_millis(150));
    running.interrupt();
    running.finish(LIMIT).assert_code(3);
    let text = std::fs::read_to_string(&kept.checkpoint).expect("root may read it");
    assert!(text.contains("\"heard\":true"), "where it began, not where it is: {text:.300}");
    lab.scan(&scanner, &["--resume", checkpoint]).by(User::Root).run(LIMIT).assert_code(0);
    println!("resume root: kept in a folder of somebody else");
}

/// What is wrong with a file or with what it names is said before anything is sent.
#[test]
fn what_changed_meanwhile_is_not_scanned() {
    let Some(lab) = require("resume changed", &["nft"]) else { return };
    let (scanner, target) = neighbours();
    target.firewall("input", &["tcp dport != 22 drop".to_owned()]);
    target.count("to-scanner", &[("asked", "ip daddr 198.18.0.0/30 tcp flags syn")]);
    let kept = Kept::new(&lab, "changed");
    let checkpoint = kept.checkpoint.to_str().expect("a path of ours");
    let list = lab.write("excluded", "198.18.0.3\n");
    let list = list.to_str().expect("a path of ours");
    let words = ["-sT", HOST, "-p", "1-2000", "-Pn", "--excludefile", list, "--checkpoint", checkpoint];
    let running = lab.scan(&scanner, &words).start();
    kept.begins();
    thread::sleep(Duration::from_millis(200));
    running.interrupt();
    running.finish(LIMIT).assert_code(3);
    let asked = target.counted("asked");
    let refused = |what: &str, words: &[&str]| {
        let outcome = lab.scan(&scanner, words).run(LIMIT);
        outcome.assert_code(2);
        assert!(outcome.stderr.contains(what), "{words:?}: {}", outcome.stderr);
    };
    lab.write("excluded", "198.18.0.1\n");
    refused("its exclusions", &["--resume", checkpoint]);
    refused("not finished", &words);
    refused("is too much", &["--resume", checkpoint, "-p", "80"]);
    let text = std::fs::read(&kept.checkpoint).expect("root may read it");
    let cut = lab.write("cut", &text[..text.len() / 2]);
    refused("cut off", &["--resume", cut.to_str().expect("a path of ours")]);
    assert_eq!(target.counted("asked"), asked, "something was sent");
    lab.write("excluded", "198.18.0.3\n");
    lab.scan(&scanner, &["--resume", checkpoint]).run(LIMIT).assert_code(0);
    println!("resume changed: said, and nothing sent");
}

/// Where a scan keeps what it tells and how far it is: a folder in which everybody may write.
struct Kept {
    checkpoint: PathBuf,
    json: PathBuf,
}

impl Kept {
    fn new(lab: &Lab, name: &str) -> Self {
        let folder = lab.directory.path().join(name);
        // A second scan of the same name begins with an empty one.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).expect("the lab's folder is ours");
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).expect("it is ours");
        Kept { checkpoint: folder.join("checkpoint"), json: folder.join("told.json") }
    }

    /// Waits until the scan is about to send: the checkpoint is written before that.
    fn begins(&self) {
        let deadline = Instant::now() + LIMIT;
        while !self.checkpoint.exists() {
            assert!(Instant::now() < deadline, "no checkpoint within {LIMIT:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn outputs(&self) -> [&str; 2] {
        ["-oJ", self.json.to_str().expect("a path of ours")]
    }

    fn told(&self, host: &str) -> BTreeMap<u16, Told> {
        Report::parse(&std::fs::read_to_string(&self.json).expect("it was asked for")).ports(host)
    }
}

/// A share from 0 to 1 by SplitMix64 (Steele, Lea and Flood, 2014), the same in every run.
fn random(number: u64) -> f64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ z >> 31) as f64 / u64::MAX as f64
}
