//! A line for each call to the kernel and for each thing that it told.
//!
//! The form is for `grep`: a word of four capitals, the time on the scan's clock, the protocol, the endpoint, the number
//! of the attempt, and then what is particular; the same in every language and locale, in ASCII. A stranger's bytes come
//! last, escaped and cut.

use std::fmt;

use portolan_explain::icmp_reason;
use portolan_model::sockets::{Asked, Completion, Datagram, DatagramError, Event, Outcome, Request, Trace};
use portolan_model::{Endpoint, Icmp, IcmpFamily, Instant, LocalFault, Pong, Segment, Transport, Untrusted};

use crate::charset::Charset;

/// Tells each request and each event of a traced door as one line, without its line end.
pub struct TraceLines<F>(F);

impl<F: FnMut(String)> TraceLines<F> {
    /// Lines for `take`.
    pub const fn new(take: F) -> Self {
        TraceLines(take)
    }
}

impl<F: FnMut(String)> Trace for TraceLines<F> {
    fn request(&mut self, at: Instant, about: Option<Asked>, request: &Request) {
        (self.0)(request_line(at, about, request));
    }

    fn event(&mut self, about: Option<Asked>, event: &Event) {
        (self.0)(event_line(about, event));
    }
}

fn request_line(at: Instant, about: Option<Asked>, request: &Request) -> String {
    match request {
        Request::Connect { .. } => format!("CALL {} {}, connect", Time(at), Whose(about)),
        Request::Syn { .. } => format!("SEND {} {}, SYN", Time(at), Whose(about)),
        Request::Ack { .. } => format!("SEND {} {}, ACK", Time(at), Whose(about)),
        Request::Ping { .. } => format!("SEND {} {}", Time(at), Whose(about)),
        Request::Datagram { payload, own_port, .. } => {
            let own_port = if *own_port { " from a port of its own" } else { "" };
            format!("CALL {} {}, send{own_port}, {}", Time(at), Whose(about), Payload(payload))
        }
        Request::Abandon(_) => format!("QUIT {} {}", Time(at), Whose(about)),
    }
}

fn event_line(about: Option<Asked>, event: &Event) -> String {
    match event {
        Event::Connect(completion) => completion_line(about, completion),
        Event::Held(_) => format!("WAIT {}, for the next machine's hardware address", Whose(about)),
        Event::Left { at, .. } => format!("SENT {} {}", Time(*at), Whose(about)),
        Event::Sent { at, local, held, .. } => {
            let held = if *held == 0 { String::new() } else { format!(", {held} calls failed before") };
            format!("SENT {} {}, from port {local}{held}", Time(*at), Whose(about))
        }
        Event::Unsent { at, fault, .. } => {
            format!("FAIL {} {}, not sent: {}", Time(*at), Whose(about), Fault(*fault))
        }
        Event::Datagram(Datagram { from, local, at, bytes, .. }) => {
            format!("RCVD {} {}, to port {local}, {}", Time(*at), Name(*from), Payload(bytes))
        }
        Event::Error(error) => error_line(error),
        Event::Overrun { count, at } => {
            format!("LOST {} receive queue full, {count} packets", Time(*at))
        }
    }
}

fn completion_line(about: Option<Asked>, completion: &Completion) -> String {
    let (at, whose) = (Time(completion.at), Whose(about));
    match completion.outcome {
        // Where the peer was quicker than our asking for it, our end has no name any more.
        Outcome::Connected { local } if local.port() == 0 => format!("RCVD {at} {whose}, connected"),
        Outcome::Connected { local } => {
            let itself = about.is_some_and(|asked| asked.to.address.socket(asked.to.port) == local);
            let itself = if itself { ", to itself" } else { "" };
            format!("RCVD {at} {whose}, connected from {local}{itself}")
        }
        Outcome::Refused => format!("RCVD {at} {whose}, refused"),
        Outcome::SynAck(segment) => format!("RCVD {at} {whose}, SYN-ACK, {}", Header(segment)),
        Outcome::Reset(segment) => format!("RCVD {at} {whose}, RST, {}", Header(segment)),
        Outcome::Pong(pong) => format!("RCVD {at} {whose}, {}", Answer(pong)),
        Outcome::OffLink => format!("FAIL {at} {whose}, on no link of ours"),
        Outcome::Icmp(icmp) => format!("RCVD {at} {} about {whose}", Error(icmp)),
        Outcome::TimedOut => format!("FAIL {at} {whose}, ETIMEDOUT"),
        Outcome::Local(fault) => format!("FAIL {at} {whose}, {}", Fault(fault)),
    }
}

