//! Against the real kernel, in network namespaces of the tests' own.

use std::net::UdpSocket;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use super::filter::tests::{PORTS, is_answer, packet};
use super::*;
use crate::clock::monotonic_nanos;
use crate::epoll::{Epoll, Interest, ReadyList};
use crate::socket::set_option;
use crate::testing::{Cable, in_own_namespace, ip, skip};
use crate::tun::Tun;

pub(crate) const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// An [`Arrival`] that outlives the ring.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) age: Duration,
    pub(crate) interface: u32,
    pub(crate) ether_type: u16,
    pub(crate) from: LinkAddress,
    pub(crate) checksum_pending: bool,
    pub(crate) bytes: Vec<u8>,
}

/// Waits until `enough` packets were told, and returns all that were. Gives up after 20 seconds.
pub(crate) fn gather(socket: &mut PacketSocket, enough: usize) -> Vec<Told> {
    let epoll = Epoll::new().unwrap();
    epoll.add(socket.as_fd(), 0, Interest::ReadableLevel).unwrap();
    let mut ready = ReadyList::with_capacity(1);
    let mut told = Vec::new();
    let start = monotonic_nanos();
    loop {
        told.extend(take(socket));
        if told.len() >= enough {
            return told;
        }
        assert!(monotonic_nanos() - start < 20_000_000_000, "{} of {enough}: {told:?}", told.len());
        epoll.wait(&mut ready, Some(Duration::from_secs(1))).unwrap();
    }
}

/// What is told by now.
fn take(socket: &mut PacketSocket) -> Vec<Told> {
    let mut told = Vec::new();
    socket.receive(&mut |arrival| {
        let Arrival { age, interface, ether_type, from, checksum_pending, bytes } = arrival;
        told.push(Told { age, interface, ether_type, from, checksum_pending, bytes: bytes.to_vec() });
    });
    told
}

fn open(filter: &Filter) -> PacketSocket {
    PacketSocket::open(RingSize::default(), filter).unwrap()
}

#[test]
fn a_packet_arrives_as_it_was_sent() {
    in_own_namespace("a_packet_arrives_as_it_was_sent", || {
        let cable = Cable::lay();
        let mut near = cable.at_the_near_end(|| open(&Filter::none()));
        let mut far = cable.at_the_far_end(|| open(&Filter::none()));
        let long: Vec<u8> = (0..1500_u16).map(|byte| byte as u8).collect();
        for (ether_type, bytes) in [(IPV4, b"E four".as_slice()), (IPV6, b"\x60 six"), (0x0806, &long)] {
            assert_eq!(near.send(&[cable.to_the_far_end(ether_type, bytes)]), (1, None));
            let told = gather(&mut far, 1);
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].bytes, bytes);
            assert_eq!(told[0].ether_type, ether_type);
            assert_eq!(told[0].interface, cable.far_index());
            assert_eq!(told[0].from.as_bytes(), Cable::NEAR);
            assert!(told[0].age < Duration::from_secs(60));
            assert!(!told[0].checksum_pending);

            assert_eq!(far.send(&[cable.to_the_near_end(ether_type, bytes)]), (1, None));
            let told = gather(&mut near, 1);
            // Only what came back, not what left.
            assert_eq!(told.len(), 1);
            assert_eq!((told[0].interface, told[0].from.as_bytes()), (cable.near_index(), &Cable::FAR[..]));
        }
        assert_ne!(cable.near_index(), cable.far_index());
        assert_eq!((near.dropped(), far.dropped()), (0, 0));
    });
}

#[test]
fn more_packets_than_a_system_call_takes_leave_at_once() {
    in_own_namespace("more_packets_than_a_system_call_takes_leave_at_once", || {
        let cable = Cable::lay();
        let mut near = cable.at_the_near_end(|| open(&Filter::none()));
        let mut far = cable.at_the_far_end(|| open(&Filter::none()));
        let packets: Vec<[u8; 40]> = (0..2 * BATCH as u8 + 1).map(|number| [number; 40]).collect();
        let dispatches: Vec<_> = packets.iter().map(|bytes| cable.to_the_far_end(IPV4, bytes)).collect();
        assert_eq!(near.send(&dispatches), (packets.len(), None));
        let mut told: Vec<_> = gather(&mut far, packets.len()).into_iter().map(|told| told.bytes).collect();
        told.sort();
        assert_eq!(told, packets);
        assert_eq!(near.send(&[]), (0, None));
    });
}

