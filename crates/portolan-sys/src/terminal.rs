//! Single keys from the terminal, and a terminal that is left as it was found: termios(3),
//! tcgetpgrp(3), signal(7).
//!
//! Whatever ends or stops the process, the terminal gets its modes back first: [`guard`] and [`guard_stops`] do it
//! in the signal handler, [`Keys`] and [`AsFound`] when dropped. From the background nothing is touched.
//!
//! Modes are changed through standard output, which is the terminal that something is drawn on; the caller has
//! made sure that standard input, if keys are read there, is the same.

use std::io;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level;

use crate::Errno;

/// The modes to be given back, while ours hold; else null. What it points to is never freed nor changed, so a
/// signal handler may read it at any time.
static FOUND: AtomicPtr<libc::termios> = AtomicPtr::new(ptr::null_mut());
/// Whether something stands below the cursor of standard output that goes if the process does.
static DRAWN: AtomicBool = AtomicBool::new(false);
/// Whether modes may not be changed any more.
static OVER: AtomicBool = AtomicBool::new(false);

/// Says whether something stands below the cursor that is to be erased if the process ends or stops.
pub fn set_drawn(drawn: bool) {
    DRAWN.store(drawn, Ordering::SeqCst);
}

/// Whether this process may use the terminal behind a descriptor: it is none of a background job.
pub fn is_foreground(terminal: impl rustix::fd::AsFd) -> bool {
    rustix::termios::tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// From now on SIGINT, SIGTERM and SIGHUP leave the terminal as it was found if `wanted` is raised already: the first
/// only raises it.
///
/// Handlers run in the order in which they were registered: this comes before the one that ends the process.
pub fn guard(wanted: &Arc<AtomicBool>) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let wanted = Arc::clone(wanted);
        let action = move || {
            if wanted.load(Ordering::SeqCst) {
                leave();
            }
        };
        // SAFETY: the action loads an atomic and calls `leave`, which is async-signal-safe.
        unsafe { low_level::register(signal, action)? };
    }
    Ok(())
}

/// The same for SIGQUIT and SIGTSTP, which then do what they do by default.
pub fn guard_stops() -> io::Result<()> {
    for signal in [SIGQUIT, SIGTSTP] {
        let action = move || {
            leave();
            // It fails for unknown signals only.
            let _ = low_level::emulate_default_handler(signal);
        };
        // SAFETY: `leave` is async-signal-safe, and so is the emulation, by its own documentation.
        unsafe { low_level::register(signal, action)? };
    }
    Ok(())
}

/// Erases what was drawn and gives the modes back. Async-signal-safe: it loads atomics and calls tcgetpgrp, getpgrp,
/// tcsetattr and write only (POSIX.1-2017, 2.4.3). errno is kept by the caller, signal-hook's handler.
fn leave() {
    if DRAWN.swap(false, Ordering::SeqCst) && owns(libc::STDOUT_FILENO) {
        const ERASE: &[u8] = b"\r\x1b[J";
        // SAFETY: the pointer is to so many constant bytes.
        let _ = unsafe { libc::write(libc::STDOUT_FILENO, ERASE.as_ptr().cast(), ERASE.len()) };
    }
    give_back();
}

fn give_back() {
    let found = FOUND.swap(ptr::null_mut(), Ordering::SeqCst);
    // In the background the shell has set its own modes.
    if !found.is_null() && owns(libc::STDOUT_FILENO) {
        // SAFETY: not null, so it came from `Keys::enter`, which leaks it and never changes it.
        let _ = unsafe { libc::tcsetattr(libc::STDOUT_FILENO, libc::TCSANOW, found) };
    }
}

/// The same as [`is_foreground`], async-signal-safe.
fn owns(descriptor: libc::c_int) -> bool {
    // SAFETY: both calls take no pointer.
    unsafe { libc::tcgetpgrp(descriptor) == libc::getpgrp() }
}

/// Leaves the terminal as it was found when dropped, for good: held by what outlives everything that draws.
#[derive(Debug)]
pub struct AsFound;

impl Drop for AsFound {
    fn drop(&mut self) {
        OVER.store(true, Ordering::SeqCst);
        leave();
    }
}

/// A terminal that does not echo what is typed, which would tear what is drawn; and the keys themselves, each as soon
/// as it is pressed, if they are ours to read.
#[derive(Debug)]
pub struct Keys {
    reads: bool,
}

impl Keys {
    /// Of the terminal on standard output. Nothing changes before [`Keys::pressed`]. With `reads`, standard input is
    /// the same terminal, and nobody else wants what is typed there.
    pub const fn new(reads: bool) -> Self {
        Keys { reads }
    }

    /// What was pressed since the last call; does not wait. Nothing in the background.
    ///
    /// Modes are set again whenever they are not ours: after a stop, the shell or [`guard_stops`] has changed them.
    pub fn pressed(&mut self) -> Vec<u8> {
        if !owns(libc::STDOUT_FILENO) || !self.enter() || !self.reads {
            return Vec::new();
        }
        let stdin = rustix::stdio::stdin();
        let mut poll = [PollFd::new(&stdin, PollFlags::IN)];
        if !matches!(rustix::event::poll(&mut poll, Some(&Timespec::default())), Ok(1..)) {
            return Vec::new();
        }
        let mut keys = [0; 64];
        match rustix::io::read(stdin, &mut keys) {
            Ok(count @ 1..) => keys[..count].to_vec(),
            Err(Errno::INTR | Errno::AGAIN) => Vec::new(),
            // The terminal hung up.
            _ => {
                self.reads = false;
                Vec::new()
            }
        }
    }

    /// Nothing is echoed and, if keys are read, lines are not waited for. Signals still come from Ctrl-C and Ctrl-Z.
    fn enter(&self) -> bool {
        let cooked = if self.reads { libc::ICANON | libc::ECHO } else { libc::ECHO };
        let Some(found) = modes().filter(|_| !OVER.load(Ordering::SeqCst)) else { return false };
        if found.c_lflag & cooked == 0 && !FOUND.load(Ordering::SeqCst).is_null() {
            return true;
        }
        let mut ours = found;
        ours.c_lflag &= !cooked;
        if self.reads {
            ours.c_cc[libc::VMIN] = 1;
            ours.c_cc[libc::VTIME] = 0;
        }
        // Leaked, since a signal handler may be reading it at any time; once for each time that modes change.
        FOUND.store(Box::into_raw(Box::new(found)), Ordering::SeqCst);
        // SAFETY: the pointer is to a local variable, which the call only reads.
        unsafe { libc::tcsetattr(libc::STDOUT_FILENO, libc::TCSANOW, &raw const ours) == 0 }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        give_back();
    }
}

/// The modes of the terminal on standard output; `None` if it is no terminal.
fn modes() -> Option<libc::termios> {
    let mut modes = std::mem::MaybeUninit::uninit();
    // SAFETY: the pointer is to a local variable, which the call only writes.
    let result = unsafe { libc::tcgetattr(libc::STDOUT_FILENO, modes.as_mut_ptr()) };
    // SAFETY: the call succeeded, so it has written the whole of it.
    (result == 0).then(|| unsafe { modes.assume_init() })
}
