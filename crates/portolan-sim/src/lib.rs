//! A world with ground truth, paths with faults and a virtual clock, behind the door that real sockets
//! stand behind.
//!
//! A [`WorldSpec`] is a file of `worlds/`; with a seed it becomes a [`World`], whose truth about every
//! endpoint is a pure function of that seed. [`SimSockets`] is the door: the engine's connects become SYNs
//! that pass the world's nodes, and what comes back completes them, in virtual time; its datagrams pass the same
//! nodes, to services that speak a little protocol of their own (a request of kind `a` is `Qa` and an id, its answer
//! `Aa` and the same id). It carries packets too: SYNs of the engine's own making go the same way, and what comes back is
//! told as real bytes. Same seed and same requests: same events, bit for bit. A [`Score`] compares what an engine
//! told with the truth.
//!
//! ```
//! use portolan_model::sockets::{Event, Outcome, ProbeId, Request, Sockets};
//! use portolan_sim::WorldSpec;
//!
//! let spec = WorldSpec::parse(
//!     r#"
//!     about = "one host, 22 open, the rest closed"
//!     ports = "1-100"
//!     targets = [{ addresses = "192.0.2.1", named = true }]
//!     path = [{ node = "delay", ms = 20 }]
//!     hosts = [{ addresses = "192.0.2.1", rest = "closed", rules = [{ answer = "open", ports = "22" }] }]
//!     "#,
//! )?;
//! let world = spec.build(7);
//! let open: Vec<_> = world.open().collect();
//! let mut door = world.sockets();
//! let probe = ProbeId { slot: 0, tag: 1 };
//! door.transmit(&mut vec![Request::Connect { probe, to: open[0] }]);
//! door.wait_until(None);
//! let mut inbox = Vec::new();
//! door.receive(&mut inbox);
//! let Event::Connect(end) = &inbox[0] else { panic!("a connect ends in a completion") };
//! assert!(matches!(end.outcome, Outcome::Connected { .. }));
//! # Ok::<(), portolan_sim::WorldError>(())
//! ```
//!
//! **Invariant:** this crate does not know the engine that it judges.

#![forbid(unsafe_code)]

mod agenda;
mod attempts;
pub mod conformance;
mod counters;
mod error;
mod host;
mod ip;
mod limit;
mod machine;
mod node;
mod packet;
mod path;
mod ping;
pub mod random;
mod reject;
mod rules;
mod score;
mod sockets;
mod spec;
mod syn;
mod text;
mod truth;
mod udp;
mod world;
mod worlds;

pub use counters::Counters;
pub use error::WorldError;
pub use node::Spells;
pub use reject::Reject;
pub use score::{Score, Tally};
pub use sockets::SimSockets;
pub use spec::WorldSpec;
pub use truth::{Judgement, Told, Truth};
pub use world::{Target, World};
pub use worlds::{all_worlds, worlds_dir};