#[test]
fn what_stops_a_packet_is_told_with_how_many_left_before() {
    in_own_namespace("what_stops_a_packet_is_told_with_how_many_left_before", || {
        let cable = Cable::lay();
        let mut near = open(&Filter::none());
        let good = cable.to_the_far_end(IPV4, b"good");
        let long = [0; 2000];
        for (bad, errno) in [
            (Dispatch { interface: 77, ..good }, Errno::NXIO),
            (Dispatch { interface: 0, ..good }, Errno::NXIO),
            (Dispatch { interface: u32::MAX, ..good }, Errno::NXIO),
            (Dispatch { bytes: &long, ..good }, Errno::MSGSIZE),
        ] {
            assert_eq!(near.send(&[good, good, bad, good]), (2, Some(errno)), "{bad:?}");
            assert_eq!(near.send(&[bad]), (0, Some(errno)), "{bad:?}");
        }
        ip("link set near down");
        assert_eq!(near.send(&[good]), (0, Some(Errno::NETDOWN)));
        ip("link set near up");
        // A device that went away and came back is no end: nothing has to be opened again.
        let start = monotonic_nanos();
        while near.send(&[good]) != (1, None) {
            assert!(monotonic_nanos() - start < 20_000_000_000);
        }
    });
}

#[test]
fn a_device_without_link_header_carries_bare_packets() {
    in_own_namespace("a_device_without_link_header_carries_bare_packets", || {
        let tun = match Tun::create("wire") {
            Ok(tun) => tun,
            Err(why) => return skip("a_device_without_link_header_carries_bare_packets", &why.to_string()),
        };
        ip("link set wire up");
        let interface = crate::interfaces::index_of("wire").unwrap();
        let mut socket = open(&Filter::none());
        let six = [&[0x60_u8, 0, 0, 0, 0, 0, 59, 64][..], &[7; 32]].concat();
        let four = [&[0x45_u8, 0, 0, 20][..], &[9; 16]].concat();
        let mut buffer = [0; 100];
        for (ether_type, bytes) in [(IPV4, four), (IPV6, six)] {
            let dispatch = Dispatch { interface, ether_type, to: LinkAddress::default(), bytes: &bytes };
            assert_eq!(socket.send(&[dispatch]), (1, None));
            let length = tun.read(&mut buffer).unwrap();
            assert_eq!(buffer[..length], bytes);

            tun.write(&bytes).unwrap();
            let told = gather(&mut socket, 1);
            assert_eq!(told.len(), 1);
            assert_eq!(told[0].bytes, bytes);
            assert_eq!((told[0].interface, told[0].ether_type), (interface, ether_type));
            assert_eq!(told[0].from, LinkAddress::default());
        }
    });
}

/// On a loopback each packet goes out and comes in, and a tap on it sees both.
#[test]
fn what_this_machine_sends_is_told_only_where_it_arrives() {
    in_own_namespace("what_this_machine_sends_is_told_only_where_it_arrives", || {
        ip("link set lo up");
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut socket = open(&Filter::none());
        for bears_outgoing in [false, true] {
            if bears_outgoing {
                // As on a kernel that does not know the option: the filter alone holds.
                set_option::<c_int>(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &0)
                    .unwrap();
            }
            for number in 0..10 {
                sender.send_to(&[number], receiver.local_addr().unwrap()).unwrap();
            }
            let mut told = gather(&mut socket, 10);
            told.extend(take(&mut socket));
            let mut numbers: Vec<_> = told.iter().map(|told| *told.bytes.last().unwrap()).collect();
            numbers.sort();
            // A loopback loses nothing, so nobody computed them.
            assert!(told.iter().all(|told| told.checksum_pending));
            assert_eq!(numbers, (0..10).collect::<Vec<_>>());
        }
    });
}

#[test]
fn the_kernel_reads_the_filter_as_we_do() {
    in_own_namespace("the_kernel_reads_the_filter_as_we_do", || {
        let cable = Cable::lay();
        let mut near = open(&Filter::none());
        let mut far = cable.at_the_far_end(|| open(&Filter::answers(&PORTS)));
        let mut runner = TestRunner::deterministic();
        for _ in 0..40 {
            let mut packets: Vec<_> =
                (0..50).map(|_| packet().new_tree(&mut runner).unwrap().current()).collect();
            // No empty packets: the kernel sends none. The last is an answer, so that there is an end.
            packets.retain(|(_, bytes)| !bytes.is_empty());
            packets.push((0x0806, b"the last".to_vec()));
            let dispatches: Vec<_> =
                packets.iter().map(|(ether_type, bytes)| cable.to_the_far_end(*ether_type, bytes)).collect();
            assert_eq!(near.send(&dispatches), (packets.len(), None));

            packets.retain(|(ether_type, bytes)| is_answer(*ether_type, bytes, &PORTS));
            let mut told: Vec<_> = gather(&mut far, packets.len())
                .into_iter()
                .map(|told| (told.ether_type, told.bytes))
                .collect();
            told.sort();
            packets.sort();
            assert_eq!(told, packets);
        }
        assert_eq!(far.dropped(), 0);
    });
}

