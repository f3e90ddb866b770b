//! What of a host that is not finished another run need not ask again.

use std::collections::BTreeMap;
use std::sync::Arc;

use portolan_model::{HostReport, OpenHost, OpenPorts, PortSet, Transport};

use super::order::Order;
use super::{Host, PerHost};
use crate::core::Core;
use crate::visits::Visit;

/// What earlier runs know of a host.
pub(super) type Known = Arc<OpenHost>;

/// What a host had to tell over one transport.
pub(super) struct Half {
    pub(super) report: HostReport,
    pub(super) listed: bool,
    /// Which of its ports are settled for good.
    pub(super) settled: (Transport, bool, OpenPorts),
}

impl Host {
    /// Over which transport, whether the host was heard over it, and which ports are settled so that they need not be
    /// asked again.
    pub(super) fn settled_for_good(&self) -> (Transport, bool, OpenPorts) {
        let open = match self {
            Host::Tcp(host) => host.settled_for_good(),
            Host::Udp(host) => host.settled_for_good(),
        };
        (self.ports().transport, self.is_heard(), open)
    }

    /// An earlier run knows this of the host.
    pub(super) fn go_on(&mut self, known: &OpenHost) {
        match self {
            Host::Tcp(host) => host.go_on(known),
            Host::Udp(host) => host.go_on(known),
        }
    }
}

impl PerHost {
    /// The hosts that were begun and are not finished, as far as they are settled.
    pub(crate) fn open_hosts(&self, core: &Core) -> Vec<OpenHost> {
        let mut hosts: BTreeMap<u64, OpenHost> = BTreeMap::new();
        for place in self.places.iter().flatten().filter(|place| place.is_worth_keeping()) {
            let host = hosts.entry(place.visit).or_insert_with(|| begun(place.visit, place.known.as_ref()));
            place.half.iter().for_each(|half| add(host, &half.settled));
            add(host, &place.host.settled_for_good());
        }
        let under_way = hosts.into_values().filter(|host| !core.arrivals.visits.done().contains(host.visit));
        self.cut_off.iter().cloned().chain(under_way).collect()
    }

    /// A host is told in all its halves. It is finished, unless the end of the scan cut it off before everything was
    /// settled.
    pub(super) fn leave(
        &mut self,
        core: &mut Core,
        visit: u64,
        known: Option<&Known>,
        halves: [Option<&Half>; 2],
    ) {
        if !core.stopping {
            return core.arrivals.visits.finished(visit);
        }
        let halves = || halves.into_iter().flatten();
        let mut host = begun(visit, known);
        halves().for_each(|half| add(&mut host, &half.settled));
        let ports = core.plan.ports(core.plan.visit(visit).1);
        let missing = |ports: &PortSet, open: &OpenPorts| !ports.difference(&open.settled).is_empty();
        if !missing(&ports.tcp, &host.tcp) && !missing(&ports.udp, &host.udp) {
            core.arrivals.visits.finished(visit);
        } else if known.is_some() || halves().any(|half| half.listed) {
            self.cut_off.push(host);
        }
    }

    /// In which order the ports of a host are asked: all of them, or what an earlier run left, led by ports that will show
    /// that the host still answers.
    pub(super) fn orders_of(
        &self,
        core: &Core,
        product: usize,
        visit: &Visit,
    ) -> (Option<Known>, Arc<Order>, Arc<Order>) {
        let (tcp, udp) = &self.orders[product];
        let Some(before) = &visit.before else { return (None, Arc::clone(tcp), Arc::clone(udp)) };
        let ports = core.plan.ports(product);
        let order = |transport, ports: &PortSet, open: &OpenPorts| {
            let left = ports.difference(&open.settled);
            let witnesses = open.witnesses.iter().copied().filter(|port| ports.contains(*port));
            let witnesses: Vec<u16> = witnesses.filter(|_| !left.is_empty()).collect();
            let silent =
                open.silent.iter().filter(|port| ports.contains(*port) && open.settled.contains(*port));
            let dormant = silent.filter(|port| !left.is_empty() && !witnesses.contains(port)).collect();
            Arc::new(Order::among(&witnesses, transport, &left, &dormant, core.plan.seed()))
        };
        let tcp = order(Transport::Tcp, &ports.tcp, &before.tcp);
        let udp = order(Transport::Udp, &ports.udp, &before.udp);
        (Some(Arc::new(before.clone())), tcp, udp)
    }
}

impl super::Place {
    /// Whether something is known of the host that another run would otherwise have to find out again.
    fn is_worth_keeping(&self) -> bool {
        let half = self.half.as_ref().is_some_and(|half| half.listed);
        self.known.is_some() || half || self.host.is_listed()
    }
}

/// A host as earlier runs left it.
fn begun(visit: u64, known: Option<&Known>) -> OpenHost {
    known.map_or(OpenHost { visit, ..OpenHost::default() }, |known| OpenHost::clone(known))
}

/// What this run settled goes to what earlier ones did.
fn add(host: &mut OpenHost, (transport, heard, new): &(Transport, bool, OpenPorts)) {
    host.heard |= heard;
    let open = match transport {
        Transport::Tcp => &mut host.tcp,
        Transport::Udp => &mut host.udp,
        Transport::Sctp => return,
    };
    if new.answers.1 > 0 || new.spell {
        // What was silent before that was known is to be asked again.
        open.settled = open.settled.difference(&std::mem::take(&mut open.silent));
    }
    open.settled = open.settled.union(&new.settled);
    open.silent = open.silent.union(&new.silent);
    open.unanswered = new.unanswered.difference(&open.settled);
    (open.answers, open.spell) = (new.answers, new.spell);
    if !new.witnesses.is_empty() {
        open.witnesses.clone_from(&new.witnesses);
    }
}
