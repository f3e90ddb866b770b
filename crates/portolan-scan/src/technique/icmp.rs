//! What an ICMP error means for the port that its quote names, whatever the transport. Only "port unreachable" means
//! something else in each of them.

use portolan_model::{Address, Because, Claim, Icmp, IcmpFamily, PortState, Raise, Reason};
use portolan_wire::{IcmpMeaning, icmpv4_meaning, icmpv6_meaning};

use super::{Judgement, claim};

/// The probability that a settled answer is wrong all the same: a box that answers in the host's place, a rule
/// that looks like the host.
pub(super) const P_ANSWER_WRONG: f32 = 0.005;
/// That somebody who says "prohibited" did not mean it.
const P_PROHIBITED_WRONG: f32 = 0.001;

/// What an ICMP error about a port of `target` means.
pub(crate) fn judge(target: Address, icmp: &Icmp) -> Judgement {
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

/// Whether it is "port unreachable".
pub(super) fn is_port_unreachable(icmp: &Icmp) -> bool {
    meaning(icmp) == IcmpMeaning::PortUnreachable
}

fn meaning(icmp: &Icmp) -> IcmpMeaning {
    match icmp.family {
        IcmpFamily::V4 => icmpv4_meaning(icmp.icmp_type, icmp.code),
        IcmpFamily::V6 => icmpv6_meaning(icmp.icmp_type, icmp.code),
    }
}

fn lost(reason: Reason) -> Claim {
    claim((PortState::Unknown, reason), 0.0, (&[Because::IcmpFromOther], &[Raise::Repeat]))
}

fn from(target: Address, icmp: &Icmp, mut claim: Claim) -> Claim {
    claim.from = icmp.from.filter(|sender| *sender != target);
    claim
}
