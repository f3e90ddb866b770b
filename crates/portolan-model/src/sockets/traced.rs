//! A door around a door, which tells of everything that passes.

use std::collections::HashMap;

use super::{Capacity, Event, ProbeId, Request, Sockets};
use crate::endpoint::{Endpoint, Transport};
use crate::ping::Ping;
use crate::time::Instant;

/// Who is told what passes a [`Traced`] door: each request before it is carried out, each event when it is handed on,
/// once and in this order. What it does is done while the scan waits.
pub trait Trace {
    /// The engine asks; `about` is the attempt it asks for or gives up.
    fn request(&mut self, at: Instant, about: Option<Asked>, request: &Request);

    /// The door tells; `about` is the attempt that the event bears the name of. There is none where the wire knows no
    /// names, and none if the name is a stray's.
    fn event(&mut self, about: Option<Asked>, event: &Event);
}

/// An attempt, as a trace names it: an event bears only a [`ProbeId`], which is used again.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Which attempt of the scan, from 1.
    pub nth: u64,
    /// To where; of a ping without a port only the address counts.
    pub to: Endpoint,
    /// The ping, if it is one.
    pub ping: Option<Ping>,
}

/// Another door, and whoever is told what passes it. It changes nothing: the engine and the door behind it see what
/// they would see without it.
pub struct Traced<D, T> {
    door: D,
    trace: T,
    /// The attempts of which the door may still tell by name: no more than it keeps itself.
    waiting: HashMap<ProbeId, (Asked, Last)>,
    asked: u64,
}

/// What is the last that is heard of an attempt by its name.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Last {
    /// The completion of a connect, or its being given up.
    Completion,
    /// Whether the datagram left.
    Fate,
    /// A port of its own is given up.
    Port,
}

impl<D, T> Traced<D, T> {
    /// A door that tells `trace` of what passes `door`.
    pub fn new(door: D, trace: T) -> Self {
        Traced { door, trace, waiting: HashMap::new(), asked: 0 }
    }

    /// Both again.
    pub fn into_inner(self) -> (D, T) {
        (self.door, self.trace)
    }

    fn named(&mut self, request: &Request) -> Option<Asked> {
        let (probe, to, last) = match *request {
            Request::Connect { probe, to } | Request::Syn { probe, to } | Request::Ack { probe, to } => {
                (probe, to, Last::Completion)
            }
            Request::Ping { probe, to, ping } => {
                let endpoint =
                    Endpoint { address: to, transport: Transport::Tcp, port: ping.port().unwrap_or(0) };
                (probe, endpoint, Last::Completion)
            }
            Request::Datagram { probe, to, own_port: true, .. } => (probe, to, Last::Port),
            Request::Datagram { probe, to, own_port: false, .. } => (probe, to, Last::Fate),
            Request::Abandon(probe) => return self.waiting.remove(&probe).map(|(asked, _)| asked),
        };
        let ping = match request {
            Request::Ping { ping, .. } => Some(*ping),
            _ => None,
        };
        self.asked += 1;
        let asked = Asked { nth: self.asked, to, ping };
        self.waiting.insert(probe, (asked, last));
        Some(asked)
    }

    fn known(&mut self, event: &Event) -> Option<Asked> {
        let (probe, is_last) = match event {
            Event::Connect(completion) => (completion.probe, true),
            Event::Unsent { probe, .. } => (*probe, true),
            Event::Sent { probe, .. } | Event::Held(probe) | Event::Left { probe, .. } => (*probe, false),
            Event::Datagram(_) | Event::Error(_) | Event::Overrun { .. } => return None,
        };
        let (asked, last) = *self.waiting.get(&probe)?;
        if is_last || last == Last::Fate {
            self.waiting.remove(&probe);
        }
        Some(asked)
    }
}

impl<D: Sockets, T: Trace> Sockets for Traced<D, T> {
    fn now(&self) -> Instant {
        self.door.now()
    }

    fn capacity(&self) -> Capacity {
        self.door.capacity()
    }

    fn receive(&mut self, inbox: &mut Vec<Event>) {
        let before = inbox.len();
        self.door.receive(inbox);
        for event in &inbox[before..] {
            let about = self.known(event);
            self.trace.event(about, event);
        }
    }

    fn heard_until(&self) -> Instant {
        self.door.heard_until()
    }

    fn transmit(&mut self, outbox: &mut Vec<Request>) {
        if !outbox.is_empty() {
            let at = self.door.now();
            for request in &*outbox {
                let about = self.named(request);
                self.trace.request(at, about, request);
            }
        }
        self.door.transmit(outbox);
    }

    fn wait_until(&mut self, deadline: Option<Instant>) {
        self.door.wait_until(deadline);
    }
}

#[cfg(test)]
mod tests;
