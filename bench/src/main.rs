//! portolan beside other scanners, side by side on the same hosts, every verdict held against the truth.
//!
//! `cargo xtask bench` builds what this needs and starts it. Every scenario makes its own network namespaces, without
//! any route out of them, and removes them again. All runs are kept in `bench/results/`, a file for each kind of scan; the
//! tables, `bench/RESULTS.md` and `bench/RESULTS-SYN.md`, are computed from these files alone.
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
use crate::scenario::{SUITES, Suite};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["--check"] => SUITES.iter().try_for_each(check),
        ["--tables"] => SUITES.iter().try_for_each(|suite| {
            Results::load(&json_file(suite)).and_then(|results| write(suite, &results))
        }),
        [name, options @ ..] => match SUITES.iter().find(|suite| suite.name == *name) {
            Some(suite) => measure(suite, options),
            None => Err(USAGE.to_owned()),
        },
        [] => Err(USAGE.to_owned()),
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
fn check(suite: &Suite) -> Result<(), String> {
    let results = Results::load(&json_file(suite))?;
    let page = page_file(suite);
    let page = std::fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let (name, file) = (suite.page, suite.name);
    if page != table::page(suite, &results) {
        return Err(format!(
            "bench/{name} is not what bench/results/{file}.json tells: cargo xtask bench --tables"
        ));
    }
    println!("bench/{name} is what {} scenarios told", results.scenarios.len());
    Ok(())
}

fn measure(suite: &Suite, words: &[&str]) -> Result<(), String> {
    let options = Options::parse(words, suite)?;
    let file = json_file(suite);
    let mut results = if file.exists() { Results::load(&file)? } else { Results::default() };
    let tools = Tools::find(&options.rustscan, &options.version, suite.user)?;
    let asked =
        suite.scenarios.iter().filter(|scenario| options.only.is_none_or(|only| only == scenario.name));
    for scenario in asked {
        results.put(tools.measure(scenario, options.rounds)?, suite.scenarios);
        // After each, so that a bench that is stopped keeps what it has.
        write(suite, &results)?;
    }
    Ok(())
}

fn write(suite: &Suite, results: &Results) -> Result<(), String> {
    results.save(&json_file(suite))?;
    // What a reader of the file sees, to the last digit.
    let results = Results::load(&json_file(suite))?;
    let page = page_file(suite);
    std::fs::write(&page, table::page(suite, &results))
        .map_err(|error| format!("{}: {error}", page.display()))
}

struct Options<'a> {
    rounds: usize,
    only: Option<&'a str>,
    rustscan: PathBuf,
    version: String,
}

impl<'a> Options<'a> {
    fn parse(words: &[&'a str], suite: &Suite) -> Result<Self, String> {
        let mut options =
            Options { rounds: 5, only: None, rustscan: PathBuf::from("rustscan"), version: String::new() };
        for pair in words.chunks(2) {
            match *pair {
                ["--rounds", number] => {
                    options.rounds =
                        number.parse().map_err(|_| format!("--rounds {number}: not a number"))?;
                }
                ["--only", name] if suite.scenarios.iter().any(|scenario| scenario.name == name) => {
                    options.only = Some(name);
                }
                ["--only", name] => {
                    let names: Vec<&str> = suite.scenarios.iter().map(|scenario| scenario.name).collect();
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

fn json_file(suite: &Suite) -> PathBuf {
    here().join("results").join(suite.name).with_extension("json")
}

fn page_file(suite: &Suite) -> PathBuf {
    here().join(suite.page)
}

const USAGE: &str = "\
usage: cargo xtask bench connect|syn [--rounds N] [--only SCENARIO]
       cargo xtask bench --tables   writes the tables of bench/ anew from the runs that are kept
       cargo xtask bench --check    fails if they are not what these runs tell";
