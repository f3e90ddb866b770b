//! A scan of both transport protocols that never happened either, with everything that UDP can answer.

use std::time::Duration;

use portolan_model::{
    Address, Because, Begin, Carrier, Claim, Counts, Endpoint, Evidence, Fact, Finish, Group, HostReport,
    HostState, Icmp, IcmpFamily, Likeness, LocalFault, Method, PortState, Raise, Reason, Service, Transport,
    Untrusted, Verdict,
};

use super::{Event, at, begin, claim, finish, group, host, open, refused, v4, v6};

pub(crate) fn udp(address: Address, port: u16) -> Endpoint {
    Endpoint { address, transport: Transport::Udp, port }
}

/// Questions of these probes left, a second apart.
fn asked(probes: &[&'static str]) -> Evidence {
    let sent = |attempt: usize, probe: &'static str| {
        let attempt_number = u8::try_from(attempt + 1).expect("a few");
        let bytes = if probe == "empty" { 0 } else { 29 };
        (at(10_000 + attempt as u64 * 1_000_000), Fact::Sent { attempt: attempt_number, probe, bytes })
    };
    let mut facts = probes.iter().enumerate().map(|(attempt, probe)| sent(attempt, probe));
    let (first_at, first) = facts.next().expect("a probe");
    facts.fold(Evidence::new(first_at, first), |evidence, (at, fact)| evidence.and(at, fact))
}

