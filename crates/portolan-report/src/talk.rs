use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use portolan_explain as words;
use portolan_explain::{Lang, hint, hint_label, more_warnings, trace_heading, warning, warning_label};
use portolan_model::{Begin, Finish, Group, HostReport, HostState, Sink, Verdict, Warning};

use crate::charset::Charset;
use crate::paint::{Style, paint};

/// How talk looks.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct TalkOptions {
    /// The language.
    pub lang: Lang,
    /// ASCII alone.
    pub ascii: bool,
    /// With colours.
    pub color: bool,
    /// With a hint below a warning, where one helps.
    pub hints: bool,
    /// With the one line that explains the lines of a trace.
    pub trace: bool,
    /// 1: all warnings, and each host as it is finished; 2: also what is folded.
    pub verbose: u8,
}

/// What is no result, told to people beside the results: warnings and hints, meant for stderr.
///
/// A kind of warning is told ten times, then only counted: a list of a million wrong names must not bury
/// the rest. A hint is told once.
pub struct TalkSink<W> {
    out: W,
    options: TalkOptions,
    told: BTreeMap<&'static str, u64>,
    hinted: BTreeSet<&'static str>,
    hosts_only: bool,
}

/// How many warnings of a kind are told.
const TOLD: u64 = 10;

impl<W: Write> TalkSink<W> {
    /// A sink into `out`.
    pub const fn new(out: W, options: TalkOptions) -> Self {
        TalkSink { out, options, told: BTreeMap::new(), hinted: BTreeSet::new(), hosts_only: false }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn line(&mut self, label: &str, style: Style, text: &str) -> io::Result<()> {
        let charset = Charset::of(self.options.ascii);
        let label = paint(&charset.words(label), style, self.options.color);
        self.out.write_all(format!("{label}{}\n", charset.words(text)).as_bytes())
    }

    fn hint(&mut self, about: &Warning) -> io::Result<()> {
        match hint(self.options.lang, about) {
            Some(text) if self.options.hints && self.hinted.insert(text) => {
                self.line(hint_label(self.options.lang), Style::Bold, text)
            }
            _ => Ok(()),
        }
    }
}

impl<W: Write> Sink for TalkSink<W> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.hosts_only = begin.hosts_only;
        if !self.options.trace {
            return Ok(());
        }
        self.line("", Style::None, trace_heading(self.options.lang))?;
        self.out.flush()
    }

    fn verdict(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn ports(&mut self, group: &Group) -> io::Result<()> {
        if self.options.verbose < 2 {
            return Ok(());
        }
        self.line("", Style::None, &folded(group, self.options.lang))?;
        self.out.flush()
    }

    fn host(&mut self, host: &HostReport) -> io::Result<()> {
        // Where no port is asked, hosts are the results.
        if self.options.verbose == 0 || self.hosts_only {
            return Ok(());
        }
        self.line("", Style::None, &finished(host, self.options.lang))?;
        self.out.flush()
    }

    fn update(&mut self, _verdict: &Verdict) -> io::Result<()> {
        Ok(())
    }

    fn warning(&mut self, about: &Warning) -> io::Result<()> {
        let told = self.told.entry(about.id()).or_default();
        *told += 1;
        if *told > TOLD && self.options.verbose == 0 {
            return Ok(());
        }
        let lang = self.options.lang;
        self.line(warning_label(lang), Style::Yellow, &warning(lang, about))?;
        self.hint(about)?;
        self.out.flush()
    }

    fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
        let lang = self.options.lang;
        for (id, told) in std::mem::take(&mut self.told) {
            if told > TOLD && self.options.verbose == 0 {
                self.line(warning_label(lang), Style::Yellow, &more_warnings(lang, told - TOLD, id))?;
            }
        }
        self.out.flush()
    }
}

/// A host that is finished, in one line.
fn finished(host: &HostReport, lang: Lang) -> String {
    let target = host.target.to_string();
    match host.state {
        HostState::Up => {
            let counts = host.counts.iter().filter(|(_, n)| *n > 0);
            let mut list: Vec<String> = counts
                .map(|(state, n)| format!("{} {}", words::number(lang, n), words::states(lang, state, n)))
                .collect();
            list.extend(host.rtt.map(|rtt| words::round_trip(lang, &words::rtt(lang, rtt))));
            if host.loss >= 0.0005 {
                list.push(words::loss(lang, &words::percent(lang, host.loss)));
            }
            words::host_finished(lang, &target, &list.join(", "))
        }
        HostState::Down => {
            let why = host.reason.map(|why| format!(" ({})", why.token())).unwrap_or_default();
            words::host_down(lang, &target, &why)
        }
        HostState::Unknown => words::host_silent(lang, &target),
    }
}

/// Ports alike, in one line.
fn folded(group: &Group, lang: Lang) -> String {
    let targets: Vec<String> = group
        .targets
        .iter()
        .map(|range| {
            if range.first == range.last {
                range.first.to_string()
            } else {
                format!("{}-{}", range.first, range.last)
            }
        })
        .collect();
    let by =
        group.from.map(|from| format!(" {}", words::sent_by(lang, &from.to_string()))).unwrap_or_default();
    let what = format!(
        "{} {} ({}{by})",
        words::number(lang, group.count),
        words::states(lang, group.state, group.count),
        group.reason.token()
    );
    words::alike(lang, &targets.join(", "), &what, &format!("{} {}", group.transport, group.ports))
}
