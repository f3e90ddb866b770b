use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::message::{Attributes, Messages, write, write_attribute};
use super::*;

const MULTI: u16 = libc::NLM_F_MULTI as u16;
const DONE: u16 = libc::NLMSG_DONE as u16;
const ERROR: u16 = libc::NLMSG_ERROR as u16;

/// Answers whose bodies are told as they are.
fn raw() -> Answer<Vec<u8>> {
    Answer::of(100, |body| Some(body.to_vec()))
}

fn body(fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = fixed.to_vec();
    for (kind, data) in attributes {
        write_attribute(&mut body, *kind, data);
    }
    body
}

/// An answer for a unicast route of this family.
fn route_body(family: i32, kind: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    body(&[family as u8, 32, 0, 0, 254, 0, 0, kind, 0, 0, 0, 0], attributes)
}

fn link_body() -> Vec<u8> {
    let mut fixed = vec![0, 0, 1, 0];
    fixed.extend(7_u32.to_ne_bytes());
    fixed.extend((libc::IFF_UP | libc::IFF_LOWER_UP | libc::IFF_NOARP).to_ne_bytes());
    fixed.extend([0; 4]);
    let mtu = 1500_u32.to_ne_bytes();
    let attributes: [(u16, &[u8]); 3] =
        [(libc::IFLA_IFNAME, b"eth0\0"), (libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]), (libc::IFLA_MTU, &mtu)];
    body(&fixed, &attributes)
}

fn neighbour_body(family: i32, state: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut fixed = vec![family as u8, 0, 0, 0];
    fixed.extend(7_u32.to_ne_bytes());
    fixed.extend(state.to_ne_bytes());
    fixed.extend([0; 2]);
    body(&fixed, attributes)
}

proptest! {
    #[test]
    fn an_answer_is_gathered_from_all_its_datagrams(
        messages in vec((0..3_u32, 99..102_u16, vec(any::<u8>(), 0..40), any::<bool>()), 0..20),
    ) {
        let mut answer = raw();
        let mut datagram = Vec::new();
        let mut expected = Vec::new();
        for (sequence, kind, body, is_last_of_datagram) in messages {
            datagram.extend(write(kind, MULTI, sequence, &body));
            datagram.resize(datagram.len().next_multiple_of(4), 0xee);
            if is_last_of_datagram {
                prop_assert_eq!(answer.take(1, &datagram), Ok(false));
                datagram.clear();
            }
            if (sequence, kind) == (1, 100) {
                expected.push(body);
            }
        }
        datagram.extend(write(DONE, MULTI, 2, &[0; 4]));
        prop_assert_eq!(answer.take(1, &datagram), Ok(false), "the end of another answer");
        prop_assert_eq!(answer.take(1, &write(DONE, MULTI, 1, &[0; 4])), Ok(true));
        prop_assert_eq!(answer.found, expected);
    }

    #[test]
    fn attributes_are_read_as_written(attributes in vec((0..0x4000_u16, vec(any::<u8>(), 0..20), 0..4_u16), 0..10), cut in 0..4_usize) {
        let mut bytes = vec![0xaa; 12];
        for (kind, data, flags) in &attributes {
            // The flags for nested attributes and for the byte order are not a part of the kind.
            write_attribute(&mut bytes, kind | flags << 14, data);
        }
        let padding = attributes.last().map_or(0, |(_, data, _)| data.len().next_multiple_of(4) - data.len());
        bytes.truncate(bytes.len() - cut.min(padding));
        let read: Vec<_> = Attributes::after(&bytes, 12).collect();
        let written: Vec<_> = attributes.iter().map(|(kind, data, _)| (*kind, &data[..])).collect();
        prop_assert_eq!(read, written);
    }

    #[test]
    fn random_bytes_never_panic(mut bytes in vec(any::<u8>(), 0..120), length in any::<Option<u8>>(), kind in 0..30_u16, attribute in 0..20_u8) {
        // Half of the luck is given: a length that fits, a kind that is known, an attribute where one is looked for.
        if let (Some(length), true) = (length, bytes.len() >= 36) {
            bytes[..4].copy_from_slice(&u32::from(length).to_ne_bytes());
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[8..12].copy_from_slice(&1_u32.to_ne_bytes());
            bytes[28..32].copy_from_slice(&[8, 0, attribute, 0]);
        }
        read_all(&bytes);
        read_all(bytes.get(1..).unwrap_or(&[]));
    }

    #[test]
    fn whole_messages_with_a_changed_byte_never_panic(at in any::<prop::sample::Index>(), byte: u8) {
        for mut message in whole_messages() {
            let at = at.index(message.len());
            message[at] = byte;
            read_all(&message);
        }
    }
}

