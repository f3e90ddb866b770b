mod connect;
mod syn;

use serde::{Deserialize, Serialize};

use crate::world::Place;

/// Scenarios of one kind of scan. They are measured together, and have a file of runs and a page of tables.
pub(crate) struct Suite {
    /// The word that asks for it.
    pub(crate) name: &'static str,
    /// The tables, in `bench/`.
    pub(crate) page: &'static str,
    /// What stands above them.
    pub(crate) title: &'static str,
    pub(crate) user: User,
    pub(crate) scenarios: &'static [Scenario],
}

/// As whom the programs are started.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum User {
    Nobody,
    /// Who writes raw packets must be allowed to.
    Root,
}

pub(crate) const SUITES: &[Suite] = &[
    Suite {
        name: "connect",
        page: "RESULTS.md",
        title: "Connect scans",
        user: User::Nobody,
        scenarios: connect::SCENARIOS,
    },
    Suite {
        name: "syn",
        page: "RESULTS-SYN.md",
        title: "SYN scans",
        user: User::Root,
        scenarios: syn::SCENARIOS,
    },
];

/// One host to be scanned, and the programs that scan it in turn.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) place: Place,
    /// So many times the rounds that were asked for: short runs are noisy, and cheap.
    pub(crate) repeat: usize,
    /// What no program can be faster than, if the path says so.
    pub(crate) floor: Option<Floor>,
    /// The first is what the others are compared with.
    pub(crate) programs: &'static [Program],
}

/// One way to scan the host.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Words separated by spaces, the first the program. TARGET is the address; FILE is where it writes what it found
    /// of every port; ROUTER is the hardware address at the other end of the scanner's link. Without FILE, the open
    /// ports are read from its standard output.
    pub(crate) command: &'static str,
    pub(crate) goals: Goals,
}

/// What is meant to be reached: ratios to this program, by the median; figures of its own, in every round.
#[derive(Copy, Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Goals {
    /// What portolan's wall time divided by this program's is meant to be at most.
    #[serde(rename = "goal")]
    pub(crate) wall: Option<f64>,
    /// The same of its CPU time.
    #[serde(rename = "cpu_goal", skip_serializing_if = "Option::is_none", default)]
    pub(crate) cpu: Option<f64>,
    /// What its memory is meant to be at most at its peak, in MB.
    #[serde(rename = "peak_goal_mb", skip_serializing_if = "Option::is_none", default)]
    pub(crate) peak_mb: Option<f64>,
    /// Which share of the open ports it is meant to find at least.
    #[serde(rename = "recall_goal", skip_serializing_if = "Option::is_none", default)]
    pub(crate) recall: Option<f64>,
}

const NO_GOALS: Goals = Goals { wall: None, cpu: None, peak_mb: None, recall: None };

const fn program(name: &'static str, command: &'static str) -> Program {
    Program { name, command, goals: NO_GOALS }
}

const fn with_goal(name: &'static str, command: &'static str, wall: f64) -> Program {
    Program { name, command, goals: Goals { wall: Some(wall), ..NO_GOALS } }
}

/// The narrowest place of a path: one frame for each port has to pass it.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Floor {
    pub(crate) frames: u32,
    /// Of a frame of portolan's, its Ethernet header included.
    pub(crate) octets: u32,
    /// So many octets pass at once, before the rate holds.
    pub(crate) burst: u32,
    pub(crate) bits_per_second: u32,
    /// From some time on it is another, and then another again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) changes: Option<[Change; 2]>,
    /// What portolan's wall time divided by this is meant to be at most, in percent.
    pub(crate) goal_percent: u32,
}

/// So long after the start of a program so many bits a second pass.
#[derive(Copy, Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) after_ms: u32,
    pub(crate) bits_per_second: u32,
}

impl Floor {
    /// How long the frames take.
    pub(crate) fn seconds(&self) -> f64 {
        let octets = f64::from(self.frames) * f64::from(self.octets) - f64::from(self.burst);
        let (mut bits, mut from, mut rate) = (octets * 8.0, 0.0, f64::from(self.bits_per_second));
        for change in self.changes.iter().flatten() {
            let until = f64::from(change.after_ms) / 1000.0;
            if bits <= (until - from) * rate {
                break;
            }
            bits -= (until - from) * rate;
            (from, rate) = (until, f64::from(change.bits_per_second));
        }
        from + bits / rate
    }
}

/// A program that takes longer is ended, and has failed.
pub(crate) const LIMIT_SECONDS: u32 = 120;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_program_has_a_name_of_its_own_and_is_told_the_target() {
        for scenario in SUITES.iter().flat_map(|suite| suite.scenarios) {
            let names: BTreeSet<&str> = scenario.programs.iter().map(|program| program.name).collect();
            assert_eq!(names.len(), scenario.programs.len(), "{}", scenario.name);
            assert_eq!(scenario.programs[0].name, "portolan");
            for program in scenario.programs {
                let targets = program.command.split(' ').filter(|word| *word == "TARGET").count();
                assert_eq!(targets, 1, "{}", program.command);
                assert!(!program.command.contains("  "), "{}", program.command);
            }
        }
    }

    #[test]
    fn every_suite_has_files_of_its_own() {
        let files: BTreeSet<&str> = SUITES.iter().flat_map(|suite| [suite.name, suite.page]).collect();
        assert_eq!(files.len(), 2 * SUITES.len());
        for suite in SUITES {
            let names: BTreeSet<&str> = suite.scenarios.iter().map(|scenario| scenario.name).collect();
            assert_eq!(names.len(), suite.scenarios.len(), "{}", suite.name);
        }
    }

    #[test]
    fn a_floor_is_frames_by_the_rate() {
        let floor = Floor {
            frames: 20_000,
            octets: 74,
            burst: 0,
            bits_per_second: 5_000_000,
            changes: None,
            goal_percent: 150,
        };
        assert!((floor.seconds() - 2.368).abs() < 1e-9);
        let change = |after_ms, bits_per_second| Change { after_ms, bits_per_second };
        let changing = Floor { changes: Some([change(1000, 1_000_000), change(2000, 11_680_000)]), ..floor };
        // 11.84 Mbit: 5 in the first second, 1 in the next, and the rest in half a second.
        assert!((changing.seconds() - 2.5).abs() < 1e-9);
        let after_burst = Floor { burst: 10_000, ..floor };
        assert!((after_burst.seconds() - 2.352).abs() < 1e-9);
    }
}
