//! `--packet-trace`: the wrapped door tells everything and changes nothing.

#![expect(clippy::unwrap_used, reason = "a test may panic, and so may its helpers")]

use std::cell::RefCell;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};
use std::rc::Rc;

use portolan_explain::icmp_reason;
use portolan_model::sockets::{Asked, Capacity, Event, Outcome, Request, Sockets, Trace, Traced};
use portolan_model::{Check, Endpoint, Icmp, IcmpFamily, Instant, Method, Piece, Transport, UdpProbe};
use portolan_report::TraceLines;
use portolan_scan::technique::tcp;
use portolan_scan::{Engine, Plan, PlanSpec, Settled, drive};
use portolan_sim::{World, WorldSpec, all_worlds};
use portolan_target::{AddressSet, Ports};

const SEED: u64 = 5;

/// One of everything: an open port, a closed one, one that a router forbids, one that is silent; an answer over UDP, one
/// from another port, an ICMP error.
const SMALL: &str = r#"
    about = "one host with one port of each kind"
    targets = [{ addresses = "198.18.0.2", named = true }]
    ports = "80-83"
    udp_ports = "53,69,123"
    path = [
        { node = "delay", ms = 5 },
        { node = "firewall", transport = "tcp", ports = "82", reject = { with = "admin-prohibited", by = "198.18.0.1" } },
        { node = "firewall", transport = "tcp", ports = "83" },
    ]

    [[hosts]]
    addresses = "198.18.0.2"
    rest = "closed"
    rules = [{ answer = "open", ports = "80" }]

    [hosts.udp]
    rest = "closed"
    rules = [
        { answer = { service = { speaks = "a" } }, ports = "53" },
        { answer = { service = { speaks = "t", from_port = 40000 } }, ports = "69" },
    ]
"#;

#[test]
fn the_trace_of_a_small_world() {
    let mut lines = String::new();
    let door = WorldSpec::parse(SMALL).unwrap().build(SEED).sockets();
    let trace = TraceLines::new(|line: String| lines.push_str(&(line + "\n")));
    sail(&WorldSpec::parse(SMALL).unwrap().build(SEED), Traced::new(door, trace));
    insta::assert_snapshot!("small_world", lines);
}

/// In every world: what the engine tells is the same with the trace and without it; the trace is told each request and
/// each event once, in the order in which the door behind it saw and told them.
#[test]
fn a_trace_changes_nothing_and_leaves_nothing_out() {
    for (name, spec) in all_worlds().unwrap() {
        let world = spec.build(SEED);
        let plain = sail(&world, spec.build(SEED).sockets());
        let passed = Passed::default();
        let behind = Spy { door: spec.build(SEED).sockets(), passed: Rc::clone(&passed) };
        let notebook = Notebook::default();
        let told = Rc::clone(&notebook.0);
        let traced = sail(&world, Traced::new(behind, notebook));
        assert!(plain == traced, "{name}: the trace changed what was told");
        assert!(*passed.borrow() == *told.borrow(), "{name}: the trace is not what passed");
        assert!(!told.borrow().is_empty(), "{name}");
    }
}

/// The word in the trace is the word in the table.
#[test]
fn an_icmp_error_has_the_same_name_in_the_trace_and_in_a_verdict() {
    let endpoint = Endpoint::tcp(Ipv4Addr::new(198, 18, 0, 2).into(), 80);
    for family in [IcmpFamily::V4, IcmpFamily::V6] {
        for (icmp_type, code) in
            (0..=u8::MAX).flat_map(|icmp_type| (0..=20).map(move |code| (icmp_type, code)))
        {
            let icmp = Icmp { family, icmp_type, code, from: None, ttl: None };
            let judged = format!("{:?}", tcp::judge((endpoint, Method::Syn), &Outcome::Icmp(icmp), None));
            let reason = format!("reason: {:?},", icmp_reason(&icmp));
            assert!(judged.contains(&reason), "{icmp_type}/{code}: {judged}, not {reason}");
        }
    }
}

