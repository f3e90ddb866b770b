use portolan_model::Instant;

use crate::technique::Vouch;

/// The host as a sender of ICMP errors about its ports, as far as its errors have shown it.
///
/// An error of it proves that it could and would send one when the datagram it quotes had come, and that the way
/// back was free: of the silences before that, loss and withheld errors are less likely to be the cause.
#[derive(Clone, Default, Debug)]
pub(super) struct Emitter {
    last: Option<Grant>,
}

/// An error that came.
#[derive(Copy, Clone, Debug)]
struct Grant {
    /// When the datagram was sent that it is about …
    sent: Instant,
    /// … and to which port.
    port: u16,
    /// When it came.
    at: Instant,
}

impl Emitter {
    /// An error came about a datagram to `port`, sent then.
    pub(super) fn granted(&mut self, port: u16, sent: Instant, at: Instant) {
        if self.last.is_none_or(|last| sent >= last.sent) {
            self.last = Some(Grant { sent, port, at });
        }
    }

    /// What it says of a silence whose last datagram was sent at `sent`.
    pub(super) fn vouch(&self, sent: Instant) -> Vouch {
        match self.last {
            None => Vouch::Never,
            Some(last) if sent < last.sent => Vouch::Later,
            Some(_) => Vouch::Before,
        }
    }

    /// The port whose error came last, and when.
    pub(super) fn witness(&self) -> Option<(u16, Instant)> {
        self.last.map(|last| (last.port, last.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_vouches_for_what_was_sent_before_its_datagram() {
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let mut emitter = Emitter::default();
        assert_eq!(emitter.vouch(at(1)), Vouch::Never);
        emitter.granted(9, at(5), at(80));
        // Late news of an earlier datagram changes nothing.
        emitter.granted(7, at(3), at(90));
        assert_eq!((emitter.vouch(at(4)), emitter.vouch(at(5))), (Vouch::Later, Vouch::Before));
        assert_eq!(emitter.witness(), Some((9, at(80))));
    }
}
