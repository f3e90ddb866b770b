use std::time::Duration;

use portolan_model::Instant;
use serde::Deserialize;

use super::{Describe, Node, Pass, Passing, Ways};
use crate::packet::{Packet, Way};

/// A queue that is drained at a fixed rate and drops what finds it full.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TailDrop {
    /// How many packets may wait.
    packets: u32,
    /// How many leave it in a second.
    per_second: f64,
    #[serde(default)]
    way: Ways,
}

impl Describe for TailDrop {
    fn ways(&self) -> Ways {
        self.way
    }

    fn build(&self) -> Box<dyn Node> {
        // A rate of nothing would be a wall; it is a second a packet at the slowest.
        let each = Duration::from_secs_f64(1.0 / self.per_second.max(1.0));
        Box::new(Queue { room: each * self.packets, each, free_at: [Instant::ZERO; 2] })
    }
}

#[derive(Debug)]
struct Queue {
    /// The time that a full queue takes to drain.
    room: Duration,
    each: Duration,
    /// When the last packet will have left, each way its own queue.
    free_at: [Instant; 2],
}

impl Node for Queue {
    fn pass(&mut self, _packet: &Packet, way: Way, passing: &mut Passing<'_>) -> Pass {
        let free_at = &mut self.free_at[usize::from(way == Way::Back)];
        let wait = free_at.since(passing.now);
        if wait + self.each > self.room {
            passing.counters.queue_dropped += 1;
            return Pass::Lost;
        }
        *free_at = passing.now + (wait + self.each);
        Pass::Late(wait + self.each)
    }

    fn needs_order(&self) -> bool {
        true
    }
}