fn verdict(endpoint: Endpoint, claim: Claim, probes: &[&'static str], fact: Fact) -> Verdict {
    let tries = u8::try_from(probes.len()).expect("a few");
    let answered = at(10_000 + (probes.len() as u64 - 1) * 1_000_000 + 1_400);
    Verdict::new(endpoint, claim, Method::Udp, tries, asked(probes).and(answered, fact))
        .with_rtt(Duration::from_micros(1_400))
}

/// An answer in `bytes` from `from` (the asked port, or another of the same host).
pub(crate) fn answered(
    endpoint: Endpoint,
    from_port: u16,
    probe: &'static str,
    likeness: Likeness,
    bytes: &[u8],
    service: Option<Service>,
) -> Verdict {
    let (p_wrong, because) = match likeness {
        Likeness::Echoes => (0.001, Because::EchoesId),
        Likeness::Fits | Likeness::Strange => (0.05, Because::FitsProtocol),
        Likeness::Unlike => (0.1, Because::UnlikeProtocol),
    };
    let elsewhere = (from_port != endpoint.port).then_some(Because::OtherPort);
    let because: Vec<Because> = [because].into_iter().chain(elsewhere).collect();
    let raise: &[Raise] = if likeness == Likeness::Unlike { &[Raise::OtherPayload] } else { &[] };
    let claim = claim(PortState::Open, Reason::UdpResponse, p_wrong, &because, raise);
    let length = u16::try_from(bytes.len()).expect("a datagram");
    let from = udp(endpoint.address, from_port);
    // As if it was read off the wire, where its own address is one of ours.
    let ttl = (likeness == Likeness::Echoes).then_some(64);
    let mut verdict =
        verdict(endpoint, claim, &[probe], Fact::Datagram { from, bytes: length, likeness, ttl });
    verdict.service = service.map(Box::new);
    verdict.answer = Some(bytes.into());
    verdict
}

/// A port unreachable from the target, or from another.
pub(crate) fn unreachable(
    endpoint: Endpoint,
    from: Address,
    quoted: bool,
    probes: &[&'static str],
) -> Verdict {
    let (family, icmp_type, code) =
        if endpoint.address.is_ipv6() { (IcmpFamily::V6, 1, 4) } else { (IcmpFamily::V4, 3, 3) };
    let icmp = Icmp { family, icmp_type, code, from: Some(from), ttl: Some(64) };
    let quote = if quoted { Because::QuoteMatches } else { Because::QuoteWithoutId };
    let p_wrong = if quoted { 0.005 } else { 0.05 };
    let claim = if from == endpoint.address {
        claim(PortState::Closed, Reason::PortUnreach, p_wrong, &[Because::IcmpFromTarget, quote], &[])
    } else {
        let because = [Because::IcmpFromOther, quote];
        let claim = claim(PortState::Filtered, Reason::PortUnreach, p_wrong, &because, &[]);
        Claim { from: Some(from), ..claim }
    };
    verdict(endpoint, claim, probes, Fact::Icmp(icmp))
}

/// Nothing came back; with a witness the host still sent ICMP errors afterwards.
pub(crate) fn mute(endpoint: Endpoint, probes: &[&'static str], witness: Option<u16>) -> Verdict {
    let tries = u8::try_from(probes.len()).expect("a few");
    let over = Duration::from_millis(1000 * u64::from(tries));
    let mut evidence = asked(probes).and(at(5_000_000), Fact::Silence { attempts: tries, over });
    let mut because = vec![Because::RetriesSpaced, Because::SilenceIsAmbiguous];
    if let Some(port) = witness {
        evidence = evidence.and(at(5_100_000), Fact::Witness { port });
        because.push(Because::HostAnsweredLater);
    }
    let p_wrong = if witness.is_some() { 0.2 } else { 0.5 };
    let claim = claim(PortState::OpenFiltered, Reason::NoResponse, p_wrong, &because, &[Raise::OtherPayload]);
    Verdict::new(endpoint, claim, Method::Udp, tries, evidence)
}

/// Our own firewall would not let it out.
pub(crate) fn unsent(endpoint: Endpoint) -> Verdict {
    let claim =
        claim(PortState::Unknown, Reason::LocalFirewall, 1.0, &[Because::NothingSent], &[Raise::FixHere]);
    let evidence = Evidence::new(at(6000), Fact::Local(LocalFault::Firewall));
    Verdict::new(endpoint, claim, Method::Udp, 3, evidence)
}

/// What `template` is one of, at these ports.
pub(crate) fn alike(ports: &str, template: Verdict) -> Group {
    Group { transport: Transport::Udp, ..group(template.endpoint.address, ports, vec![template]) }
}

/// A product that wants to be more than one: an escape sequence, a bidirectional override, a formula, a new
/// record, and ten thousand bytes.
pub(crate) fn hostile() -> Service {
    let product = format!("=cmd|' /C calc'!A0\x1b[2J\u{202e}\nopen  {}", "A".repeat(10_000));
    Service {
        product: Some(Untrusted::from(product)),
        version: Some(Untrusted::from("\",\r\n{\"event\":\"finish\"}")),
        details: vec![("location", Untrusted::from("\u{9b}31mhere\0"))],
        ..Service::named("snmp", "snmp")
    }
}

fn begin_both() -> Begin {
    Begin {
        argv: ["portolan", "-sTU", "192.0.2.30", "2001:db8::30"].map(Untrusted::from).to_vec(),
        targets: vec![Untrusted::from("192.0.2.30"), Untrusted::from("2001:db8::30")],
        excluded: Vec::new(),
        authorised: None,
        ports: "1-100".to_owned(),
        udp_ports: "1-1024,1194,1900,11211".to_owned(),
        endpoints: 2 * (100 + 1027),
        hosts_only: false,
        pings: vec![],
        methods: vec![Method::Connect, Method::Udp],
        why: Some(portolan_model::Why::MayNotCapture),
        answers_kept: None,
        udp_by: Some(Carrier::Packets),
        ..begin()
    }
}

fn told_by(report: HostReport, reason: Reason) -> HostReport {
    HostReport { reason: Some(reason), ..report }
}

/// Two hosts, asked over TCP and UDP.
pub(crate) fn scan() -> Vec<Event> {
    let (a, b, router) = (v4(30), v6(0x30), v4(1));
    let dnsmasq =
        Service { product: Some(Untrusted::from("dnsmasq-2.89")), ..Service::named("domain", "dns") };
    let memcached = Service {
        product: Some(Untrusted::from("memcached")),
        version: Some(Untrusted::from("1.6.18")),
        details: vec![("uptime", Untrusted::from("86400"))],
        ..Service::named("memcache", "memcached")
    };
    let a_counts = Counts { open: 5, closed: 121, filtered: 1, open_filtered: 1000, ..Counts::default() };
    let b_counts = Counts { open: 3, closed: 1123, unknown: 1, ..Counts::default() };
    let all =
        Counts { open: 8, closed: 1244, filtered: 1, open_filtered: 1000, unknown: 1, ..Counts::default() };
    let mut end = finish(all);
    end.overruns = 12;
    end.pending_errors = 4;
    vec![
        Event::Begin(begin_both()),
        Event::Verdict(answered(udp(a, 53), 53, "dns", Likeness::Echoes, &[0xa1; 45], Some(dnsmasq))),
        Event::Verdict(open(a, 22, 812)),
        Event::Verdict(answered(
            udp(a, 11_211),
            11_211,
            "memcached",
            Likeness::Echoes,
            b"\x4e\x21\0\0\0\x01\0\0VERSION 1.6.18\r\n",
            Some(memcached),
        )),
        Event::Verdict(answered(
            udp(a, 177),
            177,
            "xdmcp",
            Likeness::Fits,
            &[0, 1, 0, 5, 0, 9],
            Some(Service::named("xdmcp", "xdmcp")),
        )),
        Event::Verdict(answered(
            udp(a, 69),
            49_153,
            "tftp",
            Likeness::Fits,
            b"\0\x05\0\x01File not found\0",
            Some(Service::named("tftp", "tftp")),
        )),
        Event::Verdict(unreachable(udp(a, 1900), a, true, &["ssdp"])),
        Event::Verdict(unreachable(udp(a, 137), router, true, &["nbns", "empty"])),
        Event::Verdict(mute(udp(a, 1194), &["openvpn", "dns", "empty"], Some(1900))),
        Event::Ports(group(a, "1-21,23-100", vec![refused(a, 1)])),
        Event::Ports(alike("1-21", unreachable(udp(a, 1), a, false, &["dns", "empty"]))),
        Event::Ports(alike("22-52,54-68,70-136,138-176,178-1024", mute(udp(a, 22), &["dns", "empty"], None))),
        Event::Host(host(a, HostState::Up, a_counts)),
        Event::Verdict(answered(udp(b, 161), 161, "snmp", Likeness::Echoes, &[0x30; 600], Some(hostile()))),
        Event::Verdict(unsent(udp(b, 123))),
        Event::Verdict(answered(udp(b, 500), 500, "dns", Likeness::Unlike, b"hello", None)),
        Event::Update(answered(udp(b, 1194), 1194, "openvpn", Likeness::Unlike, b"", None)),
        Event::Ports(group(b, "1-100", vec![refused(b, 1)])),
        Event::Ports(alike(
            "1-122,124-160,162-499,501-1024,1900,11211",
            unreachable(udp(b, 1), b, true, &["dns"]),
        )),
        Event::Host(told_by(host(b, HostState::Up, b_counts), Reason::UdpResponse)),
        Event::Finish(end),
    ]
}

/// UDP alone, of a network: no host is surely open, one is only silent.
pub(crate) fn alone() -> Vec<Event> {
    let (a, b) = (v4(30), v4(254));
    let begin = Begin {
        targets: vec![Untrusted::from("192.0.2.0/24")],
        excluded: Vec::new(),
        ports: String::new(),
        udp_ports: "1-100".to_owned(),
        addresses: 256,
        endpoints: 25_600,
        methods: vec![Method::Udp],
        why: None,
        answers_kept: None,
        udp_by: Some(Carrier::Sockets),
        ..begin()
    };
    let a_counts = Counts { closed: 60, open_filtered: 40, ..Counts::default() };
    let b_counts = Counts { open: 1, filtered: 99, ..Counts::default() };
    let all = Counts { open: 1, closed: 60, filtered: 99, open_filtered: 40, ..Counts::default() };
    let snmp = Service { product: Some(Untrusted::from("net-snmp")), ..Service::named("snmp", "snmp") };
    let end = Finish { hosts_silent: 254, endpoints_unlisted: 25_400, unknown_local: 0, ..finish(all) };
    vec![
        Event::Begin(begin),
        Event::Verdict(mute(udp(a, 1), &["dns", "empty"], None)),
        Event::Verdict(answered(udp(b, 100), 100, "snmp", Likeness::Echoes, &[0x30; 60], Some(snmp))),
        Event::Ports(alike("2-40", mute(udp(a, 2), &["dns", "empty"], None))),
        Event::Ports(alike("41-100", unreachable(udp(a, 41), a, true, &["dns"]))),
        Event::Host(told_by(host(a, HostState::Up, a_counts), Reason::PortUnreach)),
        Event::Ports(alike("1-99", unreachable(udp(b, 1), v4(1), true, &["dns"]))),
        Event::Host(told_by(host(b, HostState::Up, b_counts), Reason::UdpResponse)),
        Event::Finish(end),
    ]
}
