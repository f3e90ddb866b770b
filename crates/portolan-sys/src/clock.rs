//! The time. This is the only file that reads it: everyone else is told.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Nanoseconds since an origin that stays the same while the machine runs (CLOCK_MONOTONIC).
///
/// The clock never goes back. 64 bits last for 584 years of uptime.
pub fn monotonic_nanos() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    u64::try_from(tv_sec)
        .unwrap_or(0)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(u64::try_from(tv_nsec).unwrap_or(0))
}

/// Seconds since 1970-01-01 00:00 UTC: the time of the calendar, which may jump.
///
/// For reports only. A double keeps it to better than a microsecond.
pub fn unix_seconds() -> f64 {
    since_1970().as_secs_f64()
}

/// The same, as the kernel stamps packets with it. A calendar before 1970 reads as 1970.
pub(crate) fn since_1970() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Realtime);
    Duration::new(u64::try_from(tv_sec).unwrap_or(0), u32::try_from(tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let first = monotonic_nanos();
        assert!(first > 0);
        assert!(monotonic_nanos() >= first);
    }

    #[test]
    fn the_calendar_is_past_the_year_2024() {
        assert!(unix_seconds() > 1.7e9);
    }
}
