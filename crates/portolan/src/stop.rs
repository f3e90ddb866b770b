//! Ctrl-C, SIGTERM and the key q: the first ends the scan with what was found, the second ends it at once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use portolan_sys::terminal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

/// The status of a program ended by its user at once: 128 and the number of SIGINT, as shells write it.
const AT_ONCE: i32 = 130;

/// Whether the user wants the scan to end.
#[derive(Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Listens to the signals from now on.
    pub(crate) fn install() -> io::Result<Self> {
        let wanted = Arc::new(AtomicBool::new(false));
        // Before what ends the process, which leaves no other chance.
        terminal::guard(&wanted)?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            // In this order: the first signal finds the flag down and raises it, the second finds it raised.
            flag::register_conditional_shutdown(signal, AT_ONCE, Arc::clone(&wanted))?;
            flag::register(signal, Arc::clone(&wanted))?;
        }
        Ok(Stop(wanted))
    }

    /// Nobody will want it.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Stop(Arc::default())
    }

    /// As a first signal does.
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether a signal came, or the key.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
