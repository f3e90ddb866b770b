//! As typed → what to scan: lists read, names resolved, exclusions known. Nothing is sent to a target here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context, Result, bail};
use portolan_model::{Address, AddressRange, PortSet, Untrusted, Warning};
use portolan_net::{Family as NetFamily, interface_index, resolve};
use portolan_report::Names;
use portolan_sys::interfaces;
use portolan_target::{
    AddressSet, Exclusions, Ports, Target, What, parse_exclude_argument, parse_exclude_list, parse_target,
    parse_target_list,
};

use crate::args::{Args, Family, Source};
use crate::ports::PortChoice;
use crate::wide::{self, Wide};

/// More than a list of targets ever needs; a larger file is a mistake.
const MAX_LIST: u64 = 1 << 30;
/// So many target texts are recorded; longer lists are recorded by their number.
const MAX_TEXTS: usize = 256;

/// What a command line means once everything it names was looked up.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// Hosts and their ports, not yet made disjoint.
    pub(crate) entries: Vec<(AddressSet, Ports)>,
    /// Ranges whose hosts are still to be found.
    pub(crate) wide: Vec<Wide>,
    /// No port is asked.
    pub(crate) hosts_only: bool,
    /// Hosts named singly.
    pub(crate) named: AddressSet,
    /// Never to be asked.
    pub(crate) excluded: Exclusions,
    /// Which address was asked by which name.
    pub(crate) names: Names,
    /// What the user should know before the scan.
    pub(crate) warnings: Vec<Warning>,
    /// Whether some name has no address.
    pub(crate) names_missing: bool,
    /// The targets as written.
    pub(crate) targets: Vec<Untrusted>,
    /// The exclusions as written.
    pub(crate) exclusions: Vec<Untrusted>,
}

impl Gathered {
    /// Every address that has a port to be asked, or is looked for, and is not excluded.
    pub(crate) fn asked(&self) -> AddressSet {
        let asked = self.entries.iter().filter(|(_, ports)| self.hosts_only || !ports.is_empty());
        self.excluded.apply(&asked.flat_map(|(hosts, _)| hosts.ranges()).collect())
    }

    /// Puts the hosts that were found in the place of the ranges they are of, in the same order.
    pub(crate) fn put(&mut self, nodes: &[Vec<Address>]) {
        for (wide, nodes) in std::mem::take(&mut self.wide).into_iter().zip(nodes) {
            let (entry, warning) = wide.found(nodes);
            self.entries.push(entry);
            self.warnings.push(warning);
        }
    }

    /// Every address that was asked for, excluded or not.
    pub(crate) fn hosts(&self) -> AddressSet {
        self.entries.iter().flat_map(|(hosts, _)| hosts.ranges()).collect()
    }

    /// Whether some of what is asked was not named singly.
    pub(crate) fn has_ranges(&self) -> bool {
        !self.asked().difference(&self.named).is_empty()
    }
}

/// Reads lists, resolves names and sets up exclusions. `catalogue` are the UDP ports that we know a
/// question for.
pub(crate) fn gather(args: &Args, catalogue: &PortSet) -> Result<Gathered> {
    let (ports, mut warnings) = PortChoice::new(args, catalogue)?;
    let mut exclusions = Vec::new();
    for text in &args.exclude {
        exclusions.extend(parse_exclude_argument(text).context("--exclude")?);
    }
    for source in &args.exclude_files {
        let bytes = read(source).with_context(|| format!("--excludefile {}", shown(source)))?;
        exclusions
            .extend(parse_exclude_list(&bytes).with_context(|| format!("--excludefile {}", shown(source)))?);
    }
    let excluded = excluded(&exclusions)?;
    let mut targets = args.targets.iter().map(|text| parse_target(text)).collect::<Result<Vec<_>, _>>()?;
    for source in &args.lists {
        let bytes = read(source).with_context(|| format!("-iL {}", shown(source)))?;
        targets.extend(parse_target_list(&bytes).with_context(|| format!("-iL {}", shown(source)))?);
    }
    let texts = texts(&targets);
    let mut found = Found { no_hosts: no_hosts(), ..Found::default() };
    found.take(args, targets, &ports, &excluded)?;
    warnings.append(&mut found.warnings);
    Ok(Gathered {
        entries: found.entries,
        wide: found.wide,
        hosts_only: args.hosts_only,
        named: found.named.into_iter().collect(),
        excluded,
        names: found.names.into_iter().collect(),
        warnings,
        names_missing: found.names_missing,
        targets: texts,
        exclusions: exclusions.into_iter().map(|target| target.text).collect(),
    })
}

