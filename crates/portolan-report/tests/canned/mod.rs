//! One scan that never happened, and whatever else an event can hold. Addresses are those of RFC 5737 and
//! RFC 3849.
#![allow(dead_code, reason = "each test uses its own part")]

pub(crate) mod hosts;
pub(crate) mod syn;
pub(crate) mod udp;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use portolan_model::{
    Address, AddressRange, Because, Begin, Claim, Confidence, Counts, Ended, Endpoint, Evidence, Fact,
    Finish, Group, HostReport, HostState, Icmp, IcmpFamily, Instant, Likeness, LocalFault, LossBy, Mac,
    Method, Observation, PaceBecause, Ping, Pong, PortSet, PortState, Progress, Raise, Rate, RateStep,
    Reason, RttSummary, Sink, TimeLeft, Transport, Untrusted, Verdict, Warning,
};
use portolan_report::{Context, Names, ServiceName, TextOptions, VendorName};

/// One call of a sink.
#[derive(Clone)]
pub(crate) enum Event {
    Begin(Begin),
    Host(HostReport),
    Verdict(Verdict),
    Ports(Group),
    Update(Verdict),
    Warning(Warning),
    Progress(Progress),
    Finish(Finish),
}

/// Makes the calls.
pub(crate) fn replay(events: &[Event], sink: &mut dyn Sink) -> io::Result<()> {
    for event in events {
        match event {
            Event::Begin(begin) => sink.begin(begin)?,
            Event::Host(host) => sink.host(host)?,
            Event::Verdict(verdict) => sink.verdict(verdict)?,
            Event::Ports(group) => sink.ports(group)?,
            Event::Update(verdict) => sink.update(verdict)?,
            Event::Warning(warning) => sink.warning(warning)?,
            Event::Progress(progress) => sink.progress(progress)?,
            Event::Finish(finish) => sink.finish(finish)?,
        }
    }
    Ok(())
}

/// A writer whose content can be read after a sink took it.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<std::sync::Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no test panics inside").clone()).expect("sinks write UTF-8")
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics inside").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) const SERVICE: ServiceName = |transport, port| match (transport, port) {
    (Transport::Tcp, 22) => Some("ssh"),
    (Transport::Tcp, 443) => Some("https"),
    (Transport::Tcp, 3389) => Some("ms-wbt-server"),
    (Transport::Tcp, 993) => Some("imaps"),
    (Transport::Udp, 123) => Some("ntp"),
    (Transport::Udp, 137) => Some("netbios-ns"),
    (Transport::Udp, 500) => Some("isakmp"),
    (Transport::Udp, 1194) => Some("openvpn"),
    (Transport::Udp, 1900) => Some("ssdp"),
    _ => None,
};

/// A maker who takes liberties with terminals, for every card but one.
pub(crate) const VENDOR: VendorName = |mac| match mac.0 {
    [0, 0x1b, 0x21, ..] => Some(Untrusted::from("Intel")),
    [0, 0x50, 0xc2, ..] => None,
    _ => Some(Untrusted::from("Ma\x1b[2Jker \u{202e}& Söhne of the Long Name")),
};

pub(crate) fn names() -> Arc<Names> {
    Arc::new([(v4(10), Untrusted::from("scanme.example"))].into_iter().collect())
}

pub(crate) fn context(text: TextOptions) -> Context {
    Context {
        names: names(),
        service: SERVICE,
        vendor: VENDOR,
        text,
        flush_lines: true,
        progress_every: None,
    }
}

pub(crate) fn v4(last: u8) -> Address {
    Ipv4Addr::new(192, 0, 2, last).into()
}

pub(crate) fn v6(last: u16) -> Address {
    Address::with_zone(format!("2001:db8::{last:x}").parse().expect("an address"), 0)
}

pub(crate) fn at(micros: u64) -> Instant {
    Instant::from_nanos(micros * 1000)
}

pub(crate) fn claim(
    state: PortState,
    reason: Reason,
    p_wrong: f32,
    because: &[Because],
    raise: &[Raise],
) -> Claim {
    Claim { state, reason, confidence: Confidence::new(p_wrong, because, raise), from: None }
}

