use proptest::prelude::*;

use super::*;

fn what(text: &str) -> What {
    parse_target(text).unwrap_or_else(|error| panic!("{error}")).what
}

fn refused(text: &str) -> String {
    parse_target(text).expect_err(text).to_string()
}

/// The ranges of a target, as text.
fn ranges(text: &str) -> String {
    match what(text) {
        What::Range(set) => set.ranges().map(|range| range.to_string()).collect::<Vec<_>>().join(" "),
        other => format!("{other:?}"),
    }
}

fn ports(text: &str) -> Option<String> {
    parse_target(text).unwrap_or_else(|error| panic!("{error}")).ports.map(|ports| ports.to_string())
}

#[test]
fn single_addresses() {
    for (text, shown) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%3", "fe80::1%3"),
        ("fe80::1%0", "fe80::1"),
        ("192.0.2.1/32", "192.0.2.1"),
        ("2001:db8::1/128", "2001:db8::1"),
        ("192.0.2.7-192.0.2.7", "192.0.2.7"),
        ("192.0.2.7-7", "192.0.2.7"),
    ] {
        assert_eq!(
            what(text),
            What::Single(match what(text) {
                What::Single(address) => {
                    assert_eq!(address.to_string(), shown, "{text}");
                    address
                }
                other => panic!("{text}: {other:?}"),
            })
        );
    }
    assert_eq!(what("fe80::1%eth0"), What::Zoned("fe80::1".parse().unwrap(), "eth0".into()));
    assert_eq!(what("fe80::1%br-lan-2"), What::Zoned("fe80::1".parse().unwrap(), "br-lan-2".into()));
    assert_eq!(what("fe80::1%br-10ab"), What::Zoned("fe80::1".parse().unwrap(), "br-10ab".into()));
}

#[test]
fn prefixes_and_ranges() {
    assert_eq!(ranges("10.0.0.77/24"), "10.0.0.0-10.0.0.255");
    assert_eq!(ranges("0.0.0.0/0"), "0.0.0.0-255.255.255.255");
    assert_eq!(ranges("2001:db8::ff/120"), "2001:db8::-2001:db8::ff");
    assert_eq!(ranges("fe80::%2/126"), "fe80::%2-fe80::3%2");
    assert_eq!(ranges("10.0.0.250-10.0.1.3"), "10.0.0.250-10.0.1.3");
    assert_eq!(ranges("2001:db8::1-2001:db8::9"), "2001:db8::1-2001:db8::9");
    assert_eq!(ranges("fe80::1%2-fe80::9%2"), "fe80::1%2-fe80::9%2");
    assert_eq!(ranges("fe80::1%2-fe80::9"), "fe80::1%2-fe80::9%2");
    assert_eq!(ranges("::ffff:10.0.0.0/126"), "10.0.0.0-10.0.0.3");
    assert_eq!(ranges("2001:db8::/96"), "2001:db8::-2001:db8::ffff:ffff");
}

#[test]
fn octet_patterns() {
    assert_eq!(ranges("10.0.0.1,3,7"), "10.0.0.1 10.0.0.3 10.0.0.7");
    assert_eq!(ranges("10.0.0.*"), "10.0.0.0-10.0.0.255");
    assert_eq!(ranges("10.0.0-3.1-254").split(' ').count(), 4);
    assert_eq!(ranges("10.0-3.*.0-255"), "10.0.0.0-10.3.255.255");
    assert_eq!(ranges("*.*.*.*"), "0.0.0.0-255.255.255.255");
    assert_eq!(ranges("10.0.0.250-"), "10.0.0.250-10.0.0.255");
    assert_eq!(ranges("10.0.0.-5"), "10.0.0.0-10.0.0.5");
    assert_eq!(ranges("1-2.0.255-.0-255"), "1.0.255.0-1.0.255.255 2.0.255.0-2.0.255.255");
    assert_eq!(ranges("10.*.*.1").split(' ').count(), 65_536);
}

