//! How a running scan is shown: a panel on a terminal, else a plain line now and then, or nothing.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use portolan_model::{Finish, Group, Progress, Sink, Verdict};
use portolan_report::{LiveSink, PANEL_EVERY, PanelOptions, Terminal, is_worth_watching};
use portolan_sys::terminal::{self, Keys};
use rustix::fs::{FileType, fstat};

use crate::args::{Args, Source, Stdout};
use crate::stop::Stop;

/// What decides.
#[derive(Copy, Clone, Default, Debug)]
struct Facts {
    /// Standard output and standard error are one terminal, which can move its cursor.
    terminal: bool,
    /// Standard input is the same one, and no list of targets.
    free_stdin: bool,
    /// Standard error is a terminal, which can move its cursor.
    stderr_terminal: bool,
    /// Standard output goes into a file, so that whoever reads it has no screen of his own.
    stdout_file: bool,
    table: bool,
    quiet: bool,
    accessible: bool,
    stats_every: Option<Duration>,
}

/// How progress is shown.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(crate) struct View {
    /// With the panel.
    pub(crate) panel: bool,
    /// Whether keys are read.
    pub(crate) keys: bool,
    /// A plain line so often.
    pub(crate) line_every: Option<Duration>,
    /// An event of NDJSON so often.
    pub(crate) event_every: Option<Duration>,
}

/// How often a plain line comes where nothing else was asked for.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl View {
    /// What `args` and the streams of this process call for; `dumb` is a terminal that cannot move its cursor.
    pub(crate) fn of(args: &Args, accessible: bool, dumb: bool) -> Self {
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let one = stdout.is_terminal() && stderr.is_terminal() && are_same(stdout.as_fd(), stderr.as_fd());
        let lists = args.lists.contains(&Source::Stdin) || args.exclude_files.contains(&Source::Stdin);
        let stdin_is_it = stdin.is_terminal() && are_same(stdin.as_fd(), stdout.as_fd());
        View::from(Facts {
            // The lines of a trace come between all others.
            terminal: one && !dumb && !args.packet_trace,
            free_stdin: stdin_is_it && !lists,
            stderr_terminal: stderr.is_terminal() && !dumb,
            stdout_file: !stdout.is_terminal() && !is_pipe(stdout.as_fd()),
            table: args.stdout == Stdout::Table,
            quiet: args.stdout == Stdout::Quiet,
            accessible,
            stats_every: args.talk.stats_every,
        })
    }

    fn from(facts: Facts) -> Self {
        let watched = facts.table && facts.terminal;
        let panel = watched && !facts.accessible;
        // A line amid what somebody else draws on this terminal (a pager) helps nobody.
        let unasked =
            !facts.quiet && !panel && (facts.accessible || !facts.stderr_terminal || facts.stdout_file);
        View {
            panel,
            keys: watched && facts.free_stdin,
            line_every: facts.stats_every.or(unasked.then_some(LINE_EVERY)),
            event_every: facts.stats_every,
        }
    }

    /// How often the engine is to tell progress; a line is late by a tenth of its interval at most.
    pub(crate) fn progress_every(self) -> Option<Duration> {
        const LEAST: Duration = Duration::from_millis(10);
        const MOST: Duration = Duration::from_secs(1);
        let looks = (self.panel || self.keys).then_some(PANEL_EVERY);
        let lines = self.line_every.map(|every| (every / 10).clamp(LEAST, MOST));
        looks.into_iter().chain(lines).min()
    }

    /// The panel as a sink, and where the other sinks of this terminal write.
    pub(crate) fn live(
        options: PanelOptions,
    ) -> io::Result<(Box<dyn Sink + Send>, impl Write + Clone + Send + 'static)> {
        // Not through `io::stdout`, whose buffer would hand a redraw over in two pieces.
        let out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        let (live, above) = LiveSink::new(out, Screen, options);
        Ok((Box::new(live), above))
    }
}

/// The terminal on standard output.
struct Screen;

impl Terminal for Screen {
    fn size(&self) -> (usize, usize) {
        const USUAL: (usize, usize) = (80, 24);
        rustix::termios::tcgetwinsize(io::stdout())
            .ok()
            .map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)))
            .filter(|(columns, rows)| *columns > 0 && *rows > 0)
            .unwrap_or(USUAL)
    }

    fn is_ours(&self) -> bool {
        terminal::is_foreground(io::stdout())
    }

    fn drawn(&mut self, drawn: bool) {
        terminal::set_drawn(drawn);
    }
}

