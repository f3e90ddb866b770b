//! A scan of a simulated world, recorded, and played again: what is counted then is the engine and its loop, not the
//! simulator.

use std::cell::{Cell, RefCell};
use std::vec::IntoIter;

use portolan_model::Instant;
use portolan_model::sockets::{Capacity, Event, Request, Sockets};

/// What a door told, in order.
#[derive(Default)]
pub(crate) struct Tape {
    times: Vec<Instant>,
    inboxes: Vec<Vec<Event>>,
    requests: usize,
}

/// A door that is recorded.
pub(crate) struct Recorded<D> {
    door: D,
    times: RefCell<Vec<Instant>>,
    tape: Tape,
}

impl<D> Recorded<D> {
    pub(crate) fn new(door: D) -> Self {
        Recorded { door, times: RefCell::default(), tape: Tape::default() }
    }

    pub(crate) fn into_tape(self) -> Tape {
        Tape { times: self.times.into_inner(), ..self.tape }
    }
}

impl<D: Sockets> Sockets for Recorded<D> {
    fn now(&self) -> Instant {
        let now = self.door.now();
        self.times.borrow_mut().push(now);
        now
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        let before = inbox.len();
        self.door.receive(inbox);
        self.tape.inboxes.push(inbox[before..].to_vec());
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.tape.requests += outbox.len();
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

/// The same again, for an engine that asks the same.
pub(crate) struct Played {
    times: Vec<Instant>,
    next: Cell<usize>,
    inboxes: IntoIter<Vec<Event>>,
    missing: usize,
}

impl Played {
    pub(crate) fn new(tape: Tape) -> Self {
        let Tape { times, inboxes, requests } = tape;
        Played { times, next: Cell::new(0), inboxes: inboxes.into_iter(), missing: requests }
    }

    /// The engine must have asked for everything, no more and no less: otherwise something else was counted.
    pub(crate) fn assert_at_end(&self) {
        assert_eq!((self.times.len() - self.next.get(), self.inboxes.len(), self.missing), (0, 0, 0));
    }
}

impl Sockets for Played {
    fn now(&self) -> Instant {
        let next = self.next.get();
        self.next.set(next + 1);
        self.times[next]
    }

    fn capacity(&self) -> Capacity {
        unreachable!("the engine was made before")
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        inbox.append(&mut self.inboxes.next().unwrap());
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        self.missing -= outbox.len();
        outbox.clear();
    }

    fn wait_until(&mut self, _deadline: Option<Instant>) {}
}
