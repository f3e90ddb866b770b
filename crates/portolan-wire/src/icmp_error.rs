//! What an ICMP error says, the same words for both families. Before editing, read RFC 792, RFC 1122
//! section 3.2.2.1, RFC 1812 section 5.2.7.1 and RFC 4443 section 3.

use crate::{icmpv4, icmpv6};

/// What an ICMP error says about the packet it quotes.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IcmpMeaning {
    /// Nobody listens on the port: ICMP 3/3, ICMPv6 1/4.
    PortUnreachable,
    /// The host does not speak the protocol: ICMP 3/2, ICMPv6 4/1.
    ProtocolUnreachable,
    /// A router knows no way to the network: ICMP 3/0.
    NetUnreachable,
    /// A router gets no answer from the host: ICMP 3/1.
    HostUnreachable,
    /// The network may not be talked to: ICMP 3/9.
    NetProhibited,
    /// The host may not be talked to: ICMP 3/10.
    HostProhibited,
    /// A filter forbids it: ICMP 3/13, ICMPv6 1/1.
    AdminProhibited,
    /// The source address breaks a policy: ICMPv6 1/5.
    FailedPolicy,
    /// A route says to refuse: ICMPv6 1/6.
    RejectRoute,
    /// A router has no route: ICMPv6 1/0.
    NoRoute,
    /// The scope of the source address ends here: ICMPv6 1/2.
    BeyondScope,
    /// A router gets no answer from the address: ICMPv6 1/3.
    AddressUnreachable,
    /// Another code of destination unreachable.
    OtherUnreachable(u8),
    /// Too big for the next link: ICMP 3/4, ICMPv6 2.
    FragmentationNeeded,
    /// The TTL or hop limit ran out on the way: ICMP 11/0, ICMPv6 3/0.
    TimeExceeded,
    /// A field of the header is wrong: ICMP 12, ICMPv6 4.
    ParameterProblem,
    /// The precedence of the packet is refused: ICMP 3/14 and 3/15.
    Precedence,
    /// Any other message, among them those that are no error.
    Other,
}

/// The meaning of an ICMP message.
pub const fn icmpv4_meaning(icmp_type: u8, code: u8) -> IcmpMeaning {
    match (icmp_type, code) {
        (icmpv4::DESTINATION_UNREACHABLE, 0) => IcmpMeaning::NetUnreachable,
        (icmpv4::DESTINATION_UNREACHABLE, 1) => IcmpMeaning::HostUnreachable,
        (icmpv4::DESTINATION_UNREACHABLE, 2) => IcmpMeaning::ProtocolUnreachable,
        (icmpv4::DESTINATION_UNREACHABLE, 3) => IcmpMeaning::PortUnreachable,
        (icmpv4::DESTINATION_UNREACHABLE, 4) => IcmpMeaning::FragmentationNeeded,
        (icmpv4::DESTINATION_UNREACHABLE, 9) => IcmpMeaning::NetProhibited,
        (icmpv4::DESTINATION_UNREACHABLE, 10) => IcmpMeaning::HostProhibited,
        (icmpv4::DESTINATION_UNREACHABLE, 13) => IcmpMeaning::AdminProhibited,
        (icmpv4::DESTINATION_UNREACHABLE, 14 | 15) => IcmpMeaning::Precedence,
        // The codes of RFC 1122 for routes and types of service (5 to 8, 11, 12), and unassigned ones.
        (icmpv4::DESTINATION_UNREACHABLE, code) => IcmpMeaning::OtherUnreachable(code),
        // Code 1 is the destination itself waiting in vain for fragments: nothing ran out on the way.
        (icmpv4::TIME_EXCEEDED, 0) => IcmpMeaning::TimeExceeded,
        (icmpv4::PARAMETER_PROBLEM, _) => IcmpMeaning::ParameterProblem,
        _ => IcmpMeaning::Other,
    }
}

