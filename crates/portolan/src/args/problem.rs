//! What can be wrong with a command line, each as one sentence in both languages.

use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;

use portolan_explain::Lang;
use portolan_model::Untrusted;

use super::ArgsError;
use super::command;
use super::flags::{FLAGS, Flag};
use super::not_yet::{Fate, Refused};

/// A refused command line, before it is put into words.
#[derive(Debug)]
pub(super) enum Problem {
    /// Nothing to scan.
    NoTarget,
    /// `--name` is nobody's.
    UnknownLong { typed: OsString },
    /// `-name` is nobody's.
    UnknownShort { typed: OsString },
    /// Known from elsewhere, not here; `within` is the argument if it says more than the name.
    Refused { name: &'static str, within: Option<OsString>, refused: &'static Refused },
    /// A verb of a later step.
    LaterVerb { verb: &'static str },
    /// The flag wants a value.
    Missing { flag: &'static Flag },
    /// The flag wants no value.
    Unwanted { flag: &'static Flag },
    /// The value was given before.
    Twice { flag: &'static Flag },
    /// `-oJSON`: see the pre-pass.
    OutputAttached { flag: &'static Flag },
    /// Bytes that are no text; without a flag, a target.
    NotText { flag: Option<&'static Flag>, value: OsString },
    /// Not a number of this range.
    Number { flag: &'static Flag, value: String, range: RangeInclusive<u64> },
    /// Not a span of time.
    Time { flag: &'static Flag, value: String },
    /// The floor of the rate is above its ceiling.
    Rates { least: u64, flag: &'static Flag, most: u64 },
    /// Neither `auto` nor a rate.
    Rate { value: String, range: RangeInclusive<u64> },
    /// None of the flag's choices.
    Choice { flag: &'static Flag, value: String },
    /// Not `I/N`.
    Shard { value: String },
    /// Two flags of which one is allowed.
    Exclusive { first: String, second: String, about: About },
    /// The ports of a ping are none.
    PingPorts { flag: &'static Flag, value: String },
    /// More questions whether one host is there than anybody needs.
    ManyPings { most: usize },
    /// Beside `-sn` something that is about ports.
    HostsOnly { flag: &'static Flag },
    /// `-Pn` forbids what this asks for.
    NoPing { other: String },
    /// A ping that only packets can carry, beside a method that sends none.
    NeedsPackets { flag: &'static Flag, method: &'static str },
    /// Two outputs into one file.
    SameFile { path: OsString },
    /// `--resume` with something that its file says.
    ResumeTakes { extra: OsString },
    /// The command line of a checkpoint is that of no scan.
    NoScan,
    /// A verb that takes nothing got something.
    VerbAlone { verb: &'static str, extra: OsString },
    /// clap refused for a reason that the pre-pass should have met before.
    Syntax { told: String },
}

/// What two flags cannot both decide.
#[derive(Copy, Clone, Debug)]
pub(super) enum About {
    Ports,
    Method,
    Stdout,
    Stdin,
}

impl Problem {
    /// In words.
    pub(super) fn told(&self, lang: Lang) -> ArgsError {
        ArgsError { message: self.message(lang), hint: self.hint(lang), lang }
    }

    fn message(&self, lang: Lang) -> String {
        let say = |en: String, fr: String| match lang {
            Lang::En => en,
            Lang::Fr => fr,
        };
        match self {
            Problem::NoTarget => say("no target given".into(), "aucune cible donnée".into()),
            Problem::UnknownLong { typed } | Problem::UnknownShort { typed } => {
                let flag = shown(typed);
                say(format!("unknown flag {flag}"), format!("option inconnue {flag}"))
            }
            Problem::Refused { name, within, refused } => refusal(name, within.as_deref(), refused, lang),
            Problem::LaterVerb { verb } => {
                say(format!("{verb} is not there yet"), format!("{verb} n’existe pas encore"))
            }
            Problem::Missing { flag } => {
                let (name, value) = (flag.typed(), value_name(flag, lang));
                say(
                    format!("{name} needs a value: {name} {value}"),
                    format!("{name} veut une valeur\u{a0}: {name} {value}"),
                )
            }
            Problem::Unwanted { flag } => {
                let name = flag.typed();
                say(format!("{name} takes no value"), format!("{name} ne prend pas de valeur"))
            }
            Problem::Twice { flag } => {
                let name = flag.typed();
                say(format!("{name} is given twice"), format!("{name} est donnée deux fois"))
            }
            Problem::OutputAttached { flag } => {
                let name = flag.typed();
                say(
                    format!("the file of {name} stands apart: {name} FILE"),
                    format!("le fichier de {name} s’écrit à part\u{a0}: {name} FICHIER"),
                )
            }
            Problem::NotText { flag: Some(flag), value } => {
                let (name, value) = (flag.typed(), shown(value));
                say(
                    format!("{name}: '{value}' is not UTF-8 text"),
                    format!("{name}\u{a0}: «\u{a0}{value}\u{a0}» n’est pas du texte UTF-8"),
                )
            }
            Problem::NotText { flag: None, value } => {
                let value = shown(value);
                say(
                    format!("target '{value}' is not UTF-8 text"),
                    format!("la cible «\u{a0}{value}\u{a0}» n’est pas du texte UTF-8"),
                )
            }
            Problem::Number { flag, value, range } => {
                let (name, value) = (flag.typed(), shown(value));
                let (low, high) = (range.start(), range.end());
                say(
                    format!("{name}: '{value}' is not a whole number from {low} to {high}"),
                    format!(
                        "{name}\u{a0}: «\u{a0}{value}\u{a0}» n’est pas un nombre entier de {low} à {high}"
                    ),
                )
            }
            Problem::Time { flag, value } => {
                let (name, value) = (flag.typed(), shown(value));
                say(
                    format!("{name}: '{value}' is not a span of time such as 500ms, 90, 90s, 15m or 2h"),
                    format!(
                        "{name}\u{a0}: «\u{a0}{value}\u{a0}» n’est pas une durée comme 500ms, 90, 90s, 15m ou 2h"
                    ),
                )
            }
            Problem::Rates { least, flag, most } => {
                let name = flag.typed();
                say(
                    format!("--min-rate {least} is above {name} {most}"),
                    format!("--min-rate {least} dépasse {name} {most}"),
                )
            }
            Problem::Rate { value, range } => {
                let (value, low, high) = (shown(value), range.start(), range.end());
                say(
                    format!("--rate: '{value}' is neither auto nor a whole number from {low} to {high}"),
                    format!(
                        "--rate\u{a0}: «\u{a0}{value}\u{a0}» n’est ni auto ni un nombre entier de {low} à {high}"
                    ),
                )
            }
            Problem::Choice { flag, value } => {
                let (name, value, choices) = (flag.typed(), shown(value), choices(flag));
                say(
                    format!("{name}: '{value}' is none of {choices}"),
                    format!("{name}\u{a0}: «\u{a0}{value}\u{a0}» ne figure pas parmi {choices}"),
                )
            }
            Problem::Shard { value } => {
                let value = shown(value);
                say(
                    format!("--shard: '{value}' is not a part such as 1/4 (I/N, I from 1 to N)"),
                    format!(
                        "--shard\u{a0}: «\u{a0}{value}\u{a0}» n’est pas une part telle que 1/4 (I/N, I de 1 à N)"
                    ),
                )
            }
            Problem::Exclusive { first, second, about } => {
                let (en, fr) = about.words();
                say(
                    format!("{first} and {second} both {en}: keep one"),
                    format!("{first} et {second} {fr}\u{a0}: gardez-en une"),
                )
            }
            Problem::PingPorts { flag, value } => {
                let (name, value) = (flag.typed(), shown(value));
                say(
                    format!("{name}: '{value}' is no list of ports such as 22,80"),
                    format!("{name}\u{a0}: «\u{a0}{value}\u{a0}» n’est pas une liste de ports comme 22,80"),
                )
            }
            Problem::ManyPings { most } => say(
                format!("-PS, -PA and -PU ask {most} ports at most"),
                format!("-PS, -PA et -PU interrogent {most} ports au plus"),
            ),
            Problem::HostsOnly { flag } => {
                let name = flag.typed();
                say(
                    format!("-sn asks no ports, so {name} has no meaning beside it"),
                    format!("-sn n’interroge aucun port\u{a0}: {name} n’a pas de sens à côté"),
                )
            }
            Problem::NoPing { other } => say(
                format!("-Pn looks for no hosts, and {other} looks for them: keep one"),
                format!("-Pn ne cherche aucun hôte, et {other} en cherche\u{a0}: gardez-en une"),
            ),
            Problem::NeedsPackets { flag, method } => {
                let name = flag.typed();
                say(
                    format!("{name} is a packet of its own, and {method} sends none"),
                    format!("{name} est un paquet à part, et {method} n’en émet aucun"),
                )
            }
            Problem::SameFile { path } => {
                let path = shown(path);
                say(
                    format!("two outputs into one file: '{path}'"),
                    format!("deux sorties dans un même fichier\u{a0}: «\u{a0}{path}\u{a0}»"),
                )
            }
            Problem::VerbAlone { verb, extra } => {
                let extra = shown(extra);
                say(
                    format!("{verb} takes nothing more: '{extra}' is too much"),
                    format!("{verb} ne prend rien d’autre\u{a0}: «\u{a0}{extra}\u{a0}» est de trop"),
                )
            }
            Problem::ResumeTakes { extra } => {
                let extra = shown(extra);
                say(
                    format!("--resume takes everything but outputs from its file: '{extra}' is too much"),
                    format!(
                        "--resume prend tout de son fichier, sauf les sorties\u{a0}: «\u{a0}{extra}\u{a0}» est de trop"
                    ),
                )
            }
            Problem::NoScan => say(
                "the command line in the checkpoint is that of no scan".into(),
                "la ligne de commande du point de reprise n’est pas celle d’un balayage".into(),
            ),
            Problem::Syntax { told } => {
                let told = shown(told);
                say(format!("command line: {told}"), format!("ligne de commande\u{a0}: {told}"))
            }
        }
    }

    fn hint(&self, lang: Lang) -> Option<String> {
        let say = |en: String, fr: String| match lang {
            Lang::En => en,
            Lang::Fr => fr,
        };
        let meant =
            |near: &str| say(format!("did you mean {near}?"), format!("vouliez-vous dire {near}\u{a0}?"));
        match self {
            Problem::NoTarget => Some(say(
                "name a host, for example: portolan 127.0.0.1".into(),
                "nommez un hôte, par exemple\u{a0}: portolan 127.0.0.1".into(),
            )),
            Problem::UnknownLong { typed } => command::nearest(typed).map(|near| meant(&near)),
            Problem::UnknownShort { typed } => nearest_short(typed).map(|near| meant(&near)),
            Problem::LaterVerb { verb: "resume" } => Some(say(
                "to go on with a scan: portolan --resume FILE".into(),
                "pour reprendre un balayage\u{a0}: portolan --resume FICHIER".into(),
            )),
            Problem::NeedsPackets { method, .. } => Some(say(
                format!("leave {method} out, or look for hosts by -PS, which connects"),
                format!("omettez {method}, ou cherchez les hôtes par -PS, qui se connecte"),
            )),
            Problem::LaterVerb { verb } => Some(say(
                format!("a host of this name: portolan -- {verb}"),
                format!("un hôte de ce nom\u{a0}: portolan -- {verb}"),
            )),
            Problem::Twice { flag } if flag.long == "ports" => Some(say(
                "separate ports with commas: -p 22,80".into(),
                "séparez les ports par des virgules\u{a0}: -p 22,80".into(),
            )),
            _ => None,
        }
    }
}

impl About {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            About::Ports => ("choose the ports", "choisissent toutes deux les ports"),
            About::Method => ("say how TCP is asked", "disent toutes deux comment interroger TCP"),
            About::Stdout => ("write to standard output", "écrivent toutes deux sur la sortie standard"),
            About::Stdin => ("read standard input", "lisent toutes deux l’entrée standard"),
        }
    }
}

fn refusal(name: &str, within: Option<&OsStr>, refused: &Refused, lang: Lang) -> String {
    let what = refused.what.of(lang);
    let subject = match (within, lang) {
        (None, _) => format!("{name} ({what})"),
        (Some(whole), Lang::En) => format!("{name} ({what}) in {}", shown(whole)),
        (Some(whole), Lang::Fr) => format!("{name} ({what}) dans {}", shown(whole)),
    };
    match (&refused.fate, lang) {
        (Fate::Later(None), Lang::En) => format!("{subject} is not there yet"),
        (Fate::Later(None), Lang::Fr) => format!("{subject} n’existe pas encore"),
        (Fate::Later(Some(instead)), Lang::En) => format!("{subject} is not there yet: {}", instead.of(lang)),
        (Fate::Later(Some(instead)), Lang::Fr) => {
            format!("{subject} n’existe pas encore\u{a0}: {}", instead.of(lang))
        }
        (Fate::Never(why), Lang::En) => {
            format!("{subject} is not part of portolan and will not be: {}", why.of(lang))
        }
        (Fate::Never(why), Lang::Fr) => {
            format!(
                "{subject} ne fait pas partie de portolan et n’en fera pas partie\u{a0}: {}",
                why.of(lang)
            )
        }
    }
}

/// The flag that `-name` may have been meant for: the same letters in another case, or with two dashes.
fn nearest_short(typed: &OsStr) -> Option<String> {
    let text = typed.to_str()?.strip_prefix('-')?;
    let name = text.split('=').next()?;
    if Flag::of_long(name.as_bytes()).is_some() {
        return Some(format!("--{name}"));
    }
    FLAGS
        .iter()
        .filter_map(|flag| flag.short)
        .find(|short| short.eq_ignore_ascii_case(name))
        .map(|s| format!("-{s}"))
}

fn choices(flag: &Flag) -> String {
    let numbers = if flag.long == "timing" { "0, 1, 2, 3, 4, 5, " } else { "" };
    format!("{numbers}{}", flag.choices.join(", "))
}

fn value_name(flag: &Flag, lang: Lang) -> &'static str {
    flag.takes.value().map_or("", |name| name.of(lang))
}

/// What was typed, for people: short, and unable to act on a terminal.
fn shown(text: impl AsRef<OsStr>) -> String {
    const COLUMNS: usize = 40;
    Untrusted::new(text.as_ref().as_bytes()).escaped_short(COLUMNS)
}
