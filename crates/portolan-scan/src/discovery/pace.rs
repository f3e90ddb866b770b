use std::time::Duration;

use portolan_model::Instant;

use crate::core::Core;

/// After so many late answers it is clear that answers get lost, if they are at least one in so many of all.
const LATE: u32 = 16;
const OF_ALL: u32 = 8;
/// Random losses do not get fewer by a lower rate, so there is an end to that: a quarter of it.
const MOST_HALVINGS: u8 = 2;
/// No queue on the way explains losses at a lower rate than this.
const SLOWEST: u64 = 100;

/// Whether our own pings are what answers get lost by: then fewer are sent. Each host answers but once, so there is no round
/// trip to compare with, and losses must do.
#[derive(Default)]
pub(super) struct Pace {
    asked: u32,
    first: Option<Instant>,
    last: Option<Instant>,
    answers: u32,
    late: u32,
    halvings: u8,
}

impl Pace {
    /// A ping leaves.
    pub(super) fn asked(&mut self, now: Instant) {
        self.asked = self.asked.saturating_add(1);
        self.first.get_or_insert(now);
        self.last = Some(now);
    }

    /// A host answered: its first ping of that kind, or a later one.
    pub(super) fn answered(&mut self, first: bool, core: &mut Core, now: Instant) {
        self.answers = self.answers.saturating_add(1);
        self.late += u32::from(!first);
        if self.late >= LATE && self.late >= self.answers / OF_ALL && self.halvings < MOST_HALVINGS {
            core.slow_down((self.rate(core) / 2).max(SLOWEST), now);
            *self = Pace { answers: self.answers, halvings: self.halvings + 1, ..Pace::default() };
        }
    }

    /// At how many a second pings left.
    fn rate(&self, core: &Core) -> u64 {
        let took = self.first.zip(self.last).map_or(Duration::ZERO, |(first, last)| last.since(first));
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX).max(1_000_000);
        let so_far = u64::from(self.asked) * 1_000_000_000 / nanos;
        core.pacer.rate().map_or(so_far, |rate| rate.min(so_far))
    }
}
