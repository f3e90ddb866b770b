use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{Tally, cargo, read, root, run};
use crate::{docs, machine};

/// Counts the instructions of the hot paths and compares them with those that are kept. Why so, and what it is worth:
/// `docs/decisions/0010-instruction-counts.md`.
pub(crate) fn check() -> Result<Tally, String> {
    let kept = Counts::read(&kept_path())?;
    let here = Compiler::here()?;
    if !machine::is_installed("valgrind") {
        return skip("valgrind is not installed");
    }
    if kept.compiler != here {
        return skip(&format!("{KEPT} was counted with {}, this is {here}; {REWRITE}", kept.compiler));
    }
    let now = count()?;
    let (table, wrong) = compared(&kept.per_unit, &now);
    println!("{table}");
    if wrong.is_empty() { Ok(Tally::default()) } else { Err(format!("\n  {}", wrong.join("\n  "))) }
}

/// Counts, and keeps what was counted.
pub(crate) fn write() -> Result<(), String> {
    let (path, compiler) = (kept_path(), Compiler::here()?);
    let per_unit = count()?;
    let text = Counts { compiler, per_unit }.written();
    let written =
        path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &text));
    print!("{text}");
    written.map_err(|error| format!("{}: {error}", path.display()))
}

/// Where the counts are kept, from the root of the workspace.
const KEPT: &str = "bench/instructions.toml";
const REWRITE: &str = "count anew with `cargo xtask instructions --write`";

/// By so much a count may differ. The same program differs from run to run by at most 0.2 %, with what another processor
/// makes of the C library (it copies memory by other instructions there) by up to 2 %.
const TOLERANCE: f64 = 0.03;

fn kept_path() -> PathBuf {
    root().join(KEPT)
}

/// Not here: says so, and in CI that is a failure.
fn skip(why: &str) -> Result<Tally, String> {
    if machine::is_ci() {
        return Err(why.to_owned());
    }
    let skip = format!("SKIPPED instructions: {why}");
    println!("{skip}");
    Ok(Tally { passed: 0, skipped: vec![skip] })
}

/// A row a path, and what is wrong.
fn compared(kept: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) -> (String, Vec<String>) {
    let mut table = format!("{:<20} {:>10} {:>10} {:>8}", "instructions a", "kept", "now", "change");
    let mut wrong = Vec::new();
    for (name, now) in now {
        let Some(kept) = kept.get(name) else {
            wrong.push(format!("{name}: not in {KEPT}; {REWRITE}"));
            continue;
        };
        let change = now / kept - 1.0;
        table.push_str(&format!("\n{name:<20} {kept:>10.1} {now:>10.1} {:>+7.2}%", 100.0 * change));
        if change > TOLERANCE {
            wrong.push(format!(
                "{name}: {now:.1} instructions instead of {kept:.1}, {:.1} % more; if that is what the change is \
                 worth, {REWRITE}",
                100.0 * change
            ));
        } else if change < -TOLERANCE {
            table.push_str(&format!("  better: {REWRITE}"));
        }
    }
    let gone = kept.keys().filter(|name| !now.contains_key(*name));
    wrong.extend(gone.map(|name| format!("{name}: in {KEPT} and nowhere else; {REWRITE}")));
    (table, wrong)
}

/// Instructions a unit of work, by hot path.
fn count() -> Result<BTreeMap<String, f64>, String> {
    run(cargo("build --release --package portolan --example hot_paths"))?;
    let folder = docs::target_directory()?;
    let program = folder.join("release/examples/hot_paths");
    let names = text(read(Command::new(&program))?);
    names.lines().map(|name| Ok((name.to_owned(), count_path(&program, &folder, name)?))).collect()
}

