//! Nothing in here sends anything: lines are read, sets are made and counted.

use std::net::Ipv4Addr;

use super::*;
use crate::args::{self, Parsed};
use crate::gather::gather;

/// What a line asks for, with addresses for targets, since a name would be looked up.
fn asked(line: &str) -> AddressSet {
    let argv = std::iter::once("portolan").chain(line.split_whitespace()).map(Into::into);
    let args = match args::parse(argv, &|_| None) {
        Ok(Parsed::Run(args)) => args,
        other => panic!("{line}: {other:?}"),
    };
    gather(&args, &portolan_detect::udp_ports()).unwrap_or_else(|error| panic!("{line}: {error}")).asked()
}

fn refused(line: &str, authorised: bool) -> Option<u128> {
    admit(&asked(line), authorised, AddressSet::new).err().map(|refused| refused.public)
}

#[test]
fn a_little_public_space_is_free_more_takes_a_word_and_much_is_refused() {
    for (line, without, with) in [
        ("8.8.8.8", None, None),
        ("8.8.8.0/24", None, None),
        ("8.8.8.0/24 8.8.9.0", Some(257), None),
        ("8.8.0.0/16", Some(65_536), None),
        ("8.8.0.0/16 8.9.0.0", Some(65_537), Some(65_537)),
        ("8.0.0.0/8", Some(1 << 24), Some(1 << 24)),
        ("2600::/120", None, None),
        ("2600::/120 2600::100", Some(257), None),
        ("2600::/112", Some(65_536), None),
        ("2600::/112 2601::/112", Some(1 << 17), Some(1 << 17)),
        // Both families are one count.
        ("8.8.8.0/25 2600::/121", None, None),
        ("8.8.8.0/25 2600::/121 2601::1", Some(257), None),
        ("8.8.0.0/17 2600::/113 8.9.0.1", Some(65_537), Some(65_537)),
        // What is named twice is one address; another form of it leads to a host of its own.
        ("8.8.8.0/24 8.8.8.0/24 8.8.8.8 ::ffff:8.8.8.8", None, None),
        ("8.8.8.0/24 64:ff9b::808:808", Some(257), None),
        ("8.8.8.0/24 2002:808:808::1", Some(257), None),
        ("64:ff9b::808:0/112", Some(65_536), None),
    ] {
        assert_eq!(refused(line, false), without, "{line}");
        assert_eq!(refused(line, true), with, "{line}, authorised");
    }
}

#[test]
fn what_is_not_public_is_free_however_much_it_is() {
    for line in [
        "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16",
        "198.18.0.0/15 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 224.0.0.0/4",
        "2001:db8::/112 3fff::/112 fd00::/112 ::1",
        "64:ff9b::a00:0/112 2002:a00:1::/112",
        // 256 public ones beside them are still free.
        "10.0.0.0/8 8.8.8.0/24 2001:db8::/112",
    ] {
        assert_eq!(refused(line, false), None, "{line}");
    }
    // A range that begins in private space and does not end there.
    assert_eq!(refused("10.0.0.0-11.0.0.255", false), None);
    assert_eq!(refused("10.0.0.0-11.0.1.0", false), Some(257));
    assert_eq!(refused("9.255.255.0-11.0.0.0", false), Some(257));
}

#[test]
fn what_is_not_asked_does_not_count() {
    assert_eq!(refused("8.8.8.0/23 --exclude 8.8.9.0/24", false), None);
    assert_eq!(refused("8.8.8.0/23 --exclude 8.8.9.1-8.8.9.255", false), Some(257));
    assert_eq!(refused("8.0.0.0/8 --exclude 8.0.0.0/9,8.128.0.0/10,8.192.0.0/11,8.224.0.0/11", false), None);
    assert_eq!(refused("64:ff9b::808:0/111 --exclude 8.8.0.0/16", true), None);
    assert_eq!(refused("8.8.0.0/16 2600::/120 -6", false), None);
    assert_eq!(refused("8.8.0.0/16 2600::/112 -4", false), Some(65_536));
    // Without a port there is nothing to ask; a part of the plan is still this plan.
    assert_eq!(refused("8.8.8.0/23:80 10.0.0.1 --exclude-ports 80", false), None);
    assert_eq!(refused("8.8.8.0/23 --shard 1/4", false), Some(512));
}

#[test]
fn the_own_network_is_free_and_the_whole_internet_is_no_link() {
    let on = |ip: &str, prefix| {
        let ip = ip.parse().expect("an address");
        network(&InterfaceAddress { index: 1, ip, prefix })
    };
    let admits = |line: &str, own: &Option<AddressSet>| {
        admit(&asked(line), false, || own.clone().unwrap_or_default()).is_ok()
    };
    assert!(admits("8.8.8.0/22", &on("8.8.9.7", 22)));
    assert!(admits("8.8.0.0/16 9.9.9.0/24", &on("8.8.9.7", 16)));
    assert!(!admits("8.8.8.0/22 9.9.9.0/24 9.9.8.1", &on("8.8.9.7", 22)));
    assert!(!admits("8.8.8.0/21", &on("8.8.9.7", 22)));
    assert!(admits("2600::/112", &on("2600::5", 64)));
    assert!(!admits("2601::/112", &on("2600::5", 64)));
    for (ip, prefix) in [("8.8.8.8", 0), ("8.8.8.8", 15), ("2600::5", 0), ("2600::5", 63)] {
        assert_eq!(on(ip, prefix), None, "{ip}/{prefix}");
    }
    assert_eq!(on("8.8.8.8", 32).map(|set| set.len()), Some(1));
    assert_eq!(on("2600::5", 128).map(|set| set.len()), Some(1));
    assert_eq!(on("8.8.8.8", 16).map(|set| set.len()), Some(65_536));
    assert_eq!(on("2600::5", 64).map(|set| set.len()), Some(1 << 64));
}

/// The machine is asked for its links only where the answer can matter.
#[test]
fn links_are_looked_up_late() {
    let never = || unreachable!("nothing depends on it");
    assert_eq!(admit(&asked("10.0.0.0/8 8.8.8.0/24"), false, never), Ok(()));
    assert!(attached().contains(Address::from(Ipv4Addr::LOCALHOST)) || interfaces::addresses().is_err());
}

#[test]
fn the_refusal_names_the_count_the_limit_and_the_flag() {
    let mut told = String::new();
    for public in [257, 65_536, 65_537, 1 << 32] {
        for lang in [Lang::En, Lang::Fr] {
            let refused = TooPublic { public };
            told += &crate::hint::told(lang, &refused.message(lang), Some(refused.advice(lang)));
        }
    }
    insta::assert_snapshot!("refused", told);
}
