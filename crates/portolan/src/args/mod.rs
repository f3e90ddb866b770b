//! The command line as typed: strings and simple values, nothing resolved, nothing opened.
//!
//! `argv` → the pre-pass (nmap's spelling) → clap → checked values. Every text for people comes in
//! English and French. A new flag is a row in `flags.rs`, its value in `convert.rs` (or a
//! small file beside it) and its field here.

mod command;
mod convert;
mod discovery;
mod flag;
mod flags;
mod help;
mod lang;
mod man;
mod not_yet;
mod prepass;
mod probes;
mod problem;
mod talk;
mod words;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap_complete::Shell;
use portolan_explain::Lang;
use portolan_model::Ping;

use prepass::{Page, Verb};
use problem::Problem;
pub use talk::Talk;

/// What a command line asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Parsed {
    /// Scan.
    Run(Box<Args>),
    /// Go on with a scan that was stopped.
    Resume(Box<Resume>),
    /// Print this to stdout and end well: help, version, man page or a completion.
    Print(String),
    /// Print the JSON Schema of the NDJSON output.
    Schema,
}

/// `--resume FILE`: a scan whose command line stands in a file, and the flags that stand beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resume {
    /// The file.
    pub file: PathBuf,
    /// The language of this line.
    pub lang: Lang,
    /// Whether advice may be given.
    pub hints: bool,
    /// Output flags, as the pre-pass writes them.
    more: Vec<OsString>,
}

/// A scan as it was typed.
///
/// `-n` is accepted and has no field: what it asks for is what this version always does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Args {
    /// The targets of the line; a `-` among them is in `lists`.
    pub targets: Vec<String>,
    /// Where more targets are read (`-iL`, `-`), each once.
    pub lists: Vec<Source>,
    /// `--exclude`: each value, still a list.
    pub exclude: Vec<String>,
    /// `--excludefile`.
    pub exclude_files: Vec<Source>,
    /// `--resolve-all`: every address of a name.
    pub resolve_all: bool,
    /// `-Pn`: every address of a range is taken to be a host.
    pub assume_up: bool,
    /// `-sn`: hosts are looked for, and no port is asked.
    pub hosts_only: bool,
    /// `-PS`, `-PA`, `-PU`, `-PE`, `-PP`, `-PR`: how hosts are looked for; empty if that was not said.
    pub pings: Vec<Ping>,
    /// Long IPv6 ranges for which one machine answers are cut short; `--no-collapse` forbids it.
    pub collapse: bool,
    /// `--authorised`, never blank: who allows a scan of many public addresses, and why.
    pub authorised: Option<String>,
    /// `-4`, `-6`.
    pub family: Family,
    /// `-sS`, `-sT`, `-sA`, `--tcp`, or none of those nor UDP: TCP ports are asked.
    pub tcp: bool,
    /// `-sS`, `-sT`, `-sA`, `--method`.
    pub method: Method,
    /// `-e`: the one interface that everything leaves by.
    pub interface: Option<String>,
    /// `-sU`, `--udp`: UDP ports are asked. At least one of the two is true.
    pub udp: bool,
    /// `-p`, `-F`, `--top-ports`.
    pub ports: Ports,
    /// `--exclude-ports`: each value, still a specification.
    pub exclude_ports: Vec<String>,
    /// `-T`, 0 to 5.
    pub timing: u8,
    /// The lower of `--rate N` and `--max-rate N`, at least 1; none by `--rate auto`.
    pub max_rate: Option<u64>,
    /// `--min-rate`, at least 1 and no more than `max_rate`.
    pub min_rate: Option<u64>,
    /// `--max-retries`: retries of a silent port at most.
    pub max_retries: Option<u8>,
    /// `--host-timeout`, more than nothing.
    pub host_timeout: Option<Duration>,
    /// `--shard I/N`: index (from 1) and count.
    pub shard: Option<(u32, u32)>,
    /// `--seed`.
    pub seed: Option<u64>,
    /// `--checkpoint`: where it is kept how far the scan has come.
    pub checkpoint: Option<PathBuf>,
    /// `--open`: show open ports only.
    pub open: bool,
    /// `--reason`: tell the reason of each state.
    pub reason: bool,
    /// `--all`: fold nothing.
    pub all: bool,
    /// `--packet-trace`: tell each call and each answer.
    pub packet_trace: bool,
    /// What stdout carries (`-q`, `--json`, `-oJ -`, `-oN -`).
    pub stdout: Stdout,
    /// `-oJ`: files for NDJSON.
    pub json_files: Vec<PathBuf>,
    /// `-oN`: files for the table; none is also in `json_files`.
    pub text_files: Vec<PathBuf>,
    /// `--color`.
    pub color: Color,
    /// The language, from `--lang` or the environment.
    pub lang: Lang,
    /// Whether advice may be given; `--no-hints` forbids it.
    pub hints: bool,
    /// `-v`, `-d`, `--stats-every`, `--accessible`.
    pub talk: Talk,
}

