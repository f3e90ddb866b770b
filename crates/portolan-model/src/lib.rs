//! The nouns of portolan, the doors through which the engine meets a world, and the written forms.
//!
//! One meaning each, the field's own words: an [`Endpoint`] is asked, an answer is an
//! [`Observation`], observations are the [`Evidence`] of a [`Verdict`], and every end of the pipe is
//! a [`Sink`]. This crate imports nothing of portolan, performs no I/O and reads no clock.

#![forbid(unsafe_code)]

mod checkpoint;
mod confidence;
mod endpoint;
mod evidence;
mod fold;
pub mod frames;
mod ping;
mod ports;
mod progress;
mod rate;
mod reason;
pub mod record;
mod report;
mod service;
mod sink;
pub mod sockets;
mod state;
mod time;
mod udp_probe;
mod untrusted;
mod verdict;
mod warning;

pub use checkpoint::{Checkpoint, OpenHost, OpenPorts, PlanHash, Ranges};
pub use confidence::{Because, Confidence, Level, Raise};
pub use endpoint::{Address, AddressRange, Endpoint, ParseTransportError, Transport};
pub use evidence::{Evidence, Fact, Icmp, IcmpFamily, Layer, LocalFault, Observation, Segment};
pub use fold::{Group, RttSummary};
pub use ping::{Mac, Ping, Pong};
pub use ports::PortSet;
pub use progress::{Progress, TimeLeft};
pub use rate::{LossBy, PaceBecause, Rate, RateStep};
pub use reason::Reason;
pub use report::{Begin, Counts, Ended, Finish, HostReport};
pub use service::Service;
pub use sink::Sink;
pub use state::{HostState, PortState};
pub use time::Instant;
pub use udp_probe::{Check, Cookie, Likeness, Piece, UdpProbe};
pub use untrusted::Untrusted;
pub use verdict::{Carrier, Claim, Method, Verdict, Why};
pub use warning::Warning;
