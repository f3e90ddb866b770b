use std::time::Duration;

use portolan_model::Instant;

/// How many probes were asked of a host in each of the last spans of five milliseconds, and how many were answered.
///
/// Losses come in bursts, so a port that is silent twice in a row may have met the same burst twice. If nearly all that
/// was asked together with it was answered, and something that was asked after it too, then there was no burst: asking
/// again need not wait for better times. If next to nothing was, a burst may have swallowed all of it.
///
/// What is asked again was silent before and mostly is so for good: of the last ports of a host there would be too few to
/// outweigh it. So it is the share of first attempts that shows calm, or that of all.
#[derive(Copy, Clone, Debug)]
pub(super) struct Pulse {
    /// The latest span of which anything is known.
    newest: u64,
    /// The latest span of which a probe was answered.
    last_beat: u64,
    spans: [Span; KEPT],
}

#[derive(Copy, Clone, Default, Debug)]
struct Span {
    first: Share,
    again: Share,
}

#[derive(Copy, Clone, Default, Debug)]
struct Share {
    asked: u16,
    answered: u16,
}

/// So many spans are remembered, a third of a second.
const KEPT: usize = 64;

impl Default for Pulse {
    fn default() -> Self {
        Pulse { newest: 0, last_beat: 0, spans: [Span::default(); KEPT] }
    }
}

impl Pulse {
    /// What is asked so much later is told apart.
    pub(super) const SPAN: Duration = Duration::from_millis(5);

    /// A port is asked, for the `first` time or again.
    pub(super) fn asked(&mut self, first: bool, now: Instant) {
        let span = span_of(now);
        if span > self.newest {
            let passed = usize::try_from(span - self.newest).unwrap_or(KEPT).min(KEPT);
            (0..passed as u64).for_each(|ago| self.spans[place(span - ago)] = Span::default());
            self.newest = span;
        }
        if let Some(span) = self.span_mut(span) {
            let asked = &mut span.share_mut(first).asked;
            *asked = asked.saturating_add(1);
        }
    }

    /// What was asked then, for the `first` time or again, was answered.
    pub(super) fn answered(&mut self, first: bool, asked: Instant) {
        let span = span_of(asked);
        self.last_beat = self.last_beat.max(span);
        if let Some(span) = self.span_mut(span) {
            let answered = &mut span.share_mut(first).answered;
            *answered = answered.saturating_add(1);
        }
    }

    /// Whether it is certain that what was asked then met no burst that still goes on. Not, if it is too long ago to be
    /// known.
    pub(super) fn is_calm(&self, asked: Instant) -> bool {
        let span = self.span(span_of(asked));
        span.is_some_and(|span| span.first.is(3, 4) || span.all().is(3, 4)) && self.last_beat > span_of(asked)
    }

    /// Whether a burst may have swallowed what was asked then: not even a quarter of it was answered, as far as is known.
    pub(super) fn is_dull(&self, asked: Instant) -> bool {
        !self.span(span_of(asked)).is_some_and(|span| span.all().is(1, 4))
    }

    fn is_kept(&self, span: u64) -> bool {
        self.newest.checked_sub(span).is_some_and(|ago| ago < KEPT as u64)
    }

    fn span(&self, span: u64) -> Option<&Span> {
        self.is_kept(span).then(|| &self.spans[place(span)])
    }

    fn span_mut(&mut self, span: u64) -> Option<&mut Span> {
        self.is_kept(span).then(|| &mut self.spans[place(span)])
    }
}

impl Span {
    fn share_mut(&mut self, first: bool) -> &mut Share {
        if first { &mut self.first } else { &mut self.again }
    }

    fn all(&self) -> Share {
        let Span { first, again } = self;
        Share {
            asked: first.asked.saturating_add(again.asked),
            answered: first.answered.saturating_add(again.answered),
        }
    }
}

impl Share {
    /// Whether `part` of `whole` or more was answered.
    fn is(self, part: u32, whole: u32) -> bool {
        self.asked > 0 && u32::from(self.answered) * whole >= u32::from(self.asked) * part
    }
}

fn span_of(at: Instant) -> u64 {
    at.as_nanos() / 5_000_000
}

fn place(span: u64) -> usize {
    usize::try_from(span % KEPT as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    /// Of four probes so many are answered.
    fn pulse(of: &[(u64, u32)]) -> Pulse {
        let mut pulse = Pulse::default();
        for (millis, answered) in of {
            (0..4).for_each(|_| pulse.asked(true, at(*millis)));
            (0..*answered).for_each(|_| pulse.answered(true, at(*millis)));
        }
        pulse
    }

    #[test]
    fn calm_is_what_is_answered_and_followed_by_an_answer() {
        let pulse = pulse(&[(100, 3), (110, 2), (120, 0), (130, 4)]);
        assert!(pulse.is_calm(at(102)) && !pulse.is_calm(at(112)) && !pulse.is_calm(at(122)));
        assert!(!pulse.is_calm(at(130)), "nothing after it");
        assert!(!pulse.is_calm(at(105)), "nothing was asked then");
        assert!(!pulse.is_dull(at(112)) && pulse.is_dull(at(122)));
    }

    #[test]
    fn what_is_silent_again_takes_no_calm_away() {
        let mut pulse = pulse(&[(100, 3), (110, 1), (120, 4)]);
        for millis in [100, 110, 115] {
            (0..12).for_each(|_| pulse.asked(false, at(millis)));
        }
        assert!(pulse.is_calm(at(100)), "three of four that were asked for the first time were answered");
        assert!(pulse.is_dull(at(100)), "and three of sixteen in all");
        assert!(!pulse.is_calm(at(110)) && !pulse.is_calm(at(115)));
        (0..12).for_each(|_| pulse.answered(false, at(115)));
        assert!(pulse.is_calm(at(115)), "where all is asked again, its answers tell");
    }

    #[test]
    fn what_is_long_ago_is_not_known() {
        let mut pulse = pulse(&[(100, 4), (130, 4)]);
        pulse.asked(true, at(419));
        assert!(pulse.is_calm(at(100)));
        pulse.asked(true, at(425));
        assert!(pulse.is_dull(at(100)) && !pulse.is_dull(at(130)));
        pulse.asked(true, at(10_000_000));
        pulse.answered(true, at(130));
        assert!(!pulse.is_calm(at(130)) && pulse.is_dull(at(130)));
    }
}