/// Where a list is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

/// How TCP ports are to be asked.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// By SYN where the process may, else by connect.
    Auto,
    /// By SYN.
    Syn,
    /// By ACK.
    Ack,
    /// By connect.
    Connect,
}

/// Which addresses of a name or list are wanted.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Family {
    /// Both.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// How the ports were chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ports {
    /// Not at all: the usual 1000 of TCP, 100 of UDP.
    Default,
    /// `-p`, as typed.
    Listed(String),
    /// `-F`: the 100 likeliest of each protocol.
    Fast,
    /// `--top-ports`, at least 1, of each protocol.
    Top(u16),
}

/// What standard output carries.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Stdout {
    /// The table.
    Table,
    /// `host:port` of open ports.
    Quiet,
    /// NDJSON.
    Ndjson,
}

/// When to use colour.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub enum Color {
    /// On a terminal that wants it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A refused command line, in the language of its reader; exit code 2.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ArgsError {
    /// What is wrong: one line, with nothing in it that a terminal would obey.
    pub message: String,
    /// What to do, if that can be said: one line too.
    pub hint: Option<String>,
    /// The language of both.
    pub lang: Lang,
}

/// Reads a command line, whose first element is the program's name.
///
/// Pure: it reads no file and no environment but through `env`, prints nothing and never panics.
pub fn parse(
    argv: impl IntoIterator<Item = OsString>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Parsed, ArgsError> {
    let line: Vec<OsString> = argv.into_iter().skip(1).collect();
    let lang = lang::chosen(&line, env);
    let parsed = prepass::rewrite(&line).and_then(|rewritten| {
        if let Some(page) = rewritten.page {
            return Ok(Parsed::Print(printed(page, lang)));
        }
        let words = rewritten.words;
        let matches = command::parse(words.clone())?;
        if let Some(what) = convert::generate(&matches)? {
            return Ok(Parsed::Print(generated(what, lang)));
        }
        if let (Verb::Scan, Some(file)) = (rewritten.verb, convert::resume(&matches)?) {
            let hints = !matches.get_flag("no-hints");
            return Ok(Parsed::Resume(Box::new(Resume { file, lang, hints, more: words })));
        }
        match rewritten.verb {
            Verb::Scan => Ok(Parsed::Run(Box::new(convert::scan(&matches, lang)?))),
            Verb::Schema => convert::alone("schema", &matches).map(|()| Parsed::Schema),
        }
    });
    parsed.map_err(|problem| {
        let mut error = problem.told(lang);
        if line.iter().take_while(|word| *word != "--").any(|word| word == "--no-hints") {
            error.hint = None;
        }
        error
    })
}

/// The scan of an earlier command line, whose first element is the program's name, with the flags that stand beside
/// `--resume` now.
pub fn resumed(
    argv: impl IntoIterator<Item = OsString>,
    now: &Resume,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Args, ArgsError> {
    let line: Vec<OsString> = argv.into_iter().skip(1).collect();
    let parsed = prepass::rewrite(&line).and_then(|rewritten| {
        let mut words = rewritten.words;
        // Values hang on their flags by now, so a bare `--` is the one behind which there are only targets.
        let end = words.iter().position(|word| *word == "--").unwrap_or(words.len());
        let more = now.more.iter().filter(|word| !word.as_encoded_bytes().starts_with(b"--resume="));
        words.splice(end..end, more.cloned());
        let lang = lang::chosen(&words, env);
        let matches = command::parse(words)?;
        let scans = rewritten.page.is_none() && rewritten.verb == Verb::Scan;
        if !scans || convert::generate(&matches)?.is_some() || convert::resume(&matches)?.is_some() {
            return Err(Problem::NoScan);
        }
        convert::scan(&matches, lang)
    });
    parsed.map_err(|problem| problem.told(now.lang))
}

/// What `--generate` makes: for packagers and `xtask`, hence hidden.
#[derive(Copy, Clone, Debug)]
enum Generate {
    Man,
    Probes,
    Bash,
    Zsh,
    Fish,
}

fn printed(page: Page, lang: Lang) -> String {
    match page {
        Page::Short => help::short(lang),
        Page::Long => help::long(lang),
        Page::Version => concat!("portolan ", env!("CARGO_PKG_VERSION"), "\n").to_owned(),
    }
}

fn generated(what: Generate, lang: Lang) -> String {
    match what {
        Generate::Man => man::page(),
        Generate::Probes => probes::page(),
        Generate::Bash => command::completion(Shell::Bash, lang),
        Generate::Zsh => command::completion(Shell::Zsh, lang),
        Generate::Fish => command::completion(Shell::Fish, lang),
    }
}
