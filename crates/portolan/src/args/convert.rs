//! From clap's matches to [`Args`]: numbers, choices and contradictions are checked here; ports and
//! targets stay text.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::ArgMatches;
use portolan_explain::Lang;

use super::command::TARGETS;
use super::discovery;
use super::flags::{FLAGS, Flag, Group, TIMINGS, Takes};
use super::problem::{About, Problem};
use super::talk::talk;
use super::{Args, Color, Family, Generate, Method, Ports, Source, Stdout};

/// The scan that the line asks for.
pub(super) fn scan(matches: &ArgMatches, lang: Lang) -> Result<Args, Problem> {
    let typed = Typed(matches);
    typed.check_counts()?;
    let (targets, lists) = sources(&typed)?;
    let mut exclude_files = Vec::new();
    typed.all("excludefile").for_each(|path| push_new(&mut exclude_files, Source::of(path)));
    let (stdout, json_files, text_files) = outputs(&typed)?;
    let discovery = discovery::discovery(&typed)?;
    let args = Args {
        targets,
        lists,
        exclude: typed.texts("exclude")?,
        exclude_files,
        resolve_all: typed.is_set("resolve-all"),
        assume_up: typed.is_set("no-ping"),
        hosts_only: discovery.hosts_only,
        pings: discovery.pings,
        collapse: !typed.is_set("no-collapse"),
        authorised: authorised(&typed)?,
        family: family(&typed),
        // TCP is what is asked unless UDP alone was.
        tcp: ["syn", "connect", "ack", "tcp"].iter().any(|flag| typed.is_set(flag)) || !typed.is_set("udp"),
        method: method(&typed)?,
        interface: typed.last_text("interface")?,
        udp: typed.is_set("udp"),
        ports: ports(&typed)?,
        exclude_ports: typed.texts("exclude-ports")?,
        timing: timing(&typed)?,
        max_rate: max_rate(&typed)?,
        min_rate: min_rate(&typed)?,
        max_retries: typed.number("max-retries", 0..=11)?.and_then(|retries| u8::try_from(retries).ok()),
        host_timeout: typed.time("host-timeout")?,
        shard: shard(&typed)?,
        seed: typed.number("seed", 0..=u64::MAX)?,
        checkpoint: typed.all("checkpoint").last().map(PathBuf::from),
        open: typed.is_set("open"),
        reason: typed.is_set("reason"),
        all: typed.is_set("all"),
        packet_trace: typed.is_set("packet-trace"),
        stdout,
        json_files,
        text_files,
        color: color(&typed)?,
        lang,
        hints: !typed.is_set("no-hints"),
        talk: talk(&typed)?,
    };
    typed.choice("lang")?;
    check_stdin(&args)?;
    let files = || args.json_files.iter().chain(&args.text_files);
    if let Some(path) = args.checkpoint.as_ref().filter(|path| files().any(|file| file == *path)) {
        return Err(Problem::SameFile { path: path.into() });
    }
    // Last, so that a line with another mistake hears of that one.
    if args.targets.is_empty() && args.lists.is_empty() {
        return Err(Problem::NoTarget);
    }
    Ok(args)
}

/// What is to be generated, if that was asked for.
pub(super) fn generate(matches: &ArgMatches) -> Result<Option<Generate>, Problem> {
    Ok(Typed(matches).choice("generate")?.map(|choice| match choice {
        0 => Generate::Man,
        1 => Generate::Bash,
        2 => Generate::Zsh,
        3 => Generate::Fish,
        _ => Generate::Probes,
    }))
}

/// Nothing but the language may stand beside the verb.
pub(super) fn alone(verb: &'static str, matches: &ArgMatches) -> Result<(), Problem> {
    let typed = Typed(matches);
    typed.check_counts()?;
    typed.choice("lang")?;
    if let Some(extra) = typed.all(TARGETS).next() {
        return Err(Problem::VerbAlone { verb, extra: extra.to_owned() });
    }
    match FLAGS.iter().filter(|flag| flag.long != "lang").find(|flag| typed.is_given(flag)) {
        Some(flag) => Err(Problem::VerbAlone { verb, extra: flag.typed().into() }),
        None => Ok(()),
    }
}

