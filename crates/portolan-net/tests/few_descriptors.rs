//! The door of a process that may open few descriptors. Alone in its file: the limit holds for the process.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use portolan_model::sockets::{Completion, Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Endpoint, LocalFault};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;
use rustix::net::{AddressFamily, SocketType};
use rustix::process::{Resource, Rlimit, setrlimit};

const LIMIT: u64 = 64;

fn requests(to: SocketAddr, count: u32) -> Vec<Request> {
    let to = Endpoint::tcp(to.into(), to.port());
    (0..count).map(|slot| Request::Connect { probe: ProbeId { slot, tag: 7 }, to }).collect()
}

fn events(door: &mut SocketDoor, outbox: &mut Vec<Request>) -> Vec<Completion> {
    let mut inbox = Vec::new();
    door.transmit(outbox);
    let until = door.now() + Duration::from_millis(30);
    while door.now() < until {
        door.wait_until(Some(until));
        door.receive(&mut inbox);
    }
    inbox.into_iter().filter_map(Event::completion).collect()
}

#[test]
fn a_shortage_of_descriptors_is_our_own_failure_and_passes() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(LIMIT), maximum: Some(LIMIT) }).unwrap();
    // A listener whose queue is full: whoever connects waits, and holds a descriptor.
    let full = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&full, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let silent = SocketAddr::try_from(rustix::net::getsockname(&full).unwrap()).unwrap();
    let _parked = TcpStream::connect(silent).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let open = listener.local_addr().unwrap();

    let mut door = SocketDoor::open(AddressSet::new()).unwrap();
    let capacity = u32::try_from(door.capacity().sockets).unwrap();
    assert!((1..=32).contains(&capacity), "{capacity} sockets, with a reserve of 32 of {LIMIT}");

    // Within its capacity nothing fails; far beyond it, the rest is told to be our own failure.
    assert_eq!(events(&mut door, &mut requests(silent, capacity)), []);
    let beyond = events(&mut door, &mut requests(silent, 100));
    assert!(!beyond.is_empty() && beyond.len() < 100);
    assert!(beyond.iter().all(|event| event.outcome == Outcome::Local(LocalFault::NoDescriptors)));

    // Giving them up frees their descriptors.
    let mut outbox: Vec<Request> = (0..100).map(|slot| Request::Abandon(ProbeId { slot, tag: 7 })).collect();
    assert_eq!(events(&mut door, &mut outbox), []);
    let found = events(&mut door, &mut requests(open, 1));
    assert!(matches!(found[..], [Completion { outcome: Outcome::Connected { .. }, .. }]), "{found:?}");
}