fn error_line(error: &DatagramError) -> String {
    let (at, to, quoted) = (Time(error.at), Name(error.to), error.quoted.len());
    match error.outcome {
        Outcome::Icmp(icmp) => format!("RCVD {at} {} about {to}, {quoted} bytes quoted", Error(icmp)),
        Outcome::Local(fault) => format!("FAIL {at} {to}, {}, {quoted} bytes quoted", Fault(fault)),
        // No door says these of a datagram; if one did, it would stand here.
        Outcome::Connected { .. }
        | Outcome::Refused
        | Outcome::SynAck(_)
        | Outcome::Reset(_)
        | Outcome::Pong(_)
        | Outcome::OffLink
        | Outcome::TimedOut => {
            format!("RCVD {at} {to}, {:?}, {quoted} bytes quoted", error.outcome)
        }
    }
}

/// What a segment's header tells.
struct Header(Segment);

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TTL {}, window {}", self.0.ttl, self.0.window)
    }
}

/// What a host answered a ping with.
struct Answer(Pong);

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Pong::Neighbour { mac } => write!(f, "is at {mac}"),
            Pong::Echo { ttl } => write!(f, "echo reply, TTL {ttl}"),
            Pong::Timestamp { ttl } => write!(f, "timestamp reply, TTL {ttl}"),
            Pong::Datagram { ttl } => write!(f, "datagram, TTL {ttl}"),
        }
    }
}

/// Seconds of the scan's clock, to the microsecond.
struct Time(Instant);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_nanos() / 1000;
        write!(f, "({}.{:06}s)", micros / 1_000_000, micros % 1_000_000)
    }
}

/// `TCP 198.18.0.2:80`.
struct Name(Endpoint);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let transport = match self.0.transport {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
            Transport::Sctp => "SCTP",
        };
        write!(f, "{transport} {}", self.0.host_port())
    }
}

/// `TCP 198.18.0.2:80 #17`, or `198.18.0.2 #17, ping: echo`; a question mark for an attempt that nobody waits for.
struct Whose(Option<Asked>);

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Asked { nth, to, ping: Some(ping) }) => {
                write!(f, "{} #{nth}, ping: {}", to.address, ping.name())?;
                ping.port().map_or(Ok(()), |port| write!(f, " to port {port}"))
            }
            Some(Asked { nth, to, ping: None }) => write!(f, "{} #{nth}", Name(to)),
            None => f.write_str("?"),
        }
    }
}

/// `ICMP 198.18.0.1 > 3/13 admin-prohibited, TTL 64,`: the reason as the table has it.
struct Error(Icmp);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Icmp { family, icmp_type, code, from, ttl } = self.0;
        let (family, hops) = match family {
            IcmpFamily::V4 => ("ICMP", "TTL"),
            IcmpFamily::V6 => ("ICMPv6", "hop limit"),
        };
        let from = from.map_or_else(|| "?".to_owned(), |from| from.to_string());
        write!(f, "{family} {from} > {icmp_type}/{code} {}", icmp_reason(&self.0).token())?;
        ttl.map_or(Ok(()), |ttl| write!(f, ", {hops} {ttl},"))
    }
}

/// `local-no-ports (EADDRNOTAVAIL or EADDRINUSE)`: the reason as the table has it, and what the kernel may have said.
struct Fault(LocalFault);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errno = match self.0 {
            LocalFault::Firewall => "EPERM or an ICMP error of this machine",
            LocalFault::NoRoute => "ENETUNREACH, EHOSTUNREACH or EADDRNOTAVAIL",
            LocalFault::OwnAddress => "no packet passes a wire",
            LocalFault::NoNeighbour { .. } => "EHOSTUNREACH",
            LocalFault::Permission => "EACCES",
            LocalFault::NoPorts => "EADDRNOTAVAIL or EADDRINUSE",
            LocalFault::NoDescriptors => "EMFILE or ENFILE",
            LocalFault::NoBuffers => "ENOBUFS, ENOMEM or EAGAIN",
            LocalFault::Other(errno) => {
                return write!(f, "{} (errno {errno})", self.0.reason().token());
            }
        };
        write!(f, "{} ({errno})", self.0.reason().token())
    }
}

/// `29 bytes: \x12\x34...`: how many, and the first of them.
struct Payload<'a>(&'a [u8]);

/// So many of a payload's bytes are shown.
const SHOWN: usize = 24;

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())?;
        if self.0.is_empty() {
            return Ok(());
        }
        let shown = &self.0[..self.0.len().min(SHOWN)];
        let more = if shown.len() < self.0.len() { "..." } else { "" };
        write!(f, ": {}{more}", Charset::Ascii.name(&Untrusted::new(shown)))
    }
}

#[cfg(test)]
mod tests;
