//! What help and man page say beside the flags, in both languages.

use super::flags::{Both, both};

pub(super) const ABOUT: Both = both(
    "tells which ports of a host answer, and why it says so",
    "dit quels ports d’un hôte répondent, et pourquoi il le dit",
);

pub(super) const USAGE: Both =
    both("Usage: portolan [FLAGS] TARGET…", "Usage\u{a0}: portolan [OPTIONS] CIBLE…");

pub(super) const TARGET: Both = both("TARGET", "CIBLE");

pub(super) const TARGET_HELP: Both = both(
    "name, address, range or host:ports; - reads stdin",
    "nom, adresse, plage ou hôte:ports\u{a0}; - lit stdin",
);

pub(super) const TARGET_MORE: Both = both(
    "Names; IPv4 and IPv6 addresses (fe80::1%eth0 too); CIDR (10.0.0.0/24); ranges (10.0.0.1-10.0.0.9, \
     10.0.0-3.1-254); pairs (example.org:80,443, [::1]:22). A target called like a verb, or beginning \
     with a dash, stands after --.",
    "Noms\u{a0}; adresses IPv4 et IPv6 (fe80::1%eth0 aussi)\u{a0}; CIDR (10.0.0.0/24)\u{a0}; plages \
     (10.0.0.1-10.0.0.9, 10.0.0-3.1-254)\u{a0}; paires (example.org:80,443, [::1]:22). Une cible nommée \
     comme un verbe, ou qui commence par un tiret, se place après --.",
);

pub(super) const EXAMPLES: Both = both("Examples", "Exemples");

/// Commands are the same in both languages.
pub(super) const EXAMPLE_LINES: &[(&str, Both)] = &[
    ("portolan 127.0.0.1", both("the 1000 likeliest TCP ports", "les 1000 ports TCP les plus probables")),
    (
        "portolan -p- --open example.org",
        both("every port, show the open ones", "tous les ports, montrer les ouverts"),
    ),
    ("portolan -sTU 192.168.1.1", both("TCP and UDP in one run", "TCP et UDP en une seule fois")),
    ("portolan -sn 192.168.1.0/24", both("who is on the network", "qui est sur le réseau")),
    (
        "portolan -F --json 10.0.0.0/24",
        both("a network, for a program to read", "un réseau, à lire par un programme"),
    ),
];

pub(super) const VERBS: Both = both("Verbs", "Verbes");

pub(super) const VERB_LINES: &[(&str, Both)] = &[
    ("scan", both("scan the targets; may be left out", "interroger les cibles\u{a0}; peut être omis")),
    ("schema", both("print the JSON Schema of --json and -oJ", "écrire le JSON Schema de --json et -oJ")),
];

pub(super) const EXIT: Both = both("Exit codes", "Codes de sortie");

pub(super) const EXIT_LINES: &[(&str, Both)] = &[
    ("0", both("done, whatever was found", "terminé, quoi qui ait été trouvé")),
    (
        "2",
        both(
            "usage or failure; a requested output is incomplete",
            "usage ou échec\u{a0}; une sortie demandée est incomplète",
        ),
    ),
    (
        "3",
        both(
            "stopped early or incomplete; what was found is kept",
            "arrêté ou incomplet\u{a0}; ce qui fut trouvé est gardé",
        ),
    ),
];

pub(super) const ENVIRONMENT: Both = both("Environment", "Environnement");

pub(super) const ENVIRONMENT_LINES: &[(&str, Both)] = &[
    (
        "PORTOLAN_LANG",
        both("the language, before that of the locale", "la langue, avant celle des paramètres régionaux"),
    ),
    ("PORTOLAN_ACCESSIBLE", both("1: as --accessible", "1\u{a0}: comme --accessible")),
    ("NO_COLOR", both("no colour, if set to anything", "aucune couleur, si défini")),
];

pub(super) const REST: Both = both("--help tells every flag.", "--help décrit toutes les options.");
