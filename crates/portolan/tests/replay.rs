//! Same seed, same bytes: the NDJSON of two simulated runs is the same to the byte.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::sync::Arc;

use portolan_model::sockets::Sockets;
use portolan_model::{Begin, Method, Sink};
use portolan_report::{Names, NdjsonSink};
use portolan_scan::{Engine, Plan, PlanSpec, Settled, drive};
use portolan_sim::{World, all_worlds};
use portolan_target::{AddressSet, Ports, services};

const SEED: u64 = 11;

#[test]
fn the_ndjson_of_two_runs_is_the_same_to_the_byte() {
    for (name, spec) in all_worlds().unwrap() {
        let [first, second] = [0, 1].map(|_| ndjson(spec.build(SEED)));
        assert!(first.ends_with(b"}\n"), "{name}");
        assert!(first == second, "{name}");
    }
}

fn ndjson(world: World) -> Vec<u8> {
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let ports = Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() };
    let (probes, secret) = (portolan_detect::UDP, (SEED, 1));
    let spec =
        PlanSpec { products: vec![(hosts, ports)], named, seed: SEED, probes, secret, ..PlanSpec::default() };
    let plan = Plan::new(spec).unwrap();
    let mut door = world.sockets();
    let engine = Engine::new(plan.clone(), door.capacity());
    let mut sink = NdjsonSink::new(Vec::new(), Arc::new(Names::default()), (services::name, |_| None), false);
    sink.begin(&begin(&plan, &engine)).unwrap();
    let finish = drive(engine, &mut door, &mut |settled: Settled| {
        match settled {
            Settled::Verdict(verdict) => sink.verdict(&verdict),
            Settled::Update(verdict) => sink.update(&verdict),
            Settled::Group(group) => sink.ports(&group),
            Settled::Host(host) => sink.host(&host),
            Settled::Warning(warning) => sink.warning(&warning),
            Settled::Progress(progress) => sink.progress(&progress),
        }
        .unwrap();
    });
    sink.finish(&finish).unwrap();
    sink.into_inner()
}

fn begin(plan: &Plan, engine: &Engine) -> Begin {
    Begin {
        version: "test",
        argv: Vec::new(),
        started_unix: 0.0,
        targets: Vec::new(),
        excluded: Vec::new(),
        authorised: None,
        ports: plan.main_ports().tcp.to_string(),
        udp_ports: plan.main_ports().udp.to_string(),
        addresses: u128::from(plan.hosts()),
        endpoints: plan.endpoints(),
        hosts_only: false,
        pings: vec![],
        methods: vec![Method::Connect],
        why: Some(portolan_model::Why::MayNotCapture),
        answers_kept: None,
        udp_by: None,
        strategy: plan.strategy().name(),
        seed: plan.seed(),
        timing: plan.timing().template,
        max_rate: plan.max_rate(),
        window: engine.window(),
        shard: (1, 1),
    }
}
