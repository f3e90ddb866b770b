use std::time::Duration;

use portolan_model::Instant;

/// When answered probes of a host were asked, as far as it is worth knowing: a bit for each five milliseconds.
///
/// Losses come in bursts, so a port that is silent twice in a row may have met the same burst twice. If a probe that
/// was asked beside it was answered, and one that was asked after it, then there was no burst or it is over: asking
/// again need not wait for better times.
#[derive(Copy, Clone, Default, Debug)]
pub(super) struct Pulse {
    /// The span of the lowest bit.
    newest: u64,
    bits: u64,
}

impl Pulse {
    /// What is asked so much later is told apart.
    pub(super) const SPAN: Duration = Duration::from_millis(5);

    /// A probe asked then was answered.
    pub(super) fn beat(&mut self, asked: Instant) {
        let span = span_of(asked);
        if span > self.newest {
            self.bits =
                u32::try_from(span - self.newest).ok().and_then(|by| self.bits.checked_shl(by)).unwrap_or(0);
            self.newest = span;
        }
        self.bits |= self.bit(span);
    }

    /// Whether anything that was asked with it was answered.
    pub(super) fn beats_beside(&self, asked: Instant) -> bool {
        self.bits & self.bit(span_of(asked)) != 0
    }

    /// Whether answers surround what was asked then: beside or just before it, and after it. A burst that swallowed it
    /// is over by now.
    pub(super) fn surrounds(&self, asked: Instant) -> bool {
        let span = span_of(asked);
        let beside = self.bit(span) | self.bit(span.saturating_sub(1));
        // Later spans are lower bits.
        let later = self.bit(span).saturating_sub(1);
        self.bits & beside != 0 && self.bits & later != 0
    }

    /// The bit of a span; none if it is too long ago, or still to come.
    fn bit(&self, span: u64) -> u64 {
        let ago = self.newest.checked_sub(span).and_then(|ago| u32::try_from(ago).ok());
        ago.and_then(|ago| 1_u64.checked_shl(ago)).unwrap_or(0)
    }
}

fn span_of(asked: Instant) -> u64 {
    asked.as_nanos() / 5_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn only_what_has_answers_on_both_sides_is_surrounded() {
        let mut pulse = Pulse::default();
        for millis in [100, 106, 112, 130, 300] {
            assert!(!pulse.surrounds(at(millis)), "nothing after it");
            pulse.beat(at(millis));
            assert!(!pulse.surrounds(at(millis)), "nothing after it but itself");
        }
        assert!([101, 108, 116, 130].iter().all(|millis| pulse.surrounds(at(*millis))));
        assert!(!pulse.surrounds(at(123)) && !pulse.surrounds(at(200)), "nothing beside it");
        assert!(!pulse.surrounds(at(300)) && !pulse.surrounds(at(10_000)));
        pulse.beat(at(440));
        assert!(!pulse.surrounds(at(108)), "too long ago to be known");
    }

    #[test]
    fn answers_may_come_in_any_order() {
        let mut pulse = Pulse::default();
        [20, 10, 15].into_iter().for_each(|millis| pulse.beat(at(millis)));
        assert!(pulse.surrounds(at(16)));
        pulse.beat(at(1_000_000));
        assert!(!pulse.surrounds(at(16)));
    }
}
