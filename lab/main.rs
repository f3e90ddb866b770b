//! Kernel-level tests: the release binary against real kernels and real servers.
//!
//! Every scenario makes its own network namespaces, runs the scanner in them as an unprivileged user (some with CAP_NET_RAW,
//! or as root) and removes them again. Nothing is sent but to loopback, 198.18.0.0/15 (RFC 2544) and 2001:db8::/32
//! (RFC 3849), and none of it leaves the machine. What cannot run says `SKIPPED name: why`; where
//! `CI=true`, a skip is a failure.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "outside portolan: the lab waits for real processes by the real clock"
)]
#![expect(clippy::print_stdout, reason = "skips and measured seconds are read in the log")]

mod daemons;
mod require;
mod scanner;
mod server;

mod bad_input;
mod bounds;
mod discovery;
mod discovery_wire;
mod limits;
mod local_faults;
mod loopback;
mod resume;
mod signals;
mod syn;
mod udp;
mod veth;
