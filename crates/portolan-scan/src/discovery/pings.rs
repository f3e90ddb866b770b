//! What hosts are asked, and how long they are waited for.

use std::time::Duration;

use portolan_model::Ping;

use crate::core::Core;
use crate::flight::Patience;

/// Nobody's answer is late before this: hosts are at different distances, and one estimate serves them all.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);
/// So long answers are listened for; longer as long as nobody answered, and a kernel may still look for a neighbour.
const LISTENS: Duration = Duration::from_millis(1500);
const LISTENS_AT_FIRST: Duration = Duration::from_millis(3300);
/// A door looks for a neighbour for so long.
const NEIGHBOUR_PATIENCE: Duration = Duration::from_secs(4);

/// How long the answer to a ping is waited for. Being overdue holds nobody up, so there is patience for the slow.
pub(super) fn patience(core: &Core, ping: Ping) -> Patience {
    if ping == Ping::Neighbour {
        return Patience::until(NEIGHBOUR_PATIENCE);
    }
    let overdue = core.rtt.timeout(1).max(FIRST_PATIENCE);
    let listens = if core.rtt.smoothed().is_some() { LISTENS } else { LISTENS_AT_FIRST };
    Patience { overdue, end: listens.max(overdue * 2) }
}

/// What is asked by packets beside the link: never nothing.
pub(super) fn packets(wanted: &[Ping], v6: bool) -> Vec<Ping> {
    let fits = |ping: &Ping| match ping {
        Ping::Neighbour => false,
        Ping::Timestamp => !v6,
        _ => true,
    };
    let mut pings: Vec<Ping> = wanted.iter().copied().filter(fits).collect();
    if pings.is_empty() {
        pings.push(Ping::Echo);
    }
    pings
}

/// The same by connects: a host that would answer an ACK answers a SYN as well.
pub(super) fn connects(wanted: &[Ping]) -> Vec<Ping> {
    let mut pings = Vec::new();
    for ping in wanted {
        match *ping {
            Ping::Syn(port) | Ping::Ack(port) if !pings.contains(&Ping::Syn(port)) => {
                pings.push(Ping::Syn(port))
            }
            _ => {}
        }
    }
    if pings.is_empty() {
        pings.extend([Ping::Syn(443), Ping::Syn(80)]);
    }
    pings
}
