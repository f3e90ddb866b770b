use std::fmt;

use portolan_model::{Address, Claim, PortState, Reason, Transport};

/// What was told of an endpoint.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Told {
    /// Its state.
    pub state: PortState,
    /// Why.
    pub reason: Reason,
    /// Who answered, when it was not the target.
    pub from: Option<Address>,
}

/// What is true of an endpoint, as somebody without privilege can find out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Truth {
    /// Whether a host is there at all.
    pub exists: bool,
    /// The tellings that are right; a RST is told as a connect tells it, and may be told as [`Reason::Reset`] too.
    pub right: Vec<Told>,
    /// Tellings that are neither right nor wrong: true when they were observed, and passing.
    pub passing: Vec<Told>,
    /// The host, or the way to it, may fall silent and stay so: whoever never heard of it can only tell
    /// of silence.
    pub may_fall_silent: bool,
}

/// What a telling is worth.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Judgement {
    /// So it is.
    Right,
    /// It does not say, or says what passes: `unknown` is never counted wrong.
    Undecided,
    /// It is not so.
    Wrong,
}

impl Told {
    /// Silence of a TCP port.
    pub const SILENCE: Told = Told::new(PortState::Filtered, Reason::NoResponse);

    /// Silence of a UDP port, which somebody who is there and does not answer explains as well.
    pub const UDP_SILENCE: Told = Told::new(PortState::OpenFiltered, Reason::NoResponse);

    /// Silence of a port of this transport.
    pub const fn silence(transport: Transport) -> Told {
        match transport {
            Transport::Tcp => Told::SILENCE,
            Transport::Udp | Transport::Sctp => Told::UDP_SILENCE,
        }
    }

    /// A telling of the target's own.
    pub const fn new(state: PortState, reason: Reason) -> Self {
        Told { state, reason, from: None }
    }

    /// The same as a connect tells it: a RST is a refusal to the kernel, and a RST to whoever sent the SYN. The world is
    /// the same.
    const fn by_connect(mut self) -> Self {
        if matches!((self.state, self.reason), (PortState::Closed, Reason::Reset)) {
            self.reason = Reason::ConnRefused;
        }
        self
    }

    /// The same as an ACK tells it, which an open port and a closed one answer alike.
    const fn by_ack(mut self) -> Self {
        if matches!(self.reason, Reason::SynAck | Reason::ConnRefused) {
            (self.state, self.reason) = (PortState::Unfiltered, Reason::Reset);
        }
        self
    }

    /// The same, answered by somebody else.
    #[must_use]
    pub const fn by(mut self, from: Address) -> Self {
        self.from = Some(from);
        self
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.state, self.reason.token())?;
        match self.from {
            Some(from) => write!(f, " from {from}"),
            None => Ok(()),
        }
    }
}

impl From<&Claim> for Told {
    fn from(claim: &Claim) -> Self {
        Told { state: claim.state, reason: claim.reason, from: claim.from }
    }
}

impl Truth {
    /// The same for those who ask by ACK.
    pub(crate) fn by_ack(mut self) -> Self {
        for told in self.right.iter_mut().chain(&mut self.passing) {
            *told = told.by_ack();
        }
        self
    }

    /// Whether a careful observer finds it open.
    pub fn is_open(&self) -> bool {
        self.right.first().is_some_and(|told| told.state == PortState::Open)
    }

    /// Whether it is right to tell of its silence.
    pub fn is_silent(&self, transport: Transport) -> bool {
        self.right.contains(&Told::silence(transport))
    }

    /// What `told` is worth.
    pub fn judge(&self, told: Told) -> Judgement {
        let told = told.by_connect();
        if self.right.contains(&told) {
            return Judgement::Right;
        }
        if told.state == PortState::Unknown || self.passing.contains(&told) {
            return Judgement::Undecided;
        }
        Judgement::Wrong
    }
}
