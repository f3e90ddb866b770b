use super::*;

fn control(level: c_int, kind: c_int, data: &[u8]) -> Vec<u8> {
    let mut bytes = (16 + data.len()).to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn extended(origin: u8, icmp_type: u8, code: u8, offender: &[u8]) -> Vec<u8> {
    let mut bytes = 113_i32.to_ne_bytes().to_vec();
    bytes.extend([origin, icmp_type, code, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.extend(offender);
    bytes
}

fn offender_v4() -> Vec<u8> {
    let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
    bytes.extend([0, 0, 198, 18, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes
}

fn offender_v6() -> Vec<u8> {
    let mut bytes = (libc::AF_INET6 as u16).to_ne_bytes().to_vec();
    bytes.extend([0; 6]);
    bytes.extend("fe80::9".parse::<Ipv6Addr>().unwrap().octets());
    bytes.extend(7_u32.to_ne_bytes());
    bytes
}

fn message_v4() -> Vec<u8> {
    let mut bytes = control(libc::IPPROTO_IP, libc::IP_TTL, &63_i32.to_ne_bytes());
    bytes.extend(control(libc::IPPROTO_IP, libc::IP_RECVERR, &extended(2, 3, 10, &offender_v4())));
    bytes
}

#[test]
fn an_icmp_error_is_read_whole() {
    let error = parse(&message_v4());
    assert_eq!((error.origin, error.icmp_type, error.code, error.errno), (Origin::Icmp, 3, 10, 113));
    assert_eq!(error.offender, Some("198.18.0.1:0".parse().unwrap()));
    assert_eq!(error.ttl, Some(63));
}

#[test]
fn an_icmpv6_error_is_read_whole_with_the_zone_of_its_sender() {
    let mut bytes = control(libc::IPPROTO_IPV6, libc::IPV6_RECVERR, &extended(3, 1, 4, &offender_v6()));
    bytes.extend(control(libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &255_i32.to_ne_bytes()));
    let error = parse(&bytes);
    assert_eq!((error.origin, error.icmp_type, error.code), (Origin::Icmp6, 1, 4));
    assert_eq!(error.offender, Some(SocketAddrV6::new("fe80::9".parse().unwrap(), 0, 0, 7).into()));
    assert_eq!(error.ttl, Some(255));
}

#[test]
fn no_cut_and_no_byte_makes_the_parser_panic() {
    let whole = message_v4();
    for length in 0..whole.len() {
        let error = parse(&whole[..length]);
        assert!(error.offender.is_none() || length >= whole.len() - 8, "{length}");
    }
    for position in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut changed = whole.clone();
            changed[position] = value;
            parse(&changed);
        }
    }
}

#[test]
fn a_control_message_longer_than_the_buffer_or_shorter_than_its_header_ends_the_list() {
    for length in [0, 1, 15, 25, usize::MAX - 3, usize::MAX] {
        let mut bytes = control(libc::IPPROTO_IP, libc::IP_TTL, &63_i32.to_ne_bytes());
        bytes[..8].copy_from_slice(&length.to_ne_bytes());
        bytes.truncate(24);
        assert_eq!(parse(&bytes).ttl, None, "{length}");
    }
}

#[test]
fn an_empty_queue_is_no_error() {
    let socket = crate::socket::TcpSocket::open(crate::socket::Family::V4).unwrap();
    assert_eq!(read(&socket, &mut []), Ok(None));
}

#[test]
fn a_name_is_read_whole_or_not_at_all() {
    assert_eq!(socket_address(&offender_v4()), Some("198.18.0.1:0".parse().unwrap()));
    for length in 0..8 {
        assert_eq!(socket_address(&offender_v4()[..length]), None);
    }
    for length in 0..28 {
        assert_eq!(socket_address(&offender_v6()[..length]), None);
    }
}
