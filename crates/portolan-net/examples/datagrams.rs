//! Measures the door's datagrams: asks every UDP port of an address (127.0.0.1 unless told) once, 256 at a time, and
//! prints what became of them. `cargo run --release -p portolan-net --example datagrams [ADDRESS [WINDOW]]`

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use portolan_model::sockets::{Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint, Instant, Transport};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;

/// How long a port may be silent.
const PATIENCE: Duration = Duration::from_millis(500);

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let ip: IpAddr = arguments.next().as_deref().unwrap_or("127.0.0.1").parse()?;
    let window: usize = arguments.next().as_deref().unwrap_or("256").parse()?;
    let mut door = SocketDoor::open(AddressSet::new())?;
    let room = door.capacity().datagrams;
    let mut sweep =
        Sweep { address: ip.into(), ports: 1..=u16::MAX, open: BTreeMap::new(), tally: Tally::default() };
    let start = door.now();
    sweep.run(&mut door, window.min(room));
    let seconds = door.now().since(start).as_secs_f64();
    println!("{:.2} us a port, {seconds:.3} s, room for {room}", seconds * 1e6 / 65_535.0);
    println!("{:?}", sweep.tally);
    Ok(())
}

#[derive(Default, Debug)]
struct Tally {
    sent: u32,
    /// Calls that failed because of another datagram's error.
    held: u32,
    unsent: BTreeMap<String, u32>,
    errors: u32,
    answers: u32,
    overruns: u64,
    silent: Vec<u16>,
    /// From sending to noticing, on average.
    mean_wait: Duration,
}

struct Sweep {
    address: Address,
    ports: std::ops::RangeInclusive<u16>,
    /// The ports that have not answered yet, and when they were asked.
    open: BTreeMap<u16, Instant>,
    tally: Tally,
}

impl Sweep {
    fn run(&mut self, door: &mut SocketDoor, window: usize) {
        let (mut inbox, mut outbox): (Vec<Event>, Vec<Request>) = (Vec::new(), Vec::new());
        let mut waited = Duration::ZERO;
        while !self.ports.is_empty() || !self.open.is_empty() {
            let now = door.now();
            self.give_up(now);
            let room = window.saturating_sub(self.open.len());
            for port in self.ports.by_ref().take(room) {
                self.open.insert(port, now);
                outbox.push(ask(self.address, port));
            }
            door.transmit(&mut outbox);
            door.wait_until(Some(now + PATIENCE / 10));
            door.receive(&mut inbox);
            for event in inbox.drain(..) {
                waited += self.note(event);
            }
        }
        self.tally.mean_wait = waited / (self.tally.errors + self.tally.answers).max(1);
    }

    fn note(&mut self, event: Event) -> Duration {
        let (port, at) = match event {
            Event::Sent { held, probe, at, .. } => {
                self.tally.sent += 1;
                self.tally.held += held;
                if let Some(asked) = u16::try_from(probe.tag).ok().and_then(|port| self.open.get_mut(&port)) {
                    *asked = at;
                }
                return Duration::ZERO;
            }
            Event::Unsent { fault, probe, .. } => {
                *self.tally.unsent.entry(format!("{fault:?}")).or_default() += 1;
                self.open.remove(&u16::try_from(probe.tag).unwrap_or(0));
                return Duration::ZERO;
            }
            // Of packets only.
            Event::Held(_) | Event::Left { .. } => return Duration::ZERO,
            Event::Overrun { count, .. } => {
                self.tally.overruns += count;
                return Duration::ZERO;
            }
            Event::Error(error) => {
                self.tally.errors += 1;
                (error.to.port, error.at)
            }
            Event::Datagram(datagram) => {
                self.tally.answers += 1;
                (datagram.from.port, datagram.at)
            }
            Event::Connect(_) => return Duration::ZERO,
        };
        self.open.remove(&port).map_or(Duration::ZERO, |asked| at.since(asked))
    }

    fn give_up(&mut self, now: Instant) {
        let silent = &mut self.tally.silent;
        self.open.retain(|port, asked| {
            let waits = now.since(*asked) < PATIENCE;
            if !waits {
                silent.push(*port);
            }
            waits
        });
    }
}

fn ask(address: Address, port: u16) -> Request {
    let to = Endpoint { address, transport: Transport::Udp, port };
    let probe = ProbeId { slot: 0, tag: port.into() };
    Request::Datagram { probe, to, payload: Box::new([]), own_port: false }
}
