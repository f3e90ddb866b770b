use portolan_model::{LocalFault, Warning};

use crate::{Lang, msg};

msg! {
    /// The word before a hint.
    pub fn hint_label() { en: "hint: ", fr: "conseil\u{a0}: " }

    fn resolve_all() {
        en: "--resolve-all asks every address of a name",
        fr: "--resolve-all interroge toutes les adresses d'un nom",
    }
    fn no_collapse() {
        en: "--no-collapse asks every address of such a range",
        fr: "--no-collapse interroge toutes les adresses d'une telle plage",
    }
    fn own_firewall() {
        en: "look at the output rules of this machine: nft list ruleset",
        fr: "regardez les règles de sortie de cette machine\u{a0}: nft list ruleset",
    }
    fn own_route() {
        en: "look at the routes of this machine: ip route; ip -6 route",
        fr: "regardez les routes de cette machine\u{a0}: ip route; ip -6 route",
    }
    fn own_address() {
        en: "-sT asks this machine's own addresses by connect",
        fr: "-sT interroge les adresses de cette machine par connect",
    }
    fn own_neighbour() {
        en: "look at the neighbours of this machine: ip neigh",
        fr: "regardez les voisins de cette machine\u{a0}: ip neigh",
    }
    fn more_descriptors() {
        en: "more files may be open at a time after: ulimit -n 65536",
        fr: "pour ouvrir plus de fichiers à la fois\u{a0}: ulimit -n 65536",
    }
    fn more_source_ports() {
        en: "look at the source ports of this machine: sysctl net.ipv4.ip_local_port_range",
        fr: "regardez les ports sources de cette machine\u{a0}: sysctl net.ipv4.ip_local_port_range",
    }
}

/// What the user can do about a warning, if there is something that helps: owner's advice only, never
/// evasion.
pub const fn hint(lang: Lang, warning: &Warning) -> Option<&'static str> {
    match warning {
        Warning::OneOfMany { .. } => Some(resolve_all(lang)),
        Warning::Local { fault, .. } => about_fault(lang, *fault),
        Warning::AliasedPrefix { .. } => Some(no_collapse(lang)),
        Warning::FewSockets { .. } => Some(more_descriptors(lang)),
        Warning::Unresolved { .. }
        | Warning::Excluded { .. }
        | Warning::PortsIgnored { .. }
        | Warning::HostWentDown { .. }
        | Warning::HostTimeout { .. }
        | Warning::EveryPortOpen { .. }
        | Warning::Loss { .. }
        | Warning::FoundOnLink { .. } => None,
    }
}

const fn about_fault(lang: Lang, fault: LocalFault) -> Option<&'static str> {
    match fault {
        LocalFault::Firewall => Some(own_firewall(lang)),
        LocalFault::NoRoute => Some(own_route(lang)),
        LocalFault::OwnAddress => Some(own_address(lang)),
        LocalFault::NoNeighbour { .. } => Some(own_neighbour(lang)),
        LocalFault::NoDescriptors => Some(more_descriptors(lang)),
        LocalFault::NoPorts => Some(more_source_ports(lang)),
        LocalFault::Permission | LocalFault::NoBuffers | LocalFault::Other(_) => None,
    }
}
