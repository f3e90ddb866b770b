//! Flags that people know from other scanners and that this version has not: some come with a later
//! step, some never will. Both are refused by name, so that nobody believes they were obeyed.

use super::flags::{Both, both};

/// One refused thing under all its names.
#[derive(Debug)]
pub(super) struct Refused {
    /// As typed, with dashes.
    pub(super) names: &'static [&'static str],
    /// What it does elsewhere.
    pub(super) what: Both,
    pub(super) fate: Fate,
}

/// Whether it will ever come.
#[derive(Debug)]
pub(super) enum Fate {
    /// With a later step; what this version does instead, if that is worth saying.
    Later(Option<Both>),
    /// Never, for this reason.
    Never(Both),
}

/// The refused flag of exactly this name.
pub(super) fn named(name: &[u8]) -> Option<(&'static str, &'static Refused)> {
    every_name().find(|(known, _)| known.as_bytes() == name)
}

/// The refused single-dash flag with which this text (without its dash) begins; the longest name wins.
pub(super) fn beginning(text: &[u8]) -> Option<(&'static str, &'static Refused)> {
    every_name()
        .filter(|(known, _)| {
            !known.starts_with("--")
                && known.strip_prefix('-').is_some_and(|name| text.starts_with(name.as_bytes()))
        })
        .max_by_key(|(known, _)| known.len())
}

/// Verbs of later steps: reserved now, so that no script ever means a host by them.
pub(super) const LATER_VERBS: &[&str] = &[
    "audit", "config", "diff", "doctor", "explain", "history", "lab", "replay", "report", "resume", "scope",
    "watch",
];

fn every_name() -> impl Iterator<Item = (&'static str, &'static Refused)> {
    REFUSED.iter().flat_map(|row| row.names.iter().map(move |name| (*name, row)))
}

