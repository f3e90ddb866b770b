//! A world as its file describes it.

use std::path::Path;

use serde::Deserialize;

use crate::error::WorldError;
use crate::host::HostSpec;
use crate::machine::MachineSpec;
use crate::node::{NodeSpec, Stand};
use crate::text::{Ports, Range};
use crate::world::World;

/// The description of a world: what is there, what is before it, and what is to be scanned.
///
/// The files in `worlds/` show every key at work; an unknown key is an error.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorldSpec {
    /// One sentence: what this world puts to the test.
    pub about: String,
    pub(crate) targets: Vec<TargetSpec>,
    /// The TCP ports to scan …
    #[serde(default)]
    pub(crate) ports: Ports,
    /// … and the UDP ports.
    #[serde(default)]
    pub(crate) udp_ports: Ports,
    /// The nodes between us and every host, from us outwards.
    #[serde(default)]
    pub(crate) path: Vec<NodeSpec>,
    pub(crate) hosts: Vec<HostSpec>,
    #[serde(default)]
    pub(crate) machine: MachineSpec,
}

/// What to scan.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TargetSpec {
    pub(crate) addresses: Range,
    /// As if the user had written each address by itself.
    #[serde(default)]
    pub(crate) named: bool,
}

impl WorldSpec {
    /// Reads a world's file.
    pub fn load(path: &Path) -> Result<WorldSpec, WorldError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| WorldError::Read { path: path.to_owned(), source })?;
        WorldSpec::parse(&text).map_err(|error| error.of(path))
    }

    /// Reads a world's text.
    pub fn parse(text: &str) -> Result<WorldSpec, WorldError> {
        let spec: WorldSpec =
            toml::from_str(text).map_err(|source| WorldError::Parse { path: None, source })?;
        spec.check()?;
        Ok(spec)
    }

    /// The world of this description and `seed`.
    pub fn build(&self, seed: u64) -> World {
        World::new(self.clone(), seed)
    }

    /// What the world is made of, without its names and addresses: two worlds of one fingerprint would
    /// test the same thing.
    pub fn fingerprint(&self) -> String {
        let mut hosts: Vec<_> = self.hosts.iter().map(HostSpec::fingerprint).collect();
        hosts.sort();
        let asked = [&self.ports, &self.udp_ports].map(|ports| !ports.0.is_empty());
        format!("asked {asked:?}\npath {:?}\nhosts {hosts:#?}\nmachine {:?}", self.path, self.machine)
    }

    fn check(&self) -> Result<(), WorldError> {
        if self.about.trim().is_empty() {
            return Err(WorldError::invalid("`about` says nothing"));
        }
        if self.targets.is_empty() || self.hosts.is_empty() {
            return Err(WorldError::invalid("a world has at least one target and one host"));
        }
        let ranges = self.targets.iter().map(|target| &target.addresses);
        if ranges.clone().map(Range::len).sum::<u128>() > MAX_ADDRESSES {
            return Err(WorldError::invalid(format!("more than {MAX_ADDRESSES} targets")));
        }
        for (index, range) in ranges.clone().enumerate() {
            if ranges.clone().take(index).any(|other| other.overlaps(range)) {
                return Err(WorldError::invalid(format!("the targets {range:?} stand there twice")));
            }
        }
        if self.ports.0.is_empty() && self.udp_ports.0.is_empty() {
            return Err(WorldError::invalid("a world has at least one of `ports` and `udp_ports`"));
        }
        let common = || self.path.iter().filter_map(NodeSpec::stand);
        if let Some(range) = ranges.clone().find(|range| common().any(|stand| is_foreign(stand, range))) {
            return Err(WorldError::invalid(format!("a box before {range:?} speaks the other family")));
        }
        self.machine.check()?;
        let nodes = self.path.iter().chain(self.hosts.iter().flat_map(|host| &host.path));
        if !self.udp_ports.0.is_empty() && nodes.clone().any(NodeSpec::resets_datagrams) {
            return Err(WorldError::invalid("no box refuses a datagram with a reset"));
        }
        for (index, host) in self.hosts.iter().enumerate() {
            host.check()?;
            self.check_boxes(host)?;
            if self.hosts[..index].iter().any(|other| other.addresses.overlaps(&host.addresses)) {
                return Err(WorldError::invalid(format!("the hosts {:?} stand there twice", host.addresses)));
            }
        }
        if self.hosts.iter().map(|host| host.addresses.len()).sum::<u128>() > MAX_ADDRESSES {
            return Err(WorldError::invalid(format!("more than {MAX_ADDRESSES} hosts")));
        }
        Ok(())
    }

    /// Whoever answers before a host is nearer than it, and speaks its family.
    fn check_boxes(&self, host: &HostSpec) -> Result<(), WorldError> {
        let nodes = self.path.iter().chain(&host.path).filter_map(NodeSpec::stand);
        let wrong = |what| Err(WorldError::invalid(format!("a box before {:?} {what}", host.addresses)));
        for stand in nodes.chain(host.stands()) {
            if is_foreign(stand, &host.addresses) {
                return wrong("speaks the other family");
            }
            if stand.ttl <= host.ttl {
                return wrong("is not nearer: its TTL is no higher than theirs");
            }
        }
        Ok(())
    }
}

/// Whether a box answers what goes to these addresses in a family that they do not speak.
fn is_foreign(stand: Stand, to: &Range) -> bool {
    stand.by.is_some_and(|by| by.is_ipv6() != to.0.first.is_ipv6())
}

/// A world is to be walked through in a blink.
const MAX_ADDRESSES: u128 = 1 << 17;
