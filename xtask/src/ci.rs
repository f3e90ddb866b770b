use std::time::Instant;

use crate::step::{self, Tally, cargo, run_tests, step};
use crate::{bench, docs, house, instructions, machine};

/// Everything that CI runs, cheapest first; stops at the first failure.
pub(crate) fn run() -> Result<(), String> {
    let start = Instant::now();
    let mut tally = Tally::default();
    step("tools", machine::install_missing)?;
    step("format", || run_cargo("fmt --all --check"))?;
    step("house rules", house::check)?;
    step("lints", || {
        run_cargo("clippy --workspace --all-targets -- -D warnings")?;
        run_cargo("clippy --package portolan --test lab -- -D warnings")
    })?;
    tally.add(step("tests", tests)?);
    step("tables of the bench", || bench::tables("--check"))?;
    // One optimised build serves the generated files and the lab; the hot paths share its crates.
    step("release build", || run_cargo("build --release --package portolan"))?;
    step("generated files", docs::check)?;
    tally.add(step("instructions", instructions::check)?);
    tally.add(step("lab", lab)?);
    tally.add(step("licences", deny)?);
    println!("\n{}", summary(&tally, start.elapsed().as_secs()));
    Ok(())
}

/// The kernel-level tests, on the optimised binary. One at a time: they measure seconds.
pub(crate) fn lab() -> Result<Tally, String> {
    run_tests(cargo("test --release --package portolan --test lab -- --test-threads=1 --nocapture"))
}

/// Licences, duplicates and sources of the dependencies. The advisory database is not asked: it lies
/// outside the repository, and the same commit would pass today and fail tomorrow.
pub(crate) fn deny() -> Result<Tally, String> {
    let mut tally = Tally::default();
    if machine::is_installed("cargo-deny") {
        run_cargo("deny --all-features check licenses bans sources")?;
    } else {
        let skip = "SKIPPED licences: cargo-deny is not installed (cargo install cargo-deny)";
        println!("{skip}");
        tally.skipped.push(skip.to_owned());
    }
    Ok(tally)
}

/// All tests but the lab. Snapshots are only compared: what differs leaves no file behind.
fn tests() -> Result<Tally, String> {
    let mut command = cargo("test --workspace");
    command.env("INSTA_UPDATE", "no");
    run_tests(command)
}

fn run_cargo(words: &str) -> Result<(), String> {
    step::run(cargo(words))
}

fn summary(tally: &Tally, seconds: u64) -> String {
    let skipped: String = tally.skipped.iter().map(|line| format!("\n  {line}")).collect();
    format!("ci: ok, {} tests passed, {} skipped, {seconds} s{skipped}", tally.passed, tally.skipped.len())
}
