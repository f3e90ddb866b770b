//! The engine: decides what to ask next and what the answers mean.
//!
//! It performs no I/O, reads no clock, starts no thread and cannot fail. A door
//! ([`portolan_model::sockets::Sockets`]) carries its requests to a kernel or to a simulated world and
//! brings completions back; [`drive`] is the loop between the two, written once. Same plan, same seed and
//! same completions: same requests, same verdicts.
//!
//! **Invariant:** nothing in this crate ever sees a file descriptor.

#![forbid(unsafe_code)]

mod arrivals;
mod completeness;
mod core;
mod discovery;
mod drive;
mod engine;
mod flight;
mod framed;
mod heap;
mod loss;
mod outcomes;
mod pace;
mod pacer;
mod per_host;
mod permutation;
mod plan;
mod progress;
mod rtt;
mod settled;
mod sweep;
mod swelling;
mod tally;
pub mod technique;
mod visits;
mod window;

pub use drive::{Outlet, drive, drive_kept};
pub use engine::{Engine, Guards};
pub use framed::Framed;
pub use pacer::Pacer;
pub use permutation::Permutation;
pub use plan::{Discovery, Fold, Plan, PlanError, PlanSpec, Shard, StrategyKind, TcpMethod, Timing};
pub use settled::Settled;
