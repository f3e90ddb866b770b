use std::time::Duration;

use portolan_model::{Claim, Fact, HostState, Instant, LocalFault, Reason};

use super::ports::Ports;

/// Faults that concern the whole host before it is given up.
const UNREACHED: u8 = 3;
/// A missing route counts again after this long.
const ROUTE_REST: Duration = Duration::from_millis(35);

/// What keeps us from reaching a host at all: no route, nobody who answers ARP or NDP.
#[derive(Clone, Default, Debug)]
pub(super) struct Reach {
    fault: Option<(Claim, Fact, Instant)>,
    count: u8,
}

impl Reach {
    /// A fault at a host that never answered.
    pub(super) fn fault(&mut self, claim: &Claim, fault: LocalFault, at: Instant) {
        // The kernel has asked for a neighbour three times in three seconds before it says that there is none.
        let weight = match fault {
            LocalFault::NoRoute => 1,
            // Which addresses are ours does not pass in a moment.
            LocalFault::OwnAddress => UNREACHED,
            LocalFault::NoNeighbour { .. } => UNREACHED,
            _ => return,
        };
        // A whole batch meets a missing route in one instant: that is one observation, not many.
        if self.fault.as_ref().is_none_or(|(_, _, before)| at.since(*before) >= ROUTE_REST) {
            self.count = self.count.saturating_add(weight);
            self.fault = Some((claim.clone(), Fact::Local(fault), at));
        }
    }

    /// The fault, if it came often enough that asking on is pointless.
    pub(super) fn lost(&self) -> Option<&(Claim, Fact, Instant)> {
        self.fault.as_ref().filter(|_| self.count >= UNREACHED)
    }

    /// What is known of the host and why, if it was `heard` or not; its ports may know more.
    pub(super) fn state(&self, heard: bool, ports: &Ports) -> (HostState, Option<Reason>) {
        let lost = self.lost().map(|(claim, _, _)| claim.reason);
        match (heard, lost) {
            (true, _) => (HostState::Up, ports.first_reason()),
            (false, Some(Reason::NoNeighbour)) => (HostState::Down, lost),
            (false, _) => (HostState::Unknown, lost.or_else(|| ports.told_reason())),
        }
    }
}
