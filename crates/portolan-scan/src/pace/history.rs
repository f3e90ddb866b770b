use std::time::Duration;

use portolan_model::{Instant, PaceBecause, Rate, RateStep};

use super::levels::{Level, levels};

/// What was sent and what came back, in slices of time.
///
/// The slices become longer as the scan does, so their number stays what it is. Time in which there was nothing to ask
/// does not count: it is no pace.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// When the first probe left.
    began: Option<Instant>,
    width: Duration,
    past: Vec<Slice>,
    now: Slice,
    /// When the slice of now ends.
    until: Instant,
    /// Since when there is nothing to ask.
    idle: Option<Instant>,
}

/// A slice of time.
#[derive(Copy, Clone, Default, Debug)]
pub(super) struct Slice {
    pub(super) sent: u64,
    pub(super) answers: u64,
    pub(super) idle: Duration,
    /// What happened in it, a bit for each [`Mark`].
    pub(super) marks: u8,
}

/// What makes a scan slower.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// A queue stands on the way.
    Queue = 1,
    /// What was lost was lost because of us.
    Loss = 2,
    /// Our own receive queue lost something.
    Ring = 4,
    /// The machine ran short.
    Machine = 8,
    /// The ceiling held a probe back.
    Ceiling = 16,
}

/// The width of the first slices, and how many there are before two become one.
const WIDTH: Duration = Duration::from_millis(10);
const MOST: usize = 512;

impl Default for History {
    fn default() -> Self {
        History {
            began: None,
            width: WIDTH,
            past: Vec::new(),
            now: Slice::default(),
            until: Instant::ZERO,
            idle: None,
        }
    }
}

impl History {
    /// A probe leaves.
    pub(crate) fn sent(&mut self, now: Instant) {
        if now >= self.until {
            self.roll(now);
        }
        if self.idle.is_some() {
            self.busy(now);
        }
        self.now.sent += 1;
    }

    /// A probe that was counted did not leave.
    pub(crate) fn not_sent(&mut self) {
        self.now.sent = self.now.sent.saturating_sub(1);
    }

    /// Somebody answered.
    pub(crate) fn answered(&mut self) {
        self.now.answers += 1;
    }

    /// There is nothing to ask.
    pub(crate) fn idles(&mut self, now: Instant) {
        if self.idle.is_none() {
            self.idle = Some(now);
        }
    }

    /// This made the scan slower.
    pub(crate) fn mark(&mut self, mark: Mark, now: Instant) {
        if now >= self.until {
            self.roll(now);
        }
        self.now.marks |= mark as u8;
    }

    /// Probes a second since `since`, whether or not there was something to ask.
    pub(crate) fn told(&self, now: Instant) -> Rate {
        let mut all = self.clone();
        if all.began.is_none() {
            return Rate::default();
        }
        all.roll(now);
        if all.idle.is_some() {
            all.busy(now);
        }
        // The slice of now is not over; its rest is no time of the scan's.
        let rest = all.until.since(now);
        all.now.idle = (all.now.idle + rest).min(all.width);
        all.past.push(all.now);
        let found = levels(&all.past, all.width);
        let steps = found.iter().enumerate().map(|(at, level)| {
            let before = at.checked_sub(1).map(|before| &found[before]);
            RateStep {
                at: all.width * u32::try_from(level.first).unwrap_or(u32::MAX),
                pps: whole(level.pps()),
                answers: whole(level.answers_a_second()),
                because: because(before, level, &all.past),
            }
        });
        Rate {
            mean: whole(Level::of(&all.past, all.width).map_or(0.0, |all| all.pps())),
            highest: whole(highest(&all.past, all.width)),
            steps: steps.collect(),
            loss: None,
        }
    }

    /// Ends slices until the one of `now`.
    fn roll(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        if self.until == Instant::ZERO {
            self.until = began + self.width;
        }
        while now >= self.until {
            // What lasts idle for days fills no slice one by one.
            if self.past.len() == MOST {
                self.halve();
                continue;
            }
            if let Some(idle) = self.idle {
                self.now.idle += self.until.since(idle.max(self.until - self.width));
            }
            self.past.push(std::mem::take(&mut self.now));
            self.until = self.until + self.width;
        }
    }

    /// There is something to ask again.
    fn busy(&mut self, now: Instant) {
        if let Some(idle) = self.idle.take() {
            self.now.idle += now.since(idle.max(self.until - self.width));
        }
    }

    /// Two slices become one.
    fn halve(&mut self) {
        self.past = self.past.chunks(2).map(|pair| pair.iter().fold(Slice::default(), Slice::with)).collect();
        self.width *= 2;
        // The number of slices was even, so the one of now is the first half of a wider one.
        self.until = self.until + self.width / 2;
    }
}

impl Slice {
    pub(super) fn with(self, other: &Slice) -> Slice {
        Slice {
            sent: self.sent + other.sent,
            answers: self.answers + other.answers,
            idle: self.idle + other.idle,
            marks: self.marks | other.marks,
        }
    }
}

