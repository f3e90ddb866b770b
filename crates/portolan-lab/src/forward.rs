//! The forwarder: a process that is the path between two namespaces.
//!
//! It makes two tun devices in its own namespace; whoever started it then moves one to the other. Every packet that
//! leaves through the one arrives at the other, after what [`Path`] does to it.

use std::io::Write;
use std::time::Duration;

use portolan_sys::Errno;
use portolan_sys::clock::monotonic_nanos;
use portolan_sys::epoll::{Epoll, Interest, ReadyList};
use portolan_sys::tun::Tun;

use crate::line::{Line, Path};
use crate::listen::READY;

/// Which path to be: two names of devices, one-way delay and jitter in microseconds, the share lost, packets a
/// direction, and a seed. Set for the forwarder process only.
pub(crate) const PATH: &str = "PORTOLAN_LAB_FORWARD";

/// A path as it is written for the forwarder process.
pub(crate) fn written([left, right]: [&str; 2], path: Path, seed: u64) -> String {
    let (delay, jitter) = (path.delay.as_micros(), path.jitter.as_micros());
    format!("{left} {right} {delay} {jitter} {} {} {seed}", path.loss, path.limit)
}

/// What this process was started to be, if it is a forwarder.
pub fn asked() -> Option<([String; 2], Path, u64)> {
    let text = std::env::var(PATH).ok()?;
    let [left, right, delay, jitter, loss, limit, seed] =
        text.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let path = Path {
        delay: Duration::from_micros(delay.parse().ok()?),
        jitter: Duration::from_micros(jitter.parse().ok()?),
        loss: loss.parse().ok()?,
        limit: limit.parse().ok()?,
    };
    Some(([left.to_owned(), right.to_owned()], path, seed.parse().ok()?))
}

/// Makes the devices, says on standard output that they exist, and forwards until standard input ends. Then it tells
/// the counts of both directions.
#[expect(clippy::print_stdout, reason = "whoever started this process reads its word and its counts")]
pub fn run(devices: [&str; 2], path: Path, seed: u64) -> Result<(), Errno> {
    let tuns = [Tun::create(devices[0])?, Tun::create(devices[1])?];
    println!("\n{READY}");
    std::io::stdout().flush().expect("whoever started us reads it");
    let mut lines = [Line::new(path, seed), Line::new(path, seed ^ u64::MAX)];
    forward(&tuns, &mut lines)?;
    for (line, (from, to)) in lines.iter().zip([(0, 1), (1, 0)]) {
        let counts = line.counts;
        println!(
            "{} to {}: {} packets forwarded, {} lost, {} overflowed",
            devices[from], devices[to], counts.forwarded, counts.lost, counts.overflowed
        );
    }
    Ok(())
}

fn forward(tuns: &[Tun; 2], lines: &mut [Line; 2]) -> Result<(), Errno> {
    let epoll = Epoll::new()?;
    epoll.add(std::io::stdin(), STDIN, Interest::ReadableLevel)?;
    for (tun, token) in tuns.iter().zip(0..) {
        epoll.add(tun, token, Interest::ReadableLevel)?;
    }
    let mut ready = ReadyList::with_capacity(3);
    let mut buffer = vec![0; LONGEST];
    loop {
        let now = monotonic_nanos();
        let mut busy = false;
        for (line, tun) in lines.iter_mut().zip(tuns) {
            busy |= read_some(tun, line, now, &mut buffer);
        }
        let [right, left] = [&tuns[1], &tuns[0]];
        for (line, tun) in lines.iter_mut().zip([right, left]) {
            busy |=
                (0..AT_ONCE).take_while(|_| line.give(now, |packet| tun.write(packet).is_ok())).count() > 0;
        }
        let next = lines.iter().filter_map(Line::next_due).min();
        let pause = if busy { Some(0) } else { next.map(|due| due.saturating_sub(monotonic_nanos())) };
        if pause.is_none_or(|pause| pause > 0) {
            epoll.wait(&mut ready, pause.map(Duration::from_nanos))?;
            if (0..ready.len()).filter_map(|at| ready.get(at)).any(|news| news.token == STDIN) {
                return Ok(());
            }
        }
    }
}

/// Takes what the kernel sent through the device; whether there was any.
fn read_some(tun: &Tun, line: &mut Line, now: u64, buffer: &mut [u8]) -> bool {
    let mut count = 0;
    // An error is a device without packets, or one that is not up yet.
    while count < AT_ONCE
        && let Ok(length) = tun.read(buffer)
    {
        line.take(now, &buffer[..length]);
        count += 1;
    }
    count > 0
}

const STDIN: u64 = u64::MAX;

/// How many packets of one device before the other's turn.
const AT_ONCE: usize = 256;

/// No packet of a tun device is longer (an IP length is 16 bits).
const LONGEST: usize = 65_536;
