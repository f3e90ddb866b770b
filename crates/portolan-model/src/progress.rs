use std::time::Duration;

use crate::report::Counts;

/// How far a scan has come, told now and then while it runs. Counts are since its start.
#[derive(Clone, PartialEq, Debug)]
pub struct Progress {
    /// Time since the first probe.
    pub elapsed: Duration,
    /// Endpoints that need no asking any more, by what is known now; hosts, where nothing else is looked for …
    pub settled: u128,
    /// … of so many in this run's part of the plan.
    pub endpoints: u128,
    /// Settled endpoints by state. Silences are held back until they are vouched for, so they come late.
    pub counts: Counts,
    /// Hosts that have answered so far.
    pub hosts_up: u64,
    /// Hosts that are finished …
    pub hosts_done: u64,
    /// … of so many in this run's part of the plan.
    pub hosts: u64,
    /// Probes sent.
    pub packets: u64,
    /// The ceiling of the rate that holds now, in probes a second, if there is one.
    pub max_rate: Option<u64>,
    /// Probes that wait for an answer.
    pub waiting: usize,
    /// Median round trip so far.
    pub rtt: Option<Duration>,
    /// The round trip that 95 of 100 answers did not exceed.
    pub rtt_p95: Option<Duration>,
    /// Estimated share of round trips lost, over all hosts.
    pub loss: f32,
    /// Probes that did not leave this machine, and answers that its own queue lost; all were asked again.
    pub dropped_by_us: u64,
    /// How long it will still take; `None` while nothing can be said.
    pub left: Option<TimeLeft>,
    /// The end was asked for; what is on its way is waited for.
    pub stopping: bool,
}

/// An estimate of the rest, from the host that will take longest.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct TimeLeft {
    /// So long.
    pub time: Duration,
    /// It may be longer: of part of the plan nothing is known yet, or a host has stopped answering.
    pub at_least: bool,
}
