//! Measures the door: asks every TCP port of an address (127.0.0.1 unless told), 256 at a time, and prints
//! what one verdict costs. `cargo run --release -p portolan-net --example loopback [ADDRESS [WINDOW]]`

use std::net::IpAddr;

use portolan_model::sockets::{Event, Outcome, ProbeId, Request, Sockets};
use portolan_model::{Address, Endpoint};
use portolan_net::SocketDoor;
use portolan_target::AddressSet;

#[expect(clippy::print_stdout, reason = "an example tells what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let ip: IpAddr = arguments.next().as_deref().unwrap_or("127.0.0.1").parse()?;
    let window: u32 = arguments.next().as_deref().unwrap_or("256").parse()?;
    for _ in 0..5 {
        let mut door = SocketDoor::open(AddressSet::new())?;
        let start = door.now();
        let tally = sweep(&mut door, ip.into(), window);
        let seconds = door.now().since(start).as_secs_f64();
        println!("{:.2} us a port, {seconds:.3} s, {tally:?}", seconds * 1e6 / 65_535.0);
    }
    Ok(())
}

#[derive(Default, Debug)]
struct Tally {
    refused: u32,
    connected: u32,
    self_connected: u32,
    other: u32,
}

fn sweep(door: &mut SocketDoor, address: Address, window: u32) -> Tally {
    let mut tally = Tally::default();
    let mut ports = (1..=u16::MAX).peekable();
    let mut free: Vec<u32> = (0..window).collect();
    let mut asked = vec![0_u16; free.len()];
    let (mut inbox, mut outbox): (Vec<Event>, Vec<Request>) = (Vec::new(), Vec::new());
    while ports.peek().is_some() || free.len() < asked.len() {
        while let Some(&slot) = free.last()
            && let Some(port) = ports.next()
        {
            free.pop();
            asked[slot as usize] = port;
            let probe = ProbeId { slot, tag: port.into() };
            outbox.push(Request::Connect { probe, to: Endpoint::tcp(address, port) });
        }
        door.transmit(&mut outbox);
        door.wait_until(None);
        door.receive(&mut inbox);
        for event in inbox.drain(..).filter_map(Event::completion) {
            let slot = event.probe.slot;
            free.push(slot);
            match event.outcome {
                Outcome::Refused => tally.refused += 1,
                Outcome::Connected { local } if local.port() == asked[slot as usize] => {
                    tally.self_connected += 1;
                }
                Outcome::Connected { .. } => tally.connected += 1,
                _ => tally.other += 1,
            }
        }
    }
    tally
}
