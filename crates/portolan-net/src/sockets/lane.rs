//! A second thread that connects.
//!
//! Nearly all of a connect scan is the kernel's work inside connect(2): the SYN, and near by the answer too, are
//! handled in the call. So half of the calls are made by another thread, on another processor. What is asked and what
//! an answer means stays with the one engine; this thread only carries requests out.
//!
//! Over the loopback it gains nothing, since there one queue takes all packets in turn.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use portolan_model::Instant;
use portolan_model::sockets::{Completion, Event, ProbeId, Request};
use portolan_sys::bell::Bell;
use portolan_sys::epoll::{Interest, ReadyList};

use super::connect::Connects;
use super::machine::Machine;
use crate::error::NetError;

/// The door's end of the lane.
pub(super) struct Lane {
    shared: Arc<Shared>,
    batch: Vec<Request>,
    /// The tag of the attempt of each slot that somebody waits for: one that is given up may have ended already on the
    /// other side.
    awaited: Vec<Option<u32>>,
    /// Room for what is taken over.
    noticed: Vec<Completion>,
    thread: Option<JoinHandle<()>>,
}

/// What both threads see.
struct Shared {
    requests: Mutex<Queue>,
    completions: Mutex<Vec<Completion>>,
    /// Who sleeps, or is about to, wants to be woken by its bell.
    lane: Sleeper,
    door: Sleeper,
    /// Up to when the lane has noticed everything, in nanoseconds of the scan's clock; whether the door waits for that.
    heard_until: AtomicU64,
    is_asked_to_look: AtomicBool,
    ended: AtomicBool,
}

/// What the lane has not taken yet.
#[derive(Default)]
struct Queue {
    requests: Vec<Request>,
    /// Since when the first of them waits.
    since: Option<Instant>,
}

struct Sleeper {
    asleep: AtomicBool,
    bell: Bell,
}

impl Sleeper {
    fn new() -> Result<Self, NetError> {
        let bell = Bell::new().map_err(|errno| NetError::CreateBell(errno.into()))?;
        Ok(Sleeper { asleep: AtomicBool::new(false), bell })
    }

    /// Wakes it, if it sleeps. What it is woken for was put under its lock before, and it looks there after it has
    /// said that it falls asleep: one of the two always sees the other.
    fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.bell.ring();
        }
    }
}

impl Lane {
    /// Starts the thread. `machine` is its own; its sockets are bounded by `limit`.
    pub(super) fn start(machine: Machine, limit: usize) -> Result<Self, NetError> {
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            completions: Mutex::default(),
            lane: Sleeper::new()?,
            door: Sleeper::new()?,
            heard_until: AtomicU64::new(0),
            is_asked_to_look: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        });
        let add = machine.epoll.add(&shared.lane.bell, BELL, Interest::ReadableLevel);
        add.map_err(|errno| NetError::CreateBell(errno.into()))?;
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("lane".into())
            .spawn(move || {
                Worker { machine, connects: Connects::new(limit), shared: theirs, lag: Lag::default() }.run()
            })
            .map_err(NetError::StartThread)?;
        Ok(Lane { shared, batch: Vec::new(), awaited: Vec::new(), noticed: Vec::new(), thread: Some(thread) })
    }

    /// The bell that rings when there is news while the door sleeps.
    pub(super) fn bell(&self) -> &Bell {
        &self.shared.door.bell
    }

    /// Puts a request into the next batch.
    pub(super) fn push(&mut self, request: Request) {
        match request {
            Request::Connect { probe, .. } => {
                let slot = probe.slot as usize;
                if slot >= self.awaited.len() {
                    self.awaited.resize(slot + 1, None);
                }
                self.awaited[slot] = Some(probe.tag);
            }
            Request::Abandon(probe) => drop(self.take_awaited(probe)),
            Request::Syn { .. } | Request::Ack { .. } | Request::Ping { .. } | Request::Datagram { .. } => {}
        }
        self.batch.push(request);
    }

    /// Whether this attempt is still waited for; it is not any more.
    fn take_awaited(&mut self, probe: ProbeId) -> bool {
        let awaited = self.awaited.get_mut(probe.slot as usize);
        awaited.and_then(|tag| tag.take_if(|tag| *tag == probe.tag)).is_some()
    }

    /// Hands the batch over.
    pub(super) fn send(&mut self, now: Instant) {
        if !self.batch.is_empty() {
            let mut queue = locked(&self.shared.requests);
            queue.requests.append(&mut self.batch);
            queue.since.get_or_insert(now);
            drop(queue);
            self.shared.lane.wake();
        }
    }

    /// Moves what was noticed into `inbox`.
    pub(super) fn report(&mut self, inbox: &mut Vec<Event>) {
        mem::swap(&mut self.noticed, &mut *locked(&self.shared.completions));
        let mut noticed = mem::take(&mut self.noticed);
        inbox.extend(noticed.drain(..).filter(|end| self.take_awaited(end.probe)).map(Event::Connect));
        self.noticed = noticed;
    }

    /// Whether something was noticed that was not reported yet.
    pub(super) fn has_news(&self) -> bool {
        !locked(&self.shared.completions).is_empty()
    }

    /// Up to when the lane has noticed everything that came to its sockets.
    pub(super) fn heard_until(&self) -> Instant {
        Instant::from_nanos(self.shared.heard_until.load(Ordering::SeqCst))
    }

    /// Has the lane look now, and ring when it has.
    pub(super) fn ask_to_look(&self) {
        self.shared.is_asked_to_look.store(true, Ordering::SeqCst);
        self.shared.lane.wake();
    }

    /// The door falls asleep, or wakes up.
    pub(super) fn door_sleeps(&self, asleep: bool) {
        self.shared.door.asleep.store(asleep, Ordering::SeqCst);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.shared.lane.bell.ring();
        if let Some(thread) = self.thread.take() {
            // If it panicked, its panic was told already.
            let _ = thread.join();
        }
    }
}

