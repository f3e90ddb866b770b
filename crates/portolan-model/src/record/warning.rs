use serde::Serialize;

use super::evidence::{fault_errno, fault_token};
use super::share;
use crate::warning::Warning;

/// Something to know, written: the stable id, and its details as fields beside it.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct WarningRecord {
    /// The stable id.
    pub id: &'static str,
    /// The details.
    #[serde(flatten)]
    pub details: WarningDetails,
}

/// The details of a warning, written; texts from outside are escaped.
#[derive(Clone, PartialEq, Serialize, Debug)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the variants and fields are those of `Warning`")]
pub enum WarningDetails {
    Unresolved {
        name: String,
    },
    Excluded {
        target: String,
    },
    OneOfMany {
        name: String,
        taken: String,
        count: usize,
    },
    PortsIgnored {
        proto: &'static str,
        count: usize,
    },
    Local {
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        errno: Option<i32>,
        count: u64,
    },
    Host {
        target: String,
        count: u64,
    },
    Loss {
        target: String,
        share: f32,
    },
    AliasedPrefix {
        range: String,
        asked: u64,
        kept: String,
    },
    FoundOnLink {
        target: String,
        count: usize,
    },
    FewSockets {
        window: usize,
    },
}

impl WarningRecord {
    /// The written form of `warning`.
    pub fn new(warning: &Warning) -> Self {
        WarningRecord { id: warning.id(), details: details(warning) }
    }
}

fn details(warning: &Warning) -> WarningDetails {
    match warning {
        Warning::Unresolved { name } => WarningDetails::Unresolved { name: name.escaped() },
        Warning::Excluded { target } => WarningDetails::Excluded { target: target.escaped() },
        Warning::OneOfMany { name, taken, count } => {
            WarningDetails::OneOfMany { name: name.escaped(), taken: taken.to_string(), count: *count }
        }
        Warning::PortsIgnored { proto, count } => WarningDetails::PortsIgnored { proto, count: *count },
        Warning::Local { fault, count } => {
            WarningDetails::Local { kind: fault_token(*fault), errno: fault_errno(*fault), count: *count }
        }
        Warning::HostWentDown { target, count }
        | Warning::HostTimeout { target, count }
        | Warning::EveryPortOpen { target, count } => {
            WarningDetails::Host { target: target.to_string(), count: *count }
        }
        Warning::Loss { target, share: lost } => {
            WarningDetails::Loss { target: target.to_string(), share: share(*lost, 1.0) }
        }
        Warning::AliasedPrefix { range, asked, kept } => {
            WarningDetails::AliasedPrefix { range: range.to_string(), asked: *asked, kept: kept.to_string() }
        }
        Warning::FoundOnLink { target, count } => {
            WarningDetails::FoundOnLink { target: target.escaped(), count: *count }
        }
        Warning::FewSockets { window } => WarningDetails::FewSockets { window: *window },
    }
}
