use std::io::{self, Write};
use std::time::Duration;

use portolan_explain as words;
use portolan_explain::Lang;
use portolan_model::{Begin, Finish, Group, PortState, Progress, Sink, Verdict};

use crate::charset::Charset;
use crate::live::is_worth_watching;
use crate::pace::{Pace, whole_percent};
use crate::text::finds_open;
use crate::wrap::wrap;

/// How a line of progress looks, and how often there is one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TickerOptions {
    /// The language.
    pub lang: Lang,
    /// ASCII alone.
    pub ascii: bool,
    /// In sentences, for a screen reader.
    pub accessible: bool,
    /// With numbers from inside the engine.
    pub debug: bool,
    /// Whether keys are read, so that `q` may be offered.
    pub keys: bool,
    /// So often.
    pub every: Duration,
    /// The columns of the terminal, if it is one: lines are broken between words.
    pub width: Option<usize>,
}

/// Progress as a plain line now and then: for a file, a pipe, a screen reader.
pub struct TickerSink<W> {
    out: W,
    options: TickerOptions,
    every: Every,
    pace: Pace,
    window: usize,
    hosts_only: bool,
    finds_open: bool,
    offered: bool,
}

impl<W: Write> TickerSink<W> {
    /// A sink into `out`.
    pub fn new(out: W, options: TickerOptions) -> Self {
        let (every, pace) = (Every::new(options.every), Pace::over(options.every));
        TickerSink {
            out,
            options,
            every,
            pace,
            window: 0,
            hosts_only: false,
            finds_open: true,
            offered: false,
        }
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let words = Charset::of(self.options.ascii).words(line);
        let lines = wrap(&words, self.options.width, 0, 2);
        self.out.write_all((lines.join("\n") + "\n").as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Sink for TickerSink<W> {
    fn begin(&mut self, begin: &Begin) -> io::Result<()> {
        self.window = begin.window;
        self.hosts_only = begin.hosts_only;
        self.finds_open = !begin.hosts_only && finds_open(&begin.methods);
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

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        if self.options.keys && !self.offered && is_worth_watching(progress) {
            self.offered = true;
            self.write(words::key_stop_in_words(self.options.lang))?;
        }
        let rate = self.pace.rate(progress);
        if !self.every.is_due(progress.elapsed) {
            return Ok(());
        }
        let options = &self.options;
        let inner = options.debug.then(|| inner(progress, self.window, options.lang));
        let line = if options.accessible {
            let sentences = sentences(progress, rate, (self.hosts_only, self.finds_open), options.lang);
            inner.map_or(sentences.clone(), |inner| format!("{sentences} {}.", inner.join(", ")))
        } else {
            line(progress, rate, (self.hosts_only, self.finds_open), inner.unwrap_or_default(), options.lang)
        };
        self.write(&line)
    }

    fn finish(&mut self, _finish: &Finish) -> io::Result<()> {
        self.out.flush()
    }
}

/// `progress: 61%, 7 466 of 12 240 ports, 24 open, 412 probes/s, 0:41 elapsed, about 0:27 left`
fn line(
    progress: &Progress,
    rate: u64,
    (hosts_only, finds_open): (bool, bool),
    inner: Vec<String>,
    lang: Lang,
) -> String {
    let found = if finds_open {
        words::open_ports(lang, progress.counts.open)
    } else {
        words::hosts_up(lang, progress.hosts_up)
    };
    let mut parts = vec![settled(progress, hosts_only, lang), found, words::probes_a_second(lang, rate)];
    parts.extend(inner);
    parts.push(words::time_elapsed(lang, &words::clock(lang, progress.elapsed)));
    parts.extend(rest(progress, |time| words::clock(lang, time), lang));
    let percent = words::whole_percent(lang, whole_percent(progress));
    words::progress_line(lang, &percent, &parts.join(", "))
}

/// The same without symbols, and with all states.
fn sentences(progress: &Progress, rate: u64, (hosts_only, finds_open): (bool, bool), lang: Lang) -> String {
    let percent = words::percent_in_words(lang, whole_percent(progress));
    let counts = progress.counts.iter();
    let counts = counts.filter(|(state, n)| *n > 0 || (*state == PortState::Open && finds_open));
    let counts: Vec<String> = counts
        .map(|(state, n)| {
            let word = words::states(lang, state, n).replace('|', words::or(lang));
            format!("{} {word}", words::number(lang, n))
        })
        .collect();
    let mut time = vec![words::elapsed_in_words(lang, &words::elapsed(lang, progress.elapsed))];
    time.extend(rest(progress, |time| words::elapsed(lang, time), lang));
    let mut sentences = vec![words::hosts_up(lang, progress.hosts_up)];
    sentences.extend((!hosts_only && !counts.is_empty()).then(|| counts.join(", ")));
    sentences.extend([words::rate_in_words(lang, rate), capitalised(&time.join(", "))]);
    let first = words::progress_sentence(lang, &percent, &settled(progress, hosts_only, lang));
    format!("{first} {}.", sentences.join(". "))
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().into_iter().flat_map(char::to_uppercase).chain(characters).collect()
}

fn settled(progress: &Progress, hosts_only: bool, lang: Lang) -> String {
    let [settled, all] = [progress.settled, progress.endpoints].map(|n| words::number(lang, n));
    if hosts_only {
        words::addresses_done(lang, &settled, &all)
    } else {
        words::ports_settled(lang, &settled, &all)
    }
}

fn rest(progress: &Progress, shown: impl Fn(Duration) -> String, lang: Lang) -> Option<String> {
    if progress.stopping {
        return Some(words::stopping(lang).to_owned());
    }
    let left = progress.left?;
    let time = shown(left.time);
    Some(if left.at_least { words::at_least_left(lang, &time) } else { words::about_left(lang, &time) })
}

/// What only somebody who looks for a fault wants to know.
fn inner(progress: &Progress, window: usize, lang: Lang) -> Vec<String> {
    let waiting = format!("{} (max {})", words::waiting(lang, progress.waiting as u128), window);
    let mut parts = vec![waiting];
    if let Some(rtt) = progress.rtt {
        parts.push(format!("{} {}", words::label_rtt(lang), words::rtt(lang, rtt)));
    }
    parts.push(words::loss(lang, &words::percent(lang, progress.loss)));
    parts.push(words::dropped(lang, progress.dropped_by_us));
    parts.push(words::packets(lang, progress.packets));
    parts
}

/// When something that comes at intervals is due.
pub(crate) struct Every {
    interval: Duration,
    next: Duration,
}

impl Every {
    pub(crate) const fn new(interval: Duration) -> Self {
        Every { interval, next: interval }
    }

    /// Whether it is, so long after the start. What was missed is not made up for; the next is at a multiple of the
    /// interval.
    pub(crate) fn is_due(&mut self, elapsed: Duration) -> bool {
        if elapsed < self.next {
            return false;
        }
        let intervals = elapsed.as_nanos() / self.interval.as_nanos().max(1) + 1;
        let nanos = u64::try_from(intervals.saturating_mul(self.interval.as_nanos()));
        self.next = nanos.map_or(Duration::MAX, Duration::from_nanos);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_not_made_up_for() {
        let mut every = Every::new(Duration::from_secs(10));
        let due: Vec<u64> = [1, 9, 10, 11, 19, 20, 55, 56, 60, 69, 70]
            .into_iter()
            .filter(|seconds| every.is_due(Duration::from_secs(*seconds)))
            .collect();
        assert_eq!(due, [10, 20, 55, 60, 70]);
        assert!(Every::new(Duration::from_nanos(1)).is_due(Duration::MAX));
    }
}
