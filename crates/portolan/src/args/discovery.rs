//! How hosts are looked for: `-sn` and the flags that begin with P.

use portolan_model::Ping;
use portolan_target::parse_port_list;

use super::convert::{Typed, flag};
use super::flags::Flag;
use super::problem::Problem;

/// What the line says of it.
pub(super) struct Discovery {
    pub(super) hosts_only: bool,
    pub(super) pings: Vec<Ping>,
}

/// Checked against each other and against what else is typed.
pub(super) fn discovery(typed: &Typed<'_>) -> Result<Discovery, Problem> {
    let hosts_only = typed.is_set("hosts-only");
    let mut pings = Vec::new();
    for (id, default, ping) in BY_PORT {
        for value in typed.texts(id)? {
            add(&mut pings, ports(id, &value, *default)?.into_iter().map(ping));
        }
    }
    if pings.len() > MOST {
        return Err(Problem::ManyPings { most: MOST });
    }
    let plain = PLAIN.iter().filter(|(id, _)| typed.is_set(id));
    add(&mut pings, plain.map(|(_, ping)| *ping));
    if hosts_only && let Some(id) = ABOUT_PORTS.iter().find(|id| is_given(typed, id)) {
        return Err(Problem::HostsOnly { flag: flag(id) });
    }
    let asked = BY_PORT.iter().map(|(id, _, _)| *id).chain(PLAIN.iter().map(|(id, _)| *id));
    let asked: Vec<&str> = asked.filter(|id| is_given(typed, id)).collect();
    if typed.is_set("no-ping")
        && let Some(other) = hosts_only.then_some("hosts-only").or(asked.first().copied())
    {
        return Err(Problem::NoPing { other: flag(other).typed() });
    }
    let connect =
        [("-sT", typed.is_set("connect")), ("--method connect", typed.choice("method")? == Some(2))];
    let needs_packets = asked.into_iter().find(|id| *id != "ping-syn");
    if let (Some((method, _)), Some(id)) = (connect.into_iter().find(|(_, given)| *given), needs_packets) {
        return Err(Problem::NeedsPackets { flag: flag(id), method });
    }
    Ok(Discovery { hosts_only, pings })
}

type ByPort = (&'static str, u16, fn(u16) -> Ping);

/// Pings that ask a port, each with the one that is asked if none is named: those people know from nmap.
const BY_PORT: &[ByPort] =
    &[("ping-syn", 80, Ping::Syn), ("ping-ack", 80, Ping::Ack), ("ping-udp", 40_125, Ping::Udp)];

/// So many questions to find out whether one host is there are a scan by another name.
const MOST: usize = 64;

const PLAIN: &[(&str, Ping)] =
    &[("ping-echo", Ping::Echo), ("ping-timestamp", Ping::Timestamp), ("ping-neighbour", Ping::Neighbour)];

/// What says which ports are asked, how, or which of them are shown.
const ABOUT_PORTS: &[&str] =
    &["ports", "fast", "top-ports", "exclude-ports", "syn", "connect", "udp", "tcp", "open"];

fn is_given(typed: &Typed<'_>, id: &str) -> bool {
    match Flag::of_long(id.as_bytes()).and_then(|flag| flag.takes.value()) {
        Some(_) => typed.all(id).next().is_some(),
        None => typed.is_set(id),
    }
}

/// The ports that hang on a flag, or the usual one.
fn ports(id: &'static str, value: &str, default: u16) -> Result<Vec<u16>, Problem> {
    if value.is_empty() {
        return Ok(vec![default]);
    }
    match parse_port_list(value) {
        Ok(ports) => Ok(ports.iter().collect()),
        Err(_) => Err(Problem::PingPorts { flag: flag(id), value: value.to_owned() }),
    }
}

/// Each once, in the order in which they were asked for.
fn add(pings: &mut Vec<Ping>, more: impl IntoIterator<Item = Ping>) {
    for ping in more {
        if !pings.contains(&ping) {
            pings.push(ping);
        }
    }
}
