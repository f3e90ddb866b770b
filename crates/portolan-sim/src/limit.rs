//! How many in how long: the two limiters that stacks are built with.

use portolan_model::Instant;
use serde::Deserialize;

use crate::text::Millis;

/// A limit as a world's file writes it.
#[derive(Copy, Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Limit {
    /// So many in each window of time; windows start with the first packet after the last one ended
    /// (BSD's `icmp.icmplim`, switches).
    Window {
        /// How many.
        count: u32,
        /// How long.
        ms: Millis,
    },
    /// A token bucket (Linux's `icmp_ratelimit`: burst 6, one a second).
    Bucket {
        /// How many at once after a rest.
        burst: f64,
        /// How fast it fills.
        per_second: f64,
    },
}

/// A limit at work.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Limiter {
    since: Option<Instant>,
    used: f64,
}

impl Limiter {
    /// Whether one more may pass now; if so it is counted.
    pub(crate) fn allow(&mut self, limit: Limit, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let passed = now.since(since);
        let room = match limit {
            Limit::Window { count, ms } => {
                if passed >= ms.0 {
                    (self.since, self.used) = (Some(now), 0.0);
                }
                f64::from(count)
            }
            Limit::Bucket { burst, per_second } => {
                self.used = (self.used - passed.as_secs_f64() * per_second).max(0.0);
                self.since = Some(now);
                burst
            }
        };
        let allowed = self.used + 1.0 <= room;
        if allowed {
            self.used += 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn allowed(limit: Limit, times_ms: impl Iterator<Item = u64>) -> usize {
        let mut limiter = Limiter::default();
        times_ms.filter(|ms| limiter.allow(limit, Instant::ZERO + Duration::from_millis(*ms))).count()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limit = Limit::Bucket { burst: 6.0, per_second: 1.0 };
        assert_eq!(allowed(limit, (0..1000).map(|_| 0)), 6);
        assert_eq!(allowed(limit, 0..10_500), 6 + 10);
    }

    #[test]
    fn a_window_gives_its_count_each_time() {
        let limit = Limit::Window { count: 200, ms: Millis(Duration::from_secs(1)) };
        assert_eq!(allowed(limit, 0..1000), 200);
        assert_eq!(allowed(limit, 0..3000), 600);
        assert_eq!(allowed(limit, (0..100).map(|n| n * 100)), 100);
    }
}