/// Targets with their addresses.
#[derive(Default)]
struct Found {
    entries: Vec<(AddressSet, Ports)>,
    named: BTreeSet<Address>,
    names: BTreeMap<Address, Untrusted>,
    warnings: Vec<Warning>,
    names_missing: bool,
    wide: Vec<Wide>,
    /// Addresses that are no host's: left out of ranges, asked only if named.
    no_hosts: AddressSet,
}

impl Found {
    fn take(
        &mut self,
        args: &Args,
        targets: Vec<Target>,
        ports: &PortChoice,
        excluded: &Exclusions,
    ) -> Result<()> {
        let alone = targets.len() == 1;
        let addresses = look_up(&targets, args.family);
        let mut unwanted = 0;
        for target in targets {
            if args.hosts_only && target.ports.is_some() {
                bail!(
                    "{}: -sn asks no ports, so none can be named with a host",
                    target.text.escaped_short(60)
                )
            }
            let ports = ports.of(target.ports.as_ref());
            let single = match target.what {
                What::Range(set) => {
                    let set = of_family(&set, args.family).difference(&self.no_hosts);
                    if wide::of(&excluded.apply(&set)).is_some() {
                        self.wide.push(Wide::new(target.text, excluded.apply(&set), ports)?);
                        continue;
                    }
                    unwanted += usize::from(set.is_empty());
                    self.entries.push((set, ports));
                    continue;
                }
                What::Single(address) if needs_zone(address) => {
                    let text = target.text.escaped_short(60);
                    bail!("{text}: a link-local address needs its interface, as in {address}%eth0")
                }
                What::Single(address) => {
                    let asked = meant(address);
                    if asked != address {
                        self.names.entry(asked).or_insert_with(|| target.text.clone());
                    }
                    vec![asked]
                }
                What::Zoned(ip, zone) => match interface_index(&zone) {
                    Some(index) => vec![Address::with_zone(ip, index)],
                    None => {
                        bail!("{}: this machine has no interface of that name", target.text.escaped_short(60))
                    }
                },
                What::Name(name) => match addresses.get(&name) {
                    Some(Ok(all)) => self.of_name(args, &Untrusted::from(name.as_str()), all, excluded),
                    Some(Err(error)) if alone => bail!("{}: {error}", target.text.escaped_short(60)),
                    Some(Err(_)) | None => {
                        self.names_missing = true;
                        self.warnings.push(Warning::Unresolved { name: target.text });
                        continue;
                    }
                },
            };
            for address in single {
                if !of_this_family(address, args.family) {
                    unwanted += 1;
                } else if excluded.covers(address) {
                    self.warnings.push(Warning::Excluded { target: target.text.clone() });
                } else {
                    self.named.insert(address);
                    self.entries.push(([address].into_iter().collect(), ports.clone()));
                }
            }
        }
        self.refuse_nothing(unwanted)
    }

    /// The addresses of a name that are wanted, with the name remembered.
    fn of_name(
        &mut self,
        args: &Args,
        text: &Untrusted,
        all: &[Address],
        excluded: &Exclusions,
    ) -> Vec<Address> {
        let taken: Vec<Address> = if args.resolve_all {
            all.to_vec()
        } else {
            // IPv4 first, as scanners do: a name's first address of either kind depends on the machine.
            all.iter().find(|address| !address.is_ipv6()).or(all.first()).copied().into_iter().collect()
        };
        if let ([one], true) = (taken.as_slice(), all.len() > 1) {
            self.warnings.push(Warning::OneOfMany { name: text.clone(), taken: *one, count: all.len() });
        }
        for address in taken.iter().filter(|address| !excluded.covers(**address)) {
            self.names.entry(*address).or_insert_with(|| text.clone());
        }
        taken
    }

    fn refuse_nothing(&self, unwanted: usize) -> Result<()> {
        let any = self.entries.iter().any(|(set, _)| !set.is_empty()) || !self.wide.is_empty();
        if any || self.warnings.iter().any(|warning| matches!(warning, Warning::Excluded { .. })) {
            return Ok(());
        }
        if unwanted > 0 {
            bail!("none of the targets is of the family that was asked for (-4, -6)");
        }
        bail!("none of the targets has an address");
    }
}

