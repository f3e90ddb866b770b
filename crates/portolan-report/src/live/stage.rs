use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the live view must know of its terminal, and tell those who guard it.
pub trait Terminal {
    /// Columns and rows, as they are now.
    fn size(&self) -> (usize, usize);

    /// Whether this process may draw: one in the background would draw over what its user does now.
    fn is_ours(&self) -> bool;

    /// Whether there is something below the cursor that is to be erased if the process ends.
    fn drawn(&mut self, _drawn: bool) {}
}

/// A terminal with lines that stay, and below them a few that are redrawn.
///
/// While the panel is there, the cursor rests on its first cell. So there is nothing to count when it is to be
/// erased, and nothing that a change of the size can make wrong: whether the terminal wraps the panel's lines
/// anew or cuts them, all of them are from the cursor on.
pub(super) struct Stage<W, T> {
    out: W,
    pub(super) terminal: T,
    panel: Vec<String>,
    /// The size for which the panel was drawn, while it is there.
    up: Option<(usize, usize)>,
    /// Written by the sinks, not yet on the terminal.
    pending: Vec<u8>,
    /// Whether something was written above the panel since the last tick: then the rest waits for the next.
    spent: bool,
}

/// The stage as its users share it.
pub(super) type Shared<W, T> = Arc<Mutex<Stage<W, T>>>;

/// More than this is written at once, tick or not.
const MUCH: usize = 16 * 1024;
/// Terminals that know it show everything up to the end at once; the others ignore it.
const BEGIN: &str = "\x1b[?2026h";
const END: &str = "\x1b[?2026l";
/// No line ever wraps, even if the size changed since it was asked for.
const NO_WRAP: &str = "\x1b[?7l";
const WRAP: &str = "\x1b[?7h";
const ERASE_LINE: &str = "\x1b[K";
const ERASE_BELOW: &str = "\x1b[J";

impl<W: Write, T: Terminal> Stage<W, T> {
    pub(super) fn new(out: W, terminal: T) -> Self {
        Stage { out, terminal, panel: Vec::new(), up: None, pending: Vec::new(), spent: false }
    }

    /// The panel as it is now; without lines there is none.
    pub(super) fn tick(&mut self, lines: Vec<String>) -> io::Result<()> {
        self.spent = false;
        let same = self.panel == lines && self.up == Some(self.terminal.size()) && self.pending.is_empty();
        self.panel = lines;
        if same && self.terminal.is_ours() { Ok(()) } else { self.draw() }
    }

    /// No panel any more.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.panel.clear();
        self.draw()
    }

    /// What the sinks wrote, above the panel.
    fn release(&mut self) -> io::Result<()> {
        if self.up.is_some() && self.spent && self.pending.len() < MUCH {
            return Ok(());
        }
        self.spent = true;
        self.draw()
    }

    fn draw(&mut self) -> io::Result<()> {
        if !self.terminal.is_ours() {
            // Somebody else has written on the terminal since: there is no panel that could be erased.
            self.up = None;
            self.terminal.drawn(false);
            return self.pass();
        }
        let size = self.terminal.size();
        // The cursor must be able to go back to the first line.
        let fits = self.panel.len() < size.1;
        let lines = if fits { &self.panel[..] } else { &[] };
        if lines.is_empty() && self.up.is_none() {
            return self.pass();
        }
        let mut text = Vec::from(BEGIN);
        // Whatever was typed before is no part of ours.
        text.push(b'\r');
        if self.up.is_some() {
            // Otherwise the new lines take the place of the old ones, and nothing flickers.
            if !self.pending.is_empty() || self.up != Some(size) || lines.is_empty() {
                text.extend(ERASE_BELOW.bytes());
            }
        }
        text.append(&mut self.pending);
        if !lines.is_empty() {
            text.extend(NO_WRAP.bytes());
            text.extend(lines.join(&format!("{ERASE_LINE}\r\n")).bytes());
            text.extend(ERASE_BELOW.bytes());
            if lines.len() > 1 {
                text.extend(format!("\x1b[{}A", lines.len() - 1).bytes());
            }
            text.push(b'\r');
            text.extend(WRAP.bytes());
            self.terminal.drawn(true);
        }
        text.extend(END.bytes());
        self.up = (!lines.is_empty()).then_some(size);
        let result = self.put(&text);
        if self.up.is_none() {
            self.terminal.drawn(false);
        }
        result
    }

    /// As if there were no panel.
    fn pass(&mut self) -> io::Result<()> {
        let text = std::mem::take(&mut self.pending);
        self.put(&text)
    }

    fn put(&mut self, text: &[u8]) -> io::Result<()> {
        if !text.is_empty() {
            self.out.write_all(text)?;
        }
        self.out.flush()
    }
}

/// Where sinks write what stays: above the panel, if there is one.
///
/// What is flushed must end with a line's end. With a panel it may wait until the next progress, so that a
/// burst of finds does not redraw the panel for each.
pub struct Above<W, T>(pub(super) Shared<W, T>);

impl<W, T> Clone for Above<W, T> {
    fn clone(&self) -> Self {
        Above(Arc::clone(&self.0))
    }
}

impl<W: Write, T: Terminal> Write for Above<W, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        locked(&self.0).pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        locked(&self.0).release()
    }
}

/// A sink that panicked in the middle leaves nothing that could not be used.
pub(super) fn locked<W, T>(stage: &Shared<W, T>) -> MutexGuard<'_, Stage<W, T>> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}
