use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::step::run;

/// Whether this is the machine where nothing may be skipped.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Installs what the lab and the counts of instructions need and is not there. Not root, or not Debian: says so, and they
/// will skip by name; in CI that is a failure.
pub(crate) fn install_missing() -> Result<(), String> {
    install(TOOLS)
}

/// Installs those of some tools that are not there. Not root, or not Debian: says so, and whoever needs them will skip
/// by name; in CI that is a failure.
fn install(tools: &[(&str, &'static str)]) -> Result<(), String> {
    let mut packages: Vec<&str> =
        tools.iter().filter(|(tool, _)| !is_installed(tool)).map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        println!("every tool is installed");
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
    let _quiet = NoServices::hold()?;
    apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], packages.as_slice()].concat())
}

/// Installs what the bench needs, each by itself: a scanner that cannot be had here takes no other with it, and the bench
/// skips it by name.
pub(crate) fn install_peers() {
    for peer in PEERS.iter().filter(|(tool, _)| !is_installed(tool)) {
        if let Err(why) = install(std::slice::from_ref(peer)) {
            println!("{}: {why}", peer.0);
        }
    }
}

/// While this lives, a package that is installed starts no service: the lab starts its own, in its namespaces.
struct NoServices {
    ours: bool,
}

/// Debian Policy section 9.11.3: packages ask this program before they start anything; 101 forbids it.
const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn hold() -> Result<Self, String> {
        if Path::new(POLICY).exists() {
            return Ok(NoServices { ours: false });
        }
        let failed = |error: std::io::Error| format!("{POLICY}: {error}");
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").map_err(failed)?;
        let policy = NoServices { ours: true };
        std::fs::set_permissions(POLICY, Permissions::from_mode(0o755)).map_err(failed)?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            // Left behind it would only keep later packages quiet as well.
            let _ = std::fs::remove_file(POLICY);
        }
    }
}

/// Whether a program of this name stands in `PATH` or in the system's administration folders.
pub(crate) fn is_installed(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/lib/ipsec"].iter().map(|folder| Path::new(folder).to_owned()))
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

/// What the bench needs, and the scanners that it compares with, in the same form.
const PEERS: &[(&str, &str)] =
    &[("nft", "nftables"), ("ip", "iproute2"), ("tc", "iproute2"), ("nmap", "nmap"), ("masscan", "masscan")];

/// A tool of the lab or of the counts and the Debian package it comes in, packages together.
const TOOLS: &[(&str, &str)] = &[
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("nginx", "nginx-light"),
    ("sshd", "openssh-server"),
    ("ssh-keygen", "openssh-client"),
    ("setpriv", "util-linux"),
    ("prlimit", "util-linux"),
    ("setcap", "libcap2-bin"),
    ("ping", "iputils-ping"),
    ("sysctl", "procps"),
    ("openssl", "openssl"),
    ("dnsmasq", "dnsmasq-base"),
    ("unbound", "unbound"),
    ("in.tftpd", "tftpd-hpa"),
    ("rpcbind", "rpcbind"),
    ("chronyd", "chrony"),
    ("snmpd", "snmpd"),
    ("charon", "strongswan-charon"),
    ("openvpn", "openvpn"),
    ("turnserver", "coturn"),
    ("memcached", "memcached"),
    ("valgrind", "valgrind"),
];
