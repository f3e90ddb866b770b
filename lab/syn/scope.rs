use std::collections::BTreeSet;

use crate::require::require;
use crate::scanner::User;
use crate::server;
use portolan_lab::namespace::{Namespace, cable};

use super::{LIMIT, done};

/// The scanner's own card, so that no packet of another's making goes unseen.
const OWN: &str = "02:00:00:00:00:0a";

/// What is excluded meets no packet at all, not even the question who it is; and all packets bear our own addresses.
#[test]
fn an_excluded_address_meets_nothing() {
    let Some(lab) = require("syn scope", &["nft"]) else { return };
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    cable(
        (&scanner, "to-target", &["198.18.0.1/24", "2001:db8::1/64"]),
        (&target, "to-scanner", &["198.18.0.200/24", "2001:db8::c8/64"]),
    );
    scanner.ip(&format!("link set to-target address {OWN}"));
    // All 32 of a range are there, but for the upper four.
    let v4 = |last: u8| format!("198.18.0.{last}");
    let v6 = |last: u8| format!("2001:db8::{last:x}");
    for last in 32..60 {
        target.ip(&format!("addr add {}/24 dev to-scanner", v4(last)));
        target.ip(&format!("addr add {}/64 dev to-scanner", v6(last)));
    }
    // One alone, four together, and one that is not there.
    let excluded: BTreeSet<u8> = [33].into_iter().chain(40..44).chain([61]).collect();
    count(&target, &excluded);
    let own = [v4(50), v6(50)];
    let _listeners = server::listeners(&target, &[&own[0], &own[1]], &[22]);
    let (few, many) = (String::from("22,80"), String::from("1-25"));
    for (range, left_out, name) in [
        ("198.18.0.32/27", "198.18.0.33,198.18.0.40/30,198.18.0.61", v4 as fn(u8) -> String),
        ("2001:db8::20/123", "2001:db8::21,2001:db8::28/126,2001:db8::3d", v6),
    ] {
        let family = |counter: &&&str| counter.ends_with("v4") == range.contains('.');
        // A sweep of many hosts, and one host after the other; also where all are said to be up.
        for (ports, more) in [(&few, &[][..]), (&many, &[]), (&many, &["-Pn"])] {
            let words = ["-sS", range, "--exclude", left_out, "-p", ports, "--json", "--all"];
            let report = done(lab.scan(&scanner, &[&words, more].concat()).by(User::MayCapture).run(LIMIT));
            for last in 32..60 {
                let told = report.ports(&name(last));
                assert_eq!(told.is_empty(), excluded.contains(&last), "{}", name(last));
            }
            assert_eq!(report.ports(&name(50))[&22].verdict, "open/syn-ack");
            for counter in EXCLUDED.iter().filter(family) {
                assert_eq!(target.counted(counter), 0, "{range} -p {ports}: {counter}");
            }
            assert_eq!(target.counted("foreign"), 0, "{range} -p {ports}: a source that is not ours");
            for counter in ["syns_v4", "questions_v4", "syns_v6", "questions_v6"] {
                let met = target.counted(counter) > 0;
                assert!(met || (counter.ends_with("v6") && range.contains('.')), "{counter} counts nothing");
            }
        }
        // And each of the counters counts, where nothing is left out.
        let before = EXCLUDED.map(|counter| target.counted(counter));
        done(lab.scan(&scanner, &["-sS", range, "-p", "80", "--json"]).by(User::MayCapture).run(LIMIT));
        for (counter, before) in EXCLUDED.iter().zip(before).filter(|(counter, _)| family(counter)) {
            assert!(target.counted(counter) > before, "{counter} counts nothing");
        }
        println!("syn scope: {range} without {left_out}: not one packet to those, none from others than us");
    }
}

/// The counters of what comes to excluded addresses.
const EXCLUDED: [&str; 5] =
    ["excluded_v4", "excluded_arp_v4", "excluded_v6", "excluded_group_v6", "excluded_solicited_v6"];

/// Counts what comes to the target: to excluded addresses, from others than the scanner, and, to show that the counters
/// count, what is asked of the rest.
fn count(target: &Namespace, excluded: &BTreeSet<u8>) {
    let list = |written: &dyn Fn(&u8) -> String| excluded.iter().map(written).collect::<Vec<_>>().join(", ");
    let v4 = list(&|last| format!("198.18.0.{last}"));
    let v6 = list(&|last| format!("2001:db8::{last:x}"));
    // This nft knows no name for the target of a solicitation (RFC 4861 section 4.3): 8 bytes into the message.
    let target_of = "icmpv6 type nd-neighbor-solicit @th,64,128";
    let solicited = list(&|last| format!("0x20010db80000000000000000000000{last:02x}"));
    // Nobody else has these as the low 24 bits of an address.
    let groups = list(&|last| format!("ff02::1:ff00:{last:x}"));
    let own_v6 = "ip6 saddr != 2001:db8::1 ip6 saddr != fe80::/10 ip6 saddr != ::";
    target.count(
        "to-scanner",
        &[
            ("excluded_v4", &format!("ip daddr {{ {v4} }}")),
            ("excluded_arp_v4", &format!("arp daddr ip {{ {v4} }}")),
            ("excluded_v6", &format!("ip6 daddr {{ {v6} }}")),
            ("excluded_group_v6", &format!("ip6 daddr {{ {groups} }}")),
            ("excluded_solicited_v6", &format!("{target_of} {{ {solicited} }}")),
            ("foreign", &format!("ether saddr != {OWN}")),
            ("foreign", "ip saddr != 198.18.0.1"),
            ("foreign", "arp saddr ip != 198.18.0.1"),
            ("foreign", &format!("arp saddr ether != {OWN}")),
            ("foreign", own_v6),
            ("foreign", "meta l4proto tcp ip6 saddr != 2001:db8::1"),
            ("syns_v4", "ip daddr 198.18.0.32/27 tcp flags syn"),
            ("syns_v6", "ip6 daddr 2001:db8::20/123 tcp flags syn"),
            ("questions_v4", "arp operation request"),
            ("questions_v6", "icmpv6 type nd-neighbor-solicit"),
        ],
    );
}
