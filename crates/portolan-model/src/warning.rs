use crate::endpoint::{Address, AddressRange};
use crate::evidence::LocalFault;
use crate::untrusted::Untrusted;

/// Something the user should know beside the verdicts. Each has a stable id and a sentence in
/// `portolan-explain`.
#[derive(Clone, PartialEq, Debug)]
pub enum Warning {
    /// A name has no address (of the wanted family).
    Unresolved {
        /// As typed.
        name: Untrusted,
    },
    /// A target was left out because an exclusion covers it.
    Excluded {
        /// As typed, or the address that a name has.
        target: Untrusted,
    },
    /// A name has several addresses; one was taken.
    OneOfMany {
        /// As typed.
        name: Untrusted,
        /// The one taken.
        taken: Address,
        /// How many it has.
        count: usize,
    },
    /// Ports of a protocol that this scan does not ask were left out.
    PortsIgnored {
        /// The protocol's token.
        proto: &'static str,
        /// How many ports.
        count: usize,
    },
    /// Our own machine could not ask some ports.
    Local {
        /// What failed.
        fault: LocalFault,
        /// How many ports stay unknown.
        count: u64,
    },
    /// A host answered, then no more.
    HostWentDown {
        /// The host.
        target: Address,
        /// How many ports stay unknown.
        count: u64,
    },
    /// The time given to a host was over.
    HostTimeout {
        /// The host.
        target: Address,
        /// How many ports stay unknown.
        count: u64,
    },
    /// Every port asked of a host is open.
    EveryPortOpen {
        /// The host.
        target: Address,
        /// How many ports.
        count: u64,
    },
    /// Answers of a host get lost; retries were added.
    Loss {
        /// The host.
        target: Address,
        /// Estimated share of round trips lost.
        share: f32,
    },
    /// One machine seems to answer for every address of a range: the rest of it is not asked.
    AliasedPrefix {
        /// The range, as far as it is to be scanned.
        range: AddressRange,
        /// How many of its addresses were asked, all of which answered alike.
        asked: u64,
        /// The one whose ports are asked for all of them.
        kept: Address,
    },
    /// A range of IPv6 was too large to be asked address by address; hosts of it were found by asking all nodes of the link.
    FoundOnLink {
        /// The range as written.
        target: Untrusted,
        /// How many of its addresses answered.
        count: usize,
    },
    /// Fewer sockets are used than wished, since the machine's limits are low.
    FewSockets {
        /// How many at a time.
        window: usize,
    },
}

impl Warning {
    /// The stable id.
    pub const fn id(&self) -> &'static str {
        match self {
            Warning::Unresolved { .. } => "warn.unresolved",
            Warning::Excluded { .. } => "warn.excluded",
            Warning::OneOfMany { .. } => "warn.one-of-many",
            Warning::PortsIgnored { .. } => "warn.ports-ignored",
            Warning::Local { .. } => "warn.local",
            Warning::HostWentDown { .. } => "warn.host-went-down",
            Warning::HostTimeout { .. } => "warn.host-timeout",
            Warning::EveryPortOpen { .. } => "warn.every-port-open",
            Warning::Loss { .. } => "warn.loss",
            Warning::AliasedPrefix { .. } => "warn.aliased-prefix",
            Warning::FoundOnLink { .. } => "warn.found-on-link",
            Warning::FewSockets { .. } => "warn.few-sockets",
        }
    }
}
