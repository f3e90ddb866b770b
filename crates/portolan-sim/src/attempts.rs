use std::collections::HashMap;
use std::net::SocketAddr;

use portolan_model::sockets::ProbeId;
use portolan_model::{Endpoint, Instant};

/// An attempt's place and which of the place's tenants it is.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct Key {
    place: u32,
    tenant: u32,
}

/// A connect that waits.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) probe: ProbeId,
    pub(crate) to: Endpoint,
    pub(crate) sent: Instant,
    pub(crate) host: Option<u32>,
    pub(crate) chain: u16,
    pub(crate) local: SocketAddr,
    /// How many SYNs were sent again.
    pub(crate) again: u8,
    /// Whether the host has sent a SYN-ACK and will send it again by itself.
    pub(crate) accepted: bool,
}

/// The connects that wait, by name and by place.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    places: Vec<(u32, Option<Attempt>)>,
    free: Vec<u32>,
    names: HashMap<ProbeId, Key>,
}

impl Attempts {
    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(crate) fn add(&mut self, attempt: Attempt) -> Key {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let (tenant, slot) = &mut self.places[place as usize];
        *tenant = tenant.wrapping_add(1);
        *slot = Some(attempt);
        let key = Key { place, tenant: *tenant };
        self.names.insert(attempt.probe, key);
        key
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Attempt> {
        let (tenant, attempt) = self.places.get_mut(key.place as usize)?;
        if *tenant == key.tenant { attempt.as_mut() } else { None }
    }

    /// Ends an attempt.
    pub(crate) fn remove(&mut self, key: Key) -> Option<Attempt> {
        let attempt = *self.get_mut(key)?;
        self.places[key.place as usize].1 = None;
        self.free.push(key.place);
        if self.names.get(&attempt.probe) == Some(&key) {
            self.names.remove(&attempt.probe);
        }
        Some(attempt)
    }

    pub(crate) fn find(&self, probe: ProbeId) -> Option<Key> {
        self.names.get(&probe).copied()
    }
}
