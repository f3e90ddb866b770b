use portolan_model::{Icmp, IcmpFamily, Reason};
use portolan_wire::{IcmpMeaning, icmpv4_meaning, icmpv6_meaning};

use crate::msg;

msg! {
    /// The one line before a trace: what its lines are, and what they are not.
    pub fn trace_heading() {
        en: "trace: calls to the kernel (CALL, QUIT), packets of our own (SEND), and what it told of them (WAIT, SENT, RCVD, FAIL, LOST); packets that the kernel sends or takes by itself are not seen",
        fr: "trace\u{a0}: les appels au noyau (CALL, QUIT), nos propres paquets (SEND), et ce qu'il en a dit (WAIT, SENT, RCVD, FAIL, LOST)\u{a0}; les paquets que le noyau émet ou prend de lui-même ne sont pas vus",
    }
}

/// The reason that an ICMP error is by itself, whoever sent it: the word of the table for its type and code.
pub const fn icmp_reason(icmp: &Icmp) -> Reason {
    let meaning = match icmp.family {
        IcmpFamily::V4 => icmpv4_meaning(icmp.icmp_type, icmp.code),
        IcmpFamily::V6 => icmpv6_meaning(icmp.icmp_type, icmp.code),
    };
    match meaning {
        IcmpMeaning::PortUnreachable => Reason::PortUnreach,
        IcmpMeaning::NetProhibited => Reason::NetProhibited,
        IcmpMeaning::HostProhibited => Reason::HostProhibited,
        IcmpMeaning::AdminProhibited | IcmpMeaning::Precedence => Reason::AdminProhibited,
        IcmpMeaning::FailedPolicy => Reason::FailedPolicy,
        IcmpMeaning::RejectRoute => Reason::RejectRoute,
        IcmpMeaning::ProtocolUnreachable => Reason::ProtoUnreach,
        IcmpMeaning::NetUnreachable => Reason::NetUnreach,
        IcmpMeaning::HostUnreachable => Reason::HostUnreach,
        IcmpMeaning::NoRoute => Reason::NoRoute,
        IcmpMeaning::BeyondScope => Reason::BeyondScope,
        IcmpMeaning::AddressUnreachable => Reason::AddrUnreach,
        IcmpMeaning::OtherUnreachable(_) => Reason::DestUnreach,
        IcmpMeaning::TimeExceeded => Reason::TimeExceeded,
        IcmpMeaning::ParameterProblem | IcmpMeaning::FragmentationNeeded | IcmpMeaning::Other => {
            Reason::IcmpOther
        }
    }
}
