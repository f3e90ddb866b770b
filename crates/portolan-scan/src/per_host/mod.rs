//! Host by host: many ports each, all hosts interleaved.
//!
//! A bounded table of active hosts takes turns; a host that waits (for an answer, for a retry's
//! gap, for a canary) leaves the turn and comes back by its timer.

mod canary;
mod host;
mod order;
mod settle;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use portolan_model::sockets::Completion;
use portolan_model::{Endpoint, Instant, LocalFault, Transport};

use crate::core::Core;
use crate::flight::Attempt;
use crate::heap::Heap;
use crate::plan::Plan;
use host::{Host, Next};
use order::Order;

/// Ports of all active hosts together: bounds the memory whatever the plan.
const ACTIVE_PORTS: usize = 1 << 21;

pub(crate) struct PerHost {
    orders: Vec<Arc<Order>>,
    hosts: Vec<Option<Host>>,
    turn: VecDeque<u32>,
    wakes: Heap,
    visited: u64,
    to_visit: u64,
    active: usize,
    most_active: usize,
}

impl PerHost {
    pub(crate) fn new(plan: &Plan) -> Self {
        let orders =
            (0..plan.products()).map(|product| Arc::new(Order::new(&plan.ports(product).tcp, plan.seed())));
        PerHost {
            orders: orders.collect(),
            hosts: Vec::new(),
            turn: VecDeque::new(),
            wakes: Heap::default(),
            visited: 0,
            to_visit: plan.shard_hosts(),
            active: 0,
            most_active: (ACTIVE_PORTS / plan.most_ports().max(1)).clamp(8, 256),
        }
    }

    /// The next attempt and how long to wait for its answer.
    pub(crate) fn next(&mut self, core: &mut Core, now: Instant) -> Option<(Attempt, Duration)> {
        self.admit(core);
        while let Some(id) = self.turn.pop_front() {
            let Some(host) = self.hosts[id as usize].as_mut() else { continue };
            match host.next(core, now) {
                Next::Ask { port, number, canary } => {
                    let attempt = Attempt {
                        endpoint: Endpoint {
                            address: host.address,
                            transport: Transport::Tcp,
                            port: host.port(port),
                        },
                        host: id,
                        port,
                        number,
                        canary,
                        asked: now,
                    };
                    let patience = host.patience(&attempt);
                    self.turn.push_back(id);
                    return Some((attempt, patience));
                }
                Next::Wait(until) => {
                    host.in_turn = false;
                    if let Some(until) = until {
                        self.wakes.set(id, until);
                    }
                }
                Next::Finished => {
                    self.remove(core, id, now);
                    self.admit(core);
                }
            }
        }
        None
    }

    pub(crate) fn answer(&mut self, core: &mut Core, attempt: &Attempt, event: &Completion) {
        self.with(attempt, |host| host.answer(core, attempt, event));
    }

    pub(crate) fn silence(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        self.with(attempt, |host| host.silence(core, attempt, now));
    }

    pub(crate) fn local(
        &mut self,
        core: &mut Core,
        attempt: &Attempt,
        fault: LocalFault,
        event: &Completion,
    ) {
        self.with(attempt, |host| host.local(core, attempt, fault, event));
    }

    pub(crate) fn self_connected(&mut self, core: &mut Core, attempt: &Attempt, now: Instant) {
        self.with(attempt, |host| host.self_connected(core, attempt, now));
    }

    /// Hosts whose time has come take their turn again.
    pub(crate) fn wake(&mut self, now: Instant) {
        while let Some(id) = self.wakes.pop_due(now) {
            self.enter_turn(id);
        }
    }

    /// When the next host's time comes.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        self.wakes.first()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.active == 0 && self.visited == self.to_visit
    }

    /// The scan is stopped: what is known is told, the rest is not asked.
    pub(crate) fn give_up(&mut self, core: &mut Core, now: Instant) {
        for id in 0..self.hosts.len() {
            self.remove(core, u32::try_from(id).unwrap_or(u32::MAX), now);
        }
        let rest = core.plan.endpoints_of(self.to_visit - self.visited);
        core.tally.unlisted += rest;
        core.tally.unasked += rest;
        self.visited = self.to_visit;
    }

    fn admit(&mut self, core: &mut Core) {
        while self.active < self.most_active && self.visited < self.to_visit {
            let (address, product) = core.plan.visit(self.visited);
            self.visited += 1;
            self.active += 1;
            let host = Host::new(address, Arc::clone(&self.orders[product]), core.plan.is_named(address));
            let id = match self.hosts.iter().position(Option::is_none) {
                Some(free) => {
                    self.hosts[free] = Some(host);
                    free
                }
                None => {
                    self.hosts.push(Some(host));
                    self.hosts.len() - 1
                }
            };
            // The table is bounded by `most_active`.
            self.turn.push_back(u32::try_from(id).unwrap_or(u32::MAX));
        }
    }

    fn remove(&mut self, core: &mut Core, id: u32, now: Instant) {
        let Some(mut host) = self.hosts[id as usize].take() else { return };
        self.active -= 1;
        self.wakes.remove(id);
        if host.in_flight > 0 {
            core.abandon(|attempt| attempt.host == id);
        }
        host.settle(core, now);
    }

    /// Something happened to a host: it is told, and takes its turn again.
    fn with(&mut self, attempt: &Attempt, happened: impl FnOnce(&mut Host)) {
        if let Some(host) = self.hosts.get_mut(attempt.host as usize).and_then(Option::as_mut) {
            host.in_flight -= 1;
            happened(host);
            self.wakes.remove(attempt.host);
            self.enter_turn(attempt.host);
        }
    }

    fn enter_turn(&mut self, id: u32) {
        if let Some(host) = self.hosts.get_mut(id as usize).and_then(Option::as_mut)
            && !host.in_turn
        {
            host.in_turn = true;
            self.turn.push_back(id);
        }
    }
}
