//! How far the scan has come, and how long the rest may take.

use std::time::Duration;

use portolan_model::{Instant, Progress, TimeLeft};

use crate::core::Core;

/// What only the strategy knows of the progress.
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Course {
    /// Hosts that answered and are not finished.
    pub(crate) heard: u64,
    /// Hosts that were found, or looked for often enough.
    pub(crate) looked_for: u64,
    /// Ports that were silent as often as they were to be asked, and only wait to be vouched for.
    pub(crate) silent: u64,
    /// How long the rest will take.
    pub(crate) left: Option<TimeLeft>,
}

/// Below this nothing is said of the rest: the first answers of a scan are no measure of it.
const TOO_EARLY: Duration = Duration::from_millis(200);

/// The same of a search for hosts: whoever is there answers at once, and all others take some seconds each.
pub(crate) const SILENCE_SEEN: Duration = Duration::from_secs(10);

/// The progress of a scan that asked first at `started`.
pub(crate) fn of(core: &Core, course: Course, started: Option<Instant>, now: Instant) -> Progress {
    let tally = &core.tally;
    let elapsed = started.map_or(Duration::ZERO, |started| now.since(started));
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no more than f32")]
    let loss = tally.loss() as f32;
    let (hosts, earlier) = (core.plan.shard_hosts(), core.arrivals.visits.earlier());
    let (settled, endpoints) = if core.plan.is_for_hosts_only() {
        (u128::from(course.looked_for + earlier), u128::from(hosts))
    } else {
        let settled = u128::from(tally.counts.total() + course.silent) + tally.unlisted;
        (settled + core.plan.endpoints_of(earlier), core.plan.endpoints_of(hosts))
    };
    Progress {
        elapsed,
        settled,
        endpoints,
        counts: tally.counts,
        hosts_up: tally.hosts_up + course.heard,
        hosts_done: tally.hosts_up + tally.hosts_down + tally.hosts_silent + tally.hosts_aliased + earlier,
        hosts,
        packets: tally.packets,
        max_rate: core.pacer.rate(),
        waiting: core.flight.len(),
        rtt: tally.round_trips.quantile(0.5),
        rtt_p95: tally.round_trips.quantile(0.95),
        loss,
        dropped_by_us: tally.local_faults + tally.overruns,
        left: course.left.filter(|_| elapsed >= TOO_EARLY && !core.stopping),
        stopping: core.stopping,
    }
}

/// Round trips counted by their size: 2⁻³ of a power of two wide, so a quantile is right within 13 %.
#[derive(Clone, Debug)]
pub(crate) struct RoundTrips {
    counts: Vec<u32>,
    total: u64,
}

/// Classes a power of two.
const FINENESS: u32 = 8;
/// From one microsecond to two minutes.
const CLASSES: u32 = 27 * FINENESS;

impl Default for RoundTrips {
    fn default() -> Self {
        RoundTrips { counts: vec![0; CLASSES as usize], total: 0 }
    }
}

impl RoundTrips {
    /// One round trip.
    pub(crate) fn count(&mut self, rtt: Duration) {
        let micros = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX).max(1);
        let power = micros.ilog2();
        // The three bits below the leading one.
        let eighths = ((u64::from(micros) * u64::from(FINENESS)) >> power) - u64::from(FINENESS);
        let class = (power * FINENESS + u32::try_from(eighths).unwrap_or(0)).min(CLASSES - 1);
        let count = &mut self.counts[class as usize];
        *count = count.saturating_add(1);
        self.total += 1;
    }

    /// The round trip that this share of all did not exceed, once there is one.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let mut below = 0;
        self.counts.iter().zip(0..).find_map(|(count, class)| {
            below += u64::from(*count);
            (*count > 0 && below as f64 >= share * self.total as f64).then(|| upper_end(class))
        })
    }
}

fn upper_end(class: u32) -> Duration {
    let (power, eighths) = (class / FINENESS, class % FINENESS);
    Duration::from_nanos((1000 << power) * u64::from(eighths + 1 + FINENESS) / u64::from(FINENESS))
}

/// How long `left` more will take if `done` took `elapsed`.
pub(crate) fn at_this_pace(done: f64, left: f64, elapsed: Duration) -> Option<Duration> {
    (done > 0.0).then(|| elapsed.as_secs_f64() * left / done).and_then(|seconds| {
        // More than centuries is no estimate.
        Duration::try_from_secs_f64(seconds).ok().filter(|time| *time < Duration::from_secs(1 << 34))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_quantile_is_near_the_round_trip(micros in 1u64..100_000_000) {
            let mut trips = RoundTrips::default();
            trips.count(Duration::from_micros(micros));
            let told = trips.quantile(0.5).unwrap().as_nanos() as f64 / 1000.0;
            prop_assert!(told >= micros as f64 && told <= micros as f64 * 1.13 + 1.0, "{micros} -> {told}");
        }
    }

    #[test]
    fn quantiles_are_in_order() {
        let mut trips = RoundTrips::default();
        assert_eq!(trips.quantile(0.5), None);
        for micros in 1..=1000 {
            trips.count(Duration::from_micros(micros));
        }
        let (median, p95) = (trips.quantile(0.5).unwrap(), trips.quantile(0.95).unwrap());
        assert!(median.as_micros().abs_diff(500) < 64 && p95.as_micros().abs_diff(950) < 120);
        trips.count(Duration::MAX);
        assert!(trips.quantile(1.0).unwrap() > Duration::from_secs(60));
    }

    #[test]
    fn no_pace_no_estimate() {
        assert_eq!(at_this_pace(0.0, 5.0, Duration::from_secs(1)), None);
        assert_eq!(at_this_pace(2.0, 5.0, Duration::from_secs(2)), Some(Duration::from_secs(5)));
        assert_eq!(at_this_pace(1.0, f64::INFINITY, Duration::from_secs(1)), None);
    }
}
