//! What holds of every probe file.

use std::collections::HashSet;

use portolan_detect::{ENTRIES, Entry, Origin, Sample, UDP, entry, udp_ports};
use portolan_model::{Cookie, Likeness, UdpProbe};

/// Protocols whose questions have no room for an id of two bytes.
const WITHOUT_AN_ID: &[&str] = &["rmcp", "sql-browser"];

/// Protocols whose answers give no id back.
const ONLY_FITS: &[&str] = &["dtls", "rmcp", "sql-browser", "ssdp", "tftp"];

/// QUIC demands its size, and a hello of DTLS says what the client can do.
const LONG: &[&str] = &["dtls", "quic"];

const OTHER: Cookie = Cookie([0xee; 16]);

fn samples() -> impl Iterator<Item = (&'static Entry, &'static Sample)> {
    ENTRIES.iter().flat_map(|entry| entry.samples.iter().map(move |sample| (entry, sample)))
}

fn expected(probe: &UdpProbe) -> Likeness {
    if ONLY_FITS.contains(&probe.name) { Likeness::Fits } else { Likeness::Echoes }
}

#[test]
fn every_sample_is_recognised() {
    for (entry, sample) in samples() {
        let likeness = entry.probe.likeness(sample.reply, &sample.cookie);
        assert_eq!(likeness, expected(&entry.probe), "{}: {}", entry.probe.name, sample.from);
    }
}

#[test]
fn an_answer_to_somebody_else_is_strange() {
    for (entry, sample) in samples() {
        let likeness = entry.probe.likeness(sample.reply, &OTHER);
        match expected(&entry.probe) {
            // A tag of one byte is compared, though it is no id.
            Likeness::Fits => assert_ne!(likeness, Likeness::Echoes, "{}", entry.probe.name),
            _ => assert_eq!(likeness, Likeness::Strange, "{}: {}", entry.probe.name, sample.from),
        }
    }
}

/// An answer cut anywhere is still the same answer, or none: never another one's, and never ours without the id.
#[test]
fn a_cut_answer_is_ours_only_with_the_whole_id() {
    for (entry, sample) in samples() {
        for len in 0..sample.reply.len() {
            let cut = &sample.reply[..len];
            let likeness = entry.probe.likeness(cut, &sample.cookie);
            assert_ne!(likeness, Likeness::Strange, "{} at {len}", entry.probe.name);
            if likeness == Likeness::Echoes {
                let mut other = sample.cookie;
                other.0.iter_mut().for_each(|byte| *byte ^= 0xff);
                assert_eq!(
                    entry.probe.likeness(cut, &other),
                    Likeness::Strange,
                    "{} at {len}",
                    entry.probe.name
                );
            }
        }
    }
}

#[test]
fn no_other_probe_takes_a_sample_for_its_own() {
    for (entry, sample) in samples() {
        for probe in UDP.iter().filter(|probe| probe.name != entry.probe.name) {
            let likeness = probe.likeness(sample.reply, &sample.cookie);
            assert_ne!(likeness, Likeness::Echoes, "{} takes an answer of {}", probe.name, entry.probe.name);
            if probe.ports.iter().any(|port| entry.probe.ports.contains(port)) {
                assert_eq!(
                    likeness,
                    Likeness::Unlike,
                    "{} and {} share a port",
                    probe.name,
                    entry.probe.name
                );
            }
        }
    }
}

/// A host that sends everything back has an echo service, and no other.
#[test]
fn what_is_sent_is_no_answer() {
    let cookie = Cookie(std::array::from_fn(|at| at as u8));
    for probe in UDP.iter().filter(|probe| probe.name != "echo") {
        let likeness = probe.likeness(&probe.write(&cookie), &cookie);
        assert_eq!(likeness, Likeness::Unlike, "{} takes its echo for an answer", probe.name);
    }
}

#[test]
fn names_and_ports_are_in_order() {
    assert!(UDP.is_sorted_by(|one, next| one.name < next.name), "names are unique and ascending");
    for (probe, entry) in UDP.iter().zip(ENTRIES) {
        assert_eq!(probe, &entry.probe);
        assert!(probe.ports.is_sorted_by(|one, next| one < next), "{}: {:?}", probe.name, probe.ports);
        // RFC 6335 section 5.1, in lowercase.
        let name = probe.service;
        assert!((1..=15).contains(&name.len()) && !name.contains("--"), "{name}");
        assert!(
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'),
            "{name}"
        );
        assert!(name.bytes().any(|byte| byte.is_ascii_lowercase()), "{name}");
        assert!(entry.probe.ports.iter().all(|port| udp_ports().contains(*port)));
    }
    assert_eq!(entry("dns").map(|entry| entry.title), Some("DNS"));
    assert!(entry("nothing").is_none());
}

#[test]
fn only_dns_is_sent_where_nothing_is_known() {
    let generic: Vec<&str> = UDP.iter().filter(|probe| probe.generic).map(|probe| probe.name).collect();
    assert_eq!(generic, ["dns"]);
}

#[test]
fn payloads_are_small_and_carry_the_cookie() {
    for (entry, probe) in ENTRIES.iter().zip(UDP) {
        let (one, other) = (probe.write(&Cookie([1; 16])), probe.write(&OTHER));
        assert_eq!(one.len(), other.len(), "{}", probe.name);
        assert!(one.len() <= if LONG.contains(&probe.name) { 1_232 } else { 512 }, "{}", probe.name);
        // What people are told of the size is what is sent.
        if let Some((bytes, _)) = entry.polite.split_once(" byte") {
            assert_eq!(bytes.replace(',', ""), one.len().to_string(), "{}", probe.name);
        }
        match probe.id() {
            Some(id) => {
                assert!(!WITHOUT_AN_ID.contains(&probe.name), "{} has an id", probe.name);
                assert_ne!(one[id.clone()], other[id], "{}", probe.name);
            }
            None => assert!(WITHOUT_AN_ID.contains(&probe.name), "{} has no id", probe.name),
        }
    }
}

#[test]
fn every_file_says_where_it_comes_from() {
    for entry in ENTRIES {
        assert!(!entry.source.is_empty() && !entry.polite.is_empty() && !entry.samples.is_empty());
    }
    let recorded: HashSet<&str> = samples()
        .filter(|(_, sample)| sample.origin == Origin::Recorded)
        .map(|(entry, _)| entry.probe.name)
        .collect();
    assert!(recorded.len() * 2 > ENTRIES.len(), "most are held against a real server, not only {recorded:?}");
}
