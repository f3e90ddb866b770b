use std::time::Duration;

use portolan_model::Instant;

/// How many probes were asked of a host in each of the last spans of five milliseconds, and how many were answered.
///
/// Losses come in bursts, so a port that is silent twice in a row may have met the same burst twice. If nearly all that
/// was asked together with it was answered, and something that was asked after it too, then there was no burst: asking
/// again need not wait for better times. If next to nothing was, a burst may have swallowed all of it.
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

    /// A probe is asked.
    pub(super) fn asked(&mut self, now: Instant) {
        let span = span_of(now);
        if span > self.newest {
            let passed = usize::try_from(span - self.newest).unwrap_or(KEPT).min(KEPT);
            (0..passed as u64).for_each(|ago| self.spans[place(span - ago)] = Span::default());
            self.newest = span;
        }
        if let Some(span) = self.span_mut(span) {
            span.asked = span.asked.saturating_add(1);
        }
    }

    /// A probe asked then was answered.
    pub(super) fn answered(&mut self, asked: Instant) {
        let span = span_of(asked);
        self.last_beat = self.last_beat.max(span);
        if let Some(span) = self.span_mut(span) {
            span.answered = span.answered.saturating_add(1);
        }
    }

    /// Whether it is certain that what was asked then met no burst that still goes on.
    pub(super) fn is_calm(&self, asked: Instant) -> bool {
        self.share_answered(asked, 3, 4) && self.last_beat > span_of(asked)
    }

    /// Whether a burst may have swallowed what was asked then: not even a quarter of it was answered.
    pub(super) fn is_dull(&self, asked: Instant) -> bool {
        !self.share_answered(asked, 1, 4)
    }

    /// Whether `part` of `whole` or more was answered; not, if it is too long ago to be known.
    fn share_answered(&self, asked: Instant, part: u32, whole: u32) -> bool {
        self.span(span_of(asked)).is_some_and(|span| {
            span.asked > 0 && u32::from(span.answered) * whole >= u32::from(span.asked) * part
        })
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
            (0..4).for_each(|_| pulse.asked(at(*millis)));
            (0..*answered).for_each(|_| pulse.answered(at(*millis)));
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
    fn what_is_long_ago_is_not_known() {
        let mut pulse = pulse(&[(100, 4), (130, 4)]);
        pulse.asked(at(419));
        assert!(pulse.is_calm(at(100)));
        pulse.asked(at(425));
        assert!(pulse.is_dull(at(100)) && !pulse.is_dull(at(130)));
        pulse.asked(at(10_000_000));
        pulse.answered(at(130));
        assert!(!pulse.is_calm(at(130)) && pulse.is_dull(at(130)));
    }
}