pub(crate) fn open(address: Address, port: u16, rtt_us: u64) -> Verdict {
    let local: SocketAddr = address.socket(40_000);
    let evidence =
        Evidence::new(at(1000), Fact::Asked { attempt: 1 }).and(at(1000 + rtt_us), Fact::Connected { local });
    let because = [Because::HandshakeCompleted, Because::NotSelfConnected];
    let claim = claim(PortState::Open, Reason::SynAck, 0.005, &because, &[Raise::ReadBanner]);
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Connect, 1, evidence)
        .with_rtt(Duration::from_micros(rtt_us))
}

pub(crate) fn refused(address: Address, port: u16) -> Verdict {
    let evidence = Evidence::new(at(2000), Fact::Asked { attempt: 1 }).and(at(2640), Fact::Refused);
    let claim =
        claim(PortState::Closed, Reason::ConnRefused, 0.01, &[Because::ErrorQueueEmpty], &[Raise::Capture]);
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Connect, 1, evidence)
        .with_rtt(Duration::from_micros(640))
}

pub(crate) fn rejected(address: Address, port: u16, reason: Reason, icmp: Icmp) -> Verdict {
    let evidence = Evidence::new(at(3000), Fact::Asked { attempt: 1 }).and(at(4200), Fact::Icmp(icmp));
    let mut claim = claim(PortState::Filtered, reason, 0.0005, &[Because::IcmpFromOther], &[]);
    claim.from = icmp.from;
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Connect, 1, evidence)
        .with_rtt(Duration::from_micros(1200))
}

pub(crate) fn silent(address: Address, port: u16) -> Verdict {
    let over = Duration::from_millis(2500);
    let evidence = Evidence::new(at(5000), Fact::Asked { attempt: 1 })
        .and(at(1_005_000), Fact::Asked { attempt: 2 })
        .and(at(2_505_000), Fact::Silence { attempts: 2, over })
        .and(at(2_600_000), Fact::Witness { port: 22 });
    let because = [Because::RetriesSpaced, Because::HostAnsweredLater];
    let claim = claim(PortState::Filtered, Reason::NoResponse, 0.04, &because, &[Raise::Longer]);
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Connect, 2, evidence)
}

pub(crate) fn local(address: Address, port: u16, reason: Reason, fault: LocalFault) -> Verdict {
    let evidence = Evidence::new(at(6000), Fact::Local(fault));
    let claim = claim(PortState::Unknown, reason, 1.0, &[Because::NothingSent], &[Raise::FixHere]);
    Verdict::new(Endpoint::tcp(address, port), claim, Method::Connect, 3, evidence)
}

pub(crate) fn admin_prohibited() -> Icmp {
    Icmp { family: IcmpFamily::V4, icmp_type: 3, code: 13, from: Some(v4(1)), ttl: Some(63) }
}

pub(crate) fn group(address: Address, ports: &str, samples: Vec<Verdict>) -> Group {
    let ports: PortSet = ports
        .split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse::<u16>().expect("a port")..=last.parse::<u16>().expect("a port")
        })
        .collect();
    let first = &samples[0];
    Group {
        targets: vec![AddressRange { first: address, last: address }],
        transport: Transport::Tcp,
        state: first.state(),
        reason: first.reason(),
        from: first.claim.from,
        confidence: first.claim.confidence.clone(),
        count: ports.len() as u64,
        ports,
        rtt: first.rtt.map(|rtt| RttSummary { min: rtt / 2, mean: rtt, max: rtt * 2 }),
        samples,
    }
}

pub(crate) fn begin() -> Begin {
    Begin {
        version: "0.1.0",
        argv: ["portolan", "-p1-1000", "scanme.example", "2001:db8::10"].map(Untrusted::from).to_vec(),
        started_unix: 1_795_344_127.25,
        targets: vec![Untrusted::from("scanme.example"), Untrusted::from("2001:db8::10")],
        excluded: vec![Untrusted::from("192.0.2.66")],
        authorised: Some(Untrusted::from("J. Doe, CHG-4711")),
        ports: "1-1000".to_owned(),
        udp_ports: String::new(),
        addresses: 2,
        endpoints: 2000,
        hosts_only: false,
        pings: vec![],
        methods: vec![Method::Connect],
        why: Some(portolan_model::Why::MayNotCapture),
        answers_kept: None,
        udp_by: None,
        strategy: "per-host",
        seed: 42,
        timing: 3,
        max_rate: None,
        window: 1000,
        shard: (1, 1),
    }
}

