use std::collections::VecDeque;
use std::time::Duration;

use portolan_model::{Instant, LossBy};

/// Whether what gets lost is lost because we ask so fast: put to the test, since it cannot be seen.
///
/// Random loss is no reason to slow down; a box that drops what comes faster than its rate is, and it need not let anything
/// wait, so that no delay gives it away. When first attempts turn out to have been lost, or much less is answered than
/// before, a stretch is asked at a quarter of the pace. Ports are asked in a random order, so the same share of them
/// answers, unless less is lost. If so, the loss is ours: from then on the pace is what came through, and grows as long as
/// the share that answers does not fall.
#[derive(Clone, Default, Debug)]
pub(crate) struct Trial {
    /// Attempts by when they were asked, the oldest first.
    spans: VecDeque<Span>,
    stage: Stage,
    /// What was asked before tells nothing new.
    since: Instant,
    /// Ports asked since then that answered their first attempt, and a later one.
    answers: (u32, u32),
    /// The span of which the best share answered.
    best: Sum,
    /// No other trial before so many probes; they cost time.
    rest: u64,
    sent: u64,
    look_at: Instant,
    judged: Option<LossBy>,
    /// So much was lost that silence up to now proves nothing.
    overtaxed: bool,
}

#[derive(Copy, Clone, Default, Debug)]
enum Stage {
    #[default]
    Free,
    /// A stretch at a quarter of the pace of `before`; if it is `known` that loss is ours, at half of what came through.
    Slow { began: Instant, before: Sum, rate: f64, enough: Option<Instant>, known: bool },
    /// The loss is ours: this rate at most.
    Held { rate: f64, since: Instant, usual: Sum, clean: u32 },
}

/// Probes that were asked one after the other.
#[derive(Copy, Clone, Debug)]
struct Span {
    from: Instant,
    until: Instant,
    sum: Sum,
}

/// How many probes left in how long, and how many attempts were answered.
///
/// First, second, third and later attempts are told apart. Their ports are others: the silent ones are left over to the later
/// attempts, of which a smaller share is answered whatever the pace.
#[derive(Copy, Clone, Default, Debug)]
struct Sum {
    sent: f64,
    seconds: f64,
    asked: [f64; CLASSES],
    answered: [f64; CLASSES],
}

const CLASSES: usize = 4;

/// A span is no shorter than this but for the first few, and no more of them are kept.
const SPAN: Duration = Duration::from_millis(25);
const SHORT_SPANS: u64 = 1024;
const SPANS: usize = 64;
/// Attempts that tell a share, if a few of them were answered.
const MANY: f64 = 64.0;
const ENOUGH: (f64, f64) = (128.0, 24.0);
const PLENTY: f64 = 1024.0;
/// Late answers that are a reason to look, and their share.
const LATE: u32 = 8;
const SHARE: f64 = 0.02;
/// The same where a queue is known to be on the way, of which the window takes care.
const SHARE_QUEUED: f64 = 0.2;
/// The same where the loss is known to be ours: growing costs some.
const SHARE_HELD: f64 = 0.25;
/// Slower than this, no box on the way explains a loss; and who is not much faster need not become slower.
const SLOWEST: f64 = 100.0;
/// No other trial before so many times the probes so far; later still where it was chance, and did not look otherwise.
const REST: u64 = 2;
const LONG_REST: u64 = 8;
/// A stretch that tells nothing by then tells nothing.
const LONGEST: Duration = Duration::from_secs(1);

impl Trial {
    /// A probe leaves, this attempt at its port, or one that tells nothing.
    pub(crate) fn launched(&mut self, attempt: Option<u8>, now: Instant) {
        self.sent += 1;
        let is_long = |span: &Span| now.since(span.from) >= SPAN || self.sent < SHORT_SPANS;
        let is_full = |span: &Span| span.sum.all_asked() >= MANY && is_long(span);
        let is_other = self.spans.back().is_none_or(|span| is_full(span) || span.from < self.begin());
        if is_other {
            if self.spans.len() == SPANS {
                self.spans.pop_front();
            }
            self.spans.push_back(Span { from: now, until: now, sum: Sum::default() });
        }
        if let Some(span) = self.spans.back_mut() {
            span.until = now;
            span.sum.sent += 1.0;
            if let Some(attempt) = attempt {
                span.sum.asked[class(attempt)] += 1.0;
            }
        }
    }