/// The thread's end.
struct Worker {
    machine: Machine,
    connects: Connects,
    shared: Arc<Shared>,
    lag: Lag,
}

/// How late the lane starts what it is asked: who was asked late may answer late.
#[derive(Copy, Clone, Default, Debug)]
struct Lag {
    most: Duration,
    at: Instant,
}

impl Lag {
    /// Longer than any usual wait for an answer.
    const KEPT: Duration = Duration::from_secs(1);

    /// Requests that waited since then are started now. The worst of the last second holds.
    fn note(&mut self, since: Option<Instant>, now: Instant) {
        let lag = since.map_or(Duration::ZERO, |since| now.since(since));
        if lag >= self.most || now.since(self.at) > Self::KEPT {
            *self = Lag { most: lag, at: now };
        }
    }
}

impl Worker {
    fn run(&mut self) {
        let (mut requests, mut news) = (Vec::new(), ReadyList::with_capacity(NEWS));
        let mut busy_at = self.machine.now();
        while !self.shared.ended.load(Ordering::SeqCst) {
            let since = self.take(&mut requests);
            let asked = since.is_some();
            self.lag.note(since, self.machine.now());
            for request in requests.drain(..) {
                self.carry_out(&request);
            }
            // Before it waits for anything.
            self.report();
            let before = self.machine.now();
            self.collect(&mut news, Duration::ZERO);
            let noticed = self.report();
            self.tell_that_all_is_heard_until(before - self.lag.most);
            if asked || noticed {
                busy_at = self.machine.now();
            } else if self.machine.now().since(busy_at) < AWAKE {
                std::hint::spin_loop();
            } else {
                self.sleep(&mut news);
            }
        }
    }

    /// Takes over what is to be done, and tells since when it waits.
    fn take(&self, requests: &mut Vec<Request>) -> Option<Instant> {
        let mut queue = locked(&self.shared.requests);
        mem::swap(requests, &mut queue.requests);
        queue.since.take()
    }

    fn carry_out(&mut self, request: &Request) {
        match *request {
            Request::Connect { probe, to } => self.connects.connect(probe, to, &self.machine),
            Request::Abandon(probe) => self.connects.abandon(probe, &self.machine),
            // The rest is the door's own.
            Request::Syn { .. } | Request::Ack { .. } | Request::Ping { .. } | Request::Datagram { .. } => {}
        }
    }

    /// Hands over what was noticed, if anything was.
    fn report(&mut self) -> bool {
        let noticed = self.connects.has_news();
        if noticed {
            self.connects.take(&mut locked(&self.shared.completions), &self.machine);
            self.shared.door.wake();
        }
        noticed
    }

    fn tell_that_all_is_heard_until(&self, before: Instant) {
        self.shared.heard_until.store(before.as_nanos(), Ordering::SeqCst);
        if self.shared.is_asked_to_look.swap(false, Ordering::SeqCst) {
            self.shared.door.wake();
        }
    }

    fn sleep(&mut self, news: &mut ReadyList) {
        self.shared.lane.asleep.store(true, Ordering::SeqCst);
        let wanted = self.shared.is_asked_to_look.load(Ordering::SeqCst);
        if !wanted && locked(&self.shared.requests).since.is_none() {
            self.collect(news, NAP);
        }
        self.shared.lane.asleep.store(false, Ordering::SeqCst);
    }

    /// Waits for news for at most `timeout` and notes all there is.
    fn collect(&mut self, news: &mut ReadyList, mut timeout: Duration) {
        if timeout.is_zero() && !self.connects.is_waiting() {
            return;
        }
        loop {
            // As in the door: a failure shows as silence, never as an answer.
            let told = self.machine.epoll.wait(news, Some(timeout));
            let at = self.machine.now();
            for ready in (0..news.len()).filter_map(|position| news.get(position)) {
                if ready.token == BELL {
                    self.shared.lane.bell.silence();
                } else {
                    self.connects.look(ready, at, &self.machine);
                }
            }
            // Each of these sockets tells a change once, so there is an end.
            if told.is_err() || !news.is_full() {
                return;
            }
            timeout = Duration::ZERO;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing under these locks can be left half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the connects of this slot are made by the lane.
pub(super) const fn takes(probe: ProbeId) -> bool {
    probe.slot % 2 == 1
}

/// The token of a bell in an epoll, above those of all sockets.
pub(super) const BELL: u64 = u64::MAX;

const NEWS: usize = 256;

/// Falling asleep and being woken takes longer than a batch: it stays awake for a while after its last work.
const AWAKE: Duration = Duration::from_micros(200);

/// The longest sleep, in case a ring was missed.
const NAP: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_lag_of_the_last_second_holds() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let mut lag = Lag::default();
        for (since, now, most) in [
            (Some(10), 160, 150),
            (Some(200), 201, 150),
            (None, 1100, 150),
            (Some(1190), 1200, 10),
            (None, 2300, 0),
        ] {
            lag.note(since.map(at), at(now));
            assert_eq!(lag.most, Duration::from_millis(most), "{now}");
        }
    }
}
