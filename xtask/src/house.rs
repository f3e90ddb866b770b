use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::step::{cargo, read, root};

/// The rules of the house that neither the compiler nor clippy can hold by itself. Says all that is
/// wrong, not only the first.
pub(crate) fn check() -> Result<(), String> {
    let metadata = metadata()?;
    let files = rust_files()?;
    let mut wrong = arrows(&metadata);
    wrong.extend(unforbidden_roots(&files));
    wrong.extend(clock_reads(&files));
    wrong.extend(long_files(&files));
    if wrong.is_empty() {
        println!("{} crates, {} files: the house rules hold", TABLE.len(), files.len());
        return Ok(());
    }
    Err(format!("\n  {}", wrong.join("\n  ")))
}

/// What cargo knows of the workspace.
pub(crate) fn metadata() -> Result<Value, String> {
    let text = read(cargo("metadata --no-deps --format-version 1"))?;
    serde_json::from_slice(&text).map_err(|error| format!("cargo metadata: {error}"))
}

/// One crate: what it may import, and what its tests may import besides.
struct Room {
    name: &'static str,
    may_import: &'static [&'static str],
    tests_may_import: &'static [&'static str],
}

/// Who may import whom, short names. The ground imports nothing but the model; no arrow points upward;
/// sideways there are two, report → explain and lab → sim. The door joins them all but the lab, which only its tests and the bench know.
const TABLE: &[Room] = &[
    Room { name: "model", may_import: &[], tests_may_import: &[] },
    Room { name: "wire", may_import: &[], tests_may_import: &[] },
    Room { name: "target", may_import: &["model"], tests_may_import: &[] },
    Room { name: "sys", may_import: &[], tests_may_import: &[] },
    Room { name: "scan", may_import: &["model", "wire", "target"], tests_may_import: &["sim"] },
    Room { name: "detect", may_import: &["model"], tests_may_import: &[] },
    Room { name: "explain", may_import: &["model", "wire"], tests_may_import: &[] },
    Room { name: "report", may_import: &["model", "explain"], tests_may_import: &[] },
    Room { name: "net", may_import: &["model", "wire", "target", "sys"], tests_may_import: &["sim"] },
    Room { name: "sim", may_import: &["model", "wire"], tests_may_import: &[] },
    Room { name: "lab", may_import: &["model", "wire", "sim", "sys"], tests_may_import: &[] },
    Room { name: "portolan", may_import: DOOR, tests_may_import: &["lab"] },
    Room { name: "bench", may_import: &["lab"], tests_may_import: &[] },
    Room { name: "xtask", may_import: &[], tests_may_import: &[] },
];

const DOOR: &[&str] =
    &["model", "wire", "target", "sys", "scan", "detect", "explain", "report", "net", "sim"];