/// The file of `--resume`, if that is given. Everything but the outputs is taken from it.
pub(super) fn resume(matches: &ArgMatches) -> Result<Option<PathBuf>, Problem> {
    let typed = Typed(matches);
    let Some(file) = typed.all("resume").next() else { return Ok(None) };
    typed.check_counts()?;
    typed.choice("lang")?;
    if let Some(extra) = typed.all(TARGETS).next() {
        return Err(Problem::ResumeTakes { extra: extra.to_owned() });
    }
    let from_file = |flag: &&Flag| flag.group != Group::Output && flag.long != "resume";
    match FLAGS.iter().filter(from_file).find(|flag| typed.is_given(flag)) {
        Some(flag) => Err(Problem::ResumeTakes { extra: flag.typed().into() }),
        None => Ok(Some(file.into())),
    }
}

fn sources(typed: &Typed<'_>) -> Result<(Vec<String>, Vec<Source>), Problem> {
    let mut lists: Vec<Source> = Vec::new();
    let mut targets = Vec::new();
    for path in typed.all("includefile") {
        push_new(&mut lists, Source::of(path));
    }
    for word in typed.all(TARGETS) {
        if word == "-" {
            push_new(&mut lists, Source::Stdin);
        } else {
            let text =
                word.to_str().ok_or_else(|| Problem::NotText { flag: None, value: word.to_owned() })?;
            targets.push(text.to_owned());
        }
    }
    Ok((targets, lists))
}

/// Standard input can be read once: by the targets or by the exclusions.
fn check_stdin(args: &Args) -> Result<(), Problem> {
    if args.exclude_files.contains(&Source::Stdin) && args.lists.contains(&Source::Stdin) {
        return Err(Problem::Exclusive {
            first: "-".into(),
            second: "--excludefile -".into(),
            about: About::Stdin,
        });
    }
    Ok(())
}

/// Blanks say neither who nor why.
fn authorised(typed: &Typed<'_>) -> Result<Option<String>, Problem> {
    match typed.last_text("authorised")? {
        Some(text) if text.trim().is_empty() => Err(Problem::Missing { flag: flag("authorised") }),
        text => Ok(text),
    }
}

fn family(typed: &Typed<'_>) -> Family {
    match (typed.is_set("ipv4"), typed.is_set("ipv6")) {
        (true, false) => Family::V4,
        (false, true) => Family::V6,
        _ => Family::Any,
    }
}

/// Two flags that name two methods contradict each other.
fn method(typed: &Typed<'_>) -> Result<Method, Problem> {
    let chosen = typed.choice("method")?;
    let mut asked = [
        ("-sS", Method::Syn, typed.is_set("syn")),
        ("-sT", Method::Connect, typed.is_set("connect")),
        ("-sA", Method::Ack, typed.is_set("ack")),
        ("--method syn", Method::Syn, chosen == Some(1)),
        ("--method connect", Method::Connect, chosen == Some(2)),
        ("--method ack", Method::Ack, chosen == Some(3)),
    ]
    .into_iter()
    .filter(|(_, _, asked)| *asked);
    let Some((first, method, _)) = asked.next() else { return Ok(Method::Auto) };
    match asked.find(|(_, other, _)| *other != method) {
        Some((second, _, _)) => {
            Err(Problem::Exclusive { first: first.into(), second: second.into(), about: About::Method })
        }
        None => Ok(method),
    }
}

fn ports(typed: &Typed<'_>) -> Result<Ports, Problem> {
    let listed = typed.last_text("ports")?.map(Ports::Listed);
    let fast = typed.is_set("fast").then_some(Ports::Fast);
    let top =
        typed.number("top-ports", 1..=65_535)?.and_then(|count| u16::try_from(count).ok()).map(Ports::Top);
    let mut chosen = [("-p", listed), ("-F", fast), ("--top-ports", top)]
        .into_iter()
        .filter_map(|(flag, choice)| Some((flag, choice?)));
    match (chosen.next(), chosen.next()) {
        (None, _) => Ok(Ports::Default),
        (Some((_, choice)), None) => Ok(choice),
        (Some((first, _)), Some((second, _))) => {
            Err(Problem::Exclusive { first: first.into(), second: second.into(), about: About::Ports })
        }
    }
}

fn timing(typed: &Typed<'_>) -> Result<u8, Problem> {
    const NORMAL: u8 = 3;
    let Some(value) = typed.last_text("timing")? else { return Ok(NORMAL) };
    (0u8..)
        .zip(TIMINGS)
        .find(|(number, name)| name.eq_ignore_ascii_case(&value) || number.to_string() == value)
        .map(|(number, _)| number)
        .ok_or_else(|| Problem::Choice { flag: flag("timing"), value })
}

