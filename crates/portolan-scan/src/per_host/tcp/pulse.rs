use portolan_model::Instant;

/// When answered probes of a host were asked, as far as it is worth knowing: a bit for each five milliseconds.
///
/// Losses come in bursts, so a port that is silent twice in a row may have met the same burst twice. If probes that
/// were asked just before, beside and just after it were answered, there was no burst: what was lost, if anything,
/// was this one packet, and asking again need not wait for better times.
#[derive(Copy, Clone, Default, Debug)]
pub(super) struct Pulse {
    /// The span of the lowest bit.
    newest: u64,
    bits: u64,
}

const SPAN: u64 = 5_000_000;

impl Pulse {
    /// A probe asked then was answered.
    pub(super) fn beat(&mut self, asked: Instant) {
        let span = asked.as_nanos() / SPAN;
        if span > self.newest {
            self.bits =
                u32::try_from(span - self.newest).ok().and_then(|by| self.bits.checked_shl(by)).unwrap_or(0);
            self.newest = span;
        }
        self.bits |= self.bit(span);
    }

    /// Whether anything that was asked with it was answered.
    pub(super) fn beats_beside(&self, asked: Instant) -> bool {
        self.bits & self.bit(asked.as_nanos() / SPAN) != 0
    }

    /// Whether answers surround what was asked then.
    pub(super) fn surrounds(&self, asked: Instant) -> bool {
        let span = asked.as_nanos() / SPAN;
        (span.saturating_sub(1)..=span + 1).all(|span| self.bits & self.bit(span) != 0)
    }

    /// The bit of a span; none if it is too long ago, or still to come.
    fn bit(&self, span: u64) -> u64 {
        let ago = self.newest.checked_sub(span).and_then(|ago| u32::try_from(ago).ok());
        ago.and_then(|ago| 1_u64.checked_shl(ago)).unwrap_or(0)
    }
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
        for millis in [100, 106, 112, 130, 400] {
            assert!(!pulse.surrounds(at(106)) || millis > 112);
            pulse.beat(at(millis));
        }
        assert!(pulse.surrounds(at(108)) && !pulse.surrounds(at(101)));
        assert!(!pulse.surrounds(at(118)) && !pulse.surrounds(at(130)) && !pulse.surrounds(at(400)));
        assert!(!pulse.surrounds(at(10_000)));
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
