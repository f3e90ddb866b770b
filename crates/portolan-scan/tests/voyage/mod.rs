//! One scan of one world.

mod probes;

use std::collections::BTreeMap;

use portolan_model::sockets::Sockets;
use portolan_model::{Address, Endpoint, Finish, HostReport, HostState, Level, Method, PortState, Transport};
use portolan_scan::{Discovery, Engine, Framed, Guards, Plan, PlanSpec, Settled, TcpMethod, drive};
use portolan_sim::{Counters, Judgement, Score, SimSockets, Tally, World};
use portolan_target::{AddressSet, Ports};
use probes::PROBES;

/// What came of it.
pub(crate) struct Voyage {
    pub(crate) seed: u64,
    pub(crate) tally: Tally,
    /// UDP ports told open or closed with more than `likely` that are not so for certain, and TCP ports of which an ACK is
    /// said to have told either.
    pub(crate) overclaimed: u64,
    pub(crate) finish: Finish,
    /// The hosts that were told.
    pub(crate) hosts: BTreeMap<Address, HostReport>,
    /// Everything that was told, as text.
    pub(crate) log: String,
    /// What happened in the world.
    pub(crate) counters: Counters,
    /// How many connections of ours were not given up.
    pub(crate) half_open: u64,
}

impl Voyage {
    /// Whatever must not happen.
    pub(crate) fn faults(&self) -> u64 {
        let tally = &self.tally;
        tally.wrong
            + tally.untold
            + tally.repeated
            + tally.stray_updates
            + tally.out_of_scope
            + self.overclaimed
    }
}

impl Voyage {
    /// The same, and what should have been decided and was not.
    pub(crate) fn faults_and_gaps(&self) -> u64 {
        self.faults() + self.tally.undecided + self.tally.open - self.tally.open_found
    }
}

/// Whether hosts were told rightly: of how many that are there, and what was told wrongly.
#[derive(Default)]
pub(crate) struct Hosts {
    pub(crate) addresses: u64,
    pub(crate) there: u64,
    pub(crate) found: u64,
    pub(crate) down: u64,
    pub(crate) wrong: Vec<String>,
}

impl Hosts {
    /// Adds those of a voyage to `world`, in which nothing but hosts was looked for.
    pub(crate) fn add(&mut self, world: &World, voyage: &Voyage) {
        let targets: AddressSet = world.targets().map(|target| target.range).collect();
        let finish = &voyage.finish;
        let counted = finish.hosts_up + finish.hosts_down + finish.hosts_silent + finish.hosts_aliased;
        if u128::from(counted) != targets.len() {
            self.wrong.push(format!("{counted} of {} hosts are counted", targets.len()));
        }
        self.addresses += counted;
        self.down += finish.hosts_down;
        for address in targets.iter() {
            let exists = world.truth(Endpoint::tcp(address, 0)).exists;
            self.there += u64::from(exists);
            let Some(host) = voyage.hosts.get(&address) else { continue };
            self.found += u64::from(exists && host.state == HostState::Up);
            if (host.state == HostState::Up && !exists) || (host.state == HostState::Down && exists) {
                self.wrong.push(format!("{host:?}"));
            }
        }
        if voyage.hosts.keys().any(|address| !targets.contains(*address)) {
            self.wrong.push("a host that nobody asked for".to_owned());
        }
    }
}

/// Scans `world` by connect.
pub(crate) fn sail(world: World, seed: u64, guards: Guards) -> Voyage {
    sail_by(TcpMethod::Connect, world, seed, guards)
}

/// Scans `world`.
pub(crate) fn sail_by(tcp: TcpMethod, world: World, seed: u64, guards: Guards) -> Voyage {
    let plan = plan(&world, tcp, seed);
    let world = if tcp == TcpMethod::Ack { world.by_ack() } else { world };
    sail_through(Framed::new(world.sockets(), (!seed, seed)), plan, seed, guards)
}

/// Scans those hosts of `world` that a discovery finds, or only looks for all of them.
pub(crate) fn sail_found(hosts_only: bool, world: World, seed: u64) -> Voyage {
    let discovery = Discovery { collapse_aliased: hosts_only, ..Discovery::default() };
    let mut spec = PlanSpec { discovery: Some(discovery), hosts_only, ..spec(&world, TcpMethod::Syn, seed) };
    if hosts_only {
        spec.products.iter_mut().for_each(|(_, ports)| *ports = Ports::default());
    }
    let plan = Plan::new(spec).expect("every world can be planned");
    sail_through(Framed::new(world.sockets(), (!seed, seed)), plan, seed, Guards::default())
}

/// Scans the world behind `door`.
pub(crate) fn sail_through(mut door: Framed<SimSockets>, plan: Plan, seed: u64, guards: Guards) -> Voyage {
    let by_ack = plan.methods().contains(&Method::Ack);
    let engine = Engine::with_guards(plan, door.capacity(), guards);
    let (mut score, mut log) = (Score::new(), String::new());
    let (mut levels, mut hosts) = (BTreeMap::new(), BTreeMap::new());
    let finish = drive(engine, &mut door, &mut |settled: Settled| {
        log.push_str(&format!("{settled:?}\n"));
        match settled {
            Settled::Verdict(verdict) => {
                score.verdict(&verdict);
                levels.insert(verdict.endpoint, verdict.claim.confidence.level());
            }
            Settled::Update(verdict) => {
                score.update(&verdict);
                levels.insert(verdict.endpoint, verdict.claim.confidence.level());
            }
            Settled::Group(group) => {
                score.group(&group);
                // Groups of one host: what many hosts have alike comes of sweeps, which ask TCP alone.
                if let [one] = group.targets[..] {
                    let endpoint = |port| Endpoint { address: one.first, transport: group.transport, port };
                    let level = group.confidence.level();
                    levels.extend(group.ports.iter().map(|port| (endpoint(port), level)));
                }
            }
            Settled::Host(host) => {
                assert!(hosts.insert(host.target, *host).is_none(), "a host told twice");
            }
            Settled::Warning(_) | Settled::Progress(_) => {}
        }
    });
    log.push_str(&format!("{finish:?}\n"));
    let door = door.into_inner();
    let overclaimed = levels.into_iter().filter(|(endpoint, level)| {
        let told = score.told(*endpoint).expect("it was told");
        let is_either = matches!(told.state, PortState::Open | PortState::Closed);
        match endpoint.transport {
            Transport::Udp => {
                is_either && *level > Level::Likely && door.judge(*endpoint, told) != Judgement::Right
            }
            _ => is_either && by_ack,
        }
    });
    let overclaimed = overclaimed.count() as u64;
    let (counters, half_open) = (*door.counters(), door.half_open());
    Voyage { seed, tally: score.tally(&door), overclaimed, finish, hosts, log, counters, half_open }
}

/// The plan that a world asks for.
pub(crate) fn plan(world: &World, tcp: TcpMethod, seed: u64) -> Plan {
    Plan::new(spec(world, tcp, seed)).expect("every world can be planned")
}

fn spec(world: &World, tcp: TcpMethod, seed: u64) -> PlanSpec {
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let products = vec![(hosts, Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() })];
    let secret = (seed, !seed);
    PlanSpec { products, named, tcp, seed, probes: PROBES, secret, ..PlanSpec::default() }
}