#[test]
fn hosts_with_ports() {
    assert_eq!(ports("10.0.0.1:22,80-90").as_deref(), Some("22,80-90"));
    assert_eq!(ports("[2001:db8::1]:22").as_deref(), Some("22"));
    assert_eq!(ports("[fe80::1%eth0]:22").as_deref(), Some("22"));
    assert_eq!(ports("[2001:db8::/120]:22").as_deref(), Some("22"));
    assert_eq!(ports("10.0.0.0/30:80").as_deref(), Some("80"));
    assert_eq!(ports("10.0.0.1,3:80").as_deref(), Some("80"));
    assert_eq!(ports("host.example:https,-3").as_deref(), Some("1-3,443"));
    assert_eq!(ports("2001:db8::1:80"), None, "without brackets it is an address");
    assert_eq!(what("host.example:80"), What::Name("host.example".into()));
}

#[test]
fn names() {
    let long_label = "a".repeat(63);
    for name in [
        "localhost",
        "a-b.example",
        "_x._tcp.example",
        "host.example.",
        "3com.example",
        "10.example",
        &long_label,
    ] {
        assert_eq!(what(name), What::Name(name.into()));
    }
}

#[test]
fn what_is_refused_says_what_and_where() {
    for (text, sentence) in [
        ("", "an empty target"),
        ("10.0.0.0/33", "10.0.0.0/33: the prefix length of IPv4 is at most 32"),
        ("::/129", "::/129: the prefix length of IPv6 is at most 128"),
        ("10.0.0.0/", "10.0.0.0/: the prefix length after / must be a number"),
        ("10.0.0.0/255.255.0.0", "10.0.0.0/255.255.0.0: the prefix length after / must be a number"),
        ("host.example/24", "host.example/24: a prefix length needs one whole address before the /"),
        ("10.0.0-3.0/24", "10.0.0-3.0/24: a prefix length needs one whole address before the /"),
        ("300.1.2.3", "300.1.2.3: '300' is no octet, each is a number from 0 to 255"),
        ("1.2.3", "1.2.3: an IPv4 address has four octets, this has 3"),
        ("1.2.3.4.5", "1.2.3.4.5: an IPv4 address has four octets, this has 5"),
        ("1", "1: an IPv4 address has four octets, this has 1"),
        ("1..2.3", "1..2.3: '' is no octet, each is a number from 0 to 255"),
        ("10.0.0.010", "10.0.0.010: '010' has a leading zero, which some read as octal"),
        ("10.0.0.9-3", "10.0.0.9-3: the octet range 9-3 runs backwards"),
        ("10.0.0.9-10.0.0.3", "10.0.0.9-10.0.0.3: the range's first address is higher than its last"),
        ("10.0.0.1-10.0.3", "10.0.0.1-10.0.3: an IPv4 address has four octets, this has 3"),
        ("*.*.*.1,3", "*.*.*.1,3: this pattern makes 33554432 separate ranges, at most 1048576 are taken"),
        ("10.0.0.1-2001:db8::1", "10.0.0.1-2001:db8::1: both ends of a range must be of one family and zone"),
        ("2001:db8::1-10.0.0.1", "2001:db8::1-10.0.0.1: both ends of a range must be of one family and zone"),
        ("fe80::1%1-fe80::2%2", "fe80::1%1-fe80::2%2: both ends of a range must be of one family and zone"),
        ("2001:db8::g", "2001:db8::g: '2001:db8::g' is not an IPv6 address"),
        ("fe80::1%", "fe80::1%: '' is neither the number nor the name of an interface"),
        (
            "fe80::1%99999999999",
            "fe80::1%99999999999: '99999999999' is neither the number nor the name of an interface",
        ),
        ("::1%lo", "::1%lo: only link-local addresses (fe80::/10) have a zone, leave '%lo' out"),
        (
            "fe80::%eth0/120",
            "fe80::%eth0/120: several addresses need the zone as a number, here the index of eth0",
        ),
        ("[::1", "[::1: brackets hold an IPv6 address, and ports may follow as in [2001:db8::1]:22"),
        (
            "[10.0.0.1]:80",
            "[10.0.0.1]:80: brackets hold an IPv6 address, and ports may follow as in [2001:db8::1]:22",
        ),
        ("10.0.0.1:70000", "10.0.0.1:70000: port 70000: the highest port is 65535"),
        ("10.0.0.1:T:80", "10.0.0.1:T:80: T:80: the ports of a target are written without a protocol letter"),
        ("10.0.0.1:", "10.0.0.1:: no port is named"),
        ("http://host.example/x", "http://host.example/x: this is a URL, name the host alone: host.example"),
        ("hôte.example", "hôte.example: a host name is of ASCII letters, write this one in its xn-- form"),
        (
            "a.example,b.example",
            "a.example,b.example: ',' cannot be in a host name; targets are separated by spaces",
        ),
        ("a b", "a b: ' ' cannot be in a host name"),
        (
            "host.0x7f",
            "host.0x7f: neither an IPv4 address nor a host name, which cannot end in the number '0x7f'",
        ),
        ("host.1", "host.1: neither an IPv4 address nor a host name, which cannot end in the number '1'"),
        (".", ".: '' cannot be a part of a host name: each has 1 to 63 characters and no hyphen at its ends"),
        ("\x1b[31m", "\\x1b[31m: '\\x1b' cannot be in a host name"),
    ] {
        assert_eq!(refused(text), sentence);
    }
    assert!(refused(&format!("{}.example", "a".repeat(64))).contains("1 to 63"));
    assert!(refused(&"a.".repeat(200)).ends_with("at most 253 characters, this has 399"));
    assert!(refused(&"x".repeat(5000)).chars().count() < 200);
}

