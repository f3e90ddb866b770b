use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::scenario::{Floor, Goals, Scenario};
use crate::score::Score;

/// Every run of every scenario: all that the tables are made of.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) scenarios: Vec<Measured>,
}

/// One scenario. The machine and the versions stand with each, since they need not be measured together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) machine: Machine,
    pub(crate) programs: Vec<Peer>,
    /// Programs that could not run, and why.
    pub(crate) skipped: Vec<String>,
    /// What the path or the host counted over all runs.
    #[serde(alias = "forwarder")]
    pub(crate) counted: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) floor: Option<Floor>,
    pub(crate) runs: Vec<Run>,
}

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) version: String,
    #[serde(flatten)]
    pub(crate) goals: Goals,
}

/// One program, once.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) round: usize,
    pub(crate) program: String,
    #[serde(flatten)]
    pub(crate) cost: Cost,
    /// `None` if the program failed.
    pub(crate) score: Option<Score>,
}

/// What `portolan-lab measure` tells.
#[derive(Copy, Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) wall_s: f64,
    pub(crate) user_s: f64,
    pub(crate) system_s: f64,
    pub(crate) peak_kib: u64,
    /// The exit code; `None` after a signal, ours at the end of its time included.
    pub(crate) code: Option<i32>,
}

impl Results {
    pub(crate) fn load(path: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
        serde_json::from_str(&text).map_err(|error| failed(&error))
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), String> {
        let text = self.to_text().map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Takes the place of an older measurement of the same scenario; the order is that of the scenarios.
    pub(crate) fn put(&mut self, measured: Measured, scenarios: &[Scenario]) {
        self.scenarios.retain(|older| older.name != measured.name);
        self.scenarios.push(measured);
        let position = |name: &str| scenarios.iter().position(|scenario| scenario.name == name);
        self.scenarios.sort_by_key(|measured| position(&measured.name));
    }

    /// One line a run, so that a new measurement reads well as a difference.
    fn to_text(&self) -> serde_json::Result<String> {
        let mut text = "{\"scenarios\": [".to_owned();
        for (at, measured) in self.scenarios.iter().enumerate() {
            let head = Measured { runs: Vec::new(), ..measured.clone() };
            let head = serde_json::to_string_pretty(&head)?;
            let head = head.strip_suffix("[]\n}").unwrap_or(&head);
            let runs = measured.runs.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>()?;
            text += if at == 0 { "\n" } else { ",\n" };
            text += &format!("{head}[\n    {}\n  ]\n}}", runs.join(",\n    "));
        }
        text += "\n]}\n";
        Ok(text)
    }
}

impl Measured {
    /// The runs of a program that ended well.
    pub(crate) fn good(&self, program: &str) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.program == program && run.score.is_some())
    }
}

impl Cost {
    pub(crate) fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::scenario::SUITES;

    /// Two programs, two rounds; the second program failed in the second.
    pub(crate) fn example(name: &str) -> Measured {
        let run = |round, program: &str, wall_s, score| Run {
            round,
            program: program.to_owned(),
            cost: Cost {
                wall_s,
                user_s: wall_s / 4.0,
                system_s: wall_s / 4.0,
                peak_kib: 2048,
                code: Some(0),
            },
            score,
        };
        let score = Score { open: 10, open_found: 9, false_open: 1, others: None };
        let peer = |name: &str, wall| Peer {
            name: name.to_owned(),
            command: format!("{name} TARGET"),
            version: format!("{name} 1"),
            goals: Goals { wall, ..Goals::default() },
        };
        Measured {
            name: name.to_owned(),
            about: "A host.".to_owned(),
            machine: Machine { date: "2001-02-03".to_owned(), cores: 2, ..Machine::default() },
            programs: vec![peer("portolan", None), peer("other", Some(0.5))],
            skipped: vec!["third: not installed".to_owned()],
            counted: Vec::new(),
            floor: None,
            runs: vec![
                run(1, "portolan", 1.0, Some(score.clone())),
                run(1, "other", 4.0, Some(score.clone())),
                run(2, "portolan", 3.0, Some(score)),
                run(2, "other", 4.0, None),
            ],
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut results = Results::default();
        results.put(example("veth"), SUITES[0].scenarios);
        results.put(example("loopback"), SUITES[0].scenarios);
        results.put(example("veth"), SUITES[0].scenarios);
        let names: Vec<&str> = results.scenarios.iter().map(|measured| measured.name.as_str()).collect();
        assert_eq!(names, ["loopback", "veth"]);
        let text = results.to_text().unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
        assert_eq!(text.lines().filter(|line| line.contains("\"wall_s\"")).count(), 8);
        assert_eq!(
            serde_json::from_str::<Results>(&Results::default().to_text().unwrap()).unwrap(),
            Results::default()
        );
    }
}
