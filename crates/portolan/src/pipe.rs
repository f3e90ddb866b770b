//! From the engine to the sinks: a bounded queue and one thread that writes. On the way a service that showed itself is
//! described from the bytes of its answer.
//!
//! A slow disk or a stopped pager never stops receiving. When the queue is half full the engine asks
//! nothing new; the other half takes what is still in flight. The lines of a trace take the same way.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use portolan_model::sockets::Trace;
use portolan_model::{Begin, Finish, Sink};
use portolan_report::TraceLines;
use portolan_scan::{Outlet, Settled};

use crate::stop::Stop;

/// Batches in the queue. Half of it is room enough for all that ever waits for an answer.
const QUEUE: usize = 1024;
/// Messages of a batch at most.
const BATCH: usize = 64;

/// A trace is passed on line by line, and each attempt that waits has up to three to come: left, answered, given up.
const QUEUE_OF_TRACE: usize = 64 * QUEUE;

enum Message {
    Begin(Box<Begin>),
    Settled(Settled),
    Trace(Box<str>),
    Finish(Box<Finish>),
}

/// The engine's end of the queue.
pub(crate) struct Pipe {
    sender: Sender<Vec<Message>>,
    batch: Vec<Message>,
    failed: Arc<AtomicBool>,
    writer: JoinHandle<io::Result<()>>,
    stop: Stop,
    progress_every: Option<Duration>,
}

impl Pipe {
    /// Starts the writer. It owns the sinks, and where the lines of a trace go, until [`Pipe::close`].
    pub(crate) fn start(
        sinks: Box<dyn Sink + Send>,
        trace: Option<Box<dyn Write + Send>>,
        stop: Stop,
        progress_every: Option<Duration>,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(if trace.is_some() { QUEUE_OF_TRACE } else { QUEUE });
        let failed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&failed);
        let writer = std::thread::Builder::new().name("writer".into()).spawn(move || {
            let result = write(&receiver, sinks, trace);
            told.store(true, Ordering::Relaxed);
            result
        })?;
        Ok(Pipe { sender, batch: Vec::new(), failed, writer, stop, progress_every })
    }

    /// The first thing told.
    pub(crate) fn begin(&mut self, begin: Begin) {
        self.send(Message::Begin(Box::new(begin)));
        self.flush();
    }

    /// Whoever tells this has its lines written in order with everything else. They are lines already when they
    /// enter the queue, so that a stranger's long datagrams do not fill the memory behind a slow terminal.
    pub(crate) fn trace(&self) -> impl Trace + use<> {
        let sender = self.sender.clone();
        TraceLines::new(move |mut line: String| {
            line.push('\n');
            // The writer went away with an error, which `close` returns.
            let _ = sender.send(vec![Message::Trace(line.into_boxed_str())]);
        })
    }

    /// The last thing told; waits until everything is written.
    pub(crate) fn close(mut self, finish: Finish) -> io::Result<()> {
        self.send(Message::Finish(Box::new(finish)));
        self.flush();
        // A sink that panics is a defect, and its panic goes on here.
        self.writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    fn send(&mut self, message: Message) {
        self.batch.push(message);
        if self.batch.len() >= BATCH {
            self.flush();
        }
    }
}

impl Outlet for Pipe {
    fn push(&mut self, settled: Settled) {
        self.send(Message::Settled(settled));
    }

    fn holds(&self) -> bool {
        !self.batch.is_empty()
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            // The writer went away with an error, which `close` returns.
            let _ = self.sender.send(std::mem::take(&mut self.batch));
        }
    }

    fn is_lagging(&self) -> bool {
        self.sender.len() > self.sender.capacity().unwrap_or(QUEUE) / 2
    }

    fn progress_every(&self) -> Option<Duration> {
        // Progress that nobody has read yet is old; more of it would only push results aside.
        self.progress_every.filter(|_| self.sender.len() < self.sender.capacity().unwrap_or(QUEUE) / 4)
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_wanted() || self.failed.load(Ordering::Relaxed)
    }
}

