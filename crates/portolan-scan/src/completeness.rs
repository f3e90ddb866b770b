//! Which share of the ports that answer was seen: those that loss hid are told silent, and nobody sees them.

/// What is known of loss, by how often silent ports were asked.
#[derive(Clone, Default, Debug)]
pub(crate) struct Completeness {
    pools: [Pool; MOST_TRIES + 1],
}

const MOST_TRIES: usize = 12;

/// Ports that were asked equally often if they were silent.
#[derive(Copy, Clone, Default, Debug)]
struct Pool {
    /// Ports that answered their first attempt, and a later one.
    first: u64,
    later: u64,
    /// All that answered, and all that were silent.
    seen: u64,
    silent: u64,
}

/// A share with the bounds between which it lies in 95 of 100 scans.
#[derive(Copy, Clone, PartialEq, Debug)]
pub(crate) struct Share {
    pub(crate) expected: f64,
    pub(crate) bounds: Option<(f64, f64)>,
}

impl Completeness {
    /// Silent ports were asked so often; of those that answered, so many answered their first attempt and a later one.
    pub(crate) fn add(&mut self, tries: u8, (first, later): (u32, u32), seen: u32, silent: usize) {
        let pool = &mut self.pools[usize::from(tries).min(MOST_TRIES)];
        pool.first += u64::from(first);
        pool.later += u64::from(later);
        pool.seen += u64::from(seen);
        pool.silent += silent as u64;
    }

    /// The share of the ports that answer which was seen, of those that were asked at all.
    ///
    /// The bounds are those of a prediction: loss is not known better than the answers tell it, and what it hides is a
    /// matter of chance even if it were. They take losses to be independent, which retries that keep apart make nearly true.
    pub(crate) fn share(&self) -> Share {
        let pools = || self.pools.iter().enumerate().filter(|(_, pool)| pool.seen > 0);
        let seen: u64 = pools().map(|(_, pool)| pool.seen).sum();
        let silent: u64 = pools().map(|(_, pool)| pool.silent).sum();
        let missed = |loss: &dyn Fn(usize, &Pool) -> f64| -> f64 {
            pools().map(|(tries, pool)| pool.missed(tries, loss(tries, pool))).sum()
        };
        let share = |missed: f64| seen as f64 / (seen as f64 + missed.min(silent as f64)).max(1.0);
        if seen == 0 {
            return Share { expected: 1.0, bounds: None };
        }
        let expected = share(missed(&|tries, pool| pool.loss(tries)));
        let is_told = pools().any(|(tries, pool)| tries > 1 && pool.first + pool.later > 0);
        let bounds = is_told.then(|| {
            let least = missed(&|tries, pool| pool.bounds(tries).0);
            let most = missed(&|tries, pool| pool.bounds(tries).1);
            // What is missed is whole ports, what is expected is not.
            (share(most_by_chance(most)).min(expected), share(least_by_chance(least)).max(expected))
        });
        Share { expected, bounds }
    }

    /// The share of round trips lost.
    pub(crate) fn loss(&self) -> f64 {
        let counted = |pool: &Pool| (pool.first + pool.later) as f64;
        let all: f64 = self.pools.iter().map(counted).sum();
        let lost = self.pools.iter().enumerate().map(|(tries, pool)| counted(pool) * pool.loss(tries));
        lost.sum::<f64>() / all.max(1.0)
    }
}

impl Pool {
    /// How many ports answer and are expected to have been silent each time.
    fn missed(&self, tries: usize, loss: f64) -> f64 {
        let missed = power(loss, tries);
        (self.seen as f64 * missed / (1.0 - missed).max(f64::EPSILON)).min(self.silent as f64)
    }

    /// The share of round trips lost, as far as the answers tell.
    fn loss(&self, tries: usize) -> f64 {
        let all = self.first + self.later;
        if all == 0 { 0.0 } else { loss_of(self.later as f64 / all as f64, tries) }
    }

    /// The same with its bounds: Wilson's of the share that answered late (Wilson 1927), with a few made-up ports beside
    /// those that were seen, since one port that answers at once is no proof of a path that loses nothing.
    fn bounds(&self, tries: usize) -> (f64, f64) {
        let counted = (self.first + self.later) as f64;
        let all = counted + MADE_UP.0;
        let (share, z2) = ((self.later as f64 + MADE_UP.1) / all, Z * Z);
        let centre = share + z2 / (2.0 * all);
        let spread = Z * (share * (1.0 - share) / all + z2 / (4.0 * all * all)).sqrt();
        let bound = |at: f64| loss_of((at / (1.0 + z2 / all)).clamp(0.0, 1.0), tries);
        (if self.later == 0 { 0.0 } else { bound(centre - spread) }, bound(centre + spread))
    }
}

