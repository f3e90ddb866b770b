use portolan_model::{Address, Icmp, IcmpFamily, PortState, Reason};
use serde::Deserialize;

/// How a packet is refused. Each has a number in both families; where ICMPv6 knows fewer codes than ICMP,
/// or the other way round, two words mean the same message.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reject {
    /// A RST in the host's name (RFC 9293 section 3.5.2).
    Reset,
    /// ICMP 3/3, ICMPv6 1/4.
    PortUnreach,
    /// ICMP 3/9, ICMPv6 1/1.
    NetProhibited,
    /// ICMP 3/10, ICMPv6 1/1.
    HostProhibited,
    /// ICMP 3/13, ICMPv6 1/1.
    AdminProhibited,
    /// ICMP 3/0, ICMPv6 1/0.
    NetUnreach,
    /// ICMP 3/1, ICMPv6 1/3.
    HostUnreach,
    /// ICMP 3/2, ICMPv6 4/1.
    ProtoUnreach,
    /// ICMPv6 1/5; ICMP has 3/13 for it.
    FailedPolicy,
    /// ICMPv6 1/6; ICMP has 3/13 for it.
    RejectRoute,
    /// ICMP 11/0, ICMPv6 3/0.
    TimeExceeded,
}

impl Reject {
    /// The ICMP error for a packet to `to`, sent by `from`; `None` for a reset.
    pub fn icmp(self, to: Address, from: Address, ttl: u8) -> Option<Icmp> {
        let family = if to.is_ipv6() { IcmpFamily::V6 } else { IcmpFamily::V4 };
        let (icmp_type, code) = self.numbers(family)?;
        Some(Icmp { family, icmp_type, code, from: Some(from), ttl: Some(ttl) })
    }

    /// The verdict that is right for a UDP port of `to` refused like this by `from`: only the host itself knows that
    /// nobody is there.
    pub fn udp_verdict(self, to: Address, from: Address) -> (PortState, Reason) {
        match self.verdict(to) {
            (_, Reason::PortUnreach) if from == to => (PortState::Closed, Reason::PortUnreach),
            verdict => verdict,
        }
    }

    /// The verdict that is right for a TCP port of `to` refused like this.
    pub fn verdict(self, to: Address) -> (PortState, Reason) {
        let v6 = to.is_ipv6();
        let reason = match self {
            // Without privilege nobody sees that the RST came from a box before the host.
            Reject::Reset => return (PortState::Closed, Reason::ConnRefused),
            // A loop or a short TTL says nothing of the port.
            Reject::TimeExceeded => return (PortState::Unknown, Reason::TimeExceeded),
            Reject::PortUnreach => Reason::PortUnreach,
            Reject::ProtoUnreach => Reason::ProtoUnreach,
            Reject::NetUnreach if v6 => Reason::NoRoute,
            Reject::NetUnreach => Reason::NetUnreach,
            Reject::HostUnreach if v6 => Reason::AddrUnreach,
            Reject::HostUnreach => Reason::HostUnreach,
            Reject::FailedPolicy if v6 => Reason::FailedPolicy,
            Reject::RejectRoute if v6 => Reason::RejectRoute,
            Reject::NetProhibited if !v6 => Reason::NetProhibited,
            Reject::HostProhibited if !v6 => Reason::HostProhibited,
            Reject::NetProhibited
            | Reject::HostProhibited
            | Reject::AdminProhibited
            | Reject::FailedPolicy
            | Reject::RejectRoute => Reason::AdminProhibited,
        };
        (PortState::Filtered, reason)
    }

    /// Type and code: RFC 792 and RFC 1812 section 5.2.7.1 for ICMP, RFC 4443 section 3 for ICMPv6.
    const fn numbers(self, family: IcmpFamily) -> Option<(u8, u8)> {
        let (v4, v6) = match self {
            Reject::Reset => return None,
            Reject::PortUnreach => ((3, 3), (1, 4)),
            Reject::NetProhibited => ((3, 9), (1, 1)),
            Reject::HostProhibited => ((3, 10), (1, 1)),
            Reject::AdminProhibited => ((3, 13), (1, 1)),
            Reject::NetUnreach => ((3, 0), (1, 0)),
            Reject::HostUnreach => ((3, 1), (1, 3)),
            Reject::ProtoUnreach => ((3, 2), (4, 1)),
            Reject::FailedPolicy => ((3, 13), (1, 5)),
            Reject::RejectRoute => ((3, 13), (1, 6)),
            Reject::TimeExceeded => ((11, 0), (3, 0)),
        };
        Some(match family {
            IcmpFamily::V4 => v4,
            IcmpFamily::V6 => v6,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_verdict_its_reason_allows() {
        let all = [
            Reject::Reset,
            Reject::PortUnreach,
            Reject::NetProhibited,
            Reject::HostProhibited,
            Reject::AdminProhibited,
            Reject::NetUnreach,
            Reject::HostUnreach,
            Reject::ProtoUnreach,
            Reject::FailedPolicy,
            Reject::RejectRoute,
            Reject::TimeExceeded,
        ];
        for text in ["192.0.2.1", "2001:db8::1"] {
            let to = Address::new(text.parse().unwrap());
            for reject in all {
                let (state, reason) = reject.verdict(to);
                assert!(reason.states().contains(&state), "{reject:?}");
                assert_eq!(reject.icmp(to, to, 64).is_none(), reject == Reject::Reset);
            }
        }
    }
}
