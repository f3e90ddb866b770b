//! What an answer to a ping says of its host.
//!
//! Before editing, read RFC 1122 section 3.2.2.1 (an unreachable is "a hint, not proof") and RFC 4861 section 7.3.3.

use portolan_model::sockets::{Completion, Outcome};
use portolan_model::{Address, Fact, LocalFault, Observation, Pong, Reason};

use crate::flight::Attempt;
use crate::technique::{Judgement, icmp, tcp};

/// What is known by it.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Word {
    /// The host answered: it is there.
    Up(Reason),
    /// Nobody on our own link has the address.
    Absent,
    /// Somebody else says that there is no way to it.
    Unreachable(Reason),
    /// Somebody else answered in its place, by a rule that says nothing of the host.
    Refused(Reason),
    /// It is behind a router: ask by what passes one.
    OffLink,
    /// Nothing.
    Silence,
    /// Our own machine could not ask.
    Local(LocalFault),
}

/// What this end of a ping of `target` says.
pub(super) fn judge(target: Address, outcome: &Outcome) -> Word {
    match outcome {
        Outcome::Pong(Pong::Neighbour { .. }) if target.is_ipv6() => Word::Up(Reason::NdResponse),
        Outcome::Pong(Pong::Neighbour { .. }) => Word::Up(Reason::ArpResponse),
        Outcome::Pong(Pong::Echo { .. }) => Word::Up(Reason::EchoReply),
        Outcome::Pong(Pong::Timestamp { .. }) => Word::Up(Reason::TimestampReply),
        Outcome::Pong(Pong::Datagram { .. }) => Word::Up(Reason::UdpResponse),
        Outcome::SynAck(_) | Outcome::Connected { .. } => Word::Up(Reason::SynAck),
        Outcome::Reset(_) => Word::Up(Reason::Reset),
        Outcome::Refused => Word::Up(Reason::ConnRefused),
        Outcome::OffLink => Word::OffLink,
        Outcome::TimedOut => Word::Silence,
        Outcome::Local(LocalFault::NoNeighbour { on_link: true }) => Word::Absent,
        Outcome::Local(fault) => Word::Local(*fault),
        Outcome::Icmp(error) => {
            let (reason, firm) = match icmp::judge(target, error) {
                Judgement::Settled(claim) => (claim.reason, true),
                Judgement::Provisional(claim) => (claim.reason, false),
                Judgement::Silence => return Word::Silence,
            };
            match reason {
                _ if error.from == Some(target) => Word::Up(reason),
                Reason::HostUnreach | Reason::NetUnreach | Reason::NoRoute | Reason::AddrUnreach => {
                    Word::Unreachable(reason)
                }
                _ if firm => Word::Refused(reason),
                _ => Word::Silence,
            }
        }
    }
}

/// What it adds to the evidence.
fn fact(outcome: &Outcome) -> Option<Fact> {
    match outcome {
        Outcome::Pong(pong) => Some(Fact::Pong(*pong)),
        outcome => tcp::fact(outcome),
    }
}

/// What a ping and its end add to the evidence.
pub(super) fn observations(attempt: &Attempt, event: &Completion) -> Vec<Observation> {
    let asked = attempt.ping.map(|ping| (event.sent, Fact::Pinged { ping, attempt: attempt.number }));
    let told = fact(&event.outcome).map(|fact| (event.at, fact));
    asked.into_iter().chain(told).map(|(at, fact)| Observation { at, fact }).collect()
}

/// The TTL or hop limit that it arrived with.
pub(super) fn ttl(outcome: &Outcome) -> Option<u8> {
    match outcome {
        Outcome::Pong(pong) => pong.ttl(),
        Outcome::SynAck(segment) | Outcome::Reset(segment) => Some(segment.ttl),
        Outcome::Icmp(icmp) => icmp.ttl,
        _ => None,
    }
}