pub(crate) fn host(target: Address, state: HostState, counts: Counts) -> HostReport {
    HostReport {
        target,
        state,
        reason: (state == HostState::Up).then_some(Reason::SynAck),
        evidence: Vec::new(),
        mac: None,
        rtt: (state == HostState::Up).then_some(Duration::from_micros(640)),
        loss: 0.0,
        counts,
    }
}

/// A way that became narrow, and wide again.
fn rate() -> Rate {
    let step =
        |millis, pps, because| RateStep { at: Duration::from_millis(millis), pps, answers: pps / 2, because };
    let steps = vec![
        step(0, 33_012, PaceBecause::Start),
        step(940, 8397, PaceBecause::Queue),
        step(2110, 32_870, PaceBecause::Clear),
    ];
    Rate { mean: 22_480, highest: 40_000, steps, loss: Some(LossBy::Pace) }
}

pub(crate) fn finish(counts: Counts) -> Finish {
    Finish {
        ended: Ended::Done,
        elapsed: Duration::from_millis(2620),
        counts,
        hosts_up: 2,
        hosts_down: 0,
        hosts_silent: 0,
        hosts_aliased: 0,
        endpoints_unlisted: 0,
        packets: 3034,
        rate: rate(),
        retries: 1034,
        local_faults: 3,
        self_connects: 0,
        strays: 0,
        pending_errors: 0,
        overruns: 0,
        loss: 0.012,
        completeness: 0.998,
        completeness_bounds: Some((0.991, 1.0)),
        unknown_local: 1,
    }
}

pub(crate) fn progress() -> Progress {
    Progress {
        elapsed: Duration::from_millis(41_300),
        settled: 7466,
        endpoints: 12_240,
        counts: Counts { open: 24, closed: 6105, filtered: 1180, open_filtered: 61, ..Counts::default() },
        hosts_up: 12,
        hosts_done: 7,
        hosts: 12,
        packets: 17_016,
        max_rate: Some(500),
        waiting: 96,
        rtt: Some(Duration::from_micros(1200)),
        rtt_p95: Some(Duration::from_micros(9800)),
        loss: 0.042,
        dropped_by_us: 0,
        left: Some(TimeLeft { time: Duration::from_secs(27), at_least: false }),
        stopping: false,
    }
}

/// Two hosts: a named one with everything that can happen, and a silent one behind a router.
pub(crate) fn scan() -> Vec<Event> {
    let (a, b) = (v4(10), v6(0x10));
    let router = Icmp { family: IcmpFamily::V6, icmp_type: 1, code: 1, from: Some(v6(1)), ttl: Some(64) };
    let a_counts = Counts { open: 2, closed: 963, filtered: 34, unknown: 1, ..Counts::default() };
    let b_counts = Counts { open: 1, filtered: 999, ..Counts::default() };
    let all = Counts { open: 4, closed: 963, filtered: 1032, unknown: 1, ..Counts::default() };
    vec![
        Event::Begin(begin()),
        Event::Warning(Warning::Unresolved { name: Untrusted::from("no.such\x1b[2J.example") }),
        Event::Verdict(open(a, 22, 812)),
        Event::Verdict(open(b, 22, 12_345)),
        Event::Verdict(open(a, 443, 640)),
        Event::Warning(Warning::Loss { target: a, share: 0.042 }),
        Event::Verdict(local(a, 999, Reason::LocalFirewall, LocalFault::Firewall)),
        Event::Warning(Warning::Local { fault: LocalFault::Firewall, count: 1 }),
        Event::Ports(group(a, "1-21,23-442,444-965", vec![refused(a, 1)])),
        Event::Ports(group(
            a,
            "967-986",
            vec![rejected(a, 967, Reason::AdminProhibited, admin_prohibited())],
        )),
        Event::Ports(group(a, "986-998,1000", vec![silent(a, 986)])),
        Event::Host(host(a, HostState::Up, a_counts)),
        Event::Verdict(rejected(b, 25, Reason::AdminProhibited, router)),
        Event::Update(open(a, 993, 1_260_000)),
        Event::Ports(group(b, "1-21,23-24,26-1000", vec![silent(b, 1)])),
        Event::Host(host(b, HostState::Up, b_counts)),
        Event::Finish(finish(all)),
    ]
}