/// So many ports, and so many of them late: before anything is known, between nothing and a third of all round trips may be
/// lost.
const MADE_UP: (f64, f64) = (8.0, 0.4);

/// Of a normal distribution, 2.5 % lie above this, and as many below its negative.
const Z: f64 = 1.96;

/// The loss of which so many of the ports that answered within `tries` attempts answered a later one. A port that was
/// silent each time is not among them, so this is not simply their share.
fn loss_of(late: f64, tries: usize) -> f64 {
    // Of one attempt there are no later ones: nothing is known, and no more is taken to be lost than usual.
    if tries < 2 {
        return late.min(0.5);
    }
    let (mut low, mut high) = (0.0, 0.999);
    for _ in 0..40 {
        let loss: f64 = (low + high) / 2.0;
        let all = power(loss, tries);
        if (loss - all) / (1.0 - all) < late { low = loss } else { high = loss }
    }
    (low + high) / 2.0
}

fn power(loss: f64, tries: usize) -> f64 {
    loss.powi(i32::try_from(tries).unwrap_or(i32::MAX))
}

/// As many or fewer happen in all but 2.5 of 100 cases where `mean` are expected.
fn most_by_chance(mean: f64) -> f64 {
    // Many events are about normal; what is missed is a little more scattered than events that do not depend on each other.
    if mean > 30.0 {
        return mean + Z * (mean * 1.25).sqrt() + 1.0;
    }
    let (mut term, mut sum, mut n) = ((-mean).exp(), (-mean).exp(), 0.0);
    while sum < 0.975 && n < 100.0 {
        n += 1.0;
        term *= mean / n;
        sum += term;
    }
    n
}

/// As many or more do.
fn least_by_chance(mean: f64) -> f64 {
    if mean > 30.0 {
        return (mean - Z * (mean * 1.25).sqrt() - 1.0).max(0.0);
    }
    let (mut term, mut below, mut n) = ((-mean).exp(), 0.0, 0.0);
    while below + term <= 0.025 && n < 100.0 {
        below += term;
        n += 1.0;
        term *= mean / n;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(tries: u8, counts: (u32, u32), silent: usize) -> Share {
        let mut known = Completeness::default();
        known.add(tries, counts, counts.0 + counts.1, silent);
        known.share()
    }

    #[test]
    fn nothing_heard_is_nothing_known() {
        assert_eq!(after(2, (0, 0), 100), Share { expected: 1.0, bounds: None });
    }

    #[test]
    fn one_answer_proves_little_and_many_much() {
        let low = |counts| after(2, counts, 999).bounds.unwrap().0;
        assert!((0.3..0.7).contains(&low((1, 0))), "{}", low((1, 0)));
        assert!(low((30, 0)) < 1.0 && low((30, 0)) > 0.9, "{}", low((30, 0)));
        assert_eq!(low((1000, 0)), 1.0);
        assert_eq!(after(2, (1, 0), 0).bounds, Some((1.0, 1.0)), "nothing was silent");
    }

    #[test]
    fn two_attempts_where_a_third_is_lost_miss_a_ninth() {
        // Of 900 ports 600 answer the first attempt, 200 the second, and 100 neither.
        let share = after(2, (600, 200), 500);
        assert!((share.expected - 800.0 / 900.0).abs() < 0.001, "{share:?}");
        let (low, high) = share.bounds.unwrap();
        assert!(low > 0.81 && low < 0.88 && high > 0.90 && high < 0.95, "{share:?}");
        let mut known = Completeness::default();
        known.add(2, (600, 200), 800, 500);
        assert!((known.loss() - 1.0 / 3.0).abs() < 0.001);
    }

    #[test]
    fn chance_alone_hides_some() {
        assert_eq!((least_by_chance(0.001), most_by_chance(0.001)), (0.0, 0.0));
        assert_eq!((least_by_chance(1.0), most_by_chance(1.0)), (0.0, 3.0));
        assert_eq!((least_by_chance(10.0), most_by_chance(10.0)), (4.0, 17.0));
        assert!(most_by_chance(40.0) < 56.0 && least_by_chance(40.0) > 24.0);
    }
}
