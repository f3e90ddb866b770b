//! The programs beside a plain predicate, in a small machine for classic BPF. The kernel runs them over the same
//! packets in `packet/tests.rs`.

use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;

pub(in crate::packet) const PORTS: RangeInclusive<u16> = 40_000..=40_063;

/// What the documentation of [`Filter::answers`] says, in Rust.
pub(in crate::packet) fn is_answer(ether_type: u16, bytes: &[u8], ports: &RangeInclusive<u16>) -> bool {
    let port_at = |at: usize| {
        let port = bytes.get(at..)?.first_chunk().map(|port| u16::from_be_bytes(*port))?;
        ports.contains(&port).then_some(())
    };
    match ether_type {
        0x0806 => true,
        0x0800 => match bytes.get(9) {
            Some(_) if bytes[6] & 0x1f != 0 || bytes[7] != 0 => false,
            Some(6 | 17) => port_at(usize::from(bytes[0] & 15) * 4 + 2).is_some(),
            Some(1) => {
                let icmp_type = bytes.get(usize::from(bytes[0] & 15) * 4);
                icmp_type.is_some_and(|icmp_type| [0, 3, 4, 5, 11, 12, 14].contains(icmp_type))
            }
            _ => false,
        },
        0x86dd => match bytes.get(6) {
            Some(0 | 43 | 44 | 60) => true,
            Some(6 | 17) => port_at(42).is_some(),
            Some(58) => bytes.get(40).is_some_and(|icmp_type| [1, 2, 3, 4, 129, 136].contains(icmp_type)),
            _ => false,
        },
        _ => false,
    }
}

/// An ether type and bytes, most of them near the borders of what is let through.
pub(in crate::packet) fn packet() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let port = prop_oneof![39_998..=40_002_u16, 40_061..=40_066_u16, any::<u16>()];
    let bytes = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 60..90),
        1 => proptest::collection::vec(any::<u8>(), 0..60),
    ];
    let ether_type = prop_oneof![
        6 => Just(0x0800_u16),
        6 => Just(0x86dd_u16),
        1 => Just(0x0806_u16),
        1 => 0x0600..=0xffff_u16,
    ];
    let fragment = prop_oneof![
        4 => prop_oneof![Just(0_u16), Just(0x4000), Just(0x2000), Just(0x8000)],
        1 => any::<u16>(),
        1 => (0..13_u32).prop_map(|bit| 1 << bit),
    ];
    let next = prop_oneof![
        6 => Just(6_u8),
        3 => Just(17_u8),
        3 => prop::sample::select(vec![1_u8, 58]),
        2 => prop::sample::select(vec![0_u8, 1, 43, 44, 50, 51, 58, 59, 60]),
        1 => any::<u8>(),
    ];
    let icmp_type = prop_oneof![0..=18_u8, 126..=140_u8, any::<u8>()];
    (ether_type, bytes, port, fragment, next, icmp_type, 0..=15_u8).prop_map(
        |(ether_type, mut bytes, port, fragment, next, icmp_type, words)| {
            let mut write = |at: usize, value: &[u8]| {
                if let Some(place) = bytes.get_mut(at..at + value.len()) {
                    place.copy_from_slice(value);
                }
            };
            if ether_type == 0x0800 {
                write(usize::from(words) * 4 + 2, &port.to_be_bytes());
                write(usize::from(words) * 4, &[icmp_type]);
                write(0, &[0x40 | words]);
                write(6, &fragment.to_be_bytes());
                write(9, &[next]);
            } else {
                write(0, &[0x60]);
                write(6, &[next]);
                write(42, &port.to_be_bytes());
                write(40, &[icmp_type]);
            }
            (ether_type, bytes)
        },
    )
}

/// What the kernel would return: how many bytes to keep, 0 to refuse.
fn run(program: &[Instruction], packet_type: u8, ether_type: u16, bytes: &[u8]) -> u32 {
    let (mut accumulator, mut index, mut at) = (0_u32, 0_u32, 0_usize);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let load = |offset: u32, size: usize| {
            let offset = usize::try_from(offset).unwrap();
            let bytes = bytes.get(offset..offset + size)?;
            Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        let loaded = match code {
            0x20 if k == ancillary(libc::SKF_AD_PKTTYPE) => Some(packet_type.into()),
            0x20 if k == ancillary(libc::SKF_AD_PROTOCOL) => Some(ether_type.into()),
            0x20 => load(k, 4),
            0x28 => load(k, 2),
            0x30 => load(k, 1),
            0x48 => load(index + k, 2),
            0x50 => load(index + k, 1),
            0xb1 => {
                let Some(byte) = load(k, 1) else { return 0 };
                index = (byte & 15) * 4;
                continue;
            }
            0x15 | 0x25 | 0x35 | 0x45 => {
                let holds = match code {
                    0x15 => accumulator == k,
                    0x25 => accumulator > k,
                    0x35 => accumulator >= k,
                    _ => accumulator & k != 0,
                };
                at += usize::from(if holds { jt } else { jf });
                continue;
            }
            0x06 => return k,
            other => panic!("no such instruction: {other:#x}"),
        };
        let Some(value) = loaded else { return 0 };
        accumulator = value;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn an_answer_is_told_whole_and_nothing_else_is((ether_type, bytes) in packet()) {
        let filter = Filter::answers(&PORTS);
        let kept = run(&filter.program, libc::PACKET_HOST, ether_type, &bytes);
        let expected = if is_answer(ether_type, &bytes, &PORTS) { u32::MAX } else { 0 };
        prop_assert_eq!(kept, expected);
    }

    #[test]
    fn what_goes_out_is_refused_by_every_filter((ether_type, bytes) in packet()) {
        for filter in [Filter::none(), Filter::answers(&PORTS)] {
            prop_assert_eq!(run(&filter.program, libc::PACKET_OUTGOING, ether_type, &bytes), 0);
        }
    }

    #[test]
    fn every_range_of_ports_means_itself(first: u16, last: u16, (ether_type, bytes) in packet()) {
        let ports = first..=last;
        let kept = run(&Filter::answers(&ports).program, libc::PACKET_HOST, ether_type, &bytes);
        prop_assert_eq!(kept != 0, is_answer(ether_type, &bytes, &ports));
    }
}

#[test]
fn without_a_filter_all_that_comes_in_is_told() {
    for packet_type in [0, 1, 2, 3] {
        assert_eq!(run(&Filter::none().program, packet_type, 0x88cc, &[]), u32::MAX);
    }
}

/// The packets are worth something only if both kinds are frequent among them.
#[test]
fn the_packets_of_these_tests_are_of_both_kinds() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let answers = (0..1000)
        .filter(|_| {
            let (ether_type, bytes) = packet().new_tree(&mut runner).unwrap().current();
            is_answer(ether_type, &bytes, &PORTS)
        })
        .count();
    assert!((200..800).contains(&answers), "{answers} of 1000");
}
