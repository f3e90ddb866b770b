use std::time::Duration;

use portolan_model::Instant;
use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};
use crate::text::Millis;

/// A token bucket, as Linux's `tbf`: so many packets pass at once, then only at its rate; what waits longer than `ms` is
/// dropped. If nothing may wait it is a policer: it drops without a delay that would announce it.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bottleneck {
    /// How many packets pass in a second.
    per_second: f64,
    /// How many pass at once after a rest.
    burst: u32,
    /// How long a packet may wait.
    #[serde(default)]
    ms: Millis,
    /// Other rates, from some time on.
    #[serde(default)]
    changes: Vec<Change>,
    #[serde(default)]
    way: Ways,
}

/// From `after_ms` on, since the world began, the rate is another.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    after_ms: Millis,
    per_second: f64,
}

impl Describe for Bottleneck {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        Box::new(Buckets { spec: self.clone(), each_way: [Bucket::default(); 2] })
    }
}

impl Bottleneck {
    /// A rate of nothing would be a wall; it is a second a packet at the slowest.
    fn rate(&self, now: Instant) -> f64 {
        let due = |change: &&Change| now.since(Instant::ZERO) >= change.after_ms.0;
        let changed = self.changes.iter().filter(due).max_by_key(|change| change.after_ms.0);
        changed.map_or(self.per_second, |change| change.per_second).max(1.0)
    }
}

#[derive(Debug)]
struct Buckets {
    spec: Bottleneck,
    /// Each way its own.
    each_way: [Bucket; 2],
}

#[derive(Copy, Clone, Default, Debug)]
struct Bucket {
    /// Packets that were let in and are not paid for, at `at`: the burst's share passes at once, the rest waits.
    owed: f64,
    at: Instant,
}

impl Node for Buckets {
    fn pass(&mut self, _packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        let rate = self.spec.rate(passing.now);
        let bucket = &mut self.each_way[usize::from(way == Way::Back)];
        bucket.owed = (bucket.owed - passing.now.since(bucket.at).as_secs_f64() * rate).max(0.0);
        bucket.at = passing.now;
        let wait = (bucket.owed + 1.0 - f64::from(self.spec.burst.max(1))).max(0.0) / rate;
        if wait > self.spec.ms.0.as_secs_f64() {
            passing.counters.queue_dropped += 1;
            return Pass::Lost;
        }
        bucket.owed += 1.0;
        if wait > 0.0 { Pass::Late(Duration::from_secs_f64(wait)) } else { Pass::On }
    }

    fn needs_order(&self) -> bool {
        true
    }
}
