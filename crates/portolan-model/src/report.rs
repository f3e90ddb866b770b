use std::time::Duration;

use crate::endpoint::Address;
use crate::evidence::Observation;
use crate::ping::{Mac, Ping};
use crate::rate::Rate;
use crate::reason::Reason;
use crate::state::{HostState, PortState};
use crate::untrusted::Untrusted;
use crate::verdict::{Carrier, Method, Why};

/// What a scan is going to do, told before the first probe.
#[derive(Clone, PartialEq, Debug)]
pub struct Begin {
    /// portolan's version.
    pub version: &'static str,
    /// The command line as typed.
    pub argv: Vec<Untrusted>,
    /// Wall clock at the start, seconds since 1970-01-01 UTC with fraction.
    pub started_unix: f64,
    /// The targets as typed (several products: one text each).
    pub targets: Vec<Untrusted>,
    /// The exclusions as typed.
    pub excluded: Vec<Untrusted>,
    /// Who allows a scan of many public addresses, and why, as typed.
    pub authorised: Option<Untrusted>,
    /// The TCP ports of most hosts, as ranges; empty if TCP is not asked.
    pub ports: String,
    /// The UDP ports of most hosts, as ranges; empty if UDP is not asked.
    pub udp_ports: String,
    /// How many addresses.
    pub addresses: u128,
    /// How many endpoints (address and port).
    pub endpoints: u128,
    /// Nothing but hosts is looked for: no port is asked.
    pub hosts_only: bool,
    /// How hosts are looked for before their ports are asked; empty if they are not.
    pub pings: Vec<Ping>,
    /// How ports are asked.
    pub methods: Vec<Method>,
    /// Why TCP ports are asked so, if any are.
    pub why: Option<Why>,
    /// Whether what answers our SYNs is kept from this machine's kernel, if SYNs of our own are sent.
    pub answers_kept: Option<bool>,
    /// What carries datagrams, if UDP is asked.
    pub udp_by: Option<Carrier>,
    /// `per-host` or `sweep`.
    pub strategy: &'static str,
    /// The seed of every order.
    pub seed: u64,
    /// The timing template, 0 to 5.
    pub timing: u8,
    /// The rate's ceiling in probes a second, if one was asked for.
    pub max_rate: Option<u64>,
    /// How many sockets may wait at a time.
    pub window: usize,
    /// This run's part of the plan, `1/1` if it is the whole.
    pub shard: (u32, u32),
}

/// One host, told when it is finished.
#[derive(Clone, PartialEq, Debug)]
pub struct HostReport {
    /// The host.
    pub target: Address,
    /// Whether it answered.
    pub state: HostState,
    /// What told its state, if anything did.
    pub reason: Option<Reason>,
    /// What the discovery of hosts saw of it, in the order of time; empty where none was made.
    pub evidence: Vec<Observation>,
    /// Its hardware address, if it is on a link of ours and told it.
    pub mac: Option<Mac>,
    /// Its smoothed round trip.
    pub rtt: Option<Duration>,
    /// Estimated share of round trips lost.
    pub loss: f32,
    /// Its ports by state.
    pub counts: Counts,
}

/// How many endpoints have which state.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Open.
    pub open: u64,
    /// Closed.
    pub closed: u64,
    /// Filtered.
    pub filtered: u64,
    /// Unfiltered.
    pub unfiltered: u64,
    /// Open or filtered.
    pub open_filtered: u64,
    /// Closed or filtered.
    pub closed_filtered: u64,
    /// Unknown, whatever the reason.
    pub unknown: u64,
}

impl Counts {
    /// Counts `n` more endpoints of a state.
    pub fn add(&mut self, state: PortState, n: u64) {
        *self.slot(state) += n;
    }

    /// Takes `n` endpoints of a state away again.
    pub fn remove(&mut self, state: PortState, n: u64) {
        let slot = self.slot(state);
        *slot = slot.saturating_sub(n);
    }

    /// Each state with its count, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (PortState, u64)> {
        [
            (PortState::Open, self.open),
            (PortState::Closed, self.closed),
            (PortState::Filtered, self.filtered),
            (PortState::Unfiltered, self.unfiltered),
            (PortState::OpenFiltered, self.open_filtered),
            (PortState::ClosedFiltered, self.closed_filtered),
            (PortState::Unknown, self.unknown),
        ]
        .into_iter()
    }

    /// All endpoints with any state.
    pub fn total(&self) -> u64 {
        self.iter().map(|(_, n)| n).sum()
    }

    fn slot(&mut self, state: PortState) -> &mut u64 {
        match state {
            PortState::Open => &mut self.open,
            PortState::Closed => &mut self.closed,
            PortState::Filtered => &mut self.filtered,
            PortState::Unfiltered => &mut self.unfiltered,
            PortState::OpenFiltered => &mut self.open_filtered,
            PortState::ClosedFiltered => &mut self.closed_filtered,
            PortState::Unknown => &mut self.unknown,
        }
    }
}

/// Why a scan ended.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Everything was asked.
    Done,
    /// A signal stopped it; what was found is kept.
    Interrupted,
}

impl Ended {
    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            Ended::Done => "done",
            Ended::Interrupted => "interrupted",
        }
    }
}

/// What a scan did, told last.
#[derive(Clone, PartialEq, Debug)]
pub struct Finish {
    /// Why it ended.
    pub ended: Ended,
    /// Time since the first probe.
    pub elapsed: Duration,
    /// Endpoints of hosts that were listed, by state.
    pub counts: Counts,
    /// Hosts that answered.
    pub hosts_up: u64,
    /// Hosts that somebody told us are not there.
    pub hosts_down: u64,
    /// Addresses of ranges that never answered: counted here, not listed.
    pub hosts_silent: u64,
    /// Addresses that were not asked, since one machine answers for all of their prefix.
    pub hosts_aliased: u64,
    /// Endpoints of those addresses, and of hosts never reached before the end.
    pub endpoints_unlisted: u128,
    /// Probes sent.
    pub packets: u64,
    /// How fast they were sent.
    pub rate: Rate,
    /// Probes sent again because of silence.
    pub retries: u64,
    /// Probes that never left this machine and were asked again.
    pub local_faults: u64,
    /// Self-connects discarded.
    pub self_connects: u64,
    /// Answers that belong to no probe of ours.
    pub strays: u64,
    /// Calls that sent nothing because the error of an earlier datagram was pending; each was made again at once.
    pub pending_errors: u64,
    /// Datagrams, and packets, that our own receive queues lost; what waited for an answer then was asked again.
    pub overruns: u64,
    /// Estimated share of round trips lost.
    pub loss: f32,
    /// Expected share of the responsive ports that were seen, from 0 to 1.
    pub completeness: f32,
    /// Between which it lies in 95 of 100 scans; unknown where no TCP port answered, or none was asked twice.
    pub completeness_bounds: Option<(f32, f32)>,
    /// Endpoints that stay unknown through our own fault.
    pub unknown_local: u64,
}

impl Finish {
    /// The share of packets lost each way, if both ways lose alike: a round trip succeeds where both do.
    pub fn loss_each_way(&self) -> f32 {
        1.0 - (1.0 - self.loss.clamp(0.0, 1.0)).sqrt()
    }
}
