//! portolan beside other scanners, side by side on the same hosts, every verdict held against the truth.
//!
//! `cargo xtask bench` builds what this needs and starts it. Every scenario makes its own network namespaces, without
//! any route out of them, and removes them again. All runs are kept in `bench/results/connect.json`; the tables of
//! `bench/RESULTS.md` are computed from that file alone.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to the person who runs it"
)]

mod machine;
mod numbers;
mod results;
mod runner;
mod scenario;
mod score;
mod table;
mod told;
mod world;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::results::Results;
use crate::runner::Tools;
use crate::scenario::SCENARIOS;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--check"] => check(),
        ["--tables"] => Results::load(&json_file()).and_then(|results| write(&results)),
        ["connect", options @ ..] => connect(options),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Fails if the committed tables are not what the committed runs tell.
fn check() -> Result<(), String> {
    let results = Results::load(&json_file())?;
    let page = page_file();
    let page = std::fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    if page != table::page(&results) {
        return Err(
            "bench/RESULTS.md is not what bench/results/connect.json tells: cargo xtask bench --tables"
                .to_owned(),
        );
    }
    println!("bench/RESULTS.md is what {} scenarios told", results.scenarios.len());
    Ok(())
}

fn connect(words: &[&str]) -> Result<(), String> {
    let options = Options::parse(words)?;
    let mut results = if json_file().exists() { Results::load(&json_file())? } else { Results::default() };
    let tools = Tools::find(&options.rustscan, &options.version)?;
    for scenario in SCENARIOS.iter().filter(|scenario| options.only.is_none_or(|only| only == scenario.name))
    {
        results.put(tools.measure(scenario, options.rounds)?);
        // After each, so that a bench that is stopped keeps what it has.
        write(&results)?;
    }
    Ok(())
}

fn write(results: &Results) -> Result<(), String> {
    results.save(&json_file())?;
    // What a reader of the file sees, to the last digit.
    let results = Results::load(&json_file())?;
    let page = page_file();
    std::fs::write(&page, table::page(&results)).map_err(|error| format!("{}: {error}", page.display()))
}

struct Options<'a> {
    rounds: usize,
    only: Option<&'a str>,
    rustscan: PathBuf,
    version: String,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a str]) -> Result<Self, String> {
        let mut options =
            Options { rounds: 5, only: None, rustscan: PathBuf::from("rustscan"), version: String::new() };
        for pair in words.chunks(2) {
            match *pair {
                ["--rounds", number] => {
                    options.rounds =
                        number.parse().map_err(|_| format!("--rounds {number}: not a number"))?;
                }
                ["--only", name] if SCENARIOS.iter().any(|scenario| scenario.name == name) => {
                    options.only = Some(name);
                }
                ["--only", name] => {
                    let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
                    return Err(format!("--only {name}: no such scenario; there are {}", names.join(", ")));
                }
                ["--rustscan", file] => options.rustscan = PathBuf::from(file),
                ["--commit", commit] => commit.clone_into(&mut options.version),
                _ => return Err(USAGE.to_owned()),
            }
        }
        if options.rounds == 0 {
            return Err("--rounds 0: nothing to do".to_owned());
        }
        Ok(options)
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json_file() -> PathBuf {
    here().join("results/connect.json")
}

fn page_file() -> PathBuf {
    here().join("RESULTS.md")
}

const USAGE: &str = "\
usage: cargo xtask bench connect [--rounds N] [--only SCENARIO]
       cargo xtask bench --tables   writes bench/RESULTS.md anew from the runs that are kept
       cargo xtask bench --check    fails if bench/RESULTS.md is not what these runs tell";
