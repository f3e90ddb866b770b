//! Datagrams of a process that may open few descriptors. Alone in its file: the limit holds for the process.

use std::net::{Ipv4Addr, UdpSocket};

use portolan_model::sockets::{Event, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, LocalFault, Transport};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;
use rustix::process::{Resource, Rlimit, setrlimit};

const LIMIT: u64 = 40;

/// How many of `count` datagrams left; the others failed for want of descriptors.
fn sent(door: &mut SocketDoor, port: u16, count: u32, own_port: bool) -> usize {
    let to = Endpoint { address: Ipv4Addr::LOCALHOST.into(), transport: Transport::Udp, port };
    let ask =
        |slot| Request::Datagram { probe: ProbeId { slot, tag: 7 }, to, payload: Box::new([]), own_port };
    door.transmit(&mut (0..count).map(ask).collect());
    let mut inbox = Vec::new();
    door.receive(&mut inbox);
    assert_eq!(inbox.len(), count as usize);
    assert!(inbox.iter().all(|event| matches!(
        event,
        Event::Sent { .. } | Event::Unsent { fault: LocalFault::NoDescriptors, .. }
    )));
    inbox.iter().filter(|event| matches!(event, Event::Sent { .. })).count()
}

fn abandon(door: &mut SocketDoor, slots: std::ops::Range<u32>) {
    door.transmit(&mut slots.map(|slot| Request::Abandon(ProbeId { slot, tag: 7 })).collect());
}

#[test]
fn a_shortage_of_descriptors_is_our_own_failure_and_passes() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) }).unwrap();
    let service = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = service.local_addr().unwrap().port();
    let mut door = SocketDoor::open(AddressSet::new()).unwrap();

    let owned = sent(&mut door, port, 50, true);
    assert!((20..40).contains(&owned), "{owned}");
    assert_eq!(sent(&mut door, port, 3, false), 0);

    // One descriptor is enough to send from, in whosever turn; the others are used when they come back.
    abandon(&mut door, 0..1);
    assert_eq!(sent(&mut door, port, 50, false), 50);
    abandon(&mut door, 0..50);
    assert_eq!(sent(&mut door, port, 50, false), 50);
    assert!(sent(&mut door, port, 50, true) < owned);
}
