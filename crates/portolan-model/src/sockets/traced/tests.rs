use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::endpoint::Transport;
use crate::evidence::LocalFault;
use crate::sockets::{Completion, Datagram, DatagramError, Outcome};

/// A door that says what it is told to say, and keeps what it was asked.
#[derive(Default)]
struct Script {
    answers: VecDeque<Vec<Event>>,
    asked: Rc<RefCell<Vec<Request>>>,
    ticks: u64,
}

impl Sockets for Script {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.ticks)
    }

    fn capacity(&self) -> Capacity {
        Capacity { sockets: 3, packets: 0, datagrams: 4 }
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.extend(self.answers.pop_front().unwrap_or_default());
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.asked.borrow_mut().append(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.ticks = deadline.unwrap_or(self.now()).as_nanos();
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Told {
    Request(Request),
    Event(Event),
}

/// A trace that keeps all it is told.
#[derive(Default)]
struct Notebook {
    told: Vec<Told>,
    about: Vec<Option<Asked>>,
}

impl Trace for Notebook {
    fn request(&mut self, _at: Instant, about: Option<Asked>, request: &Request) {
        self.told.push(Told::Request(request.clone()));
        self.about.push(about);
    }

    fn event(&mut self, about: Option<Asked>, event: &Event) {
        self.told.push(Told::Event(event.clone()));
        self.about.push(about);
    }
}

fn endpoint(port: u16, transport: Transport) -> Endpoint {
    Endpoint { address: Ipv4Addr::LOCALHOST.into(), transport, port }
}

fn connect(slot: u32, tag: u32, port: u16) -> Request {
    Request::Connect { probe: ProbeId { slot, tag }, to: endpoint(port, Transport::Tcp) }
}

fn datagram(slot: u32, port: u16, own_port: bool) -> Request {
    let to = endpoint(port, Transport::Udp);
    Request::Datagram { probe: ProbeId { slot, tag: 0 }, to, payload: Box::from(&b"q"[..]), own_port }
}

fn refused(slot: u32, tag: u32) -> Event {
    let probe = ProbeId { slot, tag };
    Event::Connect(Completion { probe, sent: Instant::ZERO, at: Instant::ZERO, outcome: Outcome::Refused })
}

fn sent(slot: u32) -> Event {
    Event::Sent { probe: ProbeId { slot, tag: 0 }, at: Instant::ZERO, local: 9, held: 0 }
}

/// What a trace calls each thing that passes: the number of the attempt and its port.
fn names(steps: Vec<Result<Vec<Request>, Vec<Event>>>) -> (Vec<Option<(u64, u16)>>, usize) {
    let mut door = Traced::new(Script::default(), Notebook::default());
    for step in steps {
        match step {
            Ok(mut outbox) => door.transmit(&mut outbox),
            Err(events) => {
                door.door.answers.push_back(events);
                door.receive(&mut Vec::new());
            }
        }
    }
    let waiting = door.waiting.len();
    let named = |asked: Asked| (asked.nth, asked.to.port);
    (door.into_inner().1.about.into_iter().map(|about| about.map(named)).collect(), waiting)
}

#[test]
fn an_attempt_is_called_by_its_number_as_long_as_its_name_is_its_own() {
    let (told, waiting) = names(vec![
        Ok(vec![connect(0, 1, 80), connect(1, 2, 81), connect(2, 3, 82)]),
        Err(vec![refused(1, 2)]),
        // The place is used again; an answer under the earlier name is a stray's, and so is the same answer twice.
        Ok(vec![connect(1, 4, 83), Request::Abandon(ProbeId { slot: 0, tag: 1 })]),
        Err(vec![refused(1, 2), refused(1, 4), refused(1, 4), refused(2, 3)]),
    ]);
    let wanted = [
        Some((1, 80)),
        Some((2, 81)),
        Some((3, 82)),
        Some((2, 81)),
        Some((4, 83)),
        Some((1, 80)),
        None,
        Some((4, 83)),
        None,
        Some((3, 82)),
    ];
    assert_eq!((told.as_slice(), waiting), (&wanted[..], 0));
}

#[test]
fn of_a_datagram_only_a_port_of_its_own_is_kept_in_mind_once_it_left() {
    let (told, waiting) = names(vec![
        Ok(vec![datagram(0, 53, false), datagram(1, 69, true), datagram(2, 70, true)]),
        Err(vec![sent(0), sent(1)]),
        Err(vec![Event::Unsent {
            probe: ProbeId { slot: 2, tag: 0 },
            at: Instant::ZERO,
            fault: LocalFault::NoBuffers,
        }]),
        Ok(vec![
            Request::Abandon(ProbeId { slot: 1, tag: 0 }),
            Request::Abandon(ProbeId { slot: 0, tag: 0 }),
        ]),
    ]);
    let wanted = [
        Some((1, 53)),
        Some((2, 69)),
        Some((3, 70)),
        Some((1, 53)),
        Some((2, 69)),
        Some((3, 70)),
        Some((2, 69)),
        None,
    ];
    assert_eq!((told.as_slice(), waiting), (&wanted[..], 0));
}

proptest! {
    /// Whatever passes, and in whatever batches: both sides see what they would see without a trace, and the trace sees
    /// all of it once, in order.
    #[test]
    fn everything_passes_unchanged_and_is_told_once_in_order(
        steps in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any_request(), 0..5).prop_map(Ok),
                prop::collection::vec(any_event(), 0..5).prop_map(Err),
            ],
            0..20,
        ),
    ) {
        let script = Script::default();
        let asked = Rc::clone(&script.asked);
        let mut door = Traced::new(script, Notebook::default());
        let mut wanted = Vec::new();
        let mut requests = Vec::new();
        for step in steps {
            match step {
                Ok(outbox) => {
                    wanted.extend(outbox.iter().cloned().map(Told::Request));
                    requests.extend(outbox.iter().cloned());
                    let mut outbox = outbox;
                    door.transmit(&mut outbox);
                    prop_assert!(outbox.is_empty());
                }
                Err(events) => {
                    wanted.extend(events.iter().cloned().map(Told::Event));
                    door.door.answers.push_back(events.clone());
                    // What was in the inbox before is not the door's.
                    let mut inbox = vec![sent(77)];
                    door.receive(&mut inbox);
                    prop_assert_eq!(&inbox[1..], &events[..]);
                }
            }
            door.wait_until(Some(door.now() + Duration::from_nanos(1)));
        }
        prop_assert_eq!(door.capacity(), Capacity { sockets: 3, packets: 0, datagrams: 4 });
        prop_assert_eq!(&*asked.borrow(), &requests);
        prop_assert_eq!(door.into_inner().1.told, wanted);
    }
}

fn any_request() -> impl Strategy<Value = Request> {
    (0..4u32, 0..2u32, any::<u16>(), 0..3u8, any::<bool>()).prop_map(|(slot, tag, port, kind, own_port)| {
        match kind {
            0 => connect(slot, tag, port),
            1 => datagram(slot, port, own_port),
            _ => Request::Abandon(ProbeId { slot, tag }),
        }
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    (0..4u32, 0..2u32, any::<u16>(), 0..6u8).prop_map(|(slot, tag, port, kind)| {
        let at = Instant::from_nanos(u64::from(port));
        match kind {
            0 => refused(slot, tag),
            1 => sent(slot),
            2 => Event::Unsent { probe: ProbeId { slot, tag }, at, fault: LocalFault::Firewall },
            3 => Event::Datagram(Datagram {
                from: endpoint(port, Transport::Udp),
                local: port,
                at,
                ttl: None,
                bytes: Box::from(&b"a"[..]),
            }),
            4 => Event::Error(DatagramError {
                to: endpoint(port, Transport::Udp),
                at,
                outcome: Outcome::Connected { local: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) },
                quoted: Box::default(),
            }),
            _ => Event::Overrun { count: u64::from(slot), at },
        }
    })
}
