//! One scan of one world.

mod probes;

use std::collections::BTreeMap;

use portolan_model::sockets::Sockets;
use portolan_model::{Endpoint, Finish, Level, PortState, Transport};
use portolan_scan::{Engine, Framed, Guards, Plan, PlanSpec, Settled, TcpMethod, drive};
use portolan_sim::{Judgement, Score, Tally, World};
use portolan_target::{AddressSet, Ports};
use probes::PROBES;

/// What came of it.
pub(crate) struct Voyage {
    pub(crate) seed: u64,
    pub(crate) tally: Tally,
    /// UDP ports told open or closed with more than `likely` that are not so for certain.
    pub(crate) overclaimed: u64,
    pub(crate) finish: Finish,
    /// Everything that was told, as text.
    pub(crate) log: String,
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

/// Scans `world` by connect.
pub(crate) fn sail(world: World, seed: u64, guards: Guards) -> Voyage {
    sail_by(TcpMethod::Connect, world, seed, guards)
}

/// Scans `world`.
pub(crate) fn sail_by(tcp: TcpMethod, world: World, seed: u64, guards: Guards) -> Voyage {
    let plan = plan(&world, tcp, seed);
    let mut door = Framed::new(world.sockets(), (!seed, seed));
    let engine = Engine::with_guards(plan, door.capacity(), guards);
    let (mut score, mut log) = (Score::new(), String::new());
    let mut levels = BTreeMap::new();
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
            Settled::Host(_) | Settled::Warning(_) | Settled::Progress(_) => {}
        }
    });
    log.push_str(&format!("{finish:?}\n"));
    let door = door.into_inner();
    let overclaimed = levels.into_iter().filter(|(endpoint, level)| {
        let told = score.told(*endpoint).expect("it was told");
        endpoint.transport == Transport::Udp
            && matches!(told.state, PortState::Open | PortState::Closed)
            && *level > Level::Likely
            && door.judge(*endpoint, told) != Judgement::Right
    });
    let overclaimed = overclaimed.count() as u64;
    Voyage { seed, tally: score.tally(&door), overclaimed, finish, log }
}

/// The plan that a world asks for.
pub(crate) fn plan(world: &World, tcp: TcpMethod, seed: u64) -> Plan {
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let products = vec![(hosts, Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() })];
    let secret = (seed, !seed);
    Plan::new(PlanSpec { products, named, tcp, seed, probes: PROBES, secret, ..PlanSpec::default() })
        .expect("every world can be planned")
}
