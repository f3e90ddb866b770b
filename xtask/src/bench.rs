use std::path::PathBuf;
use std::process::Command;

use crate::machine;
use crate::step::{cargo, read, root, run};

/// Builds the scanner and what measures it, installs the peers that it can, and measures one kind of scan.
pub(crate) fn measure(kind: &str, options: &[&str]) -> Result<(), String> {
    machine::install_peers();
    let rustscan = if kind == "connect" { rustscan() } else { PathBuf::from("rustscan") };
    run(cargo("build --release --package portolan --package portolan-lab --package bench"))?;
    let mut command = Command::new(crate::docs::target_directory()?.join("release/bench"));
    command.arg(kind).args(options).arg("--rustscan").arg(rustscan).args(["--commit", &commit()?]);
    run(command)
}

/// Compares the committed tables with the committed runs, or writes them anew.
pub(crate) fn tables(flag: &str) -> Result<(), String> {
    let mut command = cargo("run --quiet --package bench --");
    command.arg(flag);
    run(command)
}

/// Where rustscan is. If it cannot be installed, the reason is said here and the bench skips it by name.
fn rustscan() -> PathBuf {
    let folder = root().join("target/bench-tools");
    let file = folder.join("bin/rustscan");
    if !file.is_file() {
        println!("installing rustscan {RUSTSCAN} into target/bench-tools");
        let mut command = cargo("install rustscan --locked --version");
        command.arg(RUSTSCAN).arg("--root").arg(folder);
        if let Err(why) = run(command) {
            println!("SKIPPED rustscan: {why}");
        }
    }
    file
}

/// The version that every result names.
const RUSTSCAN: &str = "2.4.1";

/// What portolan is built from.
fn commit() -> Result<String, String> {
    let mut command = Command::new("git");
    command.args(["describe", "--always", "--dirty"]).current_dir(root());
    Ok(String::from_utf8_lossy(&read(command)?).trim().to_owned())
}