    /// That attempt, asked then, was answered.
    pub(crate) fn answered(&mut self, attempt: u8, asked: Instant) {
        let span = self.spans.iter_mut().rev().find(|span| span.from <= asked);
        if let Some(span) = span.filter(|span| asked <= span.until) {
            span.sum.answered[class(attempt)] += 1.0;
        }
    }

    /// A port was heard for the first time; `first` if its first attempt, asked then, was not lost.
    pub(crate) fn heard(&mut self, first: bool, asked: Instant) {
        if asked >= self.since {
            let count = if first { &mut self.answers.0 } else { &mut self.answers.1 };
            *count = count.saturating_add(1);
        }
    }

    /// Looks at what is known; an answer is waited for so long. True if the limit is another now. `queue`: one stood on the
    /// way, and the window sees to it.
    pub(crate) fn look(&mut self, patience: Duration, queue: bool, now: Instant) -> bool {
        if now < self.look_at {
            return false;
        }
        self.look_at = now + SPAN;
        let limit = self.limit();
        let ripe = |from: Instant, spans: &VecDeque<Span>| {
            let ripe = spans.iter().filter(|span| span.from >= from && span.until + patience <= now);
            Sum::of(ripe)
        };
        match self.stage {
            Stage::Free => {
                let share = if queue { SHARE_QUEUED } else { SHARE };
                let latest = ripe(now - (patience + SPAN * 12), &self.spans);
                let is_worse = self.best.share(0) > 0.5 && latest.share(0) < self.best.share(0) * 0.7;
                if self.sent >= self.rest
                    && (self.is_suspicious(share) || is_worse && latest.is_below(&self.best))
                {
                    self.slow_down(latest, now);
                }
                let ripe = self
                    .spans
                    .iter()
                    .filter(|span| span.sum.asked[0] >= MANY && span.until + patience <= now);
                let best = ripe
                    .map(|span| Sum::of([span]))
                    .max_by(|one, other| one.share(0).total_cmp(&other.share(0)));
                self.best = best.filter(|best| best.share(0) > self.best.share(0)).unwrap_or(self.best);
            }
            Stage::Slow { began, before, rate, enough, known } => {
                let so_far = self.spans.iter().filter(|span| span.from >= began);
                let so_far = Sum::of(so_far);
                let comparable =
                    if known || so_far.is_later_than(&before) { so_far } else { so_far.like(&before) };
                let (asked, answered) = (comparable.all_asked(), comparable.all_answered());
                let tells = asked >= ENOUGH.0 && answered >= ENOUGH.1 || asked >= PLENTY;
                let enough = enough.or(tells.then_some(now));
                self.stage = Stage::Slow { began, before, rate, enough, known };
                if enough.is_some_and(|enough| now >= enough + patience) {
                    let slow = ripe(began, &self.spans);
                    if known { self.settle(before, slow, now) } else { self.compare(before, slow, now) }
                } else if enough.is_none() && now.since(began) > LONGEST {
                    self.learn_nothing(before, so_far, now);
                }
            }
            Stage::Held { rate, since, usual, clean } => {
                let sum = ripe(since, &self.spans);
                if self.is_suspicious(SHARE_HELD) && self.sent >= self.rest {
                    self.slow_down(sum, now);
                } else if sum.asked[0] >= MANY && sum.seconds >= 0.05 {
                    self.hold(rate, (usual, clean), sum, now);
                }
            }
        }
        self.limit() != limit
    }

