use std::time::Duration;

use portolan_model::Instant;

use crate::random::Random;

/// Good and bad spells by turns, each of exponential length: the Gilbert–Elliott model in continuous time.
#[derive(Copy, Clone, Debug)]
pub struct Spells {
    good: Duration,
    bad: Duration,
    is_bad: bool,
    until: Option<Instant>,
}

impl Spells {
    /// Spells of these mean lengths; it begins well.
    pub const fn new(good: Duration, bad: Duration) -> Self {
        Spells { good, bad, is_bad: false, until: None }
    }

    /// Whether it is a bad time. Time does not go back.
    pub fn is_bad(&mut self, now: Instant, random: &mut Random) -> bool {
        loop {
            let mean = if self.is_bad { self.bad } else { self.good };
            let until = *self.until.get_or_insert_with(|| Instant::ZERO + random.exponential(mean));
            if now < until {
                return self.is_bad;
            }
            self.is_bad = !self.is_bad;
            let mean = if self.is_bad { self.bad } else { self.good };
            // A microsecond at least, so that a mean of zero cannot hold the world up.
            let length = random.exponential(mean).max(Duration::from_micros(1));
            self.until = Some(until + length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_bad_time_is_as_asked() {
        let mut random = Random::new(3);
        let mut spells = Spells::new(Duration::from_millis(1800), Duration::from_millis(200));
        let bad = (0..2_000_000u64)
            .filter(|ms| spells.is_bad(Instant::ZERO + Duration::from_millis(*ms), &mut random))
            .count();
        assert!((180_000..220_000).contains(&bad), "{bad}");
    }
}