#[test]
fn on_this_machine_the_lines_go_to_stderr_and_results_stay_on_stdout() {
    let open = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = open.local_addr().unwrap().port();
    let output =
        portolan(&["--packet-trace", "--json", "--lang", "en", "-p", &port.to_string(), "127.0.0.1"]);
    assert!(output.status.success());
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    for line in stdout.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    let lines: Vec<&str> = stderr.lines().collect();
    let [heading, call, answer] = lines[..] else { panic!("{stderr}") };
    assert!(heading.starts_with("trace: calls to the kernel"), "{heading}");
    let about = format!("TCP 127.0.0.1:{port} #1, ");
    assert!(call.starts_with("CALL (") && call.ends_with(&format!("{about}connect")), "{call}");
    let connected = format!("{about}connected from 127.0.0.1:");
    assert!(answer.starts_with("RCVD (") && answer.contains(&connected), "{answer}");
    let without = portolan(&["--json", "-p", &port.to_string(), "127.0.0.1"]);
    assert_eq!(text(&without.stderr), "");
}

fn portolan(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_portolan")).args(words).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Scans `world` through `door`: everything that was told.
fn sail(world: &World, mut door: impl Sockets) -> Vec<String> {
    let hosts: AddressSet = world.targets().map(|target| target.range).collect();
    let named = world.targets().filter(|target| target.named).map(|target| target.range).collect();
    let products = vec![(hosts, Ports { tcp: world.ports().clone(), udp: world.udp_ports().clone() })];
    let secret = (SEED, 1);
    let spec = PlanSpec { products, named, seed: SEED, probes: PROBES, secret, ..PlanSpec::default() };
    let engine = Engine::new(Plan::new(spec).unwrap(), door.capacity());
    let mut told = Vec::new();
    let finish = drive(engine, &mut door, &mut |settled: Settled| told.push(format!("{settled:?}")));
    told.push(format!("{finish:?}"));
    told
}

/// The simulator's own little protocol: a request of kind `a` is `Qa` and an id, its answer `Aa` and the same id. Kind `t`
/// may answer from another port.
const PROBES: &[UdpProbe] = &[
    UdpProbe {
        name: "a",
        service: "kind-a",
        payload: &[Piece::Bytes(b"Qa"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"Aa"), ID] }],
        generic: true,
        ..UdpProbe::EMPTY
    },
    UdpProbe {
        name: "t",
        service: "kind-t",
        ports: &[69],
        payload: &[Piece::Bytes(b"Qt"), ID],
        answer: &[Check::At { offset: 0, pieces: &[Piece::Bytes(b"At"), ID] }],
        elsewhere: true,
        ..UdpProbe::EMPTY
    },
];

const ID: Piece = Piece::Cookie { from: 0, len: 8 };

/// What passed, in order.
#[derive(Clone, PartialEq, Debug)]
enum Thing {
    Request(Request),
    Event(Event),
}

type Passed = Rc<RefCell<Vec<Thing>>>;

#[derive(Default)]
struct Notebook(Passed);

impl Trace for Notebook {
    fn request(&mut self, _at: Instant, about: Option<Asked>, request: &Request) {
        let to = match request {
            Request::Connect { to, .. }
            | Request::Syn { to, .. }
            | Request::Ack { to, .. }
            | Request::Datagram { to, .. } => Some(*to),
            Request::Ping { to, ping, .. } => Some(Endpoint::tcp(*to, ping.port().unwrap_or(0))),
            Request::Abandon(_) => None,
        };
        assert!(to.is_none() || to == about.map(|asked| asked.to), "{request:?} is not about {about:?}");
        self.0.borrow_mut().push(Thing::Request(request.clone()));
    }

    fn event(&mut self, about: Option<Asked>, event: &Event) {
        let transport = match event {
            Event::Connect(_) => Transport::Tcp,
            _ => Transport::Udp,
        };
        assert!(
            about.is_none_or(|asked| asked.to.transport == transport),
            "{event:?} is not about {about:?}"
        );
        self.0.borrow_mut().push(Thing::Event(event.clone()));
    }
}

/// A door that notes what it is asked and what it tells.
struct Spy<D> {
    door: D,
    passed: Passed,
}

impl<D: Sockets> Sockets for Spy<D> {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        let before = inbox.len();
        self.door.receive(inbox);
        self.passed.borrow_mut().extend(inbox[before..].iter().cloned().map(Thing::Event));
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.passed.borrow_mut().extend(outbox.iter().cloned().map(Thing::Request));
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}
