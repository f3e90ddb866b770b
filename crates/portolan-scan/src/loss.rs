use portolan_model::OpenPorts;

/// Never fewer attempts before silence says anything; never more.
const MIN_TRIES: u8 = 2;
const MAX_TRIES: u8 = 12;
/// Where some answer came late: losses come in bursts, and a mean over calm and bad spells tells too little.
const MIN_TRIES_ON_LOSS: u8 = 6;
const MIN_ROUNDS_ON_LOSS: u8 = 3;
/// Without any answer yet, one round trip in a hundred is taken to be lost.
const PRIOR: f64 = 0.01;

/// Up to so many answers are few.
const FEW: u32 = 200;

/// Which share of round trips is lost, and how many spaced attempts silence therefore needs.
///
/// A port that answered only a later attempt shows that an earlier round trip was lost. The first
/// attempts of all ports that ever answered are a sample of it (the rest of a geometric series).
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Loss {
    /// Ports that answered their first attempt, and a later one.
    counts: (u32, u32),
    /// The same while we asked faster than the path bears: of use only while little else is known.
    overtaxed: (u32, u32),
    /// Ports whose answer tells nothing of loss.
    others: u32,
    spell: bool,
}

/// From so many answers on, what was lost while we asked too fast tells nothing more.
const KNOWN: u32 = 100;

impl Loss {
    /// A port answered; `first` if its very first packet did.
    pub(crate) fn answered(&mut self, first: bool) {
        let count = if first { &mut self.counts.0 } else { &mut self.counts.1 };
        *count = count.saturating_add(1);
    }

    /// A port answered after its silence was asked anew: nobody knows what became of its first packet.
    pub(crate) fn answered_anew(&mut self) {
        self.others = self.others.saturating_add(1);
    }

    /// What was lost so far was lost because of us.
    pub(crate) fn overtaxed(&mut self) {
        let (first, later) = std::mem::take(&mut self.counts);
        self.overtaxed.0 = self.overtaxed.0.saturating_add(first);
        self.overtaxed.1 = self.overtaxed.1.saturating_add(later);
        self.spell();
    }

    /// Ports that answered their first attempt, and a later one, of those that tell of the path.
    pub(crate) fn counted(&self) -> (u32, u32) {
        let ((first, later), before) = (self.counts, self.overtaxed);
        if self.is_known() {
            return self.counts;
        }
        (first.saturating_add(before.0), later.saturating_add(before.1))
    }

    /// Whether what tells of the path is enough to forget what does not.
    fn is_known(&self) -> bool {
        self.counts.0.saturating_add(self.counts.1) >= KNOWN
    }

    /// The estimated share of round trips lost.
    pub(crate) fn share(&self) -> f64 {
        let (first, later) = self.counted();
        (f64::from(later) + PRIOR) / (f64::from(first) + f64::from(later) + 1.0)
    }

    /// Whether so much is lost that as many attempts as we ever make would miss more than one answer in seven: then silence
    /// proves nothing.
    pub(crate) fn is_hopeless(&self) -> bool {
        self.seen() && self.share().powi(i32::from(MAX_TRIES)) > 1.0 / 7.0
    }

    /// How many ports answered.
    pub(crate) fn answers(&self) -> u32 {
        let both = |(first, later): (u32, u32)| first.saturating_add(later);
        both(self.counts).saturating_add(both(self.overtaxed)).saturating_add(self.others)
    }

    /// The path broke for a while: not the loss of single packets, but silence must be asked more often.
    pub(crate) fn spell(&mut self) {
        self.spell = true;
    }

    /// What an earlier run saw.
    pub(crate) fn known(open: &OpenPorts) -> Self {
        Loss { counts: open.answers, spell: open.spell, ..Loss::default() }
    }

    /// Notes what was seen for another run.
    pub(crate) fn note(&self, open: &mut OpenPorts) {
        (open.answers, open.spell) = (self.counted(), self.spell);
    }

    /// Whether any answer came late, or the path broke for a while.
    pub(crate) fn seen(&self) -> bool {
        self.counts.1 > 0 || self.spell
    }

    /// After how many spaced attempts the ports that would have answered are expected to have missed none:
    /// at most one wrong silence in a thousand such scans.
    pub(crate) fn tries(&self) -> u8 {
        self.tries_from(MIN_TRIES_ON_LOSS)
    }

    /// The same for hosts, each of which is asked in several ways in a round.
    pub(crate) fn rounds(&self) -> u8 {
        self.tries_from(MIN_ROUNDS_ON_LOSS)
    }

    fn tries_from(&self, least: u8) -> u8 {
        if !self.seen() {
            return MIN_TRIES;
        }
        // Those that had answered by then were the lucky ones: how much the path loses is not known from them.
        if self.overtaxed != (0, 0) && !self.is_known() {
            return MAX_TRIES;
        }
        let wanted = 0.001 / f64::from(self.answers().max(100));
        // A few answers tell little of the loss, and too few attempts are worse than too many: one standard error more.
        let (first, later) = self.counted();
        let counted = first.saturating_add(later).saturating_add(1);
        let doubt = (self.share() * (1.0 - self.share()) / f64::from(counted)).sqrt();
        let share = if counted > FEW { self.share() } else { (self.share() + doubt).min(0.99) };
        let tries = (wanted.ln() / share.ln()).ceil();
        // Saturating: a share near one asks for more than any number.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to at most 12 first"
        )]
        let tries = tries.clamp(f64::from(least), f64::from(MAX_TRIES)) as u8;
        tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(first: u32, later: u32) -> Loss {
        Loss { counts: (first, later), ..Loss::default() }
    }

    #[test]
    fn tries_follow_the_loss() {
        assert_eq!(Loss::default().tries(), 2);
        assert_eq!(after(950, 0).tries(), 2);
        assert_eq!(after(900, 97).tries(), 6);
        assert_eq!(after(80, 20).tries(), 9);
        assert_eq!(after(640, 360).tries(), 12);
    }

    #[test]
    fn where_nearly_all_is_lost_silence_proves_nothing() {
        assert!(!after(20, 80).is_hopeless() && !Loss::default().is_hopeless());
        assert!(after(8, 92).is_hopeless());
    }

    #[test]
    fn an_unknown_path_is_not_called_lossless() {
        assert!(Loss::default().share() > 0.0);
    }

    #[test]
    fn what_we_lost_ourselves_is_forgotten_once_the_path_is_known() {
        let mut loss = after(10, 90);
        loss.overtaxed();
        assert!(loss.share() > 0.85 && loss.seen() && loss.answers() == 100);
        (0..99).for_each(|_| loss.answered(true));
        assert!(loss.share() > 0.4 && loss.tries() == MAX_TRIES, "little is known yet");
        loss.answered(true);
        assert!(loss.share() < 0.001 && loss.tries() == MIN_TRIES_ON_LOSS);
    }
}
