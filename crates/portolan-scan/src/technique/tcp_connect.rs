//! TCP by the kernel's own `connect`, without privilege.
//!
//! Before editing, read RFC 9293 sections 3.5 and 3.10.7, RFC 1122 section 4.2.3.9 and RFC 5927 (what an ICMP
//! error may do to a connection). Linux ends a connection attempt on any ICMP error that quotes it, and with
//! `IP_RECVERR` queues the error itself: so a RST (refused, nothing queued) and a reject rule (refused,
//! something queued) are told apart.

use portolan_model::sockets::Outcome;
use portolan_model::{
    Address, Because, Claim, Confidence, Endpoint, Fact, Icmp, IcmpFamily, LocalFault, PortState, Raise,
    Reason,
};
use portolan_wire::{IcmpMeaning, icmpv4_meaning, icmpv6_meaning};

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

/// The probability that a settled answer is wrong all the same: a box that answers in the host's place,
/// a rule that looks like the host.
const P_ANSWER_WRONG: f32 = 0.005;
/// That somebody who says "prohibited" did not mean it.
const P_PROHIBITED_WRONG: f32 = 0.001;

/// What the completion of an attempt at `endpoint` means.
pub fn judge(endpoint: Endpoint, outcome: &Outcome) -> Judgement {
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
        Outcome::Icmp(icmp) => judge_icmp(endpoint.address, icmp),
        Outcome::Local(fault) => Judgement::Provisional(local(*fault)),
        Outcome::TimedOut => Judgement::Silence,
    }
}

/// What a completion adds to the evidence.
pub fn fact(outcome: &Outcome) -> Option<Fact> {
    match outcome {
        Outcome::Connected { local } => Some(Fact::Connected { local: *local }),
        Outcome::Refused => Some(Fact::Refused),
        Outcome::Icmp(icmp) => Some(Fact::Icmp(*icmp)),
        Outcome::Local(fault) => Some(Fact::Local(*fault)),
        Outcome::TimedOut => None,
    }
}

/// Whether the completion shows that the target itself is there.
pub fn is_from_target(endpoint: Endpoint, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Connected { .. } | Outcome::Refused => true,
        Outcome::Icmp(icmp) => icmp.from == Some(endpoint.address),
        Outcome::TimedOut | Outcome::Local(_) => false,
    }
}

/// What is known of a host when one of its ports stayed silent.
#[derive(Copy, Clone, PartialEq, Debug)]
pub enum Vouch {
    /// A later probe to the host was answered: an answer would have reached us.
    Later,
    /// It answered earlier, and no more.
    Before,
    /// It never answered anything.
    Never,
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
        Vouch::Never => claim(
            (PortState::Filtered, Reason::NoResponse),
            0.5,
            (&[Because::HostNeverAnswered, Because::RetriesSpaced], &[Raise::AnyAnswer, Raise::Longer]),
        ),
    }
}

/// The claim for a port that the end of the scan left open.
pub fn interrupted() -> Claim {
    claim((PortState::Unknown, Reason::Interrupted), 0.0, (&[Because::Stopped], &[Raise::Repeat]))
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

fn judge_icmp(target: Address, icmp: &Icmp) -> Judgement {
    let (reason, firm) = match meaning(icmp) {
        IcmpMeaning::PortUnreachable => (Reason::PortUnreach, true),
        IcmpMeaning::NetProhibited => (Reason::NetProhibited, true),
        IcmpMeaning::HostProhibited => (Reason::HostProhibited, true),
        IcmpMeaning::AdminProhibited | IcmpMeaning::Precedence => (Reason::AdminProhibited, true),
        IcmpMeaning::FailedPolicy => (Reason::FailedPolicy, true),
        IcmpMeaning::RejectRoute => (Reason::RejectRoute, true),
        IcmpMeaning::ProtocolUnreachable => (Reason::ProtoUnreach, true),
        IcmpMeaning::NetUnreachable => (Reason::NetUnreach, false),
        IcmpMeaning::HostUnreachable => (Reason::HostUnreach, false),
        IcmpMeaning::NoRoute => (Reason::NoRoute, false),
        IcmpMeaning::BeyondScope => (Reason::BeyondScope, false),
        IcmpMeaning::AddressUnreachable => (Reason::AddrUnreach, false),
        IcmpMeaning::OtherUnreachable(_) => (Reason::DestUnreach, false),
        IcmpMeaning::TimeExceeded => {
            return Judgement::Provisional(from(target, icmp, lost(Reason::TimeExceeded)));
        }
        IcmpMeaning::ParameterProblem | IcmpMeaning::FragmentationNeeded | IcmpMeaning::Other => {
            return Judgement::Provisional(from(target, icmp, lost(Reason::IcmpOther)));
        }
    };
    let sender = match icmp.from {
        None => Because::IcmpSenderUnknown,
        Some(sender) if sender == target => Because::IcmpFromTarget,
        Some(_) => Because::IcmpFromOther,
    };
    let prohibited =
        matches!(reason, Reason::NetProhibited | Reason::HostProhibited | Reason::AdminProhibited);
    let p_wrong = if prohibited { P_PROHIBITED_WRONG } else { P_ANSWER_WRONG };
    let claim =
        from(target, icmp, claim((PortState::Filtered, reason), p_wrong, (&[sender], &[Raise::Capture])));
    if firm { Judgement::Settled(claim) } else { Judgement::Provisional(claim) }
}

fn lost(reason: Reason) -> Claim {
    claim((PortState::Unknown, reason), 0.0, (&[Because::IcmpFromOther], &[Raise::Repeat]))
}

fn meaning(icmp: &Icmp) -> IcmpMeaning {
    match icmp.family {
        IcmpFamily::V4 => icmpv4_meaning(icmp.icmp_type, icmp.code),
        IcmpFamily::V6 => icmpv6_meaning(icmp.icmp_type, icmp.code),
    }
}

fn from(target: Address, icmp: &Icmp, mut claim: Claim) -> Claim {
    claim.from = icmp.from.filter(|sender| *sender != target);
    claim
}

fn local(fault: LocalFault) -> Claim {
    let reason = match fault {
        LocalFault::Firewall => Reason::LocalFirewall,
        LocalFault::NoRoute => Reason::LocalNoRoute,
        LocalFault::NoNeighbour { on_link: true } => Reason::NoNeighbour,
        LocalFault::NoNeighbour { on_link: false } => Reason::LocalNoNeighbour,
        LocalFault::Permission => Reason::LocalPermission,
        LocalFault::NoPorts => Reason::LocalNoPorts,
        LocalFault::NoDescriptors => Reason::LocalNoDescriptors,
        LocalFault::NoBuffers => Reason::LocalNoBuffers,
        LocalFault::Other(_) => Reason::LocalError,
    };
    claim((PortState::Unknown, reason), 0.0, (&[Because::NothingSent], &[Raise::FixHere]))
}

fn claim(
    (state, reason): (PortState, Reason),
    p_wrong: f32,
    (because, raise): (&[Because], &[Raise]),
) -> Claim {
    Claim { state, reason, confidence: Confidence::new(p_wrong, because, raise), from: None }
}

#[cfg(test)]
mod tests;
