//! The measuring process: runs one program to its end and tells what it took.
//!
//! It does nothing else, so that all it waited for is that program, and it is small, so that the peak of the program's
//! memory is its own: a process starts with the peak of what started it.

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use portolan_sys::clock::monotonic_nanos;
use portolan_sys::usage::of_children;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};

/// Runs the program with its output and its complaints into two files. It is killed after `limit`.
pub fn run(
    stdout: &Path,
    stderr: &Path,
    limit: Duration,
    program: &OsString,
    words: &[OsString],
) -> std::io::Result<Value> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).stdout(File::create(stdout)?).stderr(File::create(stderr)?);
    let start = monotonic_nanos();
    let mut child = command.spawn()?;
    let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let limit = Timespec { tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX), tv_nsec: 0 };
    let in_time = loop {
        match poll(&mut [PollFd::new(&ended, PollFlags::IN)], Some(&limit)) {
            // A signal for all of us: the program decides what it makes of it.
            Err(rustix::io::Errno::INTR) => {}
            other => break other? > 0,
        }
    };
    if !in_time {
        child.kill()?;
    }
    let status = child.wait()?;
    let wall = Duration::from_nanos(monotonic_nanos() - start);
    let usage = of_children()?;
    Ok(json!({
        "wall_s": wall.as_secs_f64(),
        "user_s": usage.user.as_secs_f64(),
        "system_s": usage.system.as_secs_f64(),
        "peak_kib": usage.peak_kib,
        "code": status.code().filter(|_| in_time),
    }))
}