    /// No more probes a second than this.
    pub(crate) fn limit(&self) -> Option<u64> {
        let (Stage::Slow { rate, .. } | Stage::Held { rate, .. }) = self.stage else { return None };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and small"
        )]
        let limit = rate.max(SLOWEST) as u64;
        Some(limit)
    }

    /// Whether nothing is known of loss, nor done about it.
    pub(crate) fn is_undecided(&self) -> bool {
        matches!(self.stage, Stage::Free) && self.judged != Some(LossBy::Chance)
    }

    /// Whether the loss is known to be ours, and holds the pace down.
    pub(crate) fn holds(&self) -> bool {
        matches!(self.stage, Stage::Held { .. })
    }

    /// Whether so much was lost because of us that silence up to now proves nothing; told once.
    pub(crate) fn take_overtaxed(&mut self) -> bool {
        std::mem::take(&mut self.overtaxed)
    }

    /// What loss depends on, if that is known.
    pub(crate) fn judged(&self) -> Option<LossBy> {
        self.judged
    }

    /// Where a span must begin anew.
    fn begin(&self) -> Instant {
        match self.stage {
            Stage::Free => Instant::ZERO,
            Stage::Slow { began, .. } => began,
            Stage::Held { since, .. } => since,
        }
    }

    fn is_suspicious(&self, share: f64) -> bool {
        let (first, later) = self.answers;
        later >= LATE && f64::from(later) > share * f64::from(first + later)
    }

    /// Begins a stretch at a quarter of the pace of `before`.
    fn slow_down(&mut self, before: Sum, now: Instant) {
        // What left in one moment had no pace.
        let is_short = before.seconds < SPAN.as_secs_f64();
        if is_short || before.all_asked() < MANY || before.pace() < SLOWEST * 4.0 {
            return;
        }
        let rate = before.pace() / 4.0;
        self.stage = Stage::Slow { began: now, before, rate, enough: None, known: false };
    }

    fn compare(&mut self, before: Sum, slow: Sum, now: Instant) {
        let is_ours = if slow.is_later_than(&before) {
            slow.whole_share() > before.whole_share() * 2.0
        } else if slow.like(&before).all_asked() < MANY {
            return self.learn_nothing(before, slow, now);
        } else {
            before.is_below(&slow)
        };
        if !is_ours {
            // That it was ours at a higher pace is known. This one is slow enough.
            if self.judged == Some(LossBy::Pace) {
                return self.learn_nothing(before, slow, now);
            }
            return self.conclude(LossBy::Chance, now);
        }
        let (through, still) = (before.answers_a_second(), slow.answers_a_second());
        self.conclude(LossBy::Pace, now);
        // As many answers a second as before: something is full still. At half as many probes it is not.
        if still > through * 0.7 && still > SLOWEST * 4.0 {
            self.stage = Stage::Slow { began: now, before, rate: still / 2.0, enough: None, known: true };
            return;
        }
        self.settle(before, slow, now);
    }

    /// The loss is ours, and next to nothing gets lost at the pace of `slow`: what came through at the higher pace is what the
    /// path lets through.
    fn settle(&mut self, before: Sum, slow: Sum, now: Instant) {
        let through = before.answers_a_second() / slow.whole_share().max(f64::EPSILON);
        self.overtaxed |= before.pace() > through * 1.25;
        let rate = (through * 0.95).clamp(SLOWEST, before.pace().max(SLOWEST));
        self.stage = Stage::Held { rate, since: now, usual: slow, clean: 0 };
    }

    /// Slower if less of what is asked is answered than usual, else faster, if the rate is what holds us back.
    fn hold(&mut self, rate: f64, (usual, clean): (Sum, u32), sum: Sum, now: Instant) {
        if sum.firsts().is_below(&usual.firsts()) {
            let through = sum.share(0) / usual.share(0).max(f64::EPSILON) * 0.95;
            let rate = (rate * through.max(0.5)).max(SLOWEST);
            // What was lost before this is answered for.
            (self.since, self.answers) = (now, (0, 0));
            self.stage = Stage::Held { rate, since: now, usual, clean: 0 };
            return;
        }
        // Carefully at first, where it was too much before; then ever faster, since that seems to be over.
        let is_binding = sum.pace() > rate * 0.8;
        let growth = if is_binding { (f64::from(1 << clean.min(3)) / 16.0).min(0.5) } else { 0.0 };
        let (rate, usual) = (rate * (1.0 + growth), usual.halved().with_sum(&sum));
        self.stage = Stage::Held { rate, since: now, usual, clean: clean + u32::from(is_binding) };
    }

    fn conclude(&mut self, by: LossBy, now: Instant) {
        let (first, later) = self.answers;
        self.judged = Some(by);
        self.give_up(now);
        if by == LossBy::Chance && later < first {
            self.rest = self.sent * LONG_REST;
        }
    }

    /// The stretch told nothing new: on as before it. What is known to be ours stays held down.
    fn learn_nothing(&mut self, before: Sum, slow: Sum, now: Instant) {
        self.give_up(now);
        if self.judged == Some(LossBy::Pace) {
            self.stage = Stage::Held { rate: before.pace(), since: now, usual: slow, clean: 0 };
        }
    }

    /// As fast as before, and no other trial soon.
    fn give_up(&mut self, now: Instant) {
        (self.stage, self.since, self.answers, self.rest) = (Stage::Free, now, (0, 0), self.sent * REST);
    }
}

