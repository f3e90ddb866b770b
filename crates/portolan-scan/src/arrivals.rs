use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::{Address, HostReport, HostState, Mac, Observation, Reason};

use crate::plan::Plan;
use crate::visits::{Visit, Visits};

/// So many hosts wait to be scanned at most; while they do, nobody else is looked for.
const MOST_WAITING: usize = 4096;

/// A host whose ports are to be asked.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Which visit of the plan it is, and what an earlier run knows of it.
    pub(crate) visit: Visit,
    pub(crate) address: Address,
    pub(crate) product: usize,
    /// What the discovery found, if it looked for this host.
    pub(crate) found: Option<Box<Found>>,
}

/// What the discovery knows of a host that is there.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) reason: Reason,
    pub(crate) evidence: Vec<Observation>,
    pub(crate) mac: Option<Mac>,
    /// The round trip of its answer.
    pub(crate) rtt: Option<Duration>,
    /// The TTL that its SYN-ACK arrived with, if it was one that answered.
    pub(crate) ttl: Option<u8>,
}

impl Found {
    /// Adds to the report of the host's ports what they did not tell.
    pub(crate) fn complete(&self, report: &mut HostReport) {
        if report.state != HostState::Up {
            (report.state, report.reason) = (HostState::Up, Some(self.reason));
        }
        report.reason = report.reason.or(Some(self.reason));
        report.rtt = report.rtt.or(self.rtt);
        report.evidence.clone_from(&self.evidence);
        report.mac = self.mac;
    }
}

/// The way of hosts from the plan to the strategy: straight, or by the discovery, which passes on those that are there.
pub(crate) struct Arrivals {
    /// Which hosts of the plan are still to be asked, and which are finished.
    pub(crate) visits: Visits,
    /// The scan was stopped: nobody comes any more.
    stopped: bool,
    /// Visits that were begun.
    visited: u64,
    /// Hosts that wait to be scanned; none without a discovery.
    waiting: Option<VecDeque<Arrival>>,
    /// Hosts that are being looked for.
    sought: u64,
    /// Hosts that the discovery passed on so far.
    passed: u64,
}

impl Arrivals {
    pub(crate) fn new(plan: &Plan, visits: Visits) -> Self {
        let waiting = plan.spec.discovery.is_some().then(VecDeque::new);
        Arrivals { visits, stopped: false, visited: 0, waiting, sought: 0, passed: 0 }
    }

    /// The next host to be scanned, if one is known.
    pub(crate) fn next(&mut self, plan: &Plan) -> Option<Arrival> {
        match &mut self.waiting {
            Some(waiting) => waiting.pop_front(),
            None => {
                let visit = self.next_visit()?;
                let (address, product) = plan.visit(visit.number);
                Some(Arrival { visit, address, product, found: None })
            }
        }
    }

    /// Whether so many are known, or all that there will be.
    pub(crate) fn has(&self, hosts: usize) -> bool {
        let waiting = self.waiting.as_ref().map_or(hosts, VecDeque::len);
        waiting >= hosts.min(MOST_WAITING) || self.nobody_is_sought()
    }

    /// How many may still come: of those that are to be looked for as large a share as of those before them.
    pub(crate) fn to_come(&self) -> u64 {
        let left = self.visits.left();
        let Some(waiting) = &self.waiting else { return left };
        let unknown = left + self.sought;
        let settled = self.settled().max(1);
        let share = u128::from(unknown) * u128::from(self.passed) / u128::from(settled);
        waiting.len() as u64 + u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// How many hosts are there and wait to be scanned.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.as_ref().map_or(0, |waiting| waiting.len() as u64)
    }

    /// Whether nobody will come any more.
    pub(crate) fn are_over(&self) -> bool {
        self.waiting() == 0 && self.nobody_is_sought()
    }

    /// The end of the scan: hosts that were found and not scanned.
    pub(crate) fn give_up(&mut self) -> VecDeque<Arrival> {
        (self.stopped, self.sought) = (true, 0);
        self.waiting.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Whether every host is found or finished.
    pub(crate) fn nobody_is_sought(&self) -> bool {
        self.stopped || (self.visits_are_over() && self.sought == 0)
    }
}

/// For the discovery alone.
impl Arrivals {
    /// The next visit of the plan's order, whose host is now sought.
    pub(crate) fn seek(&mut self) -> Option<Visit> {
        let visit = self.next_visit()?;
        self.sought += 1;
        Some(visit)
    }

    /// A host that was sought is to be scanned.
    pub(crate) fn pass(&mut self, arrival: Arrival) {
        self.passed += 1;
        self.sought -= 1;
        self.waiting.get_or_insert_default().push_back(arrival);
    }

    /// A host that was sought is finished: it is not scanned.
    pub(crate) fn finish(&mut self, visit: u64) {
        self.sought -= 1;
        self.visits.finished(visit);
    }

    /// The same of one that another run may ask again.
    pub(crate) fn leave_open(&mut self) {
        self.sought -= 1;
    }

    /// All visits that are left are finished: how many.
    pub(crate) fn finish_rest(&mut self) -> u64 {
        let rest = self.visits.finish_rest();
        self.visited += rest;
        rest
    }

    /// Whether every visit was begun.
    pub(crate) fn visits_are_over(&self) -> bool {
        self.visits.left() == 0
    }

    /// How many of those that were sought are found or finished.
    pub(crate) fn settled(&self) -> u64 {
        self.visited - self.sought
    }

    /// Whether enough hosts wait to be scanned.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.len() >= MOST_WAITING)
    }

    fn next_visit(&mut self) -> Option<Visit> {
        let visit = self.visits.next()?;
        self.visited += 1;
        Some(visit)
    }
}