fn arrows(metadata: &Value) -> Vec<String> {
    let packages: Vec<&Value> = metadata["packages"].as_array().into_iter().flatten().collect();
    let names: Vec<&str> = packages.iter().map(|package| short(&package["name"])).collect();
    let mut wrong: Vec<String> = TABLE
        .iter()
        .filter(|room| !names.contains(&room.name))
        .map(|room| format!("{}: in the table of arrows, not in the workspace", room.name))
        .collect();
    for package in packages {
        let name = short(&package["name"]);
        let Some(room) = TABLE.iter().find(|room| room.name == name) else {
            wrong.push(format!("{name}: not in the table of arrows (xtask/src/house.rs)"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        // A dependency with a path is one of ours, whatever it is called.
        for dependency in dependencies.filter(|dependency| dependency["path"].is_string()) {
            let to = short(&dependency["name"]);
            let is_free = dependency["kind"] == "dev" && room.tests_may_import.contains(&to);
            if !is_free && !room.may_import.contains(&to) {
                wrong.push(format!("{name} → {to}: no such arrow in the table"));
            }
        }
    }
    wrong
}

/// `portolan-scan` is `scan` in the table; the door, the bench and xtask keep their names.
fn short(name: &Value) -> &str {
    let name = name.as_str().unwrap_or_default();
    name.strip_prefix("portolan-").unwrap_or(name)
}

/// Crate roots outside portolan-sys that would accept unsafe code.
fn unforbidden_roots(files: &[File]) -> Vec<String> {
    files
        .iter()
        .filter(|file| file.is_crate_root() && !file.is_in("crates/portolan-sys"))
        .filter(|file| !file.text.contains("#![forbid(unsafe_code)]"))
        .map(|file| format!("{}: no #![forbid(unsafe_code)]", file.name))
        .collect()
}

/// Clippy's `disallowed-methods` holds this as well, but an `expect` could lift it, and it does not see
/// the system call.
fn clock_reads(files: &[File]) -> Vec<String> {
    let product = files.iter().filter(|file| {
        file.is_in("crates") && file.name.contains("/src/") && !file.is_in("crates/portolan-sys")
    });
    let lines = product.flat_map(|file| file.text.lines().enumerate().map(move |line| (file, line)));
    lines
        .filter(|(_, (_, line))| !line.trim_start().starts_with("//"))
        .filter(|(_, (_, line))| CLOCKS.iter().any(|clock| line.contains(clock)))
        .map(|(file, (at, _))| format!("{}:{}: reads a clock outside portolan-sys", file.name, at + 1))
        .collect()
}

const CLOCKS: &[&str] = &["Instant::now(", "SystemTime::now(", "clock_gettime"];

/// Files that have become two ideas.
fn long_files(files: &[File]) -> Vec<String> {
    files
        .iter()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(file, lines)| *lines > LONGEST && !file.is_generated())
        .map(|(file, lines)| format!("{}: {lines} lines, more than {LONGEST}", file.name))
        .collect()
}

const LONGEST: usize = 700;

/// One source file, named from the root of the workspace.
struct File {
    name: String,
    text: String,
}

impl File {
    fn is_in(&self, folder: &str) -> bool {
        Path::new(&self.name).starts_with(folder)
    }

    fn is_crate_root(&self) -> bool {
        ["src/lib.rs", "src/main.rs", "lab/main.rs"].iter().any(|end| Path::new(&self.name).ends_with(end))
    }

    /// Generated tables say so in their first line; nobody reads them row by row.
    fn is_generated(&self) -> bool {
        self.text.starts_with("// Generated by ")
    }
}

fn rust_files() -> Result<Vec<File>, String> {
    let mut files = Vec::new();
    for folder in ["bench", "crates", "lab", "xtask"] {
        collect(&root().join(folder), &mut files)?;
    }
    files.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<File>) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    for entry in std::fs::read_dir(folder).map_err(|error| failed(folder, error))? {
        let path: PathBuf = entry.map_err(|error| failed(folder, error))?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).map_err(|error| failed(&path, error))?;
            let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(File { name, text });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_rules_hold() {
        if let Err(wrong) = check() {
            panic!("{wrong}");
        }
    }

    #[test]
    fn a_forbidden_arrow_is_named() {
        let packages: Vec<Value> = TABLE
            .iter()
            .map(|room| {
                let dependencies = match room.name {
                    "sim" => vec![dependency("portolan-scan", Value::Null)],
                    "scan" => vec![dependency("portolan-sim", "dev".into())],
                    "wire" => vec![dependency("portolan-sim", "dev".into())],
                    _ => Vec::new(),
                };
                serde_json::json!({ "name": room.name, "dependencies": dependencies })
            })
            .chain([serde_json::json!({ "name": "portolan-common", "dependencies": [] })])
            .collect();
        let wrong = arrows(&serde_json::json!({ "packages": packages }));
        assert_eq!(
            wrong,
            [
                "wire → sim: no such arrow in the table",
                "sim → scan: no such arrow in the table",
                "common: not in the table of arrows (xtask/src/house.rs)",
            ]
        );
    }

    #[test]
    fn what_the_text_checks_look_for_is_found() {
        let file = |name: &str, text: &str| File { name: name.to_owned(), text: text.to_owned() };
        let files = [
            file("crates/portolan-scan/src/lib.rs", "//! Instant::now() in a comment\nmod pacer;"),
            file("crates/portolan-scan/src/pacer.rs", "let now = std::time::Instant::now();"),
            file("crates/portolan-sys/src/clock.rs", "Instant::now()"),
            file(
                "crates/portolan-target/src/table.rs",
                &format!("// Generated by x\n{}", "\n".repeat(LONGEST + 1)),
            ),
            file("crates/portolan-target/src/long.rs", &"\n".repeat(LONGEST + 1)),
        ];
        assert_eq!(
            unforbidden_roots(&files),
            ["crates/portolan-scan/src/lib.rs: no #![forbid(unsafe_code)]"]
        );
        assert_eq!(
            clock_reads(&files),
            ["crates/portolan-scan/src/pacer.rs:1: reads a clock outside portolan-sys"]
        );
        assert_eq!(long_files(&files), ["crates/portolan-target/src/long.rs: 701 lines, more than 700"]);
    }

    fn dependency(name: &str, kind: Value) -> Value {
        serde_json::json!({ "name": name, "path": "somewhere", "kind": kind })
    }
}
