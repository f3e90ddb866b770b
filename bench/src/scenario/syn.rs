//! SYN scans: raw packets, and so as root, in namespaces without a way out.

use super::{Floor, Goals, NO_GOALS, Program, Scenario, program, with_goal};
use crate::world::{BOTTLENECK_BITS_PER_SECOND, BOTTLENECK_BURST, CHANGES, CHANGING_BITS_PER_SECOND, Place};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "responder",
        about: "65,535 ports of a host that answers in the kernel at once: of 65,536 1966 are open, 3277 silent, 1311 \
                prohibited by the router, the rest closed. The host's work is inside the figures of whoever asks it.",
        place: Place::Responder,
        repeat: 1,
        floor: None,
        programs: &[
            Program {
                goals: Goals { peak_mb: Some(12.0), recall: Some(1.0), ..NO_GOALS },
                ..program("portolan", PORTOLAN)
            },
            with_goals("nmap -T4", NMAP, 0.12, 0.5),
            with_goals("masscan", MASSCAN, 0.30, 0.5),
        ],
    },
    Scenario {
        name: "kernel",
        about: "65,535 ports of a neighbour with a kernel of its own: 1000 listen, 3000 are dropped by its firewall, \
                all others refuse.",
        place: Place::Veth,
        repeat: 1,
        floor: None,
        programs: &[
            right("portolan", PORTOLAN),
            with_goal("nmap -T4", NMAP, 0.30),
            program("masscan", MASSCAN),
        ],
    },
    Scenario {
        name: "responder-20ms",
        about: "The same responder behind a router and a path of 10 ms one way, 20 ms there and back, without loss. \
                masscan cannot take part: it writes Ethernet frames, and the path has none.",
        place: Place::ResponderBehind { one_way_ms: 10 },
        repeat: 1,
        floor: None,
        programs: FAR_RESPONDER,
    },
    Scenario {
        name: "responder-300ms",
        about: "The same behind 150 ms one way, 300 ms there and back.",
        place: Place::ResponderBehind { one_way_ms: 150 },
        repeat: 1,
        floor: None,
        programs: FAR_RESPONDER,
    },
    Scenario {
        name: "kernel-20ms",
        about: "The neighbour with a kernel of its own behind a path of 10 ms one way, 20 ms there and back, without loss.",
        place: Place::Behind { one_way_ms: 10 },
        repeat: 1,
        floor: None,
        programs: FAR_KERNEL,
    },
    Scenario {
        name: "kernel-300ms",
        about: "The same behind 150 ms one way, 300 ms there and back.",
        place: Place::Behind { one_way_ms: 150 },
        repeat: 1,
        floor: None,
        programs: FAR_KERNEL,
    },
    Scenario {
        name: "bottleneck",
        about: "20,000 ports of a host behind a router whose link to it carries 5 Mbit/s, and 50 ms of that wait for \
                it: 300 listen, all others refuse. The floor is one SYN of portolan's for each port; nmap's has 58 octets.",
        place: Place::Bottleneck,
        repeat: 1,
        floor: Some(Floor {
            frames: 20_000,
            // Ethernet 14, IPv4 20, TCP 20 and 20 of the options that Linux sends.
            octets: 74,
            burst: BOTTLENECK_BURST,
            bits_per_second: BOTTLENECK_BITS_PER_SECOND,
            changes: None,
            goal_percent: 150,
        }),
        programs: &[
            right("portolan", "portolan -sS -p 1-20000 -q -oJ FILE TARGET"),
            program("nmap -T4", "nmap -n -Pn -sS -T4 -p 1-20000 -oX FILE TARGET"),
        ],
    },
    Scenario {
        name: "changing",
        about: "65,535 ports of a host behind a router whose link to it carries 20 Mbit/s, 5 from one second after the start \
                on, and 20 again from three seconds on; 50 ms of that wait for it. 300 listen, all others refuse.",
        place: Place::Changing,
        repeat: 1,
        floor: Some(Floor {
            frames: 65_535,
            octets: 74,
            burst: BOTTLENECK_BURST,
            bits_per_second: CHANGING_BITS_PER_SECOND,
            changes: Some(CHANGES),
            goal_percent: 150,
        }),
        programs: &[right("portolan", PORTOLAN)],
    },
];

const PORTOLAN: &str = "portolan -sS -p- -q -oJ FILE TARGET";

const NMAP: &str = "nmap -n -Pn -sS -T4 -p- -oX FILE TARGET";

const FAR_RESPONDER: &[Program] = &[right("portolan", PORTOLAN), with_goals("nmap -T4", NMAP, 0.12, 0.5)];

const FAR_KERNEL: &[Program] = &[right("portolan", PORTOLAN), with_goal("nmap -T4", NMAP, 0.30)];

/// It knows no neighbours but by a default route, which there is none of, so it is told all of the link.
const MASSCAN: &str = "masscan --rate 10000000 --wait 0 -p1-65535 --adapter to-target --adapter-ip 198.18.0.1 \
                       --router-mac ROUTER -oL FILE TARGET";

/// Every open port must be found.
const fn right(name: &'static str, command: &'static str) -> Program {
    Program { name, command, goals: Goals { recall: Some(1.0), ..NO_GOALS } }
}

const fn with_goals(name: &'static str, command: &'static str, wall: f64, cpu: f64) -> Program {
    Program { name, command, goals: Goals { wall: Some(wall), cpu: Some(cpu), ..NO_GOALS } }
}
