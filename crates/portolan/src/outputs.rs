//! Which sinks a command line asks for, opened before the first probe.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use portolan_model::{Begin, Finish, Group, HostReport, Progress, Sink, Untrusted, Verdict, Warning};
use portolan_report::{
    Context, Fan, Format, Names, PanelOptions, SinkError, TalkOptions, TalkSink, TextOptions, TickerOptions,
    TickerSink,
};
use portolan_sys::privilege::User;
use portolan_target::services;

use crate::args::{Args, Color, Stdout};
use crate::stop::Stop;
use crate::user;
use crate::vendors::vendor;
use crate::view::{KeySink, View};

/// The name under which a failure of standard output is told.
const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";

/// All sinks of a run as one, and a place to look up afterwards what failed.
pub(crate) struct Outputs {
    fan: Fan,
    failures: Failures,
    progress_every: Option<Duration>,
}

/// What could not be written; shared, since the sinks live in the writer's thread.
#[derive(Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<Vec<SinkError>>>);

impl Failures {
    /// Failures that the user must be told of. A reader of standard output that had enough (`| head`) is none.
    pub(crate) fn told(&self) -> Vec<SinkError> {
        self.all().into_iter().filter(|error| !is_quiet(error)).collect()
    }

    /// Whether the reader of standard output went away.
    pub(crate) fn reader_left(&self) -> bool {
        self.all().iter().any(|error| error.sink == STDOUT && error.kind == io::ErrorKind::BrokenPipe)
    }

    fn all(&self) -> Vec<SinkError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn is_quiet(error: &SinkError) -> bool {
    error.sink == STDERR || (error.sink == STDOUT && error.kind == io::ErrorKind::BrokenPipe)
}

impl Outputs {
    /// Opens everything that `args` asks for, new files as `owner`'s; `stop` is what a key may raise. A run that goes on with
    /// another adds to its files.
    pub(crate) fn open(
        args: &Args,
        goes_on: bool,
        names: &Arc<Names>,
        env: &dyn Fn(&str) -> Option<String>,
        stop: &Stop,
        owner: Option<User>,
    ) -> Result<Self> {
        let stdout = io::stdout();
        let screen = Screen::of(args, env);
        let color = |terminal: bool| screen.colors(args.color, terminal);
        let text = TextOptions {
            lang: args.lang,
            width: stdout.is_terminal().then(|| columns(&stdout)).flatten(),
            color: color(stdout.is_terminal()),
            ascii: screen.ascii,
            reason: args.reason,
            open_only: args.open,
            accessible: screen.accessible,
        };
        let view = View::of(args, screen.accessible, screen.dumb);
        let context = Context {
            names: Arc::clone(names),
            service: services::name,
            vendor,
            text,
            flush_lines: true,
            progress_every: view.event_every,
        };
        let on_stdout = match args.stdout {
            Stdout::Table => "text",
            Stdout::Quiet => "plain",
            Stdout::Ndjson => "ndjson",
        };
        let mut sinks: Vec<(String, Box<dyn Sink + Send>)> = Vec::new();
        let mut out: Box<dyn Write + Send> = Box::new(BufWriter::new(io::stdout()));
        let mut talk_out: [Box<dyn Write + Send>; 2] = [Box::new(io::stderr()), Box::new(io::stderr())];
        if view.panel {
            let (lang, ascii, color) = (args.lang, screen.ascii, context.text.color);
            let (live, above) = View::live(PanelOptions { lang, ascii, color, keys: view.keys })
                .context("draw on the terminal")?;
            // First, so that it is gone when the others write the end.
            sinks.push((STDERR.to_owned(), live));
            talk_out = [Box::new(above.clone()), Box::new(above.clone())];
            out = Box::new(above);
        }
        sinks.push((STDOUT.to_owned(), sink(on_stdout, out, &context)));
        for path in &args.json_files {
            let file = create(path, goes_on, owner).with_context(|| format!("-oJ {}", shown(path)))?;
            sinks.push((shown(path), sink("ndjson", file, &context)));
        }
        for path in &args.text_files {
            let file = create(path, goes_on, owner).with_context(|| format!("-oN {}", shown(path)))?;
            let text = TextOptions { width: None, color: false, ascii: false, ..context.text.clone() };
            sinks.push((shown(path), sink("text", file, &Context { text, ..context.clone() })));
        }
        let talk = TalkOptions {
            lang: args.lang,
            ascii: screen.ascii,
            color: color(io::stderr().is_terminal()),
            hints: args.hints && io::stderr().is_terminal(),
            trace: args.packet_trace,
            verbose: args.talk.verbose,
        };
        let [talk_out, line_out] = talk_out;
        sinks.push((STDERR.to_owned(), Box::new(TalkSink::new(talk_out, talk))));
        if let Some(every) = view.line_every {
            let ticker = TickerOptions {
                lang: args.lang,
                ascii: screen.ascii,
                accessible: screen.accessible,
                debug: args.talk.debug,
                keys: view.keys && !view.panel,
                every,
                width: io::stderr().is_terminal().then(|| columns(&io::stderr())).flatten(),
            };
            sinks.push((STDERR.to_owned(), Box::new(TickerSink::new(line_out, ticker))));
        }
        if view.panel || view.keys {
            let keys = KeySink::new(view.keys, stop.clone()).context("listen to signals")?;
            sinks.push((STDERR.to_owned(), Box::new(keys)));
        }
        Ok(Outputs {
            fan: Fan::new(sinks),
            failures: Failures::default(),
            progress_every: view.progress_every(),
        })
    }