fn class(attempt: u8) -> usize {
    usize::from(attempt.saturating_sub(1)).min(CLASSES - 1)
}

impl Sum {
    /// Which share of a class was answered.
    fn share(&self, class: usize) -> f64 {
        self.answered[class] / self.asked[class].max(1.0)
    }

    fn all_asked(&self) -> f64 {
        self.asked.iter().sum()
    }

    fn all_answered(&self) -> f64 {
        self.answered.iter().sum()
    }

    fn whole_share(&self) -> f64 {
        self.all_answered() / self.all_asked().max(1.0)
    }

    /// Whether nearly all of it were later attempts than those of `other`. By itself a smaller share of them is answered.
    fn is_later_than(&self, other: &Sum) -> bool {
        let first = |sum: &Sum| sum.asked[0] / sum.all_asked().max(1.0);
        self.like(other).all_asked() * 2.0 < self.all_asked() && first(self) <= first(other)
    }

    /// Probes a second.
    fn pace(&self) -> f64 {
        self.sent / self.seconds.max(0.001)
    }

    fn answers_a_second(&self) -> f64 {
        self.all_answered() / self.seconds.max(0.001)
    }

    /// Of these spans, in the order of time, and of the time between them.
    fn of<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Sum {
        let (mut sum, mut from, mut until) = (Sum::default(), None, Instant::ZERO);
        for span in spans {
            sum = sum.with_sum(&span.sum);
            from = from.or(Some(span.from));
            until = span.until;
        }
        Sum { seconds: until.since(from.unwrap_or(until)).as_secs_f64(), ..sum }
    }

    fn with_sum(mut self, other: &Sum) -> Sum {
        self.sent += other.sent;
        self.seconds += other.seconds;
        for class in 0..CLASSES {
            self.asked[class] += other.asked[class];
            self.answered[class] += other.answered[class];
        }
        self
    }

    /// Half of it: what is long ago counts less.
    fn halved(self) -> Sum {
        let half = |n: f64| n / 2.0;
        Sum {
            sent: half(self.sent),
            seconds: half(self.seconds),
            asked: self.asked.map(half),
            answered: self.answered.map(half),
        }
    }

    /// First attempts alone.
    fn firsts(mut self) -> Sum {
        self.asked[1..].fill(0.0);
        self.answered[1..].fill(0.0);
        self
    }

    /// The classes of which `other` tells a share.
    fn like(mut self, other: &Sum) -> Sum {
        for class in (0..CLASSES).filter(|class| other.asked[*class] < FEW) {
            (self.asked[class], self.answered[class]) = (0.0, 0.0);
        }
        self
    }

    /// How many answers there would have been with the shares of `other`, class by class.
    fn expected(&self, other: &Sum) -> f64 {
        let classes = (0..CLASSES).map(|class| match other.asked[class] < FEW {
            true => self.answered[class],
            false => self.asked[class] * other.share(class),
        });
        classes.sum()
    }

    /// Whether less of it was answered than of `other`, class by class, by more than chance explains once in a thousand
    /// times.
    fn is_below(&self, other: &Sum) -> bool {
        let (mut less, mut spread, mut asked) = (0.0, 0.0, 0.0);
        for class in (0..CLASSES).filter(|class| self.asked[*class] >= FEW && other.asked[*class] >= FEW) {
            let (own, others) = (self.asked[class], other.asked[class]);
            let all = (self.answered[class] + other.answered[class]) / (own + others);
            // Of as many as both have: what only one of them has much of tells of that one alone.
            let both = own * others / (own + others);
            less += (other.share(class) - self.share(class)) * both;
            spread += all * (1.0 - all) * both;
            asked += both;
        }
        less > 3.1 * f64::sqrt(spread)
            && (less > 0.04 * asked || self.expected(other) > 1.5 * self.all_answered())
    }
}

/// So few attempts tell no share.
const FEW: f64 = 16.0;
