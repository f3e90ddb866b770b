use std::time::Duration;

/// How fast a scan asked while it had something to ask, told at its end.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rate {
    /// Probes a second, over all of that time.
    pub mean: u64,
    /// The most in any tenth of a second, or in the whole if that was shorter.
    pub highest: u64,
    /// The levels it settled at, in the order of time; at most [`Rate::MOST_STEPS`].
    pub steps: Vec<RateStep>,
    /// Whether what got lost depends on how fast was asked, if that was put to the test.
    pub loss: Option<LossBy>,
}

impl Rate {
    /// Levels beyond this are told as one with the neighbour that is most alike.
    pub const MOST_STEPS: usize = 32;
}

/// From some time on, one pace.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct RateStep {
    /// Since the first probe.
    pub at: Duration,
    /// Probes a second, from then to the next step.
    pub pps: u64,
    /// Answers a second.
    pub answers: u64,
    /// Why it is not what it was before.
    pub because: PaceBecause,
}

/// Why the pace changed.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum PaceBecause {
    /// It is the first.
    Start,
    /// Faster: nothing waits on the way, and nothing that would not get lost anyway does.
    Clear,
    /// As fast as was allowed.
    Ceiling,
    /// Slower: even the quickest answers came late.
    Queue,
    /// Slower: less gets lost so.
    Loss,
    /// Slower: our own receive queue was full.
    Ring,
    /// Slower: this machine ran short of sockets or buffers.
    Machine,
    /// Slower: as many probes wait as may, and answers to them come later or not at all.
    Answers,
}

impl PaceBecause {
    /// Every one, in the order of the declaration.
    pub const ALL: [PaceBecause; 8] = [
        PaceBecause::Start,
        PaceBecause::Clear,
        PaceBecause::Ceiling,
        PaceBecause::Queue,
        PaceBecause::Loss,
        PaceBecause::Ring,
        PaceBecause::Machine,
        PaceBecause::Answers,
    ];

    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            PaceBecause::Start => "start",
            PaceBecause::Clear => "clear",
            PaceBecause::Ceiling => "ceiling",
            PaceBecause::Queue => "queue",
            PaceBecause::Loss => "loss",
            PaceBecause::Ring => "ring",
            PaceBecause::Machine => "machine",
            PaceBecause::Answers => "answers",
        }
    }
}

/// What loss depends on.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum LossBy {
    /// Less gets lost where less is asked: it is ours.
    Pace,
    /// As much gets lost at a quarter of the pace.
    Chance,
}

impl LossBy {
    /// The token used in every machine output.
    pub const fn name(self) -> &'static str {
        match self {
            LossBy::Pace => "pace",
            LossBy::Chance => "chance",
        }
    }
}