/// One message of each kind that is read.
fn whole_messages() -> [Vec<u8>; 3] {
    let index = 7_u32.to_ne_bytes();
    let via: [(u16, &[u8]); 3] = [
        (libc::RTA_OIF, &index),
        (libc::RTA_PREFSRC, &[198, 18, 0, 1]),
        (18, &[10, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
    ];
    let known: [(u16, &[u8]); 2] =
        [(libc::NDA_DST, &[198, 18, 0, 9]), (libc::NDA_LLADDR, &[2, 0, 0, 0, 0, 9])];
    [
        write(libc::RTM_NEWROUTE, 0, 1, &route_body(libc::AF_INET, libc::RTN_UNICAST, &via)),
        write(libc::RTM_NEWLINK, MULTI, 1, &link_body()),
        write(libc::RTM_NEWNEIGH, MULTI, 1, &neighbour_body(libc::AF_INET, libc::NUD_STALE, &known)),
    ]
}

/// Everything that can be read, read.
fn read_all(datagram: &[u8]) {
    assert!(Messages { rest: datagram }.count() <= datagram.len() / 16 + 1, "each takes its header");
    assert!(Attributes::after(datagram, 0).count() <= datagram.len() / 4);
    let _ = raw().take(1, datagram);
    let _ = Answer::of(libc::RTM_NEWROUTE, route::read).take(1, datagram);
    let _ = Answer::of(libc::RTM_NEWLINK, link::read).take(1, datagram);
    let _ = Answer::of(libc::RTM_NEWNEIGH, neighbour::read).take(1, datagram);
    let _ = (route::read(datagram), link::read(datagram), neighbour::read(datagram));
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    for message in whole_messages() {
        for length in 0..message.len() {
            read_all(&message[..length]);
            let expected = if length == 0 { Ok(false) } else { Err(Errno::BADMSG) };
            assert_eq!(raw().take(1, &message[..length]), expected, "{length} bytes");
        }
        // A body that is short by itself: less is known, or nothing.
        let body = &message[16..];
        for length in 0..body.len() {
            let _ =
                (route::read(&body[..length]), link::read(&body[..length]), neighbour::read(&body[..length]));
        }
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    for length in [0, 15, 21, u32::MAX] {
        let mut message = write(100, 0, 1, &[1, 2, 3, 4]);
        message[..4].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(raw().take(1, &message), Err(Errno::BADMSG), "{length}");
    }
    for length in [0_u16, 3, 9, u16::MAX] {
        let mut bytes = Vec::new();
        write_attribute(&mut bytes, 1, &[1]);
        let whole = bytes.len();
        write_attribute(&mut bytes, 2, &[1, 2, 3, 4]);
        bytes[whole..whole + 2].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(Attributes::after(&bytes, 0).collect::<Vec<_>>(), [(1, &[1][..])], "{length}");
    }
}

#[test]
fn an_answer_ends_with_one_message_or_with_done_or_with_an_error() {
    let take = |kind, flags, body: &[u8]| {
        let mut answer = raw();
        answer.take(1, &write(kind, flags, 1, body)).map(|is_whole| (is_whole, answer.found.len()))
    };
    assert_eq!(take(100, 0, &[]), Ok((true, 1)));
    assert_eq!(take(101, 0, &[]), Ok((true, 0)), "not what was asked for, and nothing follows");
    assert_eq!(take(100, MULTI, &[]), Ok((false, 1)));
    assert_eq!(take(DONE, MULTI, &0_i32.to_ne_bytes()), Ok((true, 0)));
    assert_eq!(take(libc::NLMSG_NOOP as u16, 0, &[]), Ok((false, 0)));
    assert_eq!(take(libc::NLMSG_OVERRUN as u16, 0, &[]), Err(Errno::OVERFLOW));
    let errno = |number: i32| number.wrapping_neg().to_ne_bytes();
    assert_eq!(take(ERROR, 0, &errno(libc::ENETUNREACH)), Err(Errno::NETUNREACH));
    assert_eq!(take(DONE, MULTI, &errno(libc::EOPNOTSUPP)), Err(Errno::OPNOTSUPP));
    assert_eq!(take(ERROR, 0, &[0; 20]), Ok((true, 0)), "an acknowledgment");
    for number in [-1, 4096, 65536, i32::MIN, i32::MAX] {
        assert_eq!(take(ERROR, 0, &errno(number)), Err(Errno::BADMSG), "{number} is no errno");
    }
    assert_eq!(take(ERROR, 0, &[0; 3]), Err(Errno::BADMSG));

    let torn = libc::NLM_F_DUMP_INTR as u16 | MULTI;
    let mut answer = raw();
    assert_eq!((answer.take(1, &write(100, torn, 2, &[])), answer.is_torn), (Ok(false), false));
    assert_eq!((answer.take(1, &write(DONE, torn, 1, &[0; 4])), answer.is_torn), (Ok(true), true));
}

#[test]
fn routes_are_read() {
    let index = 7_u32.to_ne_bytes();
    let own = [198, 18, 0, 1];
    let read = |family, kind, more: &[(u16, &[u8])]| {
        let told = [&[(libc::RTA_OIF, &index[..]), (libc::RTA_PREFSRC, &own)], more].concat();
        route::read(&route_body(family, kind, &told))
    };
    let route = Route {
        kind: RouteKind::Unicast,
        interface: 7,
        source: Some(Ipv4Addr::from(own).into()),
        gateway: None,
    };
    assert_eq!(read(libc::AF_INET, libc::RTN_UNICAST, &[]), Some(Ok(route)));
    let gateway: IpAddr = Ipv4Addr::new(198, 18, 0, 254).into();
    let through = Some(Ok(Route { gateway: Some(gateway), ..route }));
    assert_eq!(read(libc::AF_INET, libc::RTN_UNICAST, &[(libc::RTA_GATEWAY, &[198, 18, 0, 254])]), through);
    assert_eq!(read(libc::AF_INET, libc::RTN_UNICAST, &[(18, &[2, 0, 198, 18, 0, 254])]), through);
    let v6: Ipv6Addr = "fe80::9".parse().unwrap();
    let via = [&[10, 0], &v6.octets()[..]].concat();
    let through = Some(Ok(Route { gateway: Some(v6.into()), ..route }));
    assert_eq!(read(libc::AF_INET, libc::RTN_UNICAST, &[(18, &via)]), through);
    for broken in [&[10, 0, 198, 18, 0, 254][..], &[2, 0, 198], &[2], &[]] {
        assert_eq!(
            read(libc::AF_INET, libc::RTN_UNICAST, &[(18, broken)]),
            Some(Ok(route)),
            "{broken:?} is no next hop"
        );
    }

    let kind = |kind| read(libc::AF_INET, kind, &[]).unwrap().map(|route| route.kind);
    assert_eq!(kind(libc::RTN_LOCAL), Ok(RouteKind::Local));
    assert_eq!(kind(libc::RTN_BROADCAST), Ok(RouteKind::Broadcast));
    assert_eq!(kind(libc::RTN_MULTICAST), Ok(RouteKind::Multicast));
    assert_eq!(kind(libc::RTN_ANYCAST), Ok(RouteKind::Other(4)));
    assert_eq!(kind(libc::RTN_UNREACHABLE), Err(Errno::HOSTUNREACH));
    assert_eq!(kind(libc::RTN_PROHIBIT), Err(Errno::ACCESS));
    assert_eq!(kind(libc::RTN_BLACKHOLE), Err(Errno::INVAL));
    assert_eq!(kind(libc::RTN_THROW), Err(Errno::NETUNREACH));
    assert_eq!(route::read(&route_body(libc::AF_INET, libc::RTN_UNICAST, &[])), None, "without an interface");
}

#[test]
fn links_and_neighbours_are_read() {
    let link = link::read(&link_body()).unwrap();
    assert_eq!((link.index, link.name.to_str(), link.hardware, link.mtu), (7, Some("eth0"), 1, 1500));
    assert_eq!(link.address, Some([2, 0, 0, 0, 0, 1]));
    assert!(link.is_up && link.has_carrier && link.no_arp);
    assert!(!link.is_loopback && !link.point_to_point);

    let ip: (u16, &[u8]) = (libc::NDA_DST, &[198, 18, 0, 9]);
    let read = |family, state, more: &[(u16, &[u8])]| neighbour::read(&neighbour_body(family, state, more));
    let mac: (u16, &[u8]) = (libc::NDA_LLADDR, &[2, 0, 0, 0, 0, 9]);
    let known = Neighbour {
        interface: 7,
        address: Ipv4Addr::new(198, 18, 0, 9).into(),
        link_address: Some([2, 0, 0, 0, 0, 9]),
        is_usable: true,
        is_written: false,
    };
    assert_eq!(read(libc::AF_INET, libc::NUD_REACHABLE, &[ip, mac]), Some(known));
    let failed = Neighbour { link_address: None, is_usable: false, ..known };
    assert_eq!(read(libc::AF_INET, libc::NUD_FAILED, &[ip]), Some(failed));
    let infiniband: (u16, &[u8]) = (libc::NDA_LLADDR, &[0; 20]);
    let unknown = Neighbour { link_address: None, ..known };
    assert_eq!(read(libc::AF_INET, libc::NUD_STALE, &[ip, infiniband]), Some(unknown));
    assert_eq!(read(libc::AF_BRIDGE, libc::NUD_PERMANENT, &[ip, mac]), None, "another family");
    assert_eq!(read(libc::AF_INET6, libc::NUD_PERMANENT, &[ip, mac]), None, "an address of another");
    assert_eq!(read(libc::AF_INET, libc::NUD_PERMANENT, &[mac]), None, "no address at all");

    let states: Vec<u16> =
        (0..8).map(|bit| 1 << bit).filter(|state| read(2, *state, &[ip]).unwrap().is_usable).collect();
    // REACHABLE, STALE, DELAY, PROBE, NOARP and PERMANENT; not INCOMPLETE, not FAILED.
    assert_eq!(states, [0x02, 0x04, 0x08, 0x10, 0x40, 0x80]);
}

#[test]
fn this_machine_answers() {
    let mut netlink = Netlink::open().unwrap();
    let links = netlink.links().unwrap();
    let loopback = links.iter().find(|link| link.is_loopback).unwrap();
    assert_eq!((loopback.name.to_str(), loopback.hardware), (Some("lo"), libc::ARPHRD_LOOPBACK));
    assert_eq!(crate::interfaces::index_of("lo"), Some(loopback.index));
    assert!(netlink.neighbours().is_ok());
    // In a namespace whose loopback is down there is no way even to oneself.
    let expected =
        if loopback.is_up { Ok((RouteKind::Local, loopback.index)) } else { Err(Errno::NETUNREACH) };
    for _ in 0..3 {
        let route = netlink.route(Ipv4Addr::LOCALHOST.into(), None);
        assert_eq!(route.map(|route| (route.kind, route.interface)), expected);
    }
    assert_eq!(netlink.route(Ipv4Addr::LOCALHOST.into(), Some(u32::MAX)), Err(Errno::NODEV));
}

#[test]
fn an_answer_that_was_not_waited_for_is_skipped() {
    let mut netlink = Netlink::open().unwrap();
    let expected = netlink.route(Ipv4Addr::LOCALHOST.into(), None);
    // Asked by hand, not read: the next answer stands behind this one.
    let stray =
        write(libc::RTM_GETLINK, (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16, 77, &link::QUESTION);
    rustix::net::send(&netlink.fd, &stray, SendFlags::empty()).unwrap();
    assert_eq!(netlink.route(Ipv4Addr::LOCALHOST.into(), None), expected);
    assert!(netlink.links().is_ok());
}

#[test]
fn silence_is_waited_for_and_ends() {
    let mut netlink = Netlink::open().unwrap();
    let short = Duration::from_millis(10);
    sockopt::set_socket_timeout(&netlink.fd, sockopt::Timeout::Recv, Some(short)).unwrap();
    assert_eq!(receive(&netlink.fd, &mut netlink.buffer), Err(Errno::TIMEDOUT));
    // A buffer that is too short for an answer says so.
    netlink.buffer.truncate(20);
    assert_eq!(netlink.links(), Err(Errno::MSGSIZE));
}

#[test]
fn nobody_but_the_kernel_gets_through() {
    let netlink = Netlink::open().unwrap();
    let name: SocketAddrNetlink = rustix::net::getsockname(&netlink.fd).unwrap().try_into().unwrap();
    let forged = write(DONE, 0, 1, &[0; 4]);
    let forger = rustix::net::socket(AddressFamily::NETLINK, SocketType::RAW, None).unwrap();
    let sent = rustix::net::sendto(&forger, &forged, SendFlags::empty(), &name);
    // Without privilege it may not even be tried.
    assert!(matches!(sent, Err(Errno::CONNREFUSED | Errno::PERM)), "{sent:?}");
}
