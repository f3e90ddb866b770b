use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use portolan_model::{
    Address, AddressRange, Begin, Endpoint, Finish, Group, HostReport, HostState, PortState, Sink, Transport,
    Verdict,
};

/// Open ports and nothing else: `host:port` a line for TCP, `host:port/udp` for UDP, an IPv6 address in brackets,
/// flushed at once.
///
/// Where no port is asked, the hosts that are up: an address a line, as `-iL -` reads them.
///
/// The host is the address, whatever name it was asked by. A port is told once; what was told is not
/// taken back.
pub struct PlainSink<W> {
    out: W,
    told: BTreeSet<Endpoint>,
    hosts_only: bool,
}

impl<W: Write> PlainSink<W> {
    /// A sink into `out`.
    pub const fn new(out: W) -> Self {
        PlainSink { out, told: BTreeSet::new(), hosts_only: false }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn tell(&mut self, endpoint: Endpoint) -> io::Result<()> {
        if !self.told.insert(endpoint) {
            return Ok(());
        }
        let line = match endpoint.transport {
            Transport::Tcp => endpoint.host_port(),
            Transport::Udp | Transport::Sctp => endpoint.to_string(),
        };
        self.out.write_all((line + "\n").as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Sink for PlainSink<W> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.hosts_only = begin.hosts_only;
        Ok(())
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        if !self.hosts_only || host.state != HostState::Up {
            return Ok(());
        }
        self.out.write_all(format!("{}\n", host.target).as_bytes())?;
        self.out.flush()
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        match verdict.state() {
            PortState::Open => self.tell(verdict.endpoint),
            _ => Ok(()),
        }
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        if group.state != PortState::Open {
            return Ok(());
        }
        for address in group.targets.iter().flat_map(addresses) {
            for port in group.ports.iter() {
                self.tell(Endpoint { address, transport: group.transport, port })?;
            }
        }
        Ok(())
    }

    fn update(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.verdict(verdict)
    }

    fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
        self.out.flush()
    }
}

/// Each address of a range.
fn addresses(range: &AddressRange) -> Box<dyn Iterator<Item = Address>> {
    match (range.first.ip(), range.last.ip()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            Box::new((first.to_bits()..=last.to_bits()).map(|bits| Ipv4Addr::from_bits(bits).into()))
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let zone = range.first.zone();
            Box::new(
                (first.to_bits()..=last.to_bits())
                    .map(move |bits| Address::with_zone(Ipv6Addr::from_bits(bits), zone)),
            )
        }
        // No range mixes families.
        _ => Box::new(std::iter::empty()),
    }
}