fn write(
    receiver: &Receiver<Vec<Message>>,
    mut sinks: Box<dyn Sink + Send>,
    mut trace: Option<Box<dyn Write + Send>>,
) -> io::Result<()> {
    for message in receiver.iter().flatten() {
        match message {
            Message::Begin(begin) => sinks.begin(&begin)?,
            Message::Settled(Settled::Verdict(mut verdict)) => {
                portolan_detect::describe(&mut verdict);
                sinks.verdict(&verdict)?;
            }
            Message::Settled(Settled::Update(mut verdict)) => {
                portolan_detect::describe(&mut verdict);
                sinks.update(&verdict)?;
            }
            Message::Settled(Settled::Group(group)) => sinks.ports(&group)?,
            Message::Settled(Settled::Host(host)) => sinks.host(&host)?,
            Message::Settled(Settled::Warning(warning)) => sinks.warning(&warning)?,
            Message::Settled(Settled::Progress(progress)) => sinks.progress(&progress)?,
            Message::Trace(line) => {
                // Talk that nobody hears is no failure of the scan (and so says `Outputs`); what follows would have gaps.
                if trace.as_mut().is_some_and(|out| out.write_all(line.as_bytes()).is_err()) {
                    trace = None;
                }
            }
            // The end, although whoever traces may still hold the queue open.
            Message::Finish(finish) => return sinks.finish(&finish),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use portolan_model::sockets::{Asked, ProbeId, Request};
    use portolan_model::{Endpoint, Group, Instant, Verdict};

    use super::*;

    struct Nothing;

    impl Sink for Nothing {
        fn verdict(&mut self, _verdict: &Verdict) -> io::Result<()> {
            Ok(())
        }

        fn ports(&mut self, _group: &Group) -> io::Result<()> {
            Ok(())
        }

        fn update(&mut self, _verdict: &Verdict) -> io::Result<()> {
            Ok(())
        }

        fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
            Ok(())
        }
    }

    /// A terminal that takes nothing until its gate opens.
    struct Stopped {
        gate: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Stopped {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // An error is a gate that stays open.
            let _ = self.gate.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(trace: &mut impl Trace, nth: u64) {
        let probe = ProbeId { slot: 0, tag: 0 };
        let to = Endpoint::tcp(std::net::Ipv4Addr::LOCALHOST.into(), 80);
        trace.request(Instant::ZERO, Some(Asked { nth, to, ping: None }), &Request::Abandon(probe));
    }

    #[test]
    fn whoever_reads_a_trace_slowly_slows_the_scan_and_misses_no_line() {
        let (open, gate) = bounded(0);
        let written = Arc::new(Mutex::new(Vec::new()));
        let terminal = Stopped { gate, written: Arc::clone(&written) };
        let pipe = Pipe::start(Box::new(Nothing), Some(Box::new(terminal)), Stop::never(), None).unwrap();
        let mut trace = pipe.trace();
        assert!(!pipe.is_lagging());
        // The writer has taken one of them at most, and there is room for as many again.
        let lines = QUEUE_OF_TRACE as u64 / 2 + 2;
        (1..=lines).for_each(|nth| line(&mut trace, nth));
        assert!(pipe.is_lagging());
        assert!(!pipe.is_stopped());
        drop((open, trace));
        let Pipe { sender, writer, .. } = pipe;
        drop(sender);
        writer.join().unwrap().unwrap();
        let wanted: String =
            (1..=lines).map(|nth| format!("QUIT (0.000000s) TCP 127.0.0.1:80 #{nth}\n")).collect();
        assert!(*written.lock().unwrap() == wanted.as_bytes());
    }

    #[test]
    fn a_trace_that_nobody_hears_ends_no_scan() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let pipe = Pipe::start(Box::new(Nothing), Some(Box::new(Gone)), Stop::never(), None).unwrap();
        let mut trace = pipe.trace();
        (1..=3).for_each(|nth| line(&mut trace, nth));
        drop(trace);
        let Pipe { sender, writer, .. } = pipe;
        drop(sender);
        writer.join().unwrap().unwrap();
    }
}
