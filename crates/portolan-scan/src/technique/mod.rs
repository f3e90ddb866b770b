//! How to ask, and what each answer means: one file a technique, nothing of it written elsewhere.

pub(crate) mod icmp;
mod icmp_echo;
pub(crate) mod icmp_timestamp;
pub(crate) mod packet;
pub mod tcp;
pub(crate) mod tcp_ack;
pub(crate) mod tcp_syn;
pub mod udp;
pub(crate) mod udp_packet;

use portolan_model::{Because, Claim, Confidence, LocalFault, PortState, Raise, Reason};

/// What an answer means.
#[derive(Clone, PartialEq, Debug)]
pub enum Judgement {
    /// The port's state is settled.
    Settled(Claim),
    /// True for now: asked once more before it is believed (RFC 1122 section 3.2.2.1: "a hint, not proof").
    Provisional(Claim),
    /// It says nothing of the port: as if nothing had come.
    Silence,
}

/// What is known of a host when one of its ports stayed silent.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Vouch {
    /// A later probe to the host was answered: an answer would have reached us.
    Later,
    /// It answered earlier, and no more.
    Before,
    /// It answered in another transport protocol only.
    Elsewhere,
    /// It never answered anything.
    Never,
}

/// The claim for a port that the end of the scan left open.
pub fn interrupted() -> Claim {
    claim((PortState::Unknown, Reason::Interrupted), 0.0, (&[Because::Stopped], &[Raise::Repeat]))
}

/// The claim for a port that was not settled when its host's time was over.
pub fn timed_out() -> Claim {
    claim((PortState::Unknown, Reason::HostTimeout), 0.0, (&[Because::Stopped], &[Raise::Longer]))
}

/// The claim for a silent port that was asked less often than the losses ask for.
pub fn retries_capped() -> Claim {
    claim((PortState::Unknown, Reason::RetriesCapped), 0.0, (&[Because::LossSeen], &[Raise::Repeat]))
}

/// The claim for a port that our own machine could not ask.
pub fn local(fault: LocalFault) -> Claim {
    claim((PortState::Unknown, fault.reason()), 0.0, (&[Because::NothingSent], &[Raise::FixHere]))
}

fn claim(
    (state, reason): (PortState, Reason),
    p_wrong: f32,
    (because, raise): (&[Because], &[Raise]),
) -> Claim {
    Claim { state, reason, confidence: Confidence::new(p_wrong, because, raise), from: None }
}
