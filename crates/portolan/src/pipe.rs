//! From the engine to the sinks: a bounded queue and one thread that writes. On the way a service that showed itself is
//! described from the bytes of its answer.
//!
//! A slow disk or a stopped pager never stops receiving. When the queue is half full the engine asks
//! nothing new; the other half takes what is still in flight.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use portolan_model::{Begin, Finish, Sink};
use portolan_scan::{Outlet, Settled};

use crate::stop::Stop;

/// Batches in the queue. Half of it is room enough for all that ever waits for an answer.
const QUEUE: usize = 1024;
/// Messages of a batch at most.
const BATCH: usize = 64;

enum Message {
    Begin(Box<Begin>),
    Settled(Settled),
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
    /// Starts the writer. It owns the sinks until [`Pipe::close`].
    pub(crate) fn start(
        sinks: Box<dyn Sink + Send>,
        stop: Stop,
        progress_every: Option<Duration>,
    ) -> io::Result<Self> {
        let (sender, receiver) = bounded(QUEUE);
        let failed = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&failed);
        let writer = std::thread::Builder::new().name("writer".into()).spawn(move || {
            let result = write(&receiver, sinks);
            told.store(true, Ordering::Relaxed);
            result
        })?;
        Ok(Pipe { sender, batch: Vec::new(), failed, writer, stop, progress_every })
    }

    /// The first thing told.
    pub(crate) fn begin(&mut self, begin: Begin) {
        self.send(Message::Begin(Box::new(begin)));
    }

    /// The last thing told; waits until everything is written.
    pub(crate) fn close(mut self, finish: Finish) -> io::Result<()> {
        self.send(Message::Finish(Box::new(finish)));
        self.flush();
        drop(self.sender);
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
        self.sender.len() > QUEUE / 2
    }

    fn progress_every(&self) -> Option<Duration> {
        // Progress that nobody has read yet is old; more of it would only push results aside.
        self.progress_every.filter(|_| self.sender.len() < QUEUE / 4)
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_wanted() || self.failed.load(Ordering::Relaxed)
    }
}

fn write(receiver: &Receiver<Vec<Message>>, mut sinks: Box<dyn Sink + Send>) -> io::Result<()> {
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
            Message::Finish(finish) => sinks.finish(&finish)?,
        }
    }
    Ok(())
}