const REFUSED: &[Refused] = &[
    // How ports are asked.
    later(
        &["--udp-budget", "--udp-proof"],
        both("fine control of UDP", "réglage fin d’UDP"),
        Some(BY_ITSELF),
    ),
    later(&["-sN"], both("Null scan", "balayage Null"), Some(BY_CONNECT)),
    later(&["-sF"], both("FIN scan", "balayage FIN"), Some(BY_CONNECT)),
    later(&["-sX"], both("Xmas scan", "balayage Xmas"), Some(BY_CONNECT)),
    later(&["-sW"], both("window scan", "balayage par fenêtre"), Some(BY_CONNECT)),
    later(&["-sM"], both("Maimon scan", "balayage Maimon"), Some(BY_CONNECT)),
    later(&["-sY", "-sZ"], both("SCTP scan", "balayage SCTP"), Some(TCP_AND_UDP)),
    later(&["-sO"], both("IP protocol scan", "balayage des protocoles IP"), Some(TCP_AND_UDP)),
    later(&["--scanflags"], both("chosen TCP flags", "drapeaux TCP au choix"), Some(BY_CONNECT)),
    // Hosts.
    later(&["-sL"], both("list of the targets", "liste des cibles"), None),
    later(
        &["-PY", "-PM", "-PO"],
        both(
            "host discovery by SCTP, address mask or IP protocol",
            "découverte par SCTP, masque ou protocole IP",
        ),
        Some(OTHER_PINGS),
    ),
    later(&["-R", "--system-dns", "--dns-servers"], both("reverse names", "noms inverses"), None),
    later(&["-iR"], both("random targets", "cibles au hasard"), None),
    later(&["--traceroute"], both("the path to a host", "le chemin vers un hôte"), None),
    // What runs behind a port.
    later(
        &["-sV", "--version-intensity", "--version-light", "--version-all", "--version-trace", "--banners"],
        both("service detection", "détection des services"),
        None,
    ),
    later(
        &["-O", "--osscan-guess", "--osscan-limit"],
        both("system detection", "détection du système"),
        None,
    ),
    later(&["-A"], both("services, system and path at once", "services, système et chemin à la fois"), None),
    later(
        &["-sC", "--script", "--script-args", "--script-args-file", "--script-trace", "--script-help"],
        both("scripts", "scripts"),
        None,
    ),
    // Pace.
    later(
        &["--min-parallelism", "--max-parallelism", "--min-hostgroup", "--max-hostgroup"],
        both("number of probes at a time", "nombre de sondes à la fois"),
        Some(BY_ITSELF),
    ),
    later(&["--retries"], both("number of retries", "nombre de relances"), Some(MAX_RETRIES)),
    later(
        &["--initial-rtt-timeout", "--min-rtt-timeout", "--max-rtt-timeout"],
        both("waiting time", "délai d’attente"),
        Some(BY_ITSELF),
    ),
    later(
        &["--scan-delay", "--max-scan-delay"],
        both("gap between probes", "écart entre sondes"),
        Some(MAX_RATE),
    ),
    later(&["-r"], both("ports in order", "ports dans l’ordre"), None),
    later(
        &["--randomize-hosts"],
        both("hosts in random order", "hôtes dans un ordre aléatoire"),
        Some(SHUFFLED),
    ),
    // Outputs, state and the machine.
    later(&["-oX"], both("nmap’s XML", "XML de nmap"), Some(NDJSON)),
    later(&["-oG"], both("grepable output", "sortie pour grep"), Some(NDJSON)),
    later(&["-oA"], both("all formats at once", "tous les formats à la fois"), Some(NDJSON)),
    later(&["--append-output"], both("adding to a file", "ajout à un fichier"), None),
    later(&["--pcapng"], both("capture into a file", "capture dans un fichier"), None),
    later(&["--ascii"], both("plain characters only", "caractères simples seulement"), None),
    later(&["--iflist"], both("list of the interfaces", "liste des interfaces"), None),
    // What portolan will not do.
    never(&["-S"], both("foreign source address", "adresse source d’autrui"), OWN_ADDRESSES),
    never(&["-D"], both("decoys", "leurres"), OWN_ADDRESSES),
    never(&["--spoof-mac"], both("foreign hardware address", "adresse matérielle d’autrui"), OWN_ADDRESSES),
    never(&["-g", "--source-port"], both("chosen source port", "port source choisi"), PLAIN_PACKETS),
    never(&["-f", "--mtu"], both("fragmentation", "fragmentation"), PLAIN_PACKETS),
    never(&["--badsum"], both("wrong checksums", "sommes de contrôle fausses"), PLAIN_PACKETS),
    never(&["--ip-options"], both("IP options", "options IP"), PLAIN_PACKETS),
    never(&["--ttl"], both("chosen time to live", "durée de vie choisie"), PLAIN_PACKETS),
    never(
        &["--data-length", "--data", "--data-string"],
        both("filler in probes", "remplissage des sondes"),
        PLAIN_PACKETS,
    ),
    never(&["-sI"], both("idle scan", "balayage par tiers inactif"), NO_THIRD_PARTY),
    never(&["-b"], both("FTP bounce", "rebond FTP"), NO_THIRD_PARTY),
    never(&["--proxies", "--proxy"], both("proxies", "mandataires"), NO_THIRD_PARTY),
    never(&["-oS"], both("altered spelling", "orthographe altérée"), READABLE),
];

const fn later(names: &'static [&'static str], what: Both, instead: Option<Both>) -> Refused {
    Refused { names, what, fate: Fate::Later(instead) }
}

const fn never(names: &'static [&'static str], what: Both, why: Both) -> Refused {
    Refused { names, what, fate: Fate::Never(why) }
}

const BY_CONNECT: Both =
    both("this version asks TCP by connect (-sT)", "cette version interroge TCP par connect (-sT)");
const TCP_AND_UDP: Both =
    both("this version asks TCP and UDP ports only", "cette version n’interroge que les ports TCP et UDP");
const OTHER_PINGS: Both =
    both("there are -PE, -PP, -PS, -PA, -PU and -PR", "il y a -PE, -PP, -PS, -PA, -PU et -PR");
const MAX_RATE: Both = both("--max-rate N sets a ceiling", "--max-rate N fixe un plafond");
const BY_ITSELF: Both = both("this version decides by itself", "cette version en décide seule");
const MAX_RETRIES: Both = both("--max-retries N sets a ceiling", "--max-retries N fixe un plafond");
const SHUFFLED: Both = both("the order is always random", "l’ordre est toujours aléatoire");
const NDJSON: Both = both("-oJ FILE writes NDJSON", "-oJ FICHIER écrit du NDJSON");
const OWN_ADDRESSES: Both = both(
    "it sends only from the machine’s own addresses",
    "il n’envoie que depuis les adresses de la machine elle-même",
);
const PLAIN_PACKETS: Both =
    both("it sends only plain, correct packets", "il n’envoie que des paquets simples et corrects");
const NO_THIRD_PARTY: Both = both("it asks its targets itself", "il interroge lui-même ses cibles");
const READABLE: Both = both("its output is for reading", "sa sortie est faite pour être lue");
