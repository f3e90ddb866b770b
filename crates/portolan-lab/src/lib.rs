//! Test hosts: network namespaces, listeners and daemons in them, paths with delay and loss between them, whole prefixes
//! that answer in the kernel, and a reader of what the scanner tells.
//!
//! Shared by `lab/`, which asks whether every verdict is right, and `bench/`, which asks how long it took. All of it
//! needs root. What fails here panics with the reason, as in a test: a test host that is not what it claims to be
//! proves nothing. Namespaces and servers are removed when dropped.

#![forbid(unsafe_code)]

pub mod bare;
mod flows;
pub mod forward;
pub mod line;
pub mod listen;
pub mod measure;
pub mod namespace;
mod narrow;
pub mod ndjson;
pub mod path;
pub mod pulse;
pub mod respond;
pub mod server;

use std::path::PathBuf;

/// Where a program is installed; the administration folders count, in `PATH` or not.
pub fn which(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/lib/ipsec"].map(PathBuf::from))
        .map(|folder| folder.join(tool))
        .find(|file| file.is_file())
}
