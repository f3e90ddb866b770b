//! Network namespaces for tests: nothing that is sent in one of them can leave it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};

use crate::interfaces::index_of;
use crate::packet::{Dispatch, LinkAddress};

/// Runs a test on a thread of its own, in a namespace that goes with it and has nothing but a loopback that is down.
/// Where that cannot be, says so.
pub(crate) fn in_own_namespace(test: &str, body: impl FnOnce() + Send) {
    let why = if !rustix::process::geteuid().is_root() {
        "needs root for network namespaces".to_owned()
    } else if Command::new("ip").arg("-V").stdout(Stdio::null()).status().is_err() {
        "ip is not installed".to_owned()
    } else {
        return std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                enter_a_new_namespace();
                body();
            });
            if let Err(panic) = run.join() {
                std::panic::resume_unwind(panic);
            }
        });
    };
    skip(test, &why);
}

/// Says why a test is left out. In CI that is a failure.
pub(crate) fn skip(test: &str, why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test}: {why}; in CI nothing may be skipped");
    println!("SKIPPED {test}: {why}");
}

/// `ip …` in the namespace of this thread, words separated by spaces.
pub(crate) fn ip(words: &str) {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A veth pair, one end each in a namespace of its own. The thread stays at the near end.
pub(crate) struct Cable {
    near: OwnedFd,
    far: OwnedFd,
    near_index: u32,
    far_index: u32,
}

impl Cable {
    pub(crate) const NEAR: [u8; 6] = [2, 0, 0, 0, 0, 1];
    pub(crate) const FAR: [u8; 6] = [2, 0, 0, 0, 0, 2];

    /// From the namespace of this thread to a new one.
    pub(crate) fn lay() -> Self {
        let near = namespace_of_this_thread();
        enter_a_new_namespace();
        // The numbers of the two ends shall not be the same.
        ip("link add spare type veth peer name unused");
        let far = namespace_of_this_thread();
        move_into(&near);
        let there = format!("/proc/{}/fd/{}", std::process::id(), far.as_raw_fd());
        ip(&format!(
            "link add near address 02:00:00:00:00:01 type veth \
             peer name far address 02:00:00:00:00:02 netns {there}"
        ));
        ip("link set near up");
        move_into(&far);
        ip("link set far up");
        let far_index = index_of("far").unwrap();
        move_into(&near);
        Cable { near, far, near_index: index_of("near").unwrap(), far_index }
    }

    pub(crate) fn at_the_near_end<T>(&self, run: impl FnOnce() -> T) -> T {
        move_into(&self.near);
        run()
    }

    pub(crate) fn at_the_far_end<T>(&self, run: impl FnOnce() -> T) -> T {
        move_into(&self.far);
        let done = run();
        move_into(&self.near);
        done
    }

    pub(crate) const fn near_index(&self) -> u32 {
        self.near_index
    }

    pub(crate) const fn far_index(&self) -> u32 {
        self.far_index
    }

    pub(crate) fn to_the_far_end<'a>(&self, ether_type: u16, bytes: &'a [u8]) -> Dispatch<'a> {
        Dispatch { interface: self.near_index, ether_type, to: LinkAddress::new(&Self::FAR).unwrap(), bytes }
    }

    pub(crate) fn to_the_near_end<'a>(&self, ether_type: u16, bytes: &'a [u8]) -> Dispatch<'a> {
        Dispatch { interface: self.far_index, ether_type, to: LinkAddress::new(&Self::NEAR).unwrap(), bytes }
    }
}

/// Neither duplicate address detection nor multicast memberships talk on its devices.
fn enter_a_new_namespace() {
    // SAFETY: only the network namespace of this thread changes; no descriptors are unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }.unwrap();
    for which in ["all", "default"] {
        // Where IPv6 is switched off there is no such file, and nothing to be silenced.
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{which}/disable_ipv6"), "1");
    }
}

fn namespace_of_this_thread() -> OwnedFd {
    rustix::fs::open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

fn move_into(namespace: &OwnedFd) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
}
