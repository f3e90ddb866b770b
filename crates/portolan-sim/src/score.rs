use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use portolan_model::{Address, AddressRange, Endpoint, Group, PortState, Verdict};

use crate::sockets::SimSockets;
use crate::text::Range;
use crate::truth::{Judgement, Told, Truth};

/// What an engine told, to be held against the truth: the last telling of an endpoint holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Score {
    told: BTreeMap<Endpoint, Told>,
    repeated: u64,
    stray_updates: u64,
}

/// The comparison, by count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Endpoints that were to be scanned.
    pub endpoints: u64,
    /// Told rightly.
    pub right: u64,
    /// Told as unknown, or as what passes.
    pub undecided: u64,
    /// Told wrongly: the sum of the next four.
    pub wrong: u64,
    /// Of these, told open.
    pub false_open: u64,
    /// Of these, told closed.
    pub false_closed: u64,
    /// Of these, told filtered.
    pub false_filtered: u64,
    /// Of these, the state is right, but not the reason or who answered.
    pub wrong_reason: u64,
    /// Not told, of hosts that exist and answer something there.
    pub untold: u64,
    /// Not told, where there is nothing to hear.
    pub untold_silent: u64,
    /// Open in truth …
    pub open: u64,
    /// … and told open.
    pub open_found: u64,
    /// Told twice other than as an update.
    pub repeated: u64,
    /// Updates of what was never told.
    pub stray_updates: u64,
    /// Tellings of what was not to be scanned.
    pub out_of_scope: u64,
    /// The first few wrong tellings, in words.
    pub examples: Vec<String>,
}

impl Score {
    /// Nothing is told yet.
    pub fn new() -> Self {
        Score::default()
    }

    /// An endpoint is told.
    pub fn tell(&mut self, endpoint: Endpoint, told: Told) {
        self.repeated += u64::from(self.told.insert(endpoint, told).is_some());
    }

    /// A verdict is told.
    pub fn verdict(&mut self, verdict: &Verdict) {
        self.tell(verdict.endpoint, Told::from(&verdict.claim));
    }

    /// An earlier verdict is replaced.
    pub fn update(&mut self, verdict: &Verdict) {
        let told = Told::from(&verdict.claim);
        match self.told.entry(verdict.endpoint) {
            Entry::Occupied(mut entry) => {
                entry.insert(told);
            }
            Entry::Vacant(entry) => {
                entry.insert(told);
                self.stray_updates += 1;
            }
        }
    }

    /// Endpoints alike are told.
    pub fn group(&mut self, group: &Group) {
        let told = Told { state: group.state, reason: group.reason, from: group.from };
        for address in group.targets.iter().flat_map(|range| addresses(*range)) {
            for port in group.ports.iter() {
                self.tell(Endpoint { address, transport: group.transport, port }, told);
            }
        }
    }

    /// What was told of an endpoint.
    pub fn told(&self, endpoint: Endpoint) -> Option<Told> {
        self.told.get(&endpoint).copied()
    }

    /// The comparison with the truth of the world behind `door`, after the scan.
    pub fn tally(&self, door: &SimSockets) -> Tally {
        let mut tally = Tally {
            repeated: self.repeated,
            stray_updates: self.stray_updates,
            out_of_scope: self.told.len() as u64,
            ..Tally::default()
        };
        for endpoint in door.world().endpoints() {
            let truth = door.world().truth(endpoint);
            tally.endpoints += 1;
            tally.open += u64::from(truth.is_open());
            match self.told(endpoint) {
                Some(told) => {
                    tally.out_of_scope -= 1;
                    tally.count(endpoint, &truth, (told, door.judge(endpoint, told)));
                }
                None if truth.is_silent(endpoint.transport) || !truth.exists || door.is_lost(endpoint) => {
                    tally.untold_silent += 1;
                }
                None => tally.untold += 1,
            }
        }
        tally
    }
}

impl Tally {
    /// The share of what could be told that was told rightly, from 0 to 1.
    pub fn coverage(&self) -> f64 {
        let tellable = self.endpoints - self.untold_silent;
        if tellable == 0 { 1.0 } else { self.right as f64 / tellable as f64 }
    }

    fn count(&mut self, endpoint: Endpoint, truth: &Truth, (told, judgement): (Told, Judgement)) {
        self.open_found += u64::from(truth.is_open() && told.state == PortState::Open);
        match judgement {
            Judgement::Right => self.right += 1,
            Judgement::Undecided => self.undecided += 1,
            Judgement::Wrong => {
                self.wrong += 1;
                let state_is_right = truth.right.iter().any(|right| right.state == told.state);
                *match told.state {
                    _ if state_is_right => &mut self.wrong_reason,
                    PortState::Open => &mut self.false_open,
                    PortState::Closed => &mut self.false_closed,
                    _ => &mut self.false_filtered,
                } += 1;
                if self.examples.len() < EXAMPLES {
                    self.examples.push(format!("{endpoint}: told {told}, right {}", list(&truth.right)));
                }
            }
        }
    }
}

/// One line for a table of many worlds.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { endpoints, right, undecided, wrong, untold, untold_silent, open, open_found, .. } = self;
        write!(f, "{endpoints} endpoints: {right} right, {undecided} undecided, {wrong} wrong, ")?;
        write!(f, "{untold} untold, {untold_silent} silent; open {open_found}/{open}")
    }
}

fn addresses(range: AddressRange) -> impl Iterator<Item = Address> {
    Range(range).iter()
}

fn list(right: &[Told]) -> String {
    let words: Vec<_> = right.iter().map(Told::to_string).collect();
    words.join(" or ")
}

/// How many wrong tellings are kept in words.
const EXAMPLES: usize = 5;
