use std::net::IpAddr;

use portolan_model::{Address, Endpoint};
use portolan_sys::Errno;
use portolan_wire::{Ipv4Repr, Ipv6Repr, PseudoHeader, TcpOptions, TcpRepr};

use super::*;

const PORTS: RangeInclusive<u16> = 61_000..=61_999;
const NUMBERS: Numbers = Numbers::new((0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210));

/// A frame from port 443 of `from` to this port of ours, which acknowledges `acknowledgment`.
fn frame(from: &str, port: u16, flags: TcpFlags, acknowledgment: u32) -> Vec<u8> {
    let segment = TcpRepr {
        source_port: 443,
        destination_port: port,
        sequence: 7,
        acknowledgment,
        flags,
        window: 1024,
        urgent: 0,
        options: TcpOptions { maximum_segment_size: Some(1460), ..TcpOptions::default() },
        payload: &[],
    };
    let mut frame = vec![0; 14 + 40 + segment.length()];
    let packet = &mut frame[14..];
    let (ether_type, pseudo, start) = match from.parse().unwrap() {
        IpAddr::V4(source) => {
            let destination = [198, 18, 0, 1].into();
            let header = Ipv4Repr {
                source,
                destination,
                protocol: protocol::TCP,
                ttl: 64,
                identification: 0,
                dont_fragment: true,
                traffic_class: 0,
                payload_length: segment.length(),
            };
            (0x0800_u16, PseudoHeader::V4 { source, destination }, header.emit(packet).unwrap())
        }
        IpAddr::V6(source) => {
            let destination = "2001:db8::1".parse().unwrap();
            let header = Ipv6Repr {
                source,
                destination,
                protocol: protocol::TCP,
                hop_limit: 64,
                traffic_class: 0,
                flow_label: 0,
                payload_length: segment.length(),
            };
            (0x86dd, PseudoHeader::V6 { source, destination }, header.emit(packet).unwrap())
        }
    };
    let length = segment.emit(&pseudo, &mut packet[start..]).unwrap();
    frame[12..14].copy_from_slice(&ether_type.to_be_bytes());
    frame.truncate(14 + start + length);
    frame
}

/// What acknowledges the SYN of this place.
fn expected(from: &str, port: u16, place: u32) -> u32 {
    let to = Endpoint::tcp(Address::new(from.parse().unwrap()), 443);
    NUMBERS.number(to, port, place).wrapping_add(1)
}

/// Runs a test where programs may be loaded, and says so where they may not.
fn with_keeper(test: &str, body: impl FnOnce(Keeper)) {
    match Keeper::load(NUMBERS, &PORTS) {
        Ok(keeper) => body(keeper),
        Err(refused) => {
            assert_eq!(refused.errno, Errno::PERM, "{refused}");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: in CI nothing may be skipped");
            println!("SKIPPED {test}: bpf(2): {refused}");
        }
    }
}

const SYN_ACK: TcpFlags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
const RST_ACK: TcpFlags = TcpFlags(TcpFlags::RST.0 | TcpFlags::ACK.0);
const ANYBODY: [&str; 4] = ["198.18.0.2", "203.0.113.255", "2001:db8::2", "2001:db8:ffff:1:2:3:4:5"];

#[test]
fn answers_to_our_syns_are_dropped() {
    with_keeper("answers_to_our_syns_are_dropped", |keeper| {
        for from in ANYBODY {
            for (port, place) in [(61_000, 0), (61_500, 4711), (61_999, (1 << Numbers::PLACE_BITS) - 1)] {
                for flags in [SYN_ACK, RST_ACK, SYN_ACK | TcpFlags::ECE] {
                    let answer = frame(from, port, flags, expected(from, port, place));
                    let run = keeper.program.test_run(&answer).unwrap();
                    assert_eq!(run.verdict, IngressProgram::DROP, "{from} {port} {place} {flags:?}");
                    assert!(is_plain(&answer[14..]));
                }
            }
        }
    });
}

#[test]
fn nothing_else_is() {
    with_keeper("nothing_else_is", |keeper| {
        let passes = |frame: &[u8], what: &str| {
            let run = keeper.program.test_run(frame).unwrap();
            assert_eq!(run.verdict, IngressProgram::NEXT, "{what}");
        };
        for from in ANYBODY {
            let (port, number) = (61_500, expected(from, 61_500, 1));
            passes(&frame(from, 60_999, SYN_ACK, expected(from, 60_999, 1)), "a port below ours");
            passes(&frame(from, 62_000, SYN_ACK, expected(from, 62_000, 1)), "a port above ours");
            passes(&frame(from, port, SYN_ACK, number ^ 1 << Numbers::PLACE_BITS), "a wrong number");
            passes(&frame(from, port, SYN_ACK, number ^ 1 << 31), "a wrong number");
            passes(&frame(from, port + 1, SYN_ACK, number), "another port's number");
            for flags in [TcpFlags::ACK, TcpFlags::SYN, TcpFlags::RST, SYN_ACK | TcpFlags::RST] {
                passes(&frame(from, port, flags, number), "no answer to a SYN");
            }
            let answer = frame(from, port, SYN_ACK, number);
            let mut udp = answer.clone();
            let protocol =
                14 + if from.contains(':') { ipv6::field::NEXT_HEADER } else { ipv4::field::PROTOCOL };
            udp[protocol] = 17;
            passes(&udp, "UDP");
            let mut other = answer.clone();
            other[12..14].copy_from_slice(&[0x08, 0x06]);
            passes(&other, "no IP");
            for length in 14..answer.len().min(14 + 40) {
                // The kernel does not run it on less than an IP header.
                if let Ok(run) = keeper.program.test_run(&answer[..length]) {
                    assert_eq!(run.verdict, IngressProgram::NEXT, "cut to {length}");
                }
            }
        }
        let whole = frame("198.18.0.2", 61_500, SYN_ACK, expected("198.18.0.2", 61_500, 1));
        for (at, byte, what) in
            [(14, 0x46, "options"), (20, 0x20, "more fragments"), (21, 1, "a fragment, not the first")]
        {
            let mut changed = whole.clone();
            changed[at] = byte;
            passes(&changed, what);
        }
        let near = frame("fe80::2", 61_500, SYN_ACK, expected("fe80::2", 61_500, 1));
        passes(&near, "an address of the link");
        assert!(!is_plain(&near[14..]) && !is_plain(&[]) && !is_plain(&[0x46]) && !is_plain(&[0x60; 30]));
    });
}
