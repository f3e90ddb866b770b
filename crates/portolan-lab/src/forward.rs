//! The forwarder: a process that is the path between two namespaces.
//!
//! It makes two tun devices in its own namespace; whoever started it then moves one to the other. Every packet that
//! leaves through the one arrives at the other, after what the [`Route`] does to it.

use std::io::Write;
use std::time::Duration;

use portolan_sys::Errno;
use portolan_sys::clock::monotonic_nanos;
use portolan_sys::epoll::{Epoll, Interest, ReadyList};
use portolan_sys::tun::Tun;

use crate::flows::{Flows, Way, is_of_a_flow};
use crate::line::Line;
use crate::listen::READY;
use crate::path::Route;

/// Which path to be: two names of devices, then the words of a [`Route`]. Set for the forwarder process only.
pub(crate) const PATH: &str = "PORTOLAN_LAB_FORWARD";

/// What a forwarder is to be.
#[derive(Clone, PartialEq, Debug)]
pub struct Asked {
    /// What its devices are called.
    pub devices: [String; 2],
    /// What is between them.
    pub route: Route,
}

/// What this process was started to be, if it is a forwarder.
pub fn asked() -> Option<Result<Asked, String>> {
    std::env::var(PATH).ok().map(|text| Asked::read(&text))
}

impl Asked {
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.splitn(3, ' ');
        let (Some(left), Some(right)) = (words.next(), words.next()) else {
            return Err(format!("not two devices and a path: {text}"));
        };
        let route = words.next().unwrap_or_default().parse()?;
        Ok(Asked { devices: [left.to_owned(), right.to_owned()], route })
    }
}

/// Makes the devices, says on standard output that they exist, and forwards until standard input ends. Then it tells
/// the counts of both directions.
#[expect(clippy::print_stdout, reason = "whoever started this process reads its word and its counts")]
pub fn run(asked: &Asked) -> Result<(), Errno> {
    let [left, right] = &asked.devices;
    let mut forwarder = Forwarder {
        tuns: [Tun::create(left)?, Tun::create(right)?],
        lines: Line::pair(&asked.route),
        flows: asked.route.flows.map(Flows::new),
        has_begun: false,
    };
    println!("\n{READY}");
    std::io::stdout().flush().expect("whoever started us reads it");
    forwarder.forward()?;
    for (line, (from, to)) in forwarder.lines.iter().zip([(left, right), (right, left)]) {
        println!("{from} to {to}: {}", line.counts);
    }
    if let Some(flows) = &forwarder.flows {
        println!("table of flows: {} packets refused", flows.refused);
    }
    Ok(())
}

struct Forwarder {
    tuns: [Tun; 2],
    lines: [Line; 2],
    flows: Option<Flows>,
    /// Whether the times of the path count.
    has_begun: bool,
}

impl Forwarder {
    fn forward(&mut self) -> Result<(), Errno> {
        let epoll = Epoll::new()?;
        epoll.add(std::io::stdin(), STDIN, Interest::ReadableLevel)?;
        for (tun, token) in self.tuns.iter().zip(0..) {
            epoll.add(tun, token, Interest::ReadableLevel)?;
        }
        let mut ready = ReadyList::with_capacity(3);
        let mut buffer = vec![0; LONGEST];
        loop {
            let now = monotonic_nanos();
            let read =
                [(0, Way::There), (1, Way::Back)].map(|(at, way)| self.read_some(at, way, now, &mut buffer));
            let wrote = [0, 1].map(|at| self.write_some(at, now));
            let pause = if read.into_iter().chain(wrote).any(|some| some) {
                Some(0)
            } else {
                let next = self.lines.iter().filter_map(Line::next_due).min();
                next.map(|due| due.saturating_sub(monotonic_nanos()))
            };
            if pause.is_none_or(|pause| pause > 0) {
                epoll.wait(&mut ready, pause.map(Duration::from_nanos))?;
                if (0..ready.len()).filter_map(|at| ready.get(at)).any(|news| news.token == STDIN) {
                    return Ok(());
                }
            }
        }
    }

    /// Takes what the kernel sent through a device; whether there was any.
    fn read_some(&mut self, at: usize, way: Way, now: u64, buffer: &mut [u8]) -> bool {
        let mut count = 0;
        // An error is a device without packets, or one that is not up yet.
        while count < AT_ONCE
            && let Ok(length) = self.tuns[at].read(buffer)
        {
            self.enter(at, way, now, &buffer[..length]);
            count += 1;
        }
        count > 0
    }

    fn enter(&mut self, at: usize, way: Way, now: u64, packet: &[u8]) {
        if !self.has_begun && is_of_a_flow(packet) {
            self.has_begun = true;
            self.lines.iter_mut().for_each(|line| line.begin(now));
        }
        if self.flows.as_mut().is_none_or(|flows| flows.passes(packet, way, now)) {
            self.lines[at].take(now, packet);
        }
    }

    /// Lets arrive what has been under way for long enough; whether there was any.
    fn write_some(&mut self, at: usize, now: u64) -> bool {
        let (line, to) = (&mut self.lines[at], &self.tuns[1 - at]);
        (0..AT_ONCE).take_while(|_| line.give(now, |packet| to.write(packet).is_ok())).count() > 0
    }
}

const STDIN: u64 = u64::MAX;

/// How many packets of one device before the other's turn.
const AT_ONCE: usize = 256;

/// No packet of a tun device is longer (an IP length is 16 bits).
const LONGEST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_stand_before_the_path() {
        let asked = Asked::read("to-far to-near delay=10ms loss=0.5").unwrap();
        assert_eq!(asked.devices, ["to-far", "to-near"]);
        assert_eq!(Ok(asked.route), "delay=10ms loss=0.5".parse());
        assert!(Asked::read("to-far to-near").is_ok());
        assert_eq!(Asked::read("to-far"), Err("not two devices and a path: to-far".to_owned()));
        assert_eq!(Asked::read("a b speed=3"), Err("speed=3: no such key".to_owned()));
    }
}
