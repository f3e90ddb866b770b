//! Safe wrappers over the parts of Linux that portolan touches: one file per kernel object.
//!
//! This is the only crate with `unsafe` in it, and each such block says why it is sound. Where rustix
//! has a safe call, that is used; libc stands in for what it lacks (the error queue, `SO_MEMINFO`, `getifaddrs`, tun
//! devices, packet sockets and their ring, `getrusage`, bpf(2), ethtool).
//! Nothing here knows what a scan is.

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "portolan runs on Linux on x86-64 or aarch64 only: it relies on the error queue of Linux sockets."
);

pub mod bell;
pub mod bpf;
pub mod clock;
pub mod datagram;
pub mod epoll;
pub mod error_queue;
pub mod interfaces;
pub mod limits;
pub mod netlink;
pub mod offload;
pub mod packet;
pub mod privilege;
pub mod socket;
pub mod terminal;
pub mod tun;
pub mod usage;

#[cfg(test)]
mod testing;

pub use rustix::io::Errno;