/// The most in any tenth of a second in which there was much to ask.
fn highest(slices: &[Slice], width: Duration) -> f64 {
    let together = (100_000_000_u128.div_ceil(width.as_nanos().max(1)) as usize).min(slices.len()).max(1);
    let spans = slices.windows(together).filter_map(|span| Level::of(span, width));
    let busy = spans.filter(|span| span.active * 2 >= width * u32::try_from(together).unwrap_or(1));
    let mean = Level::of(slices, width).map_or(0.0, |all| all.pps());
    busy.map(|span| span.pps()).fold(mean, f64::max)
}

/// Why this level is not the one before it.
fn because(before: Option<&Level>, level: &Level, slices: &[Slice]) -> PaceBecause {
    let Some(before) = before else { return PaceBecause::Start };
    // What made it slower happened about when it became so.
    let from = level.first.saturating_sub(before.len.min(REACH));
    let until = (level.first + level.len.min(REACH)).min(slices.len());
    let marks = slices[from..until].iter().fold(0, |marks, slice| marks | slice.marks);
    let has = |mark: Mark| marks & mark as u8 != 0;
    let held = slices[level.first..level.first + level.len].iter();
    let held = held.filter(|slice| slice.marks & Mark::Ceiling as u8 != 0).count() * 2 > level.len;
    if level.pps() > before.pps() {
        return if held { PaceBecause::Ceiling } else { PaceBecause::Clear };
    }
    let reasons = [
        (Mark::Ring, PaceBecause::Ring),
        (Mark::Machine, PaceBecause::Machine),
        (Mark::Loss, PaceBecause::Loss),
        (Mark::Queue, PaceBecause::Queue),
    ];
    let found = reasons.into_iter().find(|(mark, _)| has(*mark)).map(|(_, because)| because);
    found.unwrap_or(if held { PaceBecause::Ceiling } else { PaceBecause::Answers })
}

/// How many slices around the begin of a level tell why it began.
const REACH: usize = 30;

fn whole(rate: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and small"
    )]
    let whole = rate.round() as u64;
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1000)
    }

    /// Probes at these rates, each for so many milliseconds.
    fn at_rates(history: &mut History, from: u64, rates: &[(u64, u64)]) -> u64 {
        let mut now = from;
        for (rate, millis) in rates {
            let until = now + millis * 1000;
            while now < until {
                history.sent(at(now));
                now += 1_000_000 / rate;
            }
        }
        now
    }

    #[test]
    fn levels_are_told_with_their_reasons() {
        let mut history = History::default();
        let now = at_rates(&mut history, 500, &[(10_000, 1000)]);
        history.mark(Mark::Queue, at(now));
        let now = at_rates(&mut history, now, &[(2500, 2000), (10_000, 700)]);
        let told = history.told(at(now));
        let steps: Vec<_> =
            told.steps.iter().map(|step| (step.at.as_millis(), step.pps, step.because)).collect();
        assert_eq!(steps.len(), 3, "{steps:?}");
        let wanted = [
            (0, 10_000, PaceBecause::Start),
            (1000, 2500, PaceBecause::Queue),
            (3000, 10_000, PaceBecause::Clear),
        ];
        for ((millis, pps, because), (wanted_at, wanted_pps, wanted_because)) in steps.iter().zip(wanted) {
            assert!(millis.abs_diff(wanted_at) <= 20 && pps.abs_diff(wanted_pps) < 200, "{steps:?}");
            assert_eq!(*because, wanted_because);
        }
        assert!(told.highest.abs_diff(10_000) < 200, "{told:?}");
    }

    #[test]
    fn time_without_anything_to_ask_is_no_pace() {
        let mut history = History::default();
        let now = at_rates(&mut history, 0, &[(1000, 500)]);
        history.idles(at(now));
        let now = at_rates(&mut history, now + 20_000_000, &[(1000, 500)]);
        let told = history.told(at(now));
        assert!(told.mean.abs_diff(1000) < 20 && told.steps.len() == 1, "{told:?}");
    }

    #[test]
    fn nothing_sent_is_no_rate() {
        assert_eq!(History::default().told(at(5)), Rate::default());
    }

    proptest! {
        #[test]
        fn there_are_few_levels_in_the_order_of_time_and_neighbours_differ(
            rates in prop::collection::vec((1u64..20_000, 1u64..400), 1..60),
        ) {
            let mut history = History::default();
            let now = at_rates(&mut history, 0, &rates);
            let told = history.told(at(now));
            // What is over in a moment has no pace.
            prop_assert!(told.steps.len() <= Rate::MOST_STEPS && (now < 5_000_000 || !told.steps.is_empty()));
            prop_assert!(told.steps.windows(2).all(|pair| pair[0].at < pair[1].at));
            prop_assert!(told.steps.first().is_none_or(|step| step.because == PaceBecause::Start));
            prop_assert!(told.highest >= told.mean);
            prop_assert!(history.past.len() <= MOST);
        }
    }
}
