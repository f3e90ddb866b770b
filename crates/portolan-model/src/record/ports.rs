use serde::Serialize;

use super::{ConfidenceRecord, VerdictRecord, micros};
use crate::fold::{Group, RttSummary};
use crate::untrusted::Untrusted;

/// Endpoints alike, written: each of `ports` at each of the targets.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct PortsRecord {
    /// The host or hosts: the field `target` or the field `targets`.
    #[serde(flatten)]
    pub target: TargetRecord,
    /// The transport protocol.
    pub proto: &'static str,
    /// The state of each.
    pub state: &'static str,
    /// The reason for each.
    pub reason: &'static str,
    /// Who answered, when it was not the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The least sure of them.
    pub confidence: ConfidenceRecord,
    /// The ports of each host, as ranges: `1-21,23`.
    pub ports: String,
    /// How many endpoints, over all hosts.
    pub count: u64,
    /// Round trips, where there were answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<RttRecord>,
    /// A few of them with their whole evidence.
    pub samples: Vec<VerdictRecord>,
}

/// One host, or several of which the same holds.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
#[serde(untagged)]
pub enum TargetRecord {
    /// One.
    One {
        /// The address.
        target: String,
        /// The name it was asked by, escaped.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Several.
    Many {
        /// Ranges of addresses: `192.0.2.1-192.0.2.9`, or one address.
        targets: Vec<String>,
    },
}

/// Round trips in microseconds, written.
#[derive(Copy, Clone, PartialEq, Eq, Serialize, Debug)]
pub struct RttRecord {
    /// The shortest.
    pub min: u64,
    /// The mean.
    pub mean: u64,
    /// The longest.
    pub max: u64,
}

impl PortsRecord {
    /// The written form of `group`; `name` is what its host was asked by, if it is one host, and
    /// `samples` are the written forms of the group's samples.
    pub fn new(group: &Group, name: Option<&Untrusted>, samples: Vec<VerdictRecord>) -> Self {
        PortsRecord {
            target: TargetRecord::new(group, name),
            proto: group.transport.name(),
            state: group.state.name(),
            reason: group.reason.token(),
            from: group.from.map(|address| address.to_string()),
            confidence: ConfidenceRecord::new(&group.confidence),
            ports: group.ports.to_string(),
            count: group.count,
            rtt_us: group.rtt.as_ref().map(RttRecord::new),
            samples,
        }
    }
}

impl TargetRecord {
    fn new(group: &Group, name: Option<&Untrusted>) -> Self {
        match group.targets.as_slice() {
            [one] if one.first == one.last => {
                TargetRecord::One { target: one.first.to_string(), name: name.map(Untrusted::escaped) }
            }
            many => TargetRecord::Many { targets: many.iter().map(ToString::to_string).collect() },
        }
    }
}

impl RttRecord {
    /// The written form of `rtt`.
    pub fn new(rtt: &RttSummary) -> Self {
        RttRecord { min: micros(rtt.min), mean: micros(rtt.mean), max: micros(rtt.max) }
    }
}
