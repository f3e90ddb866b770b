use std::time::Duration;

use crate::confidence::Confidence;
use crate::endpoint::{Address, AddressRange, Transport};
use crate::ports::PortSet;
use crate::reason::Reason;
use crate::state::PortState;
use crate::verdict::Verdict;

/// Round trips of a group's answers.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RttSummary {
    /// The shortest.
    pub min: Duration,
    /// The mean.
    pub mean: Duration,
    /// The longest.
    pub max: Duration,
}

/// Ports alike, folded: what a table does not show one by one.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The hosts; several only where all of this holds for each of them.
    pub targets: Vec<AddressRange>,
    /// The protocol.
    pub transport: Transport,
    /// The state of each port.
    pub state: PortState,
    /// The reason for each.
    pub reason: Reason,
    /// Who answered, when it was not the target.
    pub from: Option<Address>,
    /// The least sure of them.
    pub confidence: Confidence,
    /// The ports of each host.
    pub ports: PortSet,
    /// How many endpoints, over all hosts.
    pub count: u64,
    /// Round trips, where there were answers.
    pub rtt: Option<RttSummary>,
    /// Up to three of them with their whole evidence.
    pub samples: Vec<Verdict>,
}