#[test]
fn a_ring_that_is_full_tells_what_it_lost_and_goes_on() {
    in_own_namespace("a_ring_that_is_full_tells_what_it_lost_and_goes_on", || {
        let cable = Cable::lay();
        let size = RingSize { blocks: 2, block_bytes: 4096, retire: Duration::from_millis(1) };
        let mut near = open(&Filter::none());
        let mut far = cable.at_the_far_end(|| PacketSocket::open(size, &Filter::none()).unwrap());
        let bytes = [5; 1000];
        let burst = [cable.to_the_far_end(IPV4, &bytes); BATCH];
        let start = monotonic_nanos();
        for _ in 0..3 {
            assert_eq!(near.send(&burst), (BATCH, None));
            // Nobody reads, and the ring has room for less than ten.
            let mut accounted = 0;
            while accounted == 0 {
                accounted += far.dropped();
                assert!(monotonic_nanos() - start < 20_000_000_000, "nothing was lost");
            }
            // Each packet is told or counted, and none is both.
            while accounted < BATCH as u64 {
                accounted += take(&mut far).len() as u64 + far.dropped();
                assert!(monotonic_nanos() - start < 20_000_000_000, "{accounted} of {BATCH}");
            }
            assert_eq!(accounted, BATCH as u64);
        }
        // Once it is read, it has room again: the last packet comes through.
        let last = cable.to_the_far_end(IPV4, b"last");
        loop {
            take(&mut far);
            assert_eq!(near.send(&[last]), (1, None));
            if gather(&mut far, 1).iter().any(|told| told.bytes == last.bytes) {
                return;
            }
            assert!(monotonic_nanos() - start < 20_000_000_000, "the ring stayed full");
        }
    });
}

#[test]
fn rings_that_cannot_be_are_refused() {
    in_own_namespace("rings_that_cannot_be_are_refused", || {
        let good = RingSize::default();
        for size in [
            RingSize { blocks: 0, ..good },
            RingSize { block_bytes: 0, ..good },
            RingSize { block_bytes: 4000, ..good },
            RingSize { block_bytes: 4097, ..good },
            RingSize { block_bytes: 1 << 31, blocks: u32::MAX, ..good },
            RingSize { retire: Duration::MAX, ..good },
        ] {
            assert!(PacketSocket::open(size, &Filter::none()).is_err(), "{size:?}");
        }
        // No retire time at all is a millisecond.
        let mut socket =
            PacketSocket::open(RingSize { retire: Duration::ZERO, ..good }, &Filter::none()).unwrap();
        assert_eq!(take(&mut socket), []);
        assert_eq!(good.blocks * good.block_bytes, 2 << 20);
    });
}

#[test]
fn an_age_is_never_below_zero_and_outlives_2106() {
    let at = |seconds| Duration::new(seconds, 500);
    assert_eq!(age(at(1000), (1000, 200)), Duration::from_nanos(300));
    assert_eq!(age(at(1000), (998, 999_999_999)), Duration::from_nanos(1_000_000_501));
    assert_eq!(age(at(1000), (1000, 501)), Duration::ZERO);
    assert_eq!(age(at(1000), (2000, 0)), Duration::ZERO);
    assert_eq!(age(at((1 << 32) + 1), (u32::MAX, 500)), Duration::from_secs(2));
    assert_eq!(age(at(0), (0, u32::MAX)), Duration::ZERO);
}

#[test]
fn link_addresses_are_written_as_people_write_them() {
    let address = LinkAddress::new(&[2, 0, 0x5e, 0x10, 0, 0xff]).unwrap();
    assert_eq!(address.to_string(), "02:00:5e:10:00:ff");
    assert_eq!(address.as_bytes(), [2, 0, 0x5e, 0x10, 0, 0xff]);
    assert_eq!(LinkAddress::BROADCAST.to_string(), "ff:ff:ff:ff:ff:ff");
    assert_eq!(LinkAddress::new(&[255; 6]), Some(LinkAddress::BROADCAST));
    assert_eq!(LinkAddress::new(&[]), Some(LinkAddress::default()));
    assert_eq!(LinkAddress::default().to_string(), "");
    assert_eq!(LinkAddress::new(&[1; 8]).unwrap().as_bytes(), [1; 8]);
    assert_eq!(LinkAddress::new(&[1; 9]), None);
}
