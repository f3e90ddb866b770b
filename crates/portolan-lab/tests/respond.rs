//! The responder before a kernel: an ordinary client, connecting, sending datagrams and pinging, finds the truth.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "skips are read in the log; the client process tells what it found")]

use std::io::{Error, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Duration;

use portolan_lab::namespace::{Namespace, run};
use portolan_lab::respond::{Asked, Counter, Counts, Shares, State, Transport, Truth, WHOLE};
use portolan_lab::server::{End, Server};
use portolan_lab::which;
use portolan_sys::bpf::{Map, MapKind};

/// Whom the client process is to connect to; set for that process only.
const HOSTS: &str = "PORTOLAN_LAB_CONNECT";
const PORTS: std::ops::Range<u16> = 1..301;
/// After so long it is called silence; the first retransmission of a SYN comes later.
const PATIENCE: Duration = Duration::from_millis(500);
/// Silences are waited for side by side.
const AT_ONCE: usize = 64;

const PROGRAM: &str = env!("CARGO_BIN_EXE_portolan-lab");

/// Says why not, if so.
fn is_allowed(test: &str) -> bool {
    let why = if !rustix::process::geteuid().is_root() {
        "needs root for network namespaces".to_owned()
    } else if let Some(tool) = ["ip", "ping", "prlimit", "sysctl"].iter().find(|tool| which(tool).is_none()) {
        format!("{tool} is not installed")
    } else if let Err(why) = Map::create(MapKind::Array, 4, 8, 1) {
        format!("bpf(2): {why}")
    } else {
        return true;
    };
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {why}; in CI nothing may be skipped");
    println!("SKIPPED {test}: {why}");
    false
}

struct World {
    // Before the namespaces that it is in: what is first here is removed first.
    responder: Server,
    scanner: Namespace,
    target: Namespace,
}

fn world(asked: &Asked) -> World {
    let (scanner, target) = (Namespace::new("scanner"), Namespace::new("target"));
    let left = End { namespace: &scanner, device: "to-target", addresses: &["198.18.0.1/29"] };
    let right = End { namespace: &target, device: "to-scanner", addresses: &["198.18.0.2/29"] };
    let responder = Server::responder(Path::new(PROGRAM), (left, right), asked);
    World { responder, scanner, target }
}

fn asked(shares: Shares) -> Asked {
    Asked {
        interface: "to-scanner".to_owned(),
        prefixes: ["198.18.0.0/15", "10.0.0.0/8"].map(|text| text.parse().expect("a prefix")).to_vec(),
        router: Ipv4Addr::new(198, 18, 0, 2),
        seed: 11,
        shares,
    }
}

/// What the client process found at each endpoint, over `tcp` and `udp`.
fn found(scanner: &Namespace, hosts: &[Ipv4Addr]) -> Vec<(Transport, Ipv4Addr, u16, String)> {
    let own = std::env::current_exe().expect("Linux has /proc/self/exe");
    let hosts: Vec<String> = hosts.iter().map(Ipv4Addr::to_string).collect();
    let mut client = scanner.command("prlimit");
    let said = run(client.arg(own).args(["--exact", "client", "--nocapture"]).env(HOSTS, hosts.join(" ")));
    let lines = said.lines().filter_map(|line| line.strip_prefix("found "));
    lines
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [transport, endpoint, what] = words.try_into().expect("the client tells three words");
            let transport = if transport == "tcp" { Transport::Tcp } else { Transport::Udp };
            let endpoint: SocketAddrV4 = endpoint.parse().expect("the client writes endpoints");
            (transport, *endpoint.ip(), endpoint.port(), what.to_owned())
        })
        .collect()
}

/// What a client must find where this is the truth.
fn expected(truth: &Truth, transport: Transport, address: Ipv4Addr, port: u16) -> &'static str {
    match (transport, truth.of(transport, address, port)) {
        (Transport::Tcp, State::Open) => "open",
        (_, State::Closed) => "refused",
        (_, State::Prohibited) => "unreachable",
        (_, State::Silent) | (Transport::Udp, State::Open) => "silent",
    }
}