/// The meaning of an ICMPv6 message.
pub const fn icmpv6_meaning(icmp_type: u8, code: u8) -> IcmpMeaning {
    match (icmp_type, code) {
        (icmpv6::DESTINATION_UNREACHABLE, 0) => IcmpMeaning::NoRoute,
        (icmpv6::DESTINATION_UNREACHABLE, 1) => IcmpMeaning::AdminProhibited,
        (icmpv6::DESTINATION_UNREACHABLE, 2) => IcmpMeaning::BeyondScope,
        (icmpv6::DESTINATION_UNREACHABLE, 3) => IcmpMeaning::AddressUnreachable,
        (icmpv6::DESTINATION_UNREACHABLE, 4) => IcmpMeaning::PortUnreachable,
        (icmpv6::DESTINATION_UNREACHABLE, 5) => IcmpMeaning::FailedPolicy,
        (icmpv6::DESTINATION_UNREACHABLE, 6) => IcmpMeaning::RejectRoute,
        (icmpv6::DESTINATION_UNREACHABLE, code) => IcmpMeaning::OtherUnreachable(code),
        // RFC 4443 section 3.2: the code is "ignored by the receiver".
        (icmpv6::PACKET_TOO_BIG, _) => IcmpMeaning::FragmentationNeeded,
        (icmpv6::TIME_EXCEEDED, 0) => IcmpMeaning::TimeExceeded,
        // RFC 4443 section 3.4: code 1 is IPv6's protocol unreachable.
        (icmpv6::PARAMETER_PROBLEM, 1) => IcmpMeaning::ProtocolUnreachable,
        (icmpv6::PARAMETER_PROBLEM, _) => IcmpMeaning::ParameterProblem,
        _ => IcmpMeaning::Other,
    }
}

impl IcmpMeaning {
    /// The meaning in a few plain words.
    pub const fn describe(self) -> &'static str {
        match self {
            IcmpMeaning::PortUnreachable => "port unreachable",
            IcmpMeaning::ProtocolUnreachable => "protocol unreachable",
            IcmpMeaning::NetUnreachable => "network unreachable",
            IcmpMeaning::HostUnreachable => "host unreachable",
            IcmpMeaning::NetProhibited => "network administratively prohibited",
            IcmpMeaning::HostProhibited => "host administratively prohibited",
            IcmpMeaning::AdminProhibited => "communication administratively prohibited",
            IcmpMeaning::FailedPolicy => "source address failed ingress/egress policy",
            IcmpMeaning::RejectRoute => "reject route to destination",
            IcmpMeaning::NoRoute => "no route to destination",
            IcmpMeaning::BeyondScope => "beyond scope of source address",
            IcmpMeaning::AddressUnreachable => "address unreachable",
            IcmpMeaning::OtherUnreachable(_) => "destination unreachable",
            IcmpMeaning::FragmentationNeeded => "packet too big for the next link",
            IcmpMeaning::TimeExceeded => "time to live exceeded in transit",
            IcmpMeaning::ParameterProblem => "parameter problem",
            IcmpMeaning::Precedence => "precedence refused",
            IcmpMeaning::Other => "another ICMP message",
        }
    }
}

/// The name of an ICMP type and code, for people: more exact than its [`IcmpMeaning`] where several
/// codes share one.
pub const fn icmpv4_describe(icmp_type: u8, code: u8) -> &'static str {
    match (icmp_type, code) {
        (icmpv4::ECHO_REPLY, _) => "echo reply",
        (icmpv4::DESTINATION_UNREACHABLE, 4) => "fragmentation needed and DF set",
        (icmpv4::DESTINATION_UNREACHABLE, 5) => "source route failed",
        (icmpv4::DESTINATION_UNREACHABLE, 6) => "destination network unknown",
        (icmpv4::DESTINATION_UNREACHABLE, 7) => "destination host unknown",
        (icmpv4::DESTINATION_UNREACHABLE, 8) => "source host isolated",
        (icmpv4::DESTINATION_UNREACHABLE, 11) => "network unreachable for type of service",
        (icmpv4::DESTINATION_UNREACHABLE, 12) => "host unreachable for type of service",
        (icmpv4::DESTINATION_UNREACHABLE, 14) => "host precedence violation",
        (icmpv4::DESTINATION_UNREACHABLE, 15) => "precedence cutoff in effect",
        (icmpv4::SOURCE_QUENCH, _) => "source quench",
        (icmpv4::REDIRECT, _) => "redirect",
        (icmpv4::ECHO_REQUEST, _) => "echo request",
        (icmpv4::TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        (icmpv4::TIME_EXCEEDED, 2..) => "time exceeded",
        _ => icmpv4_meaning(icmp_type, code).describe(),
    }
}