/// One of everything that an event can hold; no scan would tell all this.
pub(crate) fn everything() -> Vec<Event> {
    let a = v4(10);
    let range = AddressRange { first: v4(1), last: v4(9) };
    let faults = [
        LocalFault::Firewall,
        LocalFault::NoRoute,
        LocalFault::OwnAddress,
        LocalFault::NoNeighbour { on_link: true },
        LocalFault::NoNeighbour { on_link: false },
        LocalFault::Permission,
        LocalFault::NoPorts,
        LocalFault::NoDescriptors,
        LocalFault::NoBuffers,
        LocalFault::Other(-5),
    ];
    let mut events = scan();
    let Some(Event::Finish(end)) = events.pop() else { unreachable!("a scan ends by finish") };
    events.extend(udp::scan().into_iter().filter(|event| !matches!(event, Event::Finish(_))));
    for likeness in [Likeness::Echoes, Likeness::Fits, Likeness::Strange, Likeness::Unlike] {
        let long = [0xff; 65_507];
        events.push(Event::Verdict(udp::answered(udp::udp(a, 7), 8, "x", likeness, &long, None)));
    }
    for reason in Reason::ALL {
        for state in reason.states() {
            let mut claim = claim(*state, *reason, 0.5, Because::ALL, Raise::ALL);
            claim.from = Some(Address::with_zone("fe80::1".parse().expect("an address"), 2));
            let evidence = Evidence::new(at(1), Fact::SelfConnected).and(at(2), Fact::Stopped);
            let endpoint = Endpoint { address: a, transport: Transport::Sctp, port: 0 };
            events.push(Event::Verdict(Verdict::new(endpoint, claim, Method::Connect, 255, evidence)));
        }
    }
    for fault in faults {
        events.push(Event::Update(local(v6(9), 65_535, Reason::LocalError, fault)));
        events.push(Event::Warning(Warning::Local { fault, count: u64::MAX }));
    }
    let unsigned = Icmp { family: IcmpFamily::V4, icmp_type: 255, code: 255, from: None, ttl: None };
    events.push(Event::Verdict(rejected(a, 1, Reason::DestUnreach, unsigned)));
    let mut alike = group(a, "1-65535", vec![refused(a, 1)]);
    alike.targets = vec![range, AddressRange { first: v6(1), last: v6(1) }];
    alike.samples.clear();
    events.push(Event::Ports(alike));
    events.push(Event::Ports(group(v4(200), "7", vec![open(v4(200), 7, 1)])));
    for warning in [
        Warning::Excluded { target: Untrusted::from("x") },
        Warning::OneOfMany { name: Untrusted::from("x"), taken: a, count: 3 },
        Warning::PortsIgnored { proto: "udp", count: 17 },
        Warning::HostWentDown { target: a, count: 3 },
        Warning::HostTimeout { target: a, count: 1 },
        Warning::EveryPortOpen { target: a, count: 1000 },
        Warning::Loss { target: a, share: f32::NAN },
        Warning::AliasedPrefix { range, asked: 16, kept: a },
        Warning::FoundOnLink { target: Untrusted::from("2001:db8::/64"), count: 3 },
        Warning::FewSockets { window: 12 },
    ] {
        events.push(Event::Warning(warning));
    }
    for state in [HostState::Up, HostState::Down, HostState::Unknown] {
        let mut report = host(v4(77), state, Counts::default());
        report.loss = f32::NAN;
        let mac = Mac([0, 1, 2, 0xfd, 0xfe, 0xff]);
        let pings =
            [Ping::Neighbour, Ping::Echo, Ping::Timestamp, Ping::Syn(1), Ping::Ack(2), Ping::Udp(65_535)];
        let pinged = pings.map(|ping| Fact::Pinged { ping, attempt: 2 });
        let pongs = [Pong::Neighbour { mac }, Pong::Echo { ttl: 64 }, Pong::Timestamp { ttl: 0 }];
        let pongs = pongs.into_iter().chain([Pong::Datagram { ttl: 255 }]).map(Fact::Pong);
        report.evidence =
            pinged.into_iter().chain(pongs).map(|fact| Observation { at: at(1), fact }).collect();
        report.mac = Some(mac);
        events.push(Event::Host(report));
    }
    events.push(Event::Progress(progress()));
    events.push(Event::Finish(Finish {
        ended: Ended::Interrupted,
        endpoints_unlisted: u128::MAX,
        hosts_silent: 7,
        hosts_aliased: 70_000,
        hosts_down: 2,
        completeness: f32::NAN,
        completeness_bounds: Some((f32::NAN, f32::INFINITY)),
        ..end
    }));
    events
}
