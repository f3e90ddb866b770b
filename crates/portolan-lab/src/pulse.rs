//! The pulse: a datagram now and then, so that a link is never silent for long. masscan 1.3.2 waits for the next packet,
//! whatever it is, before it looks whether it is done; between two namespaces that may be a quarter of a minute, on no
//! other network a moment. Whoever times it without this times the silence.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::listen::READY;

/// Sends a datagram to the discard port (RFC 863) of an address 20 times a second, until standard input ends.
#[expect(clippy::print_stdout, reason = "whoever started this process waits for the word")]
pub fn run(to: IpAddr) -> std::io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    println!("{READY}");
    std::io::stdout().flush()?;
    let stdin = std::io::stdin();
    loop {
        match poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&PAUSE)) {
            // Refused is well: it was on the wire.
            Ok(0) => drop(socket.send_to(&[0], (to, DISCARD))),
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(drop).map_err(Into::into),
        }
    }
}

const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
const DISCARD: u16 = 9;
