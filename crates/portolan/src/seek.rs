//! Whether and how hosts are looked for before their ports are asked.

use portolan_model::Ping;
use portolan_scan::{Discovery, Plan, PlanError, PlanSpec, StrategyKind};
use portolan_target::AddressSet;

use crate::args::{Args, Method};

/// What looking for hosts wants of the door.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seek {
    /// Nothing.
    ByConnect,
    /// Packets, if they may be sent.
    Gladly,
    /// Packets, since only they can carry the ping of this flag.
    ByPackets(&'static str),
}

impl Seek {
    /// What `args` wants of it; `ranges`: whether hosts are asked that nobody named singly.
    pub(crate) fn of(args: &Args, ranges: bool) -> Self {
        if let Some(flag) = args.pings.iter().find_map(|ping| needs_packets(*ping)) {
            return Seek::ByPackets(flag);
        }
        let sought = args.hosts_only || !args.pings.is_empty() || ranges && !args.assume_up;
        if sought && args.method != Method::Connect { Seek::Gladly } else { Seek::ByConnect }
    }
}

/// The plan with the search that was asked for, or with the usual one where it spares more than it costs: before a scan
/// host by host of ranges, by packets. `packets`: whether the door can send any.
pub(crate) fn plan(spec: PlanSpec, args: &Args, packets: bool) -> Result<Plan, PlanError> {
    let collapse_aliased = args.collapse;
    if args.hosts_only || !args.pings.is_empty() {
        let discovery = Discovery { pings: asked(args, packets), named_too: true, collapse_aliased };
        return Plan::new(PlanSpec { discovery: Some(discovery), ..spec });
    }
    let sought = packets && !args.assume_up && has_unnamed(&spec);
    if !sought {
        return Plan::new(spec);
    }
    let with =
        PlanSpec { discovery: Some(Discovery { collapse_aliased, ..Discovery::default() }), ..spec.clone() };
    // A sweep asks few ports of each host: pings would cost more than they spare.
    match Plan::new(spec)? {
        plan if plan.strategy() == StrategyKind::Sweep => Ok(plan),
        _ => Plan::new(with),
    }
}

/// What every host is asked: as it was said, or as usual.
fn asked(args: &Args, packets: bool) -> Vec<Ping> {
    let pings: Vec<Ping> = args.pings.iter().copied().filter(|ping| *ping != Ping::Neighbour).collect();
    if !pings.is_empty() {
        return pings;
    }
    if !packets {
        return vec![Ping::Syn(443), Ping::Syn(80)];
    }
    // Neighbours are asked as such in any case; -PR leaves one more question to hosts behind a router.
    if args.pings.is_empty() { Discovery::default().pings } else { vec![Ping::Echo] }
}

fn has_unnamed(spec: &PlanSpec) -> bool {
    let excluded = |hosts: &AddressSet| spec.excluded.apply(hosts);
    spec.products
        .iter()
        .any(|(hosts, _)| !excluded(hosts).difference(&spec.named).difference(&spec.own).is_empty())
}

/// The flag of a ping that no connect can stand for.
const fn needs_packets(ping: Ping) -> Option<&'static str> {
    match ping {
        Ping::Syn(_) => None,
        Ping::Neighbour => Some("-PR"),
        Ping::Echo => Some("-PE"),
        Ping::Timestamp => Some("-PP"),
        Ping::Ack(_) => Some("-PA"),
        Ping::Udp(_) => Some("-PU"),
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Address;
    use portolan_target::{AddressSet, Ports};

    use super::*;
    use crate::args::{self, Parsed};

    fn args(line: &str) -> Args {
        match args::parse(format!("portolan h {line}").split_whitespace().map(Into::into), &|_| None) {
            Ok(Parsed::Run(args)) => *args,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn packets_are_wanted_where_they_are_of_use() {
        for (line, ranges, wanted) in [
            ("", true, Seek::Gladly),
            ("", false, Seek::ByConnect),
            ("-sU", true, Seek::Gladly),
            ("-Pn", true, Seek::ByConnect),
            ("-sT", true, Seek::ByConnect),
            ("-sn", false, Seek::Gladly),
            ("-sn --method connect", true, Seek::ByConnect),
            ("-PS", false, Seek::Gladly),
            ("-PS -sT", true, Seek::ByConnect),
            ("-PS -PE", false, Seek::ByPackets("-PE")),
            ("-sn -PA -PP", true, Seek::ByPackets("-PA")),
            ("-PR", true, Seek::ByPackets("-PR")),
        ] {
            assert_eq!(Seek::of(&args(line), ranges), wanted, "{line}");
        }
    }

    /// The pings of a plan for 256 hosts, one of them named, with so many ports each.
    fn pings(line: &str, ports: u16, packets: bool) -> Option<Vec<Ping>> {
        let address = |last| Address::from(std::net::Ipv4Addr::new(192, 0, 2, last));
        let hosts: AddressSet = (0..=255).map(address).collect();
        let args = args(line);
        let mut named: AddressSet = [address(7)].into_iter().collect();
        if args.assume_up {
            named = hosts.clone();
        }
        let ports = Ports { tcp: (1..=ports).collect(), ..Ports::default() };
        let spec = PlanSpec {
            products: vec![(hosts, ports)],
            named,
            hosts_only: args.hosts_only,
            ..PlanSpec::default()
        };
        let plan = plan(spec, &args, packets).unwrap();
        plan.discovery().map(|discovery| discovery.pings.clone())
    }

    #[test]
    fn hosts_are_looked_for_if_that_was_asked_or_spares_more_than_it_costs() {
        let usual = Some(Discovery::default().pings);
        let connects = Some(vec![Ping::Syn(443), Ping::Syn(80)]);
        for (line, ports, packets, wanted) in [
            ("", 17, true, usual.clone()),
            // A sweep asks its few ports at once, and without packets the first ports of a host do as well.
            ("", 16, true, None),
            ("", 17, false, None),
            ("-Pn", 17, true, None),
            ("-PS22", 1, true, Some(vec![Ping::Syn(22)])),
            ("-PS22", 1, false, Some(vec![Ping::Syn(22)])),
            ("-PR", 17, true, Some(vec![Ping::Echo])),
            ("-PR -PU", 17, true, Some(vec![Ping::Udp(40_125)])),
            ("-sn", 0, true, usual),
            ("-sn", 0, false, connects),
            ("-sn -PE -PA", 0, true, Some(vec![Ping::Ack(80), Ping::Echo])),
        ] {
            assert_eq!(pings(line, ports, packets), wanted, "{line}, {ports} ports");
        }
    }

    #[test]
    fn whoever_forbids_it_has_aliased_prefixes_asked_whole() {
        let host = Address::from(std::net::Ipv4Addr::new(192, 0, 2, 1));
        let spec = PlanSpec {
            products: vec![([host].into_iter().collect(), Ports::default())],
            hosts_only: true,
            ..PlanSpec::default()
        };
        for (line, collapse) in [("-sn", true), ("-sn --no-collapse", false)] {
            let plan = plan(spec.clone(), &args(line), true).unwrap();
            let discovery = plan.discovery().unwrap();
            assert_eq!((discovery.collapse_aliased, discovery.named_too), (collapse, true), "{line}");
        }
    }
}
