use std::time::Duration;

use portolan_model::Rate;

use super::history::Slice;

/// Neighbours that differ by less than this factor are one level.
const ALIKE: f64 = 1.25;
/// A level lasts at least so long, and at least this part of the scan: what is shorter is a moment.
const SHORTEST: Duration = Duration::from_millis(100);
const SMALLEST_PART: u32 = 25;

/// A stretch of time with about one pace.
#[derive(Copy, Clone, Debug)]
pub(super) struct Level {
    /// Its first slice, and how many there are of it.
    pub(super) first: usize,
    pub(super) len: usize,
    sent: u64,
    answers: u64,
    /// How long there was something to ask.
    pub(super) active: Duration,
}

/// The levels of these slices, each `width` long. Neighbours that are alike become one, the most alike first, until none
/// are: so a level does not depend on where it was looked at.
pub(super) fn levels(slices: &[Slice], width: Duration) -> Vec<Level> {
    let each = (0..slices.len()).filter_map(|at| {
        let level = Level::of(&slices[at..=at], width)?;
        // Mostly idle: what was sent then is no pace.
        (level.active * 4 >= width).then_some(Level { first: at, ..level })
    });
    let mut levels: Vec<Level> = each.collect();
    let active: Duration = levels.iter().map(|level| level.active).sum();
    let shortest = SHORTEST.max(active / SMALLEST_PART);
    while let Some(at) = most_alike(&levels, shortest) {
        levels[at] = levels[at].with(&levels[at + 1]);
        levels.remove(at + 1);
    }
    levels
}

/// The first of the two neighbours that are to become one next.
fn most_alike(levels: &[Level], shortest: Duration) -> Option<usize> {
    let pairs = levels.windows(2).enumerate().map(|(at, pair)| (at, pair[0], pair[1]));
    let costs = pairs.filter_map(|(at, one, other)| {
        let unlike = ((one.pps() + 1.0) / (other.pps() + 1.0)).ln().abs();
        let is_wanted = levels.len() > Rate::MOST_STEPS
            || unlike < ALIKE.ln()
            || one.active < shortest
            || other.active < shortest;
        let (one, other) = (one.active.as_secs_f64(), other.active.as_secs_f64());
        // Ward's: how much less the whole is told by its levels afterwards.
        is_wanted.then(|| (at, unlike * unlike * one * other / (one + other)))
    });
    costs.min_by(|one, other| one.1.total_cmp(&other.1)).map(|(at, _)| at)
}

impl Level {
    /// All of these slices as one; `None` if there was nothing to ask.
    pub(super) fn of(slices: &[Slice], width: Duration) -> Option<Level> {
        let whole = slices.iter().fold(Slice::default(), |sum, slice| sum.with(slice));
        let len = u32::try_from(slices.len()).unwrap_or(u32::MAX);
        let active = (width * len).saturating_sub(whole.idle);
        (!active.is_zero()).then_some(Level {
            first: 0,
            len: slices.len(),
            sent: whole.sent,
            answers: whole.answers,
            active,
        })
    }

    pub(super) fn pps(&self) -> f64 {
        self.sent as f64 / self.active.as_secs_f64()
    }

    pub(super) fn answers_a_second(&self) -> f64 {
        self.answers as f64 / self.active.as_secs_f64()
    }

    /// With its neighbour behind it, and what is idle between them.
    fn with(self, next: &Level) -> Level {
        Level {
            first: self.first,
            len: next.first + next.len - self.first,
            sent: self.sent + next.sent,
            answers: self.answers + next.answers,
            active: self.active + next.active,
        }
    }
}
