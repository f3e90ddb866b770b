use serde::Serialize;

use super::{ObservationRecord, micros, share};
use crate::rate::{LossBy, Rate};
use crate::report::{Counts, Finish, HostReport};
use crate::untrusted::Untrusted;

/// One finished host, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct HostRecord {
    /// The address.
    pub target: String,
    /// The name it was asked by, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `up`, `down` or `unknown` (it never answered).
    pub state: &'static str,
    /// What told its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// What the discovery of hosts saw of it, in the order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<ObservationRecord>,
    /// Its hardware address, if it told one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Who made what has that address, escaped, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// Its smoothed round trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// Estimated share of round trips lost, from 0 to 1.
    pub loss: f32,
    /// Its ports by state.
    pub counts: CountsRecord,
}

/// How many endpoints have which state, written; the fields are the states' own tokens.
#[derive(Copy, Clone, PartialEq, Eq, Serialize, Debug)]
pub struct CountsRecord {
    /// Open.
    pub open: u64,
    /// Closed.
    pub closed: u64,
    /// Filtered.
    pub filtered: u64,
    /// Unfiltered.
    pub unfiltered: u64,
    /// Open or filtered.
    #[serde(rename = "open|filtered")]
    pub open_filtered: u64,
    /// Closed or filtered.
    #[serde(rename = "closed|filtered")]
    pub closed_filtered: u64,
    /// Unknown.
    pub unknown: u64,
}

/// How many hosts have which state, written.
#[derive(Copy, Clone, PartialEq, Eq, Serialize, Debug)]
pub struct HostsRecord {
    /// They answered.
    pub up: u64,
    /// Somebody told us that they are not there.
    pub down: u64,
    /// Addresses of ranges that never answered: counted here, listed nowhere.
    pub silent: u64,
    /// Addresses that were not asked, since one machine answers for all of their prefix.
    #[serde(skip_serializing_if = "is_zero")]
    pub aliased: u64,
}

/// What a scan did, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct FinishRecord {
    /// `done` or `interrupted`.
    pub ended: &'static str,
    /// Seconds since the first probe.
    pub seconds: f64,
    /// Endpoints of the hosts that were listed, by state.
    pub counts: CountsRecord,
    /// Hosts by state.
    pub hosts: HostsRecord,
    /// Endpoints listed nowhere: of silent addresses, and of hosts not reached before the end; up to
    /// 2^128.
    pub endpoints_unlisted: u128,
    /// Probes sent.
    pub packets: u64,
    /// Probes sent again because of silence.
    pub retries: u64,
    /// Estimated share of round trips lost, from 0 to 1.
    pub loss: f32,
    /// The same of packets each way, if both ways lose alike.
    pub loss_each_way: f32,
    /// Expected share of the responsive ports that were seen, from 0 to 1.
    pub completeness: f32,
    /// Between which it lies in 95 of 100 scans, the lower bound first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness_95: Option<[f32; 2]>,
    /// How fast probes were sent.
    pub rate: RateRecord,
    /// Probes that never left this machine and were asked again.
    pub local_faults: u64,
    /// Self-connects discarded.
    pub self_connects: u64,
    /// Answers that belong to no probe of ours.
    pub strays: u64,
    /// Calls that sent nothing because the error of an earlier datagram was pending, and were made again.
    pub pending_errors: u64,
    /// Datagrams that our own receive queue lost.
    pub overruns: u64,
    /// Endpoints that stay unknown through this machine's own fault.
    pub unknown_local: u64,
}

/// How fast a scan asked while it had something to ask, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct RateRecord {
    /// Probes a second, over all of that time.
    pub mean: u64,
    /// The most in any tenth of a second.
    pub highest: u64,
    /// The levels it settled at.
    pub steps: Vec<RateStepRecord>,
    /// `pace` or `chance`: what loss depends on, if that was put to the test.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_by: Option<&'static str>,
}

/// One level, written.
#[derive(Copy, Clone, PartialEq, Serialize, Debug)]
pub struct RateStepRecord {
    /// Seconds since the first probe.
    pub t: f64,
    /// Probes a second from then on.
    pub pps: u64,
    /// Answers a second.
    pub answers: u64,
    /// Why it is not what it was before.
    pub because: &'static str,
}

impl RateRecord {
    /// The written form of `rate`.
    pub fn new(rate: &Rate) -> Self {
        let steps = rate.steps.iter().map(|step| RateStepRecord {
            t: step.at.as_secs_f64(),
            pps: step.pps,
            answers: step.answers,
            because: step.because.name(),
        });
        RateRecord {
            mean: rate.mean,
            highest: rate.highest,
            steps: steps.collect(),
            loss_by: rate.loss.map(LossBy::name),
        }
    }
}

impl HostRecord {
    /// The written form of `host`; `name` is what it was asked by, `vendor` who made what has its hardware
    /// address.
    pub fn new(host: &HostReport, name: Option<&Untrusted>, vendor: Option<&Untrusted>) -> Self {
        HostRecord {
            target: host.target.to_string(),
            name: name.map(Untrusted::escaped),
            state: host.state.name(),
            reason: host.reason.map(|reason| reason.token()),
            evidence: host.evidence.iter().map(ObservationRecord::new).collect(),
            mac: host.mac.map(|mac| mac.to_string()),
            vendor: vendor.map(Untrusted::escaped),
            rtt_us: host.rtt.map(micros),
            loss: share(host.loss, 1.0),
            counts: CountsRecord::new(&host.counts),
        }
    }
}

impl CountsRecord {
    /// The written form of `counts`.
    pub const fn new(counts: &Counts) -> Self {
        CountsRecord {
            open: counts.open,
            closed: counts.closed,
            filtered: counts.filtered,
            unfiltered: counts.unfiltered,
            open_filtered: counts.open_filtered,
            closed_filtered: counts.closed_filtered,
            unknown: counts.unknown,
        }
    }
}

impl FinishRecord {
    /// The written form of `finish`.
    pub fn new(finish: &Finish) -> Self {
        FinishRecord {
            ended: finish.ended.name(),
            seconds: finish.elapsed.as_secs_f64(),
            counts: CountsRecord::new(&finish.counts),
            hosts: HostsRecord {
                up: finish.hosts_up,
                down: finish.hosts_down,
                silent: finish.hosts_silent,
                aliased: finish.hosts_aliased,
            },
            endpoints_unlisted: finish.endpoints_unlisted,
            packets: finish.packets,
            retries: finish.retries,
            loss: share(finish.loss, 1.0),
            loss_each_way: share(finish.loss_each_way(), 1.0),
            completeness: share(finish.completeness, 0.0),
            completeness_95: finish
                .completeness_bounds
                .map(|(low, high)| [share(low, 0.0), share(high, 1.0)]),
            rate: RateRecord::new(&finish.rate),
            local_faults: finish.local_faults,
            self_connects: finish.self_connects,
            strays: finish.strays,
            pending_errors: finish.pending_errors,
            overruns: finish.overruns,
            unknown_local: finish.unknown_local,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}
