/// Never fewer attempts before silence says anything; never more.
const MIN_TRIES: u8 = 2;
const MAX_TRIES: u8 = 12;
/// Where some answer came late: losses come in bursts, and a mean over calm and bad spells tells too little.
const MIN_TRIES_ON_LOSS: u8 = 6;
/// Without any answer yet, one round trip in a hundred is taken to be lost.
const PRIOR: f64 = 0.01;

/// Which share of round trips is lost, and how many spaced attempts silence therefore needs.
///
/// A port that answered only a later attempt shows that an earlier round trip was lost. The first
/// attempts of all ports that ever answered are a sample of it (the rest of a geometric series).
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Loss {
    first: u32,
    later: u32,
    spell: bool,
}

impl Loss {
    /// A port answered; `first` if its very first packet did.
    pub(crate) fn answered(&mut self, first: bool) {
        if first {
            self.first = self.first.saturating_add(1);
        } else {
            self.later = self.later.saturating_add(1);
        }
    }

    /// The estimated share of round trips lost.
    pub(crate) fn share(&self) -> f64 {
        (f64::from(self.later) + PRIOR) / (f64::from(self.first) + f64::from(self.later) + 1.0)
    }

    /// How many ports answered.
    pub(crate) fn answers(&self) -> u32 {
        self.first.saturating_add(self.later)
    }

    /// The path broke for a while: not the loss of single packets, but silence must be asked more often.
    pub(crate) fn spell(&mut self) {
        self.spell = true;
    }

    /// Whether any answer came late, or the path broke for a while.
    pub(crate) fn seen(&self) -> bool {
        self.later > 0 || self.spell
    }

    /// After how many spaced attempts the ports that would have answered are expected to have missed none:
    /// at most one wrong silence in a thousand such scans.
    pub(crate) fn tries(&self) -> u8 {
        if !self.seen() {
            return MIN_TRIES;
        }
        let wanted = 0.001 / f64::from(self.answers().max(100));
        let tries = (wanted.ln() / self.share().ln()).ceil();
        // Saturating: a share near one asks for more than any number.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to at most 12 first"
        )]
        let tries = tries.clamp(f64::from(MIN_TRIES_ON_LOSS), f64::from(MAX_TRIES)) as u8;
        tries
    }

    /// How many ports that would have answered are expected to have stayed silent `tries` times.
    pub(crate) fn expected_missed(&self, tries: u8) -> f64 {
        let missed = self.share().powi(i32::from(tries));
        f64::from(self.answers()) * missed / (1.0 - missed).max(f64::EPSILON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(first: u32, later: u32) -> Loss {
        Loss { first, later, spell: false }
    }

    #[test]
    fn tries_follow_the_loss() {
        assert_eq!(Loss::default().tries(), 2);
        assert_eq!(after(950, 0).tries(), 2);
        assert_eq!(after(900, 97).tries(), 6);
        assert_eq!(after(80, 20).tries(), 8);
        assert_eq!(after(640, 360).tries(), 12);
    }

    #[test]
    fn an_unknown_path_is_not_called_lossless() {
        assert!(Loss::default().share() > 0.0);
        assert!(after(10, 0).expected_missed(2) < 1e-4);
    }
}
