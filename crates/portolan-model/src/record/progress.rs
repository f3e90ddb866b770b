use serde::Serialize;

use super::{CountsRecord, micros, share};
use crate::progress::Progress;

/// How far a scan has come, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct ProgressRecord {
    /// Seconds since the first probe.
    pub seconds: f64,
    /// Endpoints that need no asking any more; hosts, where nothing else is looked for; up to 2^128.
    pub settled: u128,
    /// All endpoints, or hosts, of this run's part of the plan; up to 2^128.
    pub endpoints: u128,
    /// Settled endpoints by state.
    pub counts: CountsRecord,
    /// Hosts that have answered.
    pub hosts_up: u64,
    /// Hosts that are finished.
    pub hosts_done: u64,
    /// All hosts of this run's part of the plan.
    pub hosts: u64,
    /// Probes sent.
    pub packets: u64,
    /// The ceiling of the rate that holds now, in probes a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rate: Option<u64>,
    /// Probes that wait for an answer.
    pub waiting: usize,
    /// Median round trip so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// The round trip that 95 of 100 answers did not exceed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_p95_us: Option<u64>,
    /// Estimated share of round trips lost, from 0 to 1.
    pub loss: f32,
    /// What did not leave this machine, or was lost in its own queue, and was asked again.
    pub dropped_by_us: u64,
    /// The rest, where something can be said of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<LeftRecord>,
    /// The end was asked for.
    pub stopping: bool,
}

/// An estimate of the rest, written.
#[derive(Copy, Clone, PartialEq, Serialize, Debug)]
pub struct LeftRecord {
    /// So many seconds.
    pub seconds: f64,
    /// It may be more.
    pub at_least: bool,
}

impl ProgressRecord {
    /// The written form of `progress`.
    pub fn new(progress: &Progress) -> Self {
        ProgressRecord {
            seconds: progress.elapsed.as_secs_f64(),
            settled: progress.settled,
            endpoints: progress.endpoints,
            counts: CountsRecord::new(&progress.counts),
            hosts_up: progress.hosts_up,
            hosts_done: progress.hosts_done,
            hosts: progress.hosts,
            packets: progress.packets,
            max_rate: progress.max_rate,
            waiting: progress.waiting,
            rtt_us: progress.rtt.map(micros),
            rtt_p95_us: progress.rtt_p95.map(micros),
            loss: share(progress.loss, 1.0),
            dropped_by_us: progress.dropped_by_us,
            left: progress
                .left
                .map(|left| LeftRecord { seconds: left.time.as_secs_f64(), at_least: left.at_least }),
            stopping: progress.stopping,
        }
    }
}
