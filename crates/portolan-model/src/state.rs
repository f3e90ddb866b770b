use std::fmt;

/// The state of a port, in nmap's words; `Unknown` is ours: we cannot say, and the reason says why.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PortState {
    /// Something accepts connections, or answered a datagram.
    Open,
    /// The host answered that nothing listens there.
    Closed,
    /// A refusal by a box on the way, or a silence that another answer vouches for.
    Filtered,
    /// Reachable, open or closed not told (ACK scan).
    Unfiltered,
    /// Silence that an open UDP port and a filter explain alike.
    OpenFiltered,
    /// Closed or filtered, not told apart (idle scan of other tools; read, never written).
    ClosedFiltered,
    /// Not known: nothing was proved, or we failed ourselves.
    Unknown,
}

impl PortState {
    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            PortState::Open => "open",
            PortState::Closed => "closed",
            PortState::Filtered => "filtered",
            PortState::Unfiltered => "unfiltered",
            PortState::OpenFiltered => "open|filtered",
            PortState::ClosedFiltered => "closed|filtered",
            PortState::Unknown => "unknown",
        }
    }
}

impl fmt::Display for PortState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The state of a host.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum HostState {
    /// It answered something.
    Up,
    /// Somebody who must know told us that it is not there.
    Down,
    /// It never answered.
    Unknown,
}

impl HostState {
    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            HostState::Up => "up",
            HostState::Down => "down",
            HostState::Unknown => "unknown",
        }
    }
}
