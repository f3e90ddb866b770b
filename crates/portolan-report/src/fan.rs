use std::error::Error;
use std::{fmt, io};

use portolan_model::{Begin, Finish, Group, HostReport, Progress, Sink, Verdict, Warning};

/// One pipe into several sinks, in their order.
///
/// A sink that fails is not called again; the others go on. Each failure is returned once, by the call
/// in which it happened, after the other sinks were served: its [`io::ErrorKind`] is that of the failure
/// (so that a closed pipe can be told from a full disk) and inside is the [`SinkError`] that names the
/// sink. Where several fail in one call, the first is returned; [`Fan::failures`] has them all.
#[derive(Default)]
pub struct Fan {
    sinks: Vec<(String, Box<dyn Sink + Send>)>,
    failures: Vec<SinkError>,
}

/// A sink could not write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkError {
    /// The sink, as it was named to the fan: a file's name, or `stdout`.
    pub sink: String,
    /// What kind of failure.
    pub kind: io::ErrorKind,
    /// What the system said.
    pub message: String,
}

impl Fan {
    /// A fan of sinks, each with the name that its failure is to be told by.
    pub const fn new(sinks: Vec<(String, Box<dyn Sink + Send>)>) -> Self {
        Fan { sinks, failures: Vec::new() }
    }

    /// The failures so far, in the order of time.
    pub fn failures(&self) -> &[SinkError] {
        &self.failures
    }

    /// The names of the sinks that still work.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.sinks.iter().map(|(name, _)| name.as_str())
    }

    /// Whether no sink is left that works.
    pub const fn is_empty(&self) -> bool {
        self.sinks.is_empty()
    }

    fn each(&mut self, call: impl Fn(&mut dyn Sink) -> io::Result<()>) -> io::Result<()> {
        let before = self.failures.len();
        let failures = &mut self.failures;
        self.sinks.retain_mut(|(name, sink)| match call(sink.as_mut()) {
            Ok(()) => true,
            Err(error) => {
                failures.push(SinkError {
                    sink: name.clone(),
                    kind: error.kind(),
                    message: error.to_string(),
                });
                false
            }
        });
        match self.failures.get(before) {
            None => Ok(()),
            Some(first) => Err(io::Error::new(first.kind, first.clone())),
        }
    }
}

impl Sink for Fan {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.each(|sink| sink.begin(begin))
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        self.each(|sink| sink.host(host))
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.each(|sink| sink.verdict(verdict))
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        self.each(|sink| sink.ports(group))
    }

    fn update(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.each(|sink| sink.update(verdict))
    }

    fn warning(&mut self, warning: &Warning) -> io::Result<()> {
        self.each(|sink| sink.warning(warning))
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.each(|sink| sink.progress(progress))
    }

    fn finish(&mut self, finish: &Finish) -> io::Result<()> {
        self.each(|sink| sink.finish(finish))
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {}: {}", self.sink, self.message)
    }
}

impl Error for SinkError {}
