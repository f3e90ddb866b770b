use std::path::Path;
use std::process::Command;

use crate::step::run;

/// Whether this is the machine where nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Installs what the lab needs and is not there. Not root, or not Debian: says so, and the lab will skip
/// by name; in CI that is a failure.
pub(crate) fn install_missing() -> Result<(), String> {
    let mut packages: Vec<&str> =
        TOOLS.iter().filter(|(tool, _)| !is_installed(tool)).map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        println!("every tool of the lab is installed");
        return Ok(());
    }
    if !is_root() || !is_installed("apt-get") {
        let why =
            format!("missing packages: {}; to install them, root and apt-get are needed", packages.join(" "));
        if is_ci() {
            return Err(why);
        }
        println!("{why}");
        return Ok(());
    }
    println!("installing {}", packages.join(" "));
    apt_get(&["update", "-qq"])?;
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], packages.as_slice()].concat())
}

/// Whether a program of this name stands in `PATH` or in the system's administration folders.
pub(crate) fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].iter().map(|folder| Path::new(folder).to_owned()))
        .any(|folder| folder.join(tool).is_file())
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    // proc_pid_status(5): "Uid: real effective saved filesystem"
    status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"))
}

fn apt_get(words: &[&str]) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(words).env("DEBIAN_FRONTEND", "noninteractive");
    run(command)
}

/// A tool of the lab and the Debian package it comes in, packages together.
const TOOLS: &[(&str, &str)] = &[
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("nginx", "nginx-light"),
    ("sshd", "openssh-server"),
    ("ssh-keygen", "openssh-client"),
    ("setpriv", "util-linux"),
    ("prlimit", "util-linux"),
    ("sysctl", "procps"),
];
