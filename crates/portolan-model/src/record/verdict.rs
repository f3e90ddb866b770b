use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::{ObservationRecord, micros, share};
use crate::confidence::Confidence;
use crate::service::Service;
use crate::untrusted::Untrusted;
use crate::verdict::Verdict;

/// What is held to be true of one endpoint, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct VerdictRecord {
    /// The address.
    pub target: String,
    /// The name it was asked by, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The port.
    pub port: u16,
    /// The transport protocol.
    pub proto: &'static str,
    /// The state.
    pub state: &'static str,
    /// Why.
    pub reason: &'static str,
    /// How sure.
    pub confidence: ConfidenceRecord,
    /// Round trip of the deciding answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_us: Option<u64>,
    /// How many attempts were made.
    pub tries: u8,
    /// How it was asked.
    pub method: &'static str,
    /// Who answered, when it was not the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The service expected there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceRecord>,
    /// The bytes of the answer, in lowercase hexadecimal; long ones are cut after 512 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_hex: Option<String>,
    /// What it rests on.
    pub evidence: Vec<ObservationRecord>,
}

/// How sure a verdict is, written.
#[derive(Clone, PartialEq, Serialize, Debug)]
pub struct ConfidenceRecord {
    /// The name people are shown.
    pub level: &'static str,
    /// The probability of being wrong, from 0 to 1.
    pub p_wrong: f32,
    /// What it rests on.
    pub because: Vec<&'static str>,
    /// What would raise it.
    pub would_raise: Vec<&'static str>,
}

/// A service and how it is known, written.
#[derive(Clone, PartialEq, Eq, Serialize, Debug)]
pub struct ServiceRecord {
    /// Its name in the IANA registry.
    pub name: String,
    /// `table`: from the port's number alone; `probed`: an answer showed it.
    pub method: &'static str,
    /// The probe whose signature matched.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<&'static str>,
    /// The product, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its version, escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What else it told of itself, each text escaped.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<&'static str, String>,
}

impl VerdictRecord {
    /// The written form of `verdict`; `name` is what its host was asked by, `service` what the registry
    /// lists for its port, where no service showed itself.
    pub fn new(verdict: &Verdict, name: Option<&Untrusted>, service: Option<&str>) -> Self {
        VerdictRecord {
            target: verdict.endpoint.address.to_string(),
            name: name.map(Untrusted::escaped),
            port: verdict.endpoint.port,
            proto: verdict.endpoint.transport.name(),
            state: verdict.state().name(),
            reason: verdict.reason().token(),
            confidence: ConfidenceRecord::new(&verdict.claim.confidence),
            rtt_us: verdict.rtt.map(micros),
            tries: verdict.tries,
            method: verdict.method.name(),
            from: verdict.claim.from.map(|address| address.to_string()),
            service: match &verdict.service {
                Some(shown) => Some(ServiceRecord::probed(shown)),
                None => service.map(ServiceRecord::from_table),
            },
            answer_hex: verdict.answer.as_deref().map(hex),
            evidence: verdict.evidence().iter().map(ObservationRecord::new).collect(),
        }
    }
}

impl ConfidenceRecord {
    /// The written form of `confidence`.
    pub fn new(confidence: &Confidence) -> Self {
        ConfidenceRecord {
            level: confidence.level().name(),
            p_wrong: share(confidence.p_wrong, 1.0),
            because: confidence.because.iter().map(|because| because.token()).collect(),
            would_raise: confidence.would_raise.iter().map(|raise| raise.token()).collect(),
        }
    }
}

impl ServiceRecord {
    /// A name that stands for nothing but the port's number.
    pub fn from_table(name: &str) -> Self {
        ServiceRecord {
            name: name.to_owned(),
            method: "table",
            matched: None,
            product: None,
            version: None,
            details: BTreeMap::new(),
        }
    }

    /// A service that showed itself.
    pub fn probed(service: &Service) -> Self {
        let details = service.details.iter().map(|(name, text)| (*name, text.escaped()));
        ServiceRecord {
            name: service.name.to_owned(),
            method: "probed",
            matched: Some(service.matched),
            product: service.product.as_ref().map(Untrusted::escaped),
            version: service.version.as_ref().map(Untrusted::escaped),
            details: details.collect(),
        }
    }
}

/// More of an answer tells nothing more, and a record stays one line that people can bear.
const ANSWER: usize = 512;

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(ANSWER) {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
