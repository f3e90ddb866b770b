//! The hot paths, one at a time, for `cargo xtask instructions`: `hot_paths NAME` prints how many units of work it did,
//! `hot_paths` alone the names.
//!
//! Everything is prepared first; the work itself stands below [`counted_from_here`], whose name tells the counter where to
//! begin and where to end. Seeds are fixed, and nothing depends on the time.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "it tells xtask what it did")]
#![expect(clippy::unwrap_used, reason = "its inputs stand in its own source")]

mod bytes;
mod scans;
mod sinks;
mod tape;

use std::hint::black_box;
use std::process::ExitCode;

/// A hot path: its name, and what does it and counts its units.
type HotPath = (&'static str, fn() -> u64);

const HOT_PATHS: &[HotPath] = &[
    ("tcp-port", scans::tcp_ports),
    ("udp-port", scans::udp_ports),
    ("sweep-endpoint", scans::sweep),
    ("permutation-index", bytes::permutation),
    ("icmp-error", bytes::icmp_errors),
    ("text-verdict", sinks::text),
    ("ndjson-verdict", sinks::ndjson),
];

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1) else {
        HOT_PATHS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    match HOT_PATHS.iter().find(|(name, _)| *name == wanted) {
        Some((_, work)) => {
            println!("{}", work());
            ExitCode::SUCCESS
        }
        None => ExitCode::FAILURE,
    }
}

/// The only part whose instructions count. It stays a function of its own, found by its name.
#[inline(never)]
fn counted_from_here<T>(work: impl FnOnce() -> T) -> T {
    // Without this the call could become a jump, and the end would be missed.
    black_box(work())
}
