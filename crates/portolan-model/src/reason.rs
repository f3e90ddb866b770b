use crate::evidence::Layer;
use crate::state::PortState;

/// One row a reason: its token (nmap's word where nmap has one), the layer that told it, and the
/// states it may justify. The sentences for people stand in `portolan-explain`, by exhaustive match.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $token:literal, $layer:ident, [$($state:ident),*];)+) => {
        /// Why a port, or a host, has its state.
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Reason { $($(#[$doc])* $name,)+ }

        impl Reason {
            /// Every reason, in the order of the table.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)+];

            /// The token used in every output, in every language.
            pub const fn token(self) -> &'static str {
                match self { $(Reason::$name => $token,)+ }
            }

            /// The layer (RFC 1122) whose message decided.
            pub const fn layer(self) -> Layer {
                match self { $(Reason::$name => Layer::$layer,)+ }
            }

            /// The states of a port that this reason can justify; none if it speaks of hosts alone.
            pub const fn states(self) -> &'static [PortState] {
                match self { $(Reason::$name => &[$(PortState::$state,)*],)+ }
            }
        }
    };
}

reasons! {
    /// The three-way handshake completed, or its second step came.
    SynAck = "syn-ack", Transport, [Open];
    /// A datagram came back.
    UdpResponse = "udp-response", Transport, [Open];
    /// `connect` was refused and no ICMP error came with it: a RST.
    ConnRefused = "conn-refused", Transport, [Closed];
    /// A RST acknowledged our SYN, or answered our ACK.
    Reset = "reset", Transport, [Closed, Unfiltered];
    /// ICMP 3/3, ICMPv6 1/4: a reject rule when it answers TCP, or when it answers UDP in another's place.
    PortUnreach = "port-unreach", Internet, [Filtered, Closed];
    /// ICMP 3/9.
    NetProhibited = "net-prohibited", Internet, [Filtered];
    /// ICMP 3/10.
    HostProhibited = "host-prohibited", Internet, [Filtered];
    /// ICMP 3/13, ICMPv6 1/1.
    AdminProhibited = "admin-prohibited", Internet, [Filtered];
    /// ICMPv6 1/5: source address failed ingress/egress policy.
    FailedPolicy = "failed-policy", Internet, [Filtered];
    /// ICMPv6 1/6: reject route to destination.
    RejectRoute = "reject-route", Internet, [Filtered];
    /// ICMP 3/0.
    NetUnreach = "net-unreach", Internet, [Filtered];
    /// ICMP 3/1.
    HostUnreach = "host-unreach", Internet, [Filtered];
    /// ICMP 3/2, ICMPv6 4/1.
    ProtoUnreach = "proto-unreach", Internet, [Filtered];
    /// ICMPv6 1/0: no route to destination, said by a router.
    NoRoute = "no-route", Internet, [Filtered];
    /// ICMPv6 1/2: beyond scope of source address.
    BeyondScope = "beyond-scope", Internet, [Filtered];
    /// ICMPv6 1/3: address unreachable.
    AddrUnreach = "addr-unreach", Internet, [Filtered];
    /// Another ICMP destination-unreachable code.
    DestUnreach = "dest-unreach", Internet, [Filtered];
    /// Silence.
    NoResponse = "no-response", Transport, [Filtered, OpenFiltered];
    /// ICMP 11, ICMPv6 3: a loop or a short TTL on the way.
    TimeExceeded = "time-exceeded", Internet, [Unknown];
    /// An ICMP error that says nothing of the port.
    IcmpOther = "icmp-other", Internet, [Unknown];
    /// It answered earlier and no more: silences since then prove nothing.
    HostWentDown = "host-went-down", Internet, [Unknown];
    /// Nobody on our own link answers for this address (ARP, NDP).
    NoNeighbour = "no-neighbour", Link, [Unknown];
    /// The scan was stopped before this port was settled.
    Interrupted = "interrupted", Application, [Unknown];
    /// The time given to this host was over before this port was settled.
    HostTimeout = "host-timeout", Application, [Unknown];
    /// Silent, and asked less often than the losses that were seen ask for: no more retries were allowed.
    RetriesCapped = "retries-capped", Transport, [Unknown];
    /// We hold this address and the socket met itself, again and again.
    SelfConnect = "self-connect", Transport, [Unknown];
    /// Our own machine's firewall refused to send (EPERM).
    LocalFirewall = "local-firewall", Internet, [Unknown];
    /// Our own machine has no route there (ENETUNREACH, EHOSTUNREACH at once).
    LocalNoRoute = "local-no-route", Internet, [Unknown];
    /// The address is our own: no packet to it passes a wire, and by packets alone it was to be asked.
    LocalOwnAddress = "local-own-address", Internet, [Unknown];
    /// Our own gateway does not answer ARP or NDP.
    LocalNoNeighbour = "local-no-neighbour", Link, [Unknown];
    /// A local policy denies it (EACCES).
    LocalPermission = "local-perm", Internet, [Unknown];
    /// No local port was left (EADDRNOTAVAIL).
    LocalNoPorts = "local-no-ports", Transport, [Unknown];
    /// No descriptor was left (EMFILE, ENFILE).
    LocalNoDescriptors = "local-no-fds", Application, [Unknown];
    /// No memory for sockets was left (ENOBUFS, ENOMEM).
    LocalNoBuffers = "local-no-buffers", Link, [Unknown];
    /// An echo reply (RFC 792, RFC 4443 section 4.2).
    EchoReply = "echo-reply", Internet, [];
    /// A timestamp reply (RFC 792).
    TimestampReply = "timestamp-reply", Internet, [];
    /// It says by ARP that it is behind the address (RFC 826).
    ArpResponse = "arp-response", Link, [];
    /// The same by a neighbour advertisement (RFC 4861 section 4.4).
    NdResponse = "nd-response", Link, [];
    /// The address is one of our own: no packet needs to leave to know it.
    LocalhostResponse = "localhost-response", Internet, [];
    /// Another failure of our own machine; the errno is in the evidence.
    LocalError = "local-error", Application, [Unknown];
}

impl Reason {
    /// Whether this machine is at fault: such ports were not asked, and the exit code says so.
    pub const fn is_local(self) -> bool {
        matches!(
            self,
            Reason::LocalFirewall
                | Reason::LocalNoRoute
                | Reason::LocalOwnAddress
                | Reason::LocalNoNeighbour
                | Reason::LocalPermission
                | Reason::LocalNoPorts
                | Reason::LocalNoDescriptors
                | Reason::LocalNoBuffers
                | Reason::LocalError
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_distinct_and_local_means_local() {
        let mut tokens: Vec<_> = Reason::ALL.iter().map(|reason| reason.token()).collect();
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert_eq!(reason.is_local(), reason.token().starts_with("local-"), "{reason:?}");
            assert!(!reason.is_local() || reason.states() == [PortState::Unknown], "{reason:?}");
        }
    }
}
