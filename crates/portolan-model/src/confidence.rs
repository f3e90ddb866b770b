/// The four names people are shown for a probability of being wrong.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// More than one in ten.
    Weak,
    /// At most one in ten.
    Likely,
    /// At most one in a hundred.
    Strong,
    /// At most one in a thousand.
    Certain,
}

impl Level {
    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Weak => "weak",
            Level::Likely => "likely",
            Level::Strong => "strong",
            Level::Certain => "certain",
        }
    }
}

macro_rules! tokens {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $token:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every one, in the order of the table.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// The token used in every machine output.
            pub const fn token(self) -> &'static str {
                match self { $($name::$variant => $token,)+ }
            }
        }
    };
}

tokens! {
    /// What speaks for the verdict, or against it.
    Because {
        /// The kernel completed the handshake.
        HandshakeCompleted = "handshake.completed",
        /// The socket's own name differs from its peer's.
        NotSelfConnected = "socket.not-itself",
        /// Refused, and no ICMP error was queued: it was a RST.
        ErrorQueueEmpty = "error-queue.empty",
        /// The answer acknowledges the sequence number of our SYN.
        SynAcknowledged = "syn.acknowledged",
        /// The RST bears the number that our ACK named.
        AckReset = "ack.reset",
        /// The RST crossed fewer hops than what the host itself answered.
        ResetFromNearer = "reset.from-nearer",
        /// The RST crossed as many hops as what the host itself answered.
        ResetFromHost = "reset.from-host",
        /// The ICMP error came from the target.
        IcmpFromTarget = "icmp.from-target",
        /// The ICMP error came from another machine.
        IcmpFromOther = "icmp.from-other",
        /// The kernel did not say who sent the ICMP error.
        IcmpSenderUnknown = "icmp.sender-unknown",
        /// The answer bears the id of our question.
        EchoesId = "answer.echoes-id",
        /// The answer is of the protocol asked, which has no id to bear.
        FitsProtocol = "answer.fits-protocol",
        /// The answer is not of the protocol asked.
        UnlikeProtocol = "answer.unlike-protocol",
        /// The answer came from another port, to the port of ours that only this exchange used.
        OtherPort = "answer.other-port",
        /// The ICMP error quotes what we sent, its id included.
        QuoteMatches = "quote.matches",
        /// The ICMP error quotes too little of what we sent to bear its id.
        QuoteWithoutId = "quote.without-id",
        /// Each attempt was spaced from the one before.
        RetriesSpaced = "retries.spaced",
        /// A later probe to the same host was answered.
        HostAnsweredLater = "host.answered-later",
        /// The host answered other ports, but none after this silence.
        HostAnsweredBefore = "host.answered-before",
        /// The host never answered anything.
        HostNeverAnswered = "host.never-answered",
        /// The host answered in another transport protocol only.
        HostAnsweredElsewhere = "host.answered-elsewhere",
        /// Silence of UDP: an open port, a filter, and an ICMP error withheld or lost look the same.
        SilenceIsAmbiguous = "udp.silence-is-ambiguous",
        /// Answers of this host get lost.
        LossSeen = "host.loses-replies",
        /// No answer of this host was lost.
        NoLossSeen = "host.loses-nothing",
        /// Every port asked is open: a box may answer in the host's place.
        EveryPortOpen = "host.every-port-open",
        /// Nothing was sent, or nobody could have heard it.
        NothingSent = "local.nothing-sent",
        /// The scan was stopped.
        Stopped = "scan.stopped",
    }
}

tokens! {
    /// What would raise the confidence.
    Raise {
        /// Capture rights would show the packets themselves.
        Capture = "capture",
        /// Bytes of the service itself.
        ReadBanner = "read-banner",
        /// A repeated scan that agrees.
        Repeat = "repeat",
        /// A longer wait.
        Longer = "longer",
        /// An answer of the host to anything.
        AnyAnswer = "any-answer",
        /// A repair on this machine.
        FixHere = "fix-here",
        /// A SYN would tell open from closed.
        AskBySyn = "ask-by-syn",
        /// A question in the protocol that is spoken there.
        OtherPayload = "other-payload",
    }
}

/// How sure a verdict is: stored as the probability of being wrong, shown as four names.
#[derive(Clone, PartialEq, Debug)]
pub struct Confidence {
    /// The computed probability of being wrong, from 0 to 1.
    pub p_wrong: f32,
    /// What it rests on.
    pub because: Vec<Because>,
    /// What would raise it.
    pub would_raise: Vec<Raise>,
}

impl Confidence {
    /// A confidence from a probability, clamped to 0..=1.
    pub fn new(p_wrong: f32, because: &[Because], would_raise: &[Raise]) -> Self {
        Confidence {
            p_wrong: p_wrong.clamp(0.0, 1.0),
            because: because.to_vec(),
            would_raise: would_raise.to_vec(),
        }
    }

    /// The name people are shown.
    pub fn level(&self) -> Level {
        match self.p_wrong {
            p if p <= 0.001 => Level::Certain,
            p if p <= 0.01 => Level::Strong,
            p if p <= 0.1 => Level::Likely,
            _ => Level::Weak,
        }
    }
}
