//! getrusage(2): what processes have used.

use std::mem::MaybeUninit;
use std::time::Duration;

use crate::Errno;
use crate::socket::last_errno;

/// What some processes have used.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Processor time in their own code.
    pub user: Duration,
    /// Processor time in the kernel on their behalf.
    pub system: Duration,
    /// The most memory, in KiB, that one of them had at a time. A process begins with what its parent had when it
    /// started it.
    pub peak_kib: u64,
}

/// All children, and theirs, that ended and were waited for.
pub fn of_children() -> Result<Usage, Errno> {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the pointer is to a local variable of the type that the call writes.
    if unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) } != 0 {
        return Err(last_errno());
    }
    // SAFETY: the call succeeded, so it wrote the whole of it.
    let usage = unsafe { usage.assume_init() };
    Ok(Usage {
        user: duration(usage.ru_utime),
        system: duration(usage.ru_stime),
        peak_kib: u64::try_from(usage.ru_maxrss).unwrap_or(0),
    })
}

fn duration(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_that_ended_had_some_memory() {
        let status = Command::new("/bin/sh").args(["-c", ":"]).status().unwrap();
        assert!(status.success());
        assert!(of_children().unwrap().peak_kib > 100);
    }
}