/// Reads keys while a scan is watched: q ends it as the first Ctrl-C does, any other does nothing.
pub(crate) struct KeySink {
    keys: Keys,
    stop: Stop,
    watched: bool,
}

impl KeySink {
    /// With `reads`, keys are ours; without, they are only kept from being echoed.
    pub(crate) fn new(reads: bool, stop: Stop) -> io::Result<Self> {
        terminal::guard_stops()?;
        Ok(KeySink { keys: Keys::new(reads), stop, watched: false })
    }
}

impl Sink for KeySink {
    fn verdict(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn ports(&mut self, _group: &Group) -> io::Result<()> {
        Ok(())
    }

    fn update(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        // What is typed ahead during a short scan is for the shell.
        self.watched |= is_worth_watching(progress);
        if self.watched && is_stop(&self.keys.pressed()) {
            self.stop.raise();
        }
        Ok(())
    }

    fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
        Ok(())
    }
}

/// Whether q is among the keys. What begins with ESC is one key with a name of several bytes.
fn is_stop(keys: &[u8]) -> bool {
    !keys.starts_with(b"\x1b") && keys.iter().any(|key| key.eq_ignore_ascii_case(&b'q'))
}

fn are_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    matches!((fstat(one), fstat(other)), (Ok(one), Ok(other)) if one.st_rdev == other.st_rdev)
}

fn is_pipe(descriptor: BorrowedFd<'_>) -> bool {
    let kind = fstat(descriptor).map(|stat| FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(FileType::Fifo | FileType::Socket))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_terminal() -> Facts {
        Facts { terminal: true, free_stdin: true, stderr_terminal: true, table: true, ..Facts::default() }
    }

    fn shown(facts: Facts) -> (bool, bool, Option<u64>) {
        let view = View::from(facts);
        (view.panel, view.keys, view.line_every.map(|every| every.as_secs()))
    }

    #[test]
    fn each_place_gets_what_it_can_show() {
        let all = on_a_terminal();
        let json = Facts { table: false, ..all };
        let quiet = Facts { table: false, quiet: true, ..all };
        let every = Some(Duration::from_secs(60));
        let to_file = Facts { terminal: false, stdout_file: true, ..all };
        let to_pipe = Facts { terminal: false, ..all };
        let silent_stderr = Facts { terminal: false, stderr_terminal: false, ..all };
        let rows = [
            (all, (true, true, None)),
            (Facts { free_stdin: false, ..all }, (true, false, None)),
            (Facts { stats_every: every, ..all }, (true, true, Some(60))),
            (Facts { accessible: true, ..all }, (false, true, Some(10))),
            (json, (false, false, None)),
            (quiet, (false, false, None)),
            (Facts { stats_every: every, ..quiet }, (false, false, Some(60))),
            (to_file, (false, false, Some(10))),
            (to_pipe, (false, false, None)),
            (silent_stderr, (false, false, Some(10))),
            (Facts { quiet: true, table: false, ..silent_stderr }, (false, false, None)),
            (Facts { accessible: true, ..to_pipe }, (false, false, Some(10))),
        ];
        for (facts, wanted) in rows {
            assert_eq!(shown(facts), wanted, "{facts:?}");
        }
    }

    #[test]
    fn progress_comes_as_often_as_somebody_looks() {
        let often = |facts| View::from(facts).progress_every().map(|every| every.as_millis());
        let all = on_a_terminal();
        assert_eq!(often(all), Some(125));
        assert_eq!(often(Facts { table: false, ..all }), None);
        let elsewhere = Facts { table: true, ..Facts::default() };
        assert_eq!(often(elsewhere), Some(1000));
        assert_eq!(often(Facts { stats_every: Some(Duration::from_nanos(1)), ..elsewhere }), Some(10));
    }

    #[test]
    fn only_q_stops() {
        assert!(is_stop(b"q") && is_stop(b"xQ"));
        assert!(!is_stop(b"") && !is_stop(b"x \r") && !is_stop(b"\x1bq") && !is_stop(b"\x1b[15~"));
    }
}
