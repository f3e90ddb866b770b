//! What was settled, written: one unit a verdict.

use std::io;
use std::sync::Arc;

use portolan_model::{Sink, Verdict};
use portolan_report::{Names, NdjsonSink, TextOptions, TextSink};
use portolan_scan::Settled;
use portolan_target::services;

use super::{counted_from_here, scans};

/// The table as a terminal of 100 columns sees it, with reasons.
pub(crate) fn text() -> u64 {
    let options = TextOptions { width: Some(100), color: true, reason: true, ..TextOptions::default() };
    written(TextSink::new(io::sink(), Arc::new(Names::default()), (services::name, |_| None), options))
}

/// NDJSON, line by line.
pub(crate) fn ndjson() -> u64 {
    written(NdjsonSink::new(io::sink(), Arc::new(Names::default()), (services::name, |_| None), true))
}

fn written(mut sink: impl Sink) -> u64 {
    let verdicts: Vec<Box<Verdict>> = scans::settled()
        .into_iter()
        .filter_map(|settled| match settled {
            Settled::Verdict(verdict) => Some(verdict),
            _ => None,
        })
        .collect();
    counted_from_here(|| verdicts.iter().for_each(|verdict| sink.verdict(verdict).unwrap()));
    verdicts.len() as u64
}