    /// How often the sinks want to hear of progress, if they do.
    pub(crate) fn progress_every(&self) -> Option<Duration> {
        self.progress_every
    }

    /// Where failures can be looked up while and after the sinks are used.
    pub(crate) fn failures(&self) -> Failures {
        self.failures.clone()
    }

    /// Notes what failed in a call. The scan goes on as long as one place is left that keeps its results.
    fn note(&self, result: io::Result<()>) -> io::Result<()> {
        let Err(error) = result else { return Ok(()) };
        let failures = self.fan.failures().to_vec();
        let kept = self.fan.sinks().any(|sink| sink != STDERR);
        *self.failures.0.lock().unwrap_or_else(PoisonError::into_inner) = failures;
        if kept { Ok(()) } else { Err(error) }
    }
}

impl Sink for Outputs {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        let result = self.fan.begin(begin);
        self.note(result)
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        let result = self.fan.host(host);
        self.note(result)
    }

    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let result = self.fan.verdict(verdict);
        self.note(result)
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        let result = self.fan.ports(group);
        self.note(result)
    }

    fn update(&mut self, verdict: &Verdict) -> io::Result<()> {
        let result = self.fan.update(verdict);
        self.note(result)
    }

    fn warning(&mut self, warning: &Warning) -> io::Result<()> {
        let result = self.fan.warning(warning);
        self.note(result)
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        let result = self.fan.progress(progress);
        self.note(result)
    }

    fn finish(&mut self, finish: &Finish) -> io::Result<()> {
        let result = self.fan.finish(finish);
        self.note(result)
    }
}

/// What the terminal can show.
struct Screen {
    ascii: bool,
    accessible: bool,
    /// It cannot move its cursor.
    dumb: bool,
    no_color: bool,
    force_color: bool,
}

impl Screen {
    fn of(args: &Args, env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let forced = |name: &str| env(name).is_some_and(|value| !value.is_empty() && value != "0");
        let charset = ["LC_ALL", "LC_CTYPE", "LANG"]
            .iter()
            .find_map(|name| env(name).filter(|value| !value.is_empty()));
        let utf8 = charset.is_none_or(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        Screen {
            ascii: !utf8,
            accessible: args.talk.accessible || forced("PORTOLAN_ACCESSIBLE"),
            dumb,
            no_color: set("NO_COLOR") || dumb,
            force_color: forced("CLICOLOR_FORCE") || forced("FORCE_COLOR"),
        }
    }

    fn colors(&self, wanted: Color, terminal: bool) -> bool {
        match wanted {
            _ if self.accessible => false,
            Color::Always => true,
            Color::Never => false,
            Color::Auto => !self.no_color && (terminal || self.force_color),
        }
    }
}

fn sink(format: &str, out: Box<dyn Write + Send>, context: &Context) -> Box<dyn Sink + Send> {
    match Format::named(format) {
        Some(format) => format.sink(out, context),
        None => unreachable!("{format} is one of FORMATS"),
    }
}

fn create(path: &Path, goes_on: bool, owner: Option<User>) -> io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(BufWriter::new(user::create(path, goes_on, owner)?)))
}

fn columns(terminal: &impl AsFd) -> Option<usize> {
    rustix::termios::tcgetwinsize(terminal)
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
}

fn shown(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    Untrusted::new(path.as_os_str().as_bytes()).escaped_short(200)
}