#[test]
fn a_client_finds_the_truth_at_every_port() {
    const SHARES: Shares = Shares { open: 20_000, silent: 6_000, prohibited: 15_000, alive: WHOLE };
    if !is_allowed("a_client_finds_the_truth_at_every_port") {
        return;
    }
    let asked = asked(SHARES);
    let truth = asked.truth().unwrap();
    let world = world(&asked);
    // Behind the router, and beside it on the link.
    let hosts = [Ipv4Addr::new(10, 1, 2, 3), Ipv4Addr::new(198, 19, 200, 7), Ipv4Addr::new(198, 18, 0, 3)];
    let found = found(&world.scanner, &hosts);
    assert_eq!(found.len(), 2 * hosts.len() * PORTS.len());
    for (transport, address, port, what) in &found {
        assert_eq!(what, expected(&truth, *transport, *address, *port), "{transport:?} {address}:{port}");
    }
    let counts = Counts::read(&world.responder.finish()).unwrap();
    let of = |transport: Transport, what: &str| {
        found.iter().filter(|(over, _, _, found)| *over == transport && found == what).count() as u64
    };
    let (tcp, udp) = (Transport::Tcp, Transport::Udp);
    assert_eq!(counts.of(Counter::SynAck), of(tcp, "open"));
    assert_eq!(counts.of(Counter::Reset), of(tcp, "refused"));
    assert_eq!(counts.of(Counter::Unreachable), of(udp, "refused"));
    assert_eq!(counts.of(Counter::Prohibited), of(tcp, "unreachable") + of(udp, "unreachable"));
    // More, if this machine was so busy that a SYN was sent again.
    assert!(counts.of(Counter::Silent) >= of(tcp, "silent") + of(udp, "silent"));
    assert_eq!(counts.of(Counter::Failed), 0);
    // The client's kernel ends the open connections, and nobody answers.
    assert!(counts.of(Counter::Ignored) >= of(tcp, "open"));
}

#[test]
fn what_is_alive_answers_a_ping_and_what_is_not_does_not() {
    const NAME: &str = "what_is_alive_answers_a_ping_and_what_is_not_does_not";
    if !is_allowed(NAME) {
        return;
    }
    let asked = asked(Shares { alive: WHOLE / 2, ..Shares::default() });
    let truth = asked.truth().unwrap();
    let world = world(&asked);
    for host in (1..13).map(|host| Ipv4Addr::new(10, 0, 0, host)) {
        let mut ping = world.scanner.command("ping");
        let status = ping.args(["-n", "-q", "-c1", "-W0.5", &host.to_string()]).output().unwrap().status;
        assert_eq!(status.success(), truth.is_alive(host), "{host}");
    }
}

#[test]
fn a_flood_is_answered() {
    if !is_allowed("a_flood_is_answered") {
        return;
    }
    let world = world(&asked(Shares { open: WHOLE, ..Shares::default() }));
    let hardware = run(world.target.command("cat").arg("/sys/class/net/to-scanner/address"));
    let words = ["flood", "to-target", hardware.trim(), "198.18.0.1", "10.1.2.3", "1000", "1"];
    run(world.scanner.command("prlimit").arg(PROGRAM).args(words));
    let counts = Counts::read(&world.responder.finish()).unwrap();
    // On a busy machine some may find no room between the two ends.
    assert!((1..=1000).contains(&counts.of(Counter::SynAck)), "{}", counts.written());
    assert_eq!(counts.of(Counter::Reset), 0);
}

/// The client process; in an ordinary run there is nothing to do.
#[test]
fn client() {
    let Ok(hosts) = std::env::var(HOSTS) else { return };
    println!();
    let hosts = hosts.split(' ').map(|host| host.parse::<Ipv4Addr>().unwrap());
    let endpoints: Vec<SocketAddr> =
        hosts.flat_map(|host| PORTS.map(move |port| SocketAddr::from((host, port)))).collect();
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let some = endpoints.iter().skip(first).step_by(AT_ONCE);
            scope.spawn(move || {
                for endpoint in some {
                    println!("found tcp {endpoint} {}", connect(endpoint));
                    println!("found udp {endpoint} {}", ask(endpoint));
                }
            });
        }
    });
}

fn connect(endpoint: &SocketAddr) -> String {
    TcpStream::connect_timeout(endpoint, PATIENCE).map_or_else(|error| named(&error), |_| "open".to_owned())
}

/// Nobody answers with a datagram.
fn ask(endpoint: &SocketAddr) -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
    socket.connect(endpoint).expect("there is a route");
    socket.send(b"?").expect("nothing was refused yet");
    named(&socket.recv(&mut [0; 16]).expect_err("nobody answers"))
}

fn named(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "refused".to_owned(),
        ErrorKind::HostUnreachable => "unreachable".to_owned(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "silent".to_owned(),
        other => format!("{other:?}"),
    }
}