const RATES: RangeInclusive<u64> = 1..=1_000_000_000;

/// `--rate N`, unless it is `auto`.
fn rate(typed: &Typed<'_>) -> Result<Option<u64>, Problem> {
    match typed.last_text("rate")? {
        None => Ok(None),
        Some(value) if value == "auto" => Ok(None),
        Some(value) => match whole(&value) {
            Some(number) if RATES.contains(&number) => Ok(Some(number)),
            _ => Err(Problem::Rate { value, range: RATES }),
        },
    }
}

/// The lower of `--rate N` and `--max-rate N`.
fn max_rate(typed: &Typed<'_>) -> Result<Option<u64>, Problem> {
    Ok([rate(typed)?, typed.number("max-rate", RATES)?].into_iter().flatten().min())
}

/// A floor above the ceiling could not be kept.
fn min_rate(typed: &Typed<'_>) -> Result<Option<u64>, Problem> {
    let least = typed.number("min-rate", RATES)?;
    let (rate, most) = (rate(typed)?, typed.number("max-rate", RATES)?);
    let lower = rate.filter(|rate| most.is_none_or(|most| *rate < most));
    match (least, lower.or(most)) {
        (Some(least), Some(most)) if least > most => {
            let flag = flag(if lower.is_some() { "rate" } else { "max-rate" });
            Err(Problem::Rates { least, flag, most })
        }
        _ => Ok(least),
    }
}

fn shard(typed: &Typed<'_>) -> Result<Option<(u32, u32)>, Problem> {
    let Some(value) = typed.last_text("shard")? else { return Ok(None) };
    let part = value.split_once('/').and_then(|(index, count)| Some((whole(index)?, whole(count)?)));
    match part.and_then(|(index, count)| Some((u32::try_from(index).ok()?, u32::try_from(count).ok()?))) {
        Some((index, count)) if (1..=count).contains(&index) => Ok(Some((index, count))),
        _ => Err(Problem::Shard { value }),
    }
}

fn color(typed: &Typed<'_>) -> Result<Color, Problem> {
    Ok(match typed.choice("color")? {
        Some(1) => Color::Always,
        Some(2) => Color::Never,
        _ => Color::Auto,
    })
}

/// What standard output carries, and the files. Two forms on one stream would be neither.
fn outputs(typed: &Typed<'_>) -> Result<(Stdout, Vec<PathBuf>, Vec<PathBuf>), Problem> {
    let files = |id| typed.all(id).filter(|path| *path != "-").map(PathBuf::from).collect::<Vec<_>>();
    let (json_files, text_files) = (files("output-json"), files("output-text"));
    let mut seen: Vec<&PathBuf> = Vec::new();
    for path in json_files.iter().chain(&text_files) {
        if seen.contains(&path) {
            return Err(Problem::SameFile { path: path.clone().into() });
        }
        seen.push(path);
    }
    let to_stdout = |id| typed.all(id).any(|path| path == "-");
    let mut asked = [
        ("--json", Stdout::Ndjson, typed.is_set("json")),
        ("-oJ -", Stdout::Ndjson, to_stdout("output-json")),
        ("-oN -", Stdout::Table, to_stdout("output-text")),
        ("-q", Stdout::Quiet, typed.is_set("quiet")),
    ]
    .into_iter()
    .filter(|(_, _, asked)| *asked);
    let Some((first, form, _)) = asked.next() else { return Ok((Stdout::Table, json_files, text_files)) };
    match asked.find(|(_, other, _)| *other != form) {
        Some((second, _, _)) => {
            Err(Problem::Exclusive { first: first.into(), second: second.into(), about: About::Stdout })
        }
        None => Ok((form, json_files, text_files)),
    }
}

/// clap's matches, read by the table.
pub(super) struct Typed<'a>(&'a ArgMatches);

impl<'a> Typed<'a> {
    pub(super) fn is_set(&self, id: &str) -> bool {
        self.0.get_flag(id)
    }

    fn is_given(&self, flag: &Flag) -> bool {
        match flag.takes {
            Takes::Nothing => self.is_set(flag.long),
            Takes::Times => self.times(flag.long) > 0,
            _ => self.all(flag.long).next().is_some(),
        }
    }