/// The name of an ICMPv6 type and code, for people: more exact than its [`IcmpMeaning`] where several
/// codes share one.
pub const fn icmpv6_describe(icmp_type: u8, code: u8) -> &'static str {
    match (icmp_type, code) {
        (icmpv6::PACKET_TOO_BIG, _) => "packet too big",
        (icmpv6::TIME_EXCEEDED, 0) => "hop limit exceeded in transit",
        (icmpv6::TIME_EXCEEDED, 1) => "fragment reassembly time exceeded",
        (icmpv6::TIME_EXCEEDED, 2..) => "time exceeded",
        (icmpv6::PARAMETER_PROBLEM, 0) => "erroneous header field",
        (icmpv6::PARAMETER_PROBLEM, 1) => "unrecognized next header type",
        (icmpv6::PARAMETER_PROBLEM, 2) => "unrecognized IPv6 option",
        (icmpv6::ECHO_REQUEST, _) => "echo request",
        (icmpv6::ECHO_REPLY, _) => "echo reply",
        _ => icmpv6_meaning(icmp_type, code).describe(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IcmpMeaning::*;

    #[test]
    fn every_code_of_icmp_destination_unreachable() {
        let meanings: Vec<_> = (0..=16).map(|code| icmpv4_meaning(3, code)).collect();
        let expected = [
            NetUnreachable,
            HostUnreachable,
            ProtocolUnreachable,
            PortUnreachable,
            FragmentationNeeded,
            OtherUnreachable(5),
            OtherUnreachable(6),
            OtherUnreachable(7),
            OtherUnreachable(8),
            NetProhibited,
            HostProhibited,
            OtherUnreachable(11),
            OtherUnreachable(12),
            AdminProhibited,
            Precedence,
            Precedence,
            OtherUnreachable(16),
        ];
        assert_eq!(meanings, expected);
    }

    #[test]
    fn every_code_of_icmpv6_destination_unreachable() {
        let meanings: Vec<_> = (0..=7).map(|code| icmpv6_meaning(1, code)).collect();
        let expected = [
            NoRoute,
            AdminProhibited,
            BeyondScope,
            AddressUnreachable,
            PortUnreachable,
            FailedPolicy,
            RejectRoute,
            OtherUnreachable(7),
        ];
        assert_eq!(meanings, expected);
    }

    #[test]
    fn the_other_types() {
        let v4 = [(11, 0), (11, 1), (12, 0), (12, 2), (0, 0), (8, 0), (4, 0), (5, 1), (42, 3)];
        let expected =
            [TimeExceeded, Other, ParameterProblem, ParameterProblem, Other, Other, Other, Other, Other];
        assert_eq!(v4.map(|(icmp_type, code)| icmpv4_meaning(icmp_type, code)), expected);
        let v6 = [(2, 0), (2, 9), (3, 0), (3, 1), (4, 0), (4, 1), (4, 2), (128, 0), (129, 0), (0, 0)];
        let expected = [
            FragmentationNeeded,
            FragmentationNeeded,
            TimeExceeded,
            Other,
            ParameterProblem,
            ProtocolUnreachable,
            ParameterProblem,
            Other,
            Other,
            Other,
        ];
        assert_eq!(v6.map(|(icmp_type, code)| icmpv6_meaning(icmp_type, code)), expected);
    }

    #[test]
    fn names_are_told_apart_by_family_and_code() {
        assert_eq!(icmpv4_describe(3, 3), "port unreachable");
        assert_eq!(icmpv4_describe(3, 7), "destination host unknown");
        assert_eq!(icmpv4_describe(3, 200), "destination unreachable");
        assert_eq!(icmpv4_describe(11, 0), "time to live exceeded in transit");
        assert_eq!(icmpv6_describe(3, 0), "hop limit exceeded in transit");
        assert_eq!(icmpv6_describe(4, 1), "unrecognized next header type");
        assert_eq!(icmpv6_describe(200, 0), "another ICMP message");
        let mut names: Vec<_> = (0..=15).map(|code| icmpv4_describe(3, code)).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 16);
    }
}