fn count_path(program: &Path, folder: &Path, name: &str) -> Result<f64, String> {
    let profile = folder.join(format!("callgrind.{name}"));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--toggle-collect=*counted_from_here*"]);
    valgrind.arg(format!("--callgrind-out-file={}", profile.display())).arg(program).arg(name);
    let units = text(read(valgrind)?);
    let profile_text =
        std::fs::read_to_string(&profile).map_err(|error| format!("{}: {error}", profile.display()))?;
    // The format of callgrind's profiles: "totals: 292270246".
    let total = profile_text.lines().find_map(|line| line.strip_prefix("totals: "));
    match (number(total.unwrap_or_default()), number(&units)) {
        // No total at all, if the function that is to be counted was not found.
        (Some(total), Some(units)) if total > 0.0 && units > 0.0 => Ok(total / units),
        _ => Err(format!("{name}: nothing was counted ({total:?} instructions, {units:?} units)")),
    }
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What makes the instructions.
#[derive(PartialEq, Eq, Debug)]
struct Compiler {
    version: String,
    target: String,
}

impl Compiler {
    fn here() -> Result<Self, String> {
        let mut rustc = Command::new("rustc");
        rustc.arg("-vV").current_dir(root());
        let told = text(read(rustc)?);
        let host = told.lines().find_map(|line| line.strip_prefix("host: "));
        match (told.lines().next(), host) {
            (Some(version), Some(host)) => {
                Ok(Compiler { version: version.to_owned(), target: host.to_owned() })
            }
            _ => Err(format!("rustc -vV: {told}")),
        }
    }
}

impl std::fmt::Display for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} for {}", self.version, self.target)
    }
}

/// What is kept.
#[derive(PartialEq, Debug)]
struct Counts {
    compiler: Compiler,
    per_unit: BTreeMap<String, f64>,
}

impl Counts {
    fn read(path: &Path) -> Result<Self, String> {
        let failed = |why: String| format!("{}: {why}; {REWRITE}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        Counts::parsed(&text).map_err(failed)
    }

    fn parsed(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let word = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let (Some(version), Some(target)) = (word("compiler"), word("target")) else {
            return Err("no `compiler` or no `target`".to_owned());
        };
        let Some(counts) = table.get("instructions").and_then(toml::Value::as_table) else {
            return Err("no [instructions]".to_owned());
        };
        let number = |(name, value): (&String, &toml::Value)| match value.as_float() {
            Some(count) if count > 0.0 => Ok((name.clone(), count)),
            _ => Err(format!("{name}: not a count such as 12.5")),
        };
        let per_unit = counts.iter().map(number).collect::<Result<_, _>>()?;
        Ok(Counts { compiler: Compiler { version, target }, per_unit })
    }

    fn written(&self) -> String {
        let Compiler { version, target } = &self.compiler;
        let rows: String =
            self.per_unit.iter().map(|(name, count)| format!("{name} = {count:.1}\n")).collect();
        format!(
            "# Instructions a unit of work on the hot paths (crates/portolan/examples/hot_paths), counted by callgrind.\n\
             # Written by `cargo xtask instructions --write`; why: docs/decisions/0010-instruction-counts.md.\n\
             compiler = \"{version}\"\ntarget = \"{target}\"\n\n[instructions]\n{rows}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, f64)]) -> BTreeMap<String, f64> {
        rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn more_is_wrong_less_is_told_and_a_little_is_neither() {
        let kept = counts(&[("same", 100.0), ("more", 100.0), ("less", 100.0), ("gone", 100.0)]);
        let now = counts(&[("same", 102.9), ("more", 103.1), ("less", 96.9), ("new", 1.0)]);
        let (table, wrong) = compared(&kept, &now);
        let begins: Vec<&str> = wrong.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(begins, ["more", "new", "gone"]);
        let told: Vec<&str> = table.lines().filter(|line| line.contains("better")).collect();
        assert!(matches!(told[..], [line] if line.starts_with("less ")), "{table}");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let compiler =
            Compiler { version: "rustc 1.2.3 (abc 2026-01-01)".into(), target: "x86_64-linux".into() };
        let counts = Counts { compiler, per_unit: counts(&[("a-port", 12.5), ("b", 3.0)]) };
        assert_eq!(Counts::parsed(&counts.written()), Ok(counts));
        for wrong in [
            "",
            "compiler = \"c\"\ntarget = \"t\"",
            "compiler = \"c\"\ntarget = \"t\"\n[instructions]\na = 0.0",
        ] {
            assert!(Counts::parsed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_kept_can_be_read() {
        assert!(Counts::read(&kept_path()).is_ok_and(|kept| kept.per_unit.len() > 3));
    }
}
