//! Knocks at TCP ports through the door and prints what the kernel said, one line each:
//! `cargo run -p portolan-net --example knock -- 127.0.0.1 22 80`. A zone is written `fe80::1%eth0`.

use std::time::Duration;

use portolan_model::sockets::{Completion, Event, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint};
use portolan_net::{Family, SocketDoor, interface_index, resolve};
use portolan_target::AddressSet;

/// Longer than the kernel waits for a neighbour that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = address(&arguments.next().ok_or("usage: knock ADDRESS PORT...")?)?;
    let ports: Vec<u16> = arguments.map(|port| port.parse()).collect::<Result<_, _>>()?;

    let mut door = SocketDoor::open(AddressSet::new())?;
    let mut outbox: Vec<Request> = (0..)
        .zip(&ports)
        .map(|(slot, &port)| Request::Connect {
            probe: ProbeId { slot, tag: 0 },
            to: Endpoint::tcp(address, port),
        })
        .collect();
    door.transmit(&mut outbox);

    let deadline = door.now() + PATIENCE;
    let mut events: Vec<Event> = Vec::new();
    while events.len() < ports.len() && door.now() < deadline {
        door.receive(&mut events);
        door.wait_until(Some(deadline));
    }
    let events: Vec<Completion> = events.into_iter().filter_map(Event::completion).collect();
    for (slot, port) in (0..).zip(&ports) {
        match events.iter().find(|event| event.probe.slot == slot) {
            Some(event) => println!("{port} {:?} after {:?}", event.outcome, event.at.since(event.sent)),
            None => println!("{port} nothing"),
        }
    }
    Ok(())
}

fn address(text: &str) -> Result<Address, Box<dyn std::error::Error>> {
    if let Some((ip, interface)) = text.split_once('%') {
        let zone = interface_index(interface).ok_or("no such interface")?;
        return Ok(Address::with_zone(ip.parse()?, zone));
    }
    let mut answers = resolve(&[text.to_owned()], Family::Any);
    let addresses = answers.pop().ok_or("no answer")??;
    Ok(*addresses.first().ok_or("no address")?)
}
