//! Connect scans, as a user without privileges.

use super::{Program, Scenario, program, with_goal};
use crate::world::Place;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "loopback",
        about: "65,535 ports of 127.0.0.1: 1000 listen, all others refuse.",
        place: Place::Loopback,
        repeat: 1,
        floor: None,
        programs: &[
            PORTOLAN,
            with_goal("nmap -T4", "nmap -n -Pn -sT -T4 -p- -oX FILE TARGET", 0.60),
            with_goal("rustscan -b 4500", RUSTSCAN, 0.25),
            with_goal("bare loop", "portolan-lab bare TARGET 256", 1.25),
        ],
    },
    Scenario {
        name: "veth",
        about: "65,535 ports of a neighbour: 1000 listen, 3000 are dropped by its firewall, all others refuse.",
        place: Place::Veth,
        repeat: 1,
        floor: None,
        programs: &[
            PORTOLAN,
            with_goal("nmap pushed", NMAP_PUSHED, 0.60),
            program("nmap -T4", "nmap -n -Pn -sT -T4 -p- -oX FILE TARGET"),
            with_goal("rustscan -b 4500", RUSTSCAN, 0.25),
            with_goal(
                "rustscan -b 1000",
                "rustscan -n -a TARGET -r 1-65535 -b 1000 -t 300 --ulimit 10000 -g --no-banner",
                0.25,
            ),
        ],
    },
    Scenario {
        name: "delay20",
        about: "The same neighbour behind a path of 10 ms one way, 20 ms there and back, without loss.",
        place: Place::Behind { one_way_ms: 10 },
        repeat: 1,
        floor: None,
        programs: DELAYED,
    },
    Scenario {
        name: "delay100",
        about: "The same neighbour behind a path of 50 ms one way, 100 ms there and back, without loss.",
        place: Place::Behind { one_way_ms: 50 },
        repeat: 1,
        floor: None,
        programs: DELAYED,
    },
    Scenario {
        name: "one-port",
        about: "One port of 127.0.0.1, on which something listens: what starting the program costs.",
        place: Place::OnePort,
        repeat: 3,
        floor: None,
        programs: &[
            program("portolan", "portolan -p 22 -q TARGET"),
            with_goal("nmap", "nmap -n -Pn -sT -p 22 TARGET", 0.10),
            program("rustscan", "rustscan -n -a TARGET -p 22 -b 4500 -t 1500 --ulimit 10000 -g --no-banner"),
        ],
    },
];

const PORTOLAN: Program = program("portolan", "portolan -p- -q -oJ FILE TARGET");

/// nmap as fast as it is still right on a near host.
const NMAP_PUSHED: &str =
    "nmap -n -Pn -sT -T5 --min-rate 100000 --max-retries 1 --min-parallelism 300 -p- -oX FILE TARGET";

const RUSTSCAN: &str = "rustscan -n -a TARGET -r 1-65535 -b 4500 -t 1500 --ulimit 10000 -g --no-banner";

const DELAYED: &[Program] = &[
    PORTOLAN,
    with_goal("nmap -T5", "nmap -n -Pn -sT -T5 -p- -oX FILE TARGET", 1.0),
    program("nmap pushed", NMAP_PUSHED),
    program("rustscan -b 4500", RUSTSCAN),
];