fn excluded(targets: &[Target]) -> Result<Exclusions> {
    let addresses = look_up(targets, Family::Any);
    let mut set = AddressSet::new();
    for target in targets {
        let these: AddressSet = match &target.what {
            What::Range(range) => range.clone(),
            What::Single(address) => [meant(*address)].into_iter().collect(),
            What::Zoned(ip, zone) => match interface_index(zone) {
                Some(index) => [Address::with_zone(*ip, index)].into_iter().collect(),
                None => bail!("--exclude {}: no such interface", target.text.escaped_short(60)),
            },
            // An exclusion that cannot be understood must not be passed over.
            What::Name(name) => match addresses.get(name) {
                Some(Ok(all)) => all.iter().copied().collect(),
                Some(Err(error)) => bail!("--exclude {}: {error}", target.text.escaped_short(60)),
                None => bail!("--exclude {}: not looked up", target.text.escaped_short(60)),
            },
        };
        set = set.union(&these);
    }
    Ok(Exclusions::new(set))
}

type Looked = BTreeMap<String, Result<Vec<Address>, portolan_net::ResolveError>>;

fn look_up(targets: &[Target], family: Family) -> Looked {
    let names: BTreeSet<&String> = targets
        .iter()
        .filter_map(|target| match &target.what {
            What::Name(name) => Some(name),
            _ => None,
        })
        .collect();
    let names: Vec<String> = names.into_iter().cloned().collect();
    let family = match family {
        Family::Any => NetFamily::Any,
        Family::V4 => NetFamily::V4,
        Family::V6 => NetFamily::V6,
    };
    let found = resolve(&names, family).into_iter();
    let found = found.map(|all| all.map(|all| all.into_iter().map(meant).collect()));
    names.into_iter().zip(found).collect()
}

/// The unspecified address is nobody's; the kernel takes it for this machine. So that is asked by its own address: exclusions
/// hold of where packets go, and what answers over UDP answers in that name.
fn meant(address: Address) -> Address {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
        _ => address,
    }
}

/// Addresses that no host has: the unspecified ones (RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.2), multicast (RFC
/// 5771, RFC 4291 section 2.7), the limited broadcast (RFC 919), and the network's own and the broadcast address of each
/// network this machine is in.
fn no_hosts() -> AddressSet {
    let range = |first: Address, last: Address| AddressRange { first, last };
    let alone = |address: Address| range(address, address);
    let mut ranges = vec![
        alone(Ipv4Addr::UNSPECIFIED.into()),
        alone(IpAddr::V6(Ipv6Addr::UNSPECIFIED).into()),
        range(Ipv4Addr::new(224, 0, 0, 0).into(), Ipv4Addr::new(239, 255, 255, 255).into()),
        alone(Ipv4Addr::BROADCAST.into()),
        range(
            IpAddr::V6(Ipv6Addr::from_bits(0xff << 120)).into(),
            IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)).into(),
        ),
    ];
    // Without the list of interfaces nothing more is left out, and such addresses end as unknown.
    for interface in interfaces::addresses().unwrap_or_default() {
        // Point-to-point networks use both ends (RFC 3021), and all of 127/8 is this machine.
        if let IpAddr::V4(ip) = interface.ip
            && (1..31).contains(&interface.prefix)
            && !ip.is_loopback()
        {
            let (first, last) = interface.ends();
            ranges.extend([first, last].map(|end| alone(end.into())));
        }
    }
    ranges.into_iter().collect()
}

/// Whether the address means nothing without an interface (RFC 4007 section 6).
fn needs_zone(address: Address) -> bool {
    match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local() && address.zone() == 0,
    }
}

fn of_this_family(address: Address, family: Family) -> bool {
    match family {
        Family::Any => true,
        Family::V4 => !address.is_ipv6(),
        Family::V6 => address.is_ipv6(),
    }
}

fn of_family(set: &AddressSet, family: Family) -> AddressSet {
    if family == Family::Any {
        return set.clone();
    }
    set.ranges().filter(|range| of_this_family(range.first, family)).collect()
}

fn texts(targets: &[Target]) -> Vec<Untrusted> {
    let mut texts: Vec<Untrusted> =
        targets.iter().take(MAX_TEXTS).map(|target| target.text.clone()).collect();
    if targets.len() > MAX_TEXTS {
        texts.push(Untrusted::from(format!("… {} more", targets.len() - MAX_TEXTS)));
    }
    texts
}

fn read(source: &Source) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match source {
        Source::Stdin => io::stdin().lock().take(MAX_LIST).read_to_end(&mut bytes)?,
        Source::File(path) => File::open(path)?.take(MAX_LIST).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn shown(source: &Source) -> String {
    use std::os::unix::ffi::OsStrExt;
    match source {
        Source::Stdin => "-".to_owned(),
        Source::File(path) => Untrusted::new(path.as_os_str().as_bytes()).escaped_short(200),
    }
}