/// A character soup near every branch of the grammar.
fn soup() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9.,*/:-]{0,20}",
        "[0-9a-f:%.\\[\\]/-]{0,40}",
        "[a-z0-9_.:-]{0,30}",
        "\\PC*",
        "[\\x00-\\u{10ffff}]*",
        any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

proptest! {
    #[test]
    fn no_text_panics_and_no_message_obeys_it(text in soup()) {
        match parse_target(&text) {
            Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            Ok(target) => {
                prop_assert_eq!(target.text.bytes(), text.as_bytes());
                if let What::Range(set) = target.what {
                    prop_assert!(set.len() > 1);
                }
            }
        }
    }

    #[test]
    fn addresses_are_read_back(v4: u32, v6: u128, port in 1..=u16::MAX) {
        let addresses: [Address; 2] = [
            std::net::Ipv4Addr::from_bits(v4).into(),
            Address::new(Ipv6Addr::from_bits(v6).into()),
        ];
        for address in addresses {
            prop_assert_eq!(what(&address.to_string()), What::Single(address));
            let with_port = parse_target(&portolan_model::Endpoint::tcp(address, port).host_port()).unwrap();
            prop_assert_eq!(with_port.what, What::Single(address));
            prop_assert_eq!(with_port.ports, Some([port].into_iter().collect()));
        }
    }

    #[test]
    fn patterns_are_the_product_of_their_octets(
        octets in prop::array::uniform4(prop::collection::vec((250..=255_u8, 0..6_u8), 1..3)),
    ) {
        let octets = octets.map(|items| items.iter().map(|(a, more)| (*a, a.saturating_add(*more))).collect::<Vec<_>>());
        let parts = octets.clone().map(|items| items.iter().map(|(a, b)| format!("{a}-{b}")).collect::<Vec<_>>().join(","));
        let mut truth = Vec::new();
        for bits in 0..6_u32.pow(4) {
            let digits = [bits / 216, bits / 36 % 6, bits / 6 % 6, bits % 6].map(|digit| 250 + digit as u8);
            if digits.iter().zip(&octets).all(|(digit, items)| items.iter().any(|(a, b)| a <= digit && digit <= b)) {
                truth.push(Address::from(std::net::Ipv4Addr::from(digits)));
            }
        }
        let found: Vec<Address> = match what(&parts.join(".")) {
            What::Single(address) => vec![address],
            What::Range(set) => set.iter().collect(),
            other => panic!("{other:?}"),
        };
        prop_assert_eq!(found, truth);
    }
}
