use std::time::Duration;

use portolan_model::Finish;
use portolan_model::sockets::Sockets;

use crate::engine::Engine;
use crate::settled::Settled;

/// Requests handed to the door at a time: enough to amortise the call, few enough that answers are not
/// kept waiting.
const BATCH: usize = 64;

/// What is settled waits no longer than this to be passed on: waking a reader for each find would cost more than
/// finding it.
const HOLD: Duration = Duration::from_millis(10);

/// Where what is settled goes.
pub trait Outlet {
    /// Takes one.
    fn push(&mut self, settled: Settled);

    /// Whether it holds something back until it is flushed.
    fn holds(&self) -> bool {
        false
    }

    /// Passes on what it holds back.
    fn flush(&mut self) {}

    /// Whether its readers lag so far behind that the scan should wait for them.
    fn is_lagging(&self) -> bool {
        false
    }

    /// How often its readers want to hear how far the scan has come, if they do.
    fn progress_every(&self) -> Option<Duration> {
        None
    }

    /// Whether the scan should end: a signal came, or nobody reads any more.
    fn is_stopped(&self) -> bool {
        false
    }
}

impl<F: FnMut(Settled)> Outlet for F {
    fn push(&mut self, settled: Settled) {
        self(settled);
    }
}

/// Runs `engine` through `door` until everything is settled: the one loop, the same on the wire and in the
/// simulator.
pub fn drive<D: Sockets>(mut engine: Engine, door: &mut D, outlet: &mut impl Outlet) -> Finish {
    drive_kept(&mut engine, door, outlet)
}

/// The same with an engine that is asked for its checkpoint afterwards.
pub fn drive_kept<D: Sockets>(engine: &mut Engine, door: &mut D, outlet: &mut impl Outlet) -> Finish {
    let (mut inbox, mut outbox) = (Vec::new(), Vec::with_capacity(BATCH));
    let mut told = door.now();
    let mut flushed = told;
    loop {
        door.receive(&mut inbox);
        for event in inbox.drain(..) {
            engine.handle_event(event);
        }
        let now = door.now();
        if outlet.is_stopped() {
            engine.handle_stop(now);
        }
        // What came in while we slept is heard before its time is over.
        engine.handle_timeout(door.heard_until().min(now));
        engine.handle_backlog(outlet.is_lagging());
        while outbox.len() < BATCH
            && let Some(request) = engine.poll_probe(now)
        {
            outbox.push(request);
        }
        let asked = !outbox.is_empty();
        door.transmit(&mut outbox);
        while let Some(settled) = engine.poll_verdict() {
            outlet.push(settled);
        }
        let progress_due = outlet.progress_every().map(|every| told + every);
        if progress_due.is_some_and(|due| now >= due) {
            told = now;
            outlet.push(Settled::Progress(Box::new(engine.progress(now))));
        }
        if now.since(flushed) >= HOLD {
            outlet.flush();
            flushed = now;
        }
        if engine.is_done() {
            return engine.finish(door.now());
        }
        // A full batch may have more behind it: look for answers first, and do not wait.
        if !asked {
            let due = [progress_due, outlet.holds().then(|| flushed + HOLD)].into_iter().flatten();
            let due = due.filter(|due| *due > now).chain(engine.poll_timeout(now)).min();
            door.wait_until(due);
        }
    }
}
