//! Every UDP port of this machine, and none of them found open because we hold it ourselves. Alone in its file: a
//! socket of another test would be found too.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use portolan_model::sockets::{Event, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, Transport};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;

/// An address of the loopback that few services are bound to: only those that are bound to all hear of this.
const HERE: Ipv4Addr = Ipv4Addr::new(127, 83, 7, 1);

/// The UDP ports that anybody on this machine has bound.
fn bound() -> BTreeSet<u16> {
    let table = std::fs::read_to_string("/proc/net/udp").expect("/proc is mounted");
    // `  sl  local_address rem_address …`, then `12: 00000000:0044 00000000:0000 …`.
    let locals = table.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1));
    locals.filter_map(|local| u16::from_str_radix(local.split(':').nth(1)?, 16).ok()).collect()
}

/// Asks `ports`; gives those that did not answer, and adds our own to `ours`.
fn silent(door: &mut SocketDoor, ports: &[u16], ours: &mut BTreeSet<u16>) -> Vec<u16> {
    let mut answered = BTreeSet::new();
    let mut inbox = Vec::new();
    let mut left = 0;
    for chunk in ports.chunks(256) {
        let mut outbox = chunk
            .iter()
            .map(|&port| Request::Datagram {
                probe: ProbeId { slot: port.into(), tag: 0 },
                to: Endpoint { address: HERE.into(), transport: Transport::Udp, port },
                payload: Box::new([]),
                own_port: false,
            })
            .collect();
        door.transmit(&mut outbox);
        let deadline = door.now() + Duration::from_millis(100);
        let mut open = chunk.len();
        while open > 0 && door.now() < deadline {
            door.wait_until(Some(deadline));
            door.receive(&mut inbox);
            for event in inbox.drain(..) {
                match event {
                    Event::Sent { local, .. } => {
                        left += 1;
                        ours.insert(local);
                    }
                    Event::Error(error) => {
                        // One of the chunk before may be late.
                        open = open.saturating_sub(usize::from(answered.insert(error.to.port)));
                    }
                    Event::Datagram(datagram) => {
                        open = open.saturating_sub(usize::from(answered.insert(datagram.from.port)));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert_eq!(left, ports.len());
    ports.iter().copied().filter(|port| !answered.contains(port)).collect()
}

#[test]
fn nothing_of_ours_is_found() {
    let service = UdpSocket::bind((HERE, 0)).unwrap();
    let service = service.local_addr().unwrap().port();
    let before = bound();
    let mut door = SocketDoor::open(AddressSet::new()).unwrap();
    let mut ours = BTreeSet::new();
    let every: Vec<u16> = (1..=u16::MAX).collect();
    let once = silent(&mut door, &every, &mut ours);
    let twice = silent(&mut door, &once, &mut ours);
    let after = bound();

    assert!(twice.contains(&service), "a mute service is silent");
    let unexplained: Vec<u16> = twice
        .into_iter()
        .filter(|port| ours.contains(port) || !(before.contains(port) || after.contains(port)))
        .collect();
    // A port that was both ours and, at another time, somebody else's would be blamed on us: hardly ever.
    assert!(unexplained.is_empty(), "{unexplained:?}, of ours {ours:?}");
    // All eight were asked for, and each was left once.
    assert!(ours.len() >= 16, "{ours:?}");
}
