//! The written forms: the only types of portolan that serialise.
//!
//! They are versioned by [`SCHEMA`]. Fields and events are only ever added within a version; a reader
//! ignores what it does not know. The JSON Schema is `docs/schema/portolan-1.json`.
//!
//! Every text from outside is written by [`Untrusted::escaped`](crate::Untrusted::escaped), so that a
//! record is one line whatever a stranger called himself. What is not known is left out, never `null`.
//! Numbers are JSON numbers; those that can pass 2^53 are named in the schema.

mod begin;
mod checkpoint;
mod evidence;
mod ports;
mod progress;
mod totals;
mod verdict;
mod warning;

use serde::Serialize;

pub use begin::{BeginRecord, PingRecord, PlanRecord};
pub use checkpoint::{CHECKPOINT, CheckpointHeader, CheckpointRecord, Typed};
pub use evidence::{FactRecord, ObservationRecord};
pub use ports::{PortsRecord, RttRecord, TargetRecord};
pub use progress::{LeftRecord, ProgressRecord};
pub use totals::{CountsRecord, FinishRecord, HostRecord, HostsRecord, RateRecord, RateStepRecord};
pub use verdict::{ConfidenceRecord, ServiceRecord, VerdictRecord};
pub use warning::{WarningDetails, WarningRecord};

/// The name of this version of the written form.
pub const SCHEMA: &str = "portolan/1";

/// One line of NDJSON.
#[derive(Clone, PartialEq, Serialize, Debug)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record {
    /// First: the plan.
    Begin(BeginRecord),
    /// A host is finished.
    Host(HostRecord),
    /// An endpoint is settled.
    Verdict(VerdictRecord),
    /// Endpoints alike are settled.
    Ports(PortsRecord),
    /// An earlier verdict is replaced.
    Update(VerdictRecord),
    /// Something to know.
    Warning(WarningRecord),
    /// How far the scan has come; only where it was asked for.
    Progress(ProgressRecord),
    /// Last: what was done.
    Finish(FinishRecord),
}

/// A share or a probability as it may be written: JSON knows no NaN, and what cannot be computed is the
/// `worst`.
fn share(value: f32, worst: f32) -> f32 {
    if value.is_nan() { worst } else { value.clamp(0.0, 1.0) }
}

/// Whole microseconds.
fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
