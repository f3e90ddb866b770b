//! The view of a running scan on a terminal: a panel below the table, redrawn a few times a second.

mod panel;
mod part;
mod stage;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portolan_model::{Begin, Finish, Group, Progress, Sink, Verdict, Warning};

pub use self::panel::{Panel, PanelOptions};
pub use self::stage::{Above, Terminal};
use self::stage::{Shared, Stage, locked};
use crate::pace::Pace;

/// How often a panel wants to hear of progress.
pub const PANEL_EVERY: Duration = Duration::from_millis(125);

/// The panel as a sink. It must be called before the sinks that write [`Above`] it, so that it is gone when they
/// write the end.
pub struct LiveSink<W: Write, T: Terminal> {
    stage: Shared<W, T>,
    options: PanelOptions,
    begin: Option<Begin>,
    warning: Option<Warning>,
    pace: Pace,
    shown: bool,
}

/// The rate is that of so long.
const RATE_OVER: Duration = Duration::from_secs(2);
/// A scan that is over before this, or soon after, needs no panel.
const FIRST: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_millis(300);

/// Whether a scan has lasted long enough, and will last, to be worth a view of it.
pub fn is_worth_watching(progress: &Progress) -> bool {
    let soon_over = progress.left.is_some_and(|left| left.time < SOON && !left.at_least);
    progress.elapsed >= FIRST && !soon_over
}

impl<W: Write, T: Terminal> LiveSink<W, T> {
    /// A panel on the terminal behind `out`, and where the sinks write that share it.
    pub fn new(out: W, terminal: T, options: PanelOptions) -> (Self, Above<W, T>) {
        let stage = Arc::new(Mutex::new(Stage::new(out, terminal)));
        let above = Above(Arc::clone(&stage));
        let pace = Pace::over(RATE_OVER);
        (LiveSink { stage, options, begin: None, warning: None, pace, shown: false }, above)
    }
}

impl<W: Write, T: Terminal> Sink for LiveSink<W, T> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.begin = Some(begin.clone());
        Ok(())
    }

    fn verdict(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn ports(&mut self, _group: &Group) -> io::Result<()> {
        Ok(())
    }

    fn update(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn warning(&mut self, warning: &Warning) -> io::Result<()> {
        self.warning = Some(warning.clone());
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        let rate = self.pace.rate(progress);
        self.shown |= is_worth_watching(progress);
        let Some(begin) = self.begin.as_ref().filter(|_| self.shown) else { return Ok(()) };
        let panel = Panel { begin, progress, rate, warning: self.warning.as_ref() };
        let mut stage = locked(&self.stage);
        let lines = panel.lines(stage.terminal.size().0, &self.options);
        stage.tick(lines)
    }

    fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
        locked(&self.stage).clear()
    }
}

impl<W: Write, T: Terminal> Drop for LiveSink<W, T> {
    fn drop(&mut self) {
        // Nobody is left to tell if the terminal is gone.
        let _ = locked(&self.stage).clear();
    }
}
