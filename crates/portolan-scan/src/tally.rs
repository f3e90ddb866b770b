use crate::completeness::{Completeness, Share};
use crate::progress::RoundTrips;
use portolan_model::{Claim, Counts, HostReport, HostState, Verdict};

/// What a scan did, counted as it goes.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) hosts_up: u64,
    pub(crate) hosts_down: u64,
    pub(crate) hosts_silent: u64,
    /// Addresses that are not asked, since one machine answers for all of their prefix.
    pub(crate) hosts_aliased: u64,
    pub(crate) unlisted: u128,
    pub(crate) packets: u64,
    pub(crate) retries: u64,
    pub(crate) local_faults: u64,
    pub(crate) self_connects: u64,
    pub(crate) strays: u64,
    pub(crate) pending_errors: u64,
    pub(crate) overruns: u64,
    pub(crate) unknown_local: u64,
    /// Ports that answered, on the first attempt and on a later one, over all hosts.
    pub(crate) answers: (u64, u64),
    /// How long answers took, over all hosts.
    pub(crate) round_trips: RoundTrips,
    /// What loss may have hidden.
    pub(crate) completeness: Completeness,
    /// Endpoints that were planned but never settled before the end.
    pub(crate) unasked: u128,
}

impl Tally {
    /// A host is finished and listed.
    pub(crate) fn host(&mut self, report: &HostReport) {
        match report.state {
            HostState::Up => self.hosts_up += 1,
            HostState::Down => self.hosts_down += 1,
            HostState::Unknown => self.hosts_silent += 1,
        }
    }

    /// `n` endpoints are settled as this verdict is.
    pub(crate) fn settled(&mut self, verdict: &Verdict, n: u64) {
        self.counts.add(verdict.state(), n);
        if verdict.reason().is_local() {
            self.unknown_local += n;
        }
    }

    /// An endpoint that was settled as this claim is so no more.
    pub(crate) fn unsettled(&mut self, claim: &Claim) {
        self.counts.remove(claim.state, 1);
        if claim.reason.is_local() {
            self.unknown_local -= 1;
        }
    }

    /// The share of round trips lost, over all hosts.
    pub(crate) fn loss(&self) -> f64 {
        let (first, later) = self.answers;
        if first + later == 0 { 0.0 } else { later as f64 / (first + later) as f64 }
    }

    /// Which share of the responsive ports was seen: what was asked, less what loss is expected to hide.
    pub(crate) fn completeness(&self, endpoints: u128) -> Share {
        let asked = 1.0 - self.unasked.min(endpoints) as f64 / endpoints.max(1) as f64;
        let Share { expected, bounds } = self.completeness.share();
        Share { expected: asked * expected, bounds: bounds.map(|(low, high)| (asked * low, asked * high)) }
    }
}
