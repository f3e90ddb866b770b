//! TCP, asked by the kernel's own `connect`, without privilege, or by a SYN (`tcp_syn`) or an ACK (`tcp_ack`) of our own making:
//! what the answers to each mean, and what silence means.
//!
//! Before editing, read RFC 9293 sections 3.5 and 3.10.7, RFC 1122 section 4.2.3.9 and RFC 5927 (what an ICMP
//! error may do to a connection). Linux ends a connection attempt on any ICMP error that quotes it, and with
//! `IP_RECVERR` queues the error itself: so a RST (refused, nothing queued) and a reject rule (refused,
//! something queued) are told apart.

use portolan_model::sockets::Outcome;
use portolan_model::{Because, Claim, Endpoint, Fact, Method, PortState, Raise, Reason};

use super::icmp::{self, P_ANSWER_WRONG};
use super::{Judgement, Vouch, claim, local, tcp_ack, tcp_syn};

/// What the completion of an attempt at `endpoint` by `method` means. `ttl` is what the host's own segments arrive with, as
/// far as that is known.
pub fn judge((endpoint, method): (Endpoint, Method), outcome: &Outcome, ttl: Option<u8>) -> Judgement {
    match outcome {
        Outcome::Connected { .. } => Judgement::Settled(claim(
            (PortState::Open, Reason::SynAck),
            P_ANSWER_WRONG,
            (&[Because::HandshakeCompleted, Because::NotSelfConnected], &[Raise::ReadBanner]),
        )),
        Outcome::Refused => Judgement::Settled(claim(
            (PortState::Closed, Reason::ConnRefused),
            P_ANSWER_WRONG,
            (&[Because::ErrorQueueEmpty], &[Raise::Capture]),
        )),
        // Nobody accepts an ACK.
        Outcome::SynAck(_) if method == Method::Ack => Judgement::Silence,
        Outcome::SynAck(_) => Judgement::Settled(tcp_syn::accepted()),
        Outcome::Reset(segment) if method == Method::Ack => tcp_ack::reset(*segment, ttl),
        Outcome::Reset(segment) => Judgement::Settled(tcp_syn::reset(*segment, ttl)),
        // A "port unreachable" for TCP is a rule: a host without a listener answers with a RST.
        Outcome::Icmp(icmp) => icmp::judge(endpoint.address, icmp),
        Outcome::Local(fault) => Judgement::Provisional(local(*fault)),
        Outcome::TimedOut | Outcome::Pong(_) | Outcome::OffLink => Judgement::Silence,
    }
}

/// What a completion adds to the evidence.
pub fn fact(outcome: &Outcome) -> Option<Fact> {
    match outcome {
        Outcome::Connected { local } => Some(Fact::Connected { local: *local }),
        Outcome::Refused => Some(Fact::Refused),
        Outcome::SynAck(segment) => Some(Fact::SynAck(*segment)),
        Outcome::Reset(segment) => Some(Fact::Reset(*segment)),
        Outcome::Icmp(icmp) => Some(Fact::Icmp(*icmp)),
        Outcome::Local(fault) => Some(Fact::Local(*fault)),
        Outcome::TimedOut | Outcome::Pong(_) | Outcome::OffLink => None,
    }
}

/// Whether the completion shows that the target itself is there.
pub fn is_from_target(endpoint: Endpoint, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Connected { .. } | Outcome::Refused | Outcome::SynAck(_) | Outcome::Reset(_) => true,
        Outcome::Icmp(icmp) => icmp.from == Some(endpoint.address),
        Outcome::TimedOut | Outcome::Pong(_) | Outcome::OffLink | Outcome::Local(_) => false,
    }
}

/// What silence means after `tries` spaced attempts, on a path that loses `loss` of all round trips.
pub fn silence(vouch: Vouch, tries: u8, loss: f64) -> Claim {
    match vouch {
        Vouch::Later => {
            // One twentieth at best: a service whose queue is full is as silent as a filter.
            let missed = loss.powi(i32::from(tries));
            #[expect(clippy::cast_possible_truncation, reason = "a probability needs no more than f32")]
            let p_wrong = if tries < 2 { 0.2 } else { missed.max(0.05) as f32 };
            let lossy = if loss > 0.02 { Because::LossSeen } else { Because::NoLossSeen };
            let because = [Because::HostAnsweredLater, Because::RetriesSpaced, lossy];
            claim(
                (PortState::Filtered, Reason::NoResponse),
                p_wrong,
                (&because, &[Raise::Longer, Raise::Repeat]),
            )
        }
        Vouch::Before => claim(
            (PortState::Unknown, Reason::HostWentDown),
            0.0,
            (&[Because::HostAnsweredBefore], &[Raise::Repeat]),
        ),
        Vouch::Elsewhere => claim(
            (PortState::Filtered, Reason::NoResponse),
            0.2,
            (&[Because::HostAnsweredElsewhere, Because::RetriesSpaced], &[Raise::AnyAnswer, Raise::Longer]),
        ),
        Vouch::Never => claim(
            (PortState::Filtered, Reason::NoResponse),
            0.5,
            (&[Because::HostNeverAnswered, Because::RetriesSpaced], &[Raise::AnyAnswer, Raise::Longer]),
        ),
    }
}

/// The claim for a port whose socket met itself each time.
pub fn self_connected() -> Claim {
    claim((PortState::Unknown, Reason::SelfConnect), 0.0, (&[Because::NothingSent], &[Raise::Repeat]))
}

/// An open port on a host where every port is open.
pub fn doubted(mut open: Claim) -> Claim {
    open.confidence.p_wrong = 0.5;
    open.confidence.because.push(Because::EveryPortOpen);
    open
}

#[cfg(test)]
mod tests;
