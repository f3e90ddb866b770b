use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use portolan_model::record::{
    BeginRecord, FinishRecord, HostRecord, PortsRecord, ProgressRecord, Record, VerdictRecord, WarningRecord,
};
use portolan_model::{Begin, Finish, Group, HostReport, Progress, Sink, Verdict, Warning};

use crate::names::{Names, ServiceName, VendorName};
use crate::ticker::Every;

/// NDJSON: one event a line, as `docs/schema/portolan-1.json` describes it.
///
/// A line is handed over whole, in one write, so that a reader never sees half an event while the scan
/// runs. Progress is an event only where it was asked for.
pub struct NdjsonSink<W> {
    out: W,
    names: Arc<Names>,
    service: ServiceName,
    vendor: VendorName,
    flush_lines: bool,
    line: Vec<u8>,
    every: Option<Every>,
}

impl<W: Write> NdjsonSink<W> {
    /// A sink into `out`; with `flush_lines` each event is flushed at once, as a pipe's reader wants it.
    pub const fn new(
        out: W,
        names: Arc<Names>,
        (service, vendor): (ServiceName, VendorName),
        flush_lines: bool,
    ) -> Self {
        NdjsonSink { out, names, service, vendor, flush_lines, line: Vec::new(), every: None }
    }

    /// The same with an event of progress at intervals.
    pub fn with_progress(self, interval: Duration) -> Self {
        NdjsonSink { every: Some(Every::new(interval)), ..self }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, record)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        if self.flush_lines { self.out.flush() } else { Ok(()) }
    }

    fn verdict_record(&self, verdict: &Verdict) -> VerdictRecord {
        let endpoint = verdict.endpoint;
        let service = (self.service)(endpoint.transport, endpoint.port);
        VerdictRecord::new(verdict, self.names.get(endpoint.address), service)
    }
}

impl<W: Write> Sink for NdjsonSink<W> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.write(&Record::Begin(BeginRecord::new(begin)))
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        let vendor = host.mac.filter(|mac| !mac.is_local()).and_then(self.vendor);
        let record = HostRecord::new(host, self.names.get(host.target), vendor.as_ref());
        self.write(&Record::Host(record))
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let record = self.verdict_record(verdict);
        self.write(&Record::Verdict(record))
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        let name = group.targets.first().and_then(|range| self.names.get(range.first));
        let samples = group.samples.iter().map(|sample| self.verdict_record(sample)).collect();
        let record = PortsRecord::new(group, name, samples);
        self.write(&Record::Ports(record))
    }

    fn update(&mut self, verdict: &Verdict) -> io::Result<()> {
        let record = self.verdict_record(verdict);
        self.write(&Record::Update(record))
    }

    fn warning(&mut self, warning: &Warning) -> io::Result<()> {
        self.write(&Record::Warning(WarningRecord::new(warning)))
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        if !self.every.as_mut().is_some_and(|every| every.is_due(progress.elapsed)) {
            return Ok(());
        }
        self.write(&Record::Progress(ProgressRecord::new(progress)))
    }

    fn finish(&mut self, finish: &Finish) -> io::Result<()> {
        self.write(&Record::Finish(FinishRecord::new(finish)))?;
        self.out.flush()
    }
}