    /// How often a flag was given that may be given several times.
    pub(super) fn times(&self, id: &str) -> u8 {
        self.0.get_count(id)
    }

    pub(super) fn all(&self, id: &str) -> impl Iterator<Item = &'a OsStr> + use<'a> {
        self.0.get_many::<OsString>(id).into_iter().flatten().map(OsString::as_os_str)
    }

    /// Each flag as often as the table allows, and no value empty.
    fn check_counts(&self) -> Result<(), Problem> {
        for flag in FLAGS.iter().filter(|flag| flag.takes.value().is_some()) {
            if !matches!(flag.takes, Takes::Attached(_)) && self.all(flag.long).any(OsStr::is_empty) {
                return Err(Problem::Missing { flag });
            }
            if matches!(flag.takes, Takes::Once(_)) && self.all(flag.long).nth(1).is_some() {
                return Err(Problem::Twice { flag });
            }
        }
        Ok(())
    }

    pub(super) fn texts(&self, id: &'static str) -> Result<Vec<String>, Problem> {
        self.all(id).map(|value| text(id, value)).collect()
    }

    pub(super) fn last_text(&self, id: &'static str) -> Result<Option<String>, Problem> {
        self.all(id).last().map(|value| text(id, value)).transpose()
    }

    fn number(&self, id: &'static str, range: RangeInclusive<u64>) -> Result<Option<u64>, Problem> {
        let Some(value) = self.last_text(id)? else { return Ok(None) };
        match whole(&value) {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => Err(Problem::Number { flag: flag(id), value, range }),
        }
    }

    /// A span of time that is not zero.
    pub(super) fn time(&self, id: &'static str) -> Result<Option<Duration>, Problem> {
        let Some(value) = self.last_text(id)? else { return Ok(None) };
        match time(&value) {
            Some(time) => Ok(Some(time)),
            None => Err(Problem::Time { flag: flag(id), value }),
        }
    }

    /// The place of the value among the flag's choices.
    pub(super) fn choice(&self, id: &'static str) -> Result<Option<usize>, Problem> {
        let Some(value) = self.last_text(id)? else { return Ok(None) };
        match flag(id).choices.iter().position(|choice| *choice == value) {
            Some(place) => Ok(Some(place)),
            None => Err(Problem::Choice { flag: flag(id), value }),
        }
    }
}

impl Source {
    fn of(path: &OsStr) -> Self {
        if path == "-" { Source::Stdin } else { Source::File(path.into()) }
    }
}

fn push_new(lists: &mut Vec<Source>, source: Source) {
    if !lists.contains(&source) {
        lists.push(source);
    }
}

fn text(id: &'static str, value: &OsStr) -> Result<String, Problem> {
    value
        .to_str()
        .map(str::to_owned)
        .ok_or_else(|| Problem::NotText { flag: Some(flag(id)), value: value.to_owned() })
}

/// Digits only: `parse` alone would take `+4`.
fn whole(value: &str) -> Option<u64> {
    value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse().ok())?
}

/// nmap's times: `500ms`, `10s`, `1.5m`, `1h`; a plain number is seconds. Never zero.
fn time(value: &str) -> Option<Duration> {
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &value[digits.len()..] {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    // `parse` alone would take `+1`, `1e9`, `inf`.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    let longest = Duration::from_secs(366 * 24 * 3600);
    Duration::try_from_secs_f64(number * unit).ok().filter(|time| !time.is_zero() && *time <= longest)
}

/// The row of an id. Ids are the table's own words (a test looks each up); the first row is only there
/// so that a slip would misname a flag instead of ending the program.
pub(super) fn flag(id: &'static str) -> &'static Flag {
    Flag::of_long(id.as_bytes()).unwrap_or(&FLAGS[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nmaps() {
        let rows = [
            ("10s", 10_000),
            ("1m", 60_000),
            ("500ms", 500),
            ("2", 2000),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
        ];
        for (typed, millis) in rows {
            assert_eq!(time(typed), Some(Duration::from_millis(millis)), "{typed}");
        }
        for typed in [
            "", "0", "0s", "0.0ms", "s", "-1", "+1", "1e3", "inf", "nan", "10x", "1 s", "1.2.3", "99999h",
            "1M",
        ] {
            assert_eq!(time(typed), None, "{typed}");
        }
    }
}
