//! All automation of the workspace, so that CI runs what a developer runs.
//!
//! `cargo xtask` alone lists the verbs.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program talks to the person who runs it"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "not part of portolan: it measures its own steps by the machine's clock"
)]

mod bench;
mod ci;
mod docs;
mod house;
mod instructions;
mod machine;
mod step;
mod vendors;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["ci"] => ci::run(),
        ["arrows"] => house::check(),
        ["docs"] => docs::write(),
        ["docs", "--check"] => docs::check(),
        ["bench", flag @ ("--check" | "--tables")] => bench::tables(flag),
        ["bench", kind @ ("connect" | "syn"), options @ ..] => bench::measure(kind, options),
        ["instructions"] => instructions::check().map(drop),
        ["instructions", "--write"] => instructions::write(),
        ["vendors", folder] => vendors::write(folder),
        ["lab"] => ci::lab().map(drop),
        ["deny"] => ci::deny().map(drop),
        ["setup"] => machine::install_missing(),
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

const USAGE: &str = "\
usage: cargo xtask VERB
  ci              everything CI runs, in CI's order
  arrows          the house rules: who imports whom, unsafe, the clock, file sizes
  docs [--check]  write (or compare) the man page and the shell completions
  bench connect|syn [--rounds N] [--only SCENARIO]
                  portolan beside other scanners, side by side (root, in network namespaces)
  bench --check   compare the tables of bench/ with the runs that are kept (--tables writes them anew)
  instructions [--write]
                  count (or keep) the instructions of the hot paths, with valgrind
  vendors FOLDER  pack the IEEE's oui.csv, mam.csv, oui36.csv and iab.csv into the listing that portolan brings
  lab             the kernel-level tests alone (root, in network namespaces)
  deny            licences, sources and duplicates of the dependencies
  setup           install the Debian packages that the lab and the counts need (root)";
